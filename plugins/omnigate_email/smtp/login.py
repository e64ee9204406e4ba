"""Logging in to a submission server: by password, or by a token that is replaced once when it is refused.

Source: RFC 4954 (AUTH), RFC 4616 (PLAIN), RFC 7628 (OAUTHBEARER), all read 2026-11-22.
"""

from __future__ import annotations

from base64 import b64encode

from aiosmtplib import SMTP, SMTPResponse

import omnigate
from omnigate_email import oauth
from omnigate_email.accounts import SmtpConfig
from omnigate_email.oauth import TokenSource
from omnigate_email.smtp import refusals


async def log_in(smtp: SMTP, config: SmtpConfig, username: str, tokens: TokenSource | None) -> None:
    """Log in on a connection that is as safe as it is to be.

    Raises `CredentialsRejected` or `DestinationUnavailable`, and what the library raises.
    """
    if tokens is not None and config.oauth is not None:
        await _by_token(smtp, config, username, tokens, config.oauth.mechanism)
        return
    offered = smtp.server_auth_methods
    password = config.password.get_secret_value() if config.password else ""
    if "plain" in offered:
        await smtp.auth_plain(username, password)
    elif "login" in offered:
        await smtp.auth_login(username, password)
    else:
        instead = (
            f" (only {', '.join(sorted(offered))}); check port and tls, or use oauth"
            if offered
            else ", nor any other; check port and tls, or leave username and password out"
        )
        raise _unavailable(config, f"offers no login by password{instead}")


async def _by_token(
    smtp: SMTP, config: SmtpConfig, username: str, tokens: TokenSource, mechanism: str
) -> None:
    if mechanism not in smtp.server_auth_methods:
        raise _unavailable(config, f"offers no login by {mechanism}; check port, tls and mechanism")
    token = await _token(tokens)
    reply = await _shown(smtp, config, username, token, mechanism)
    if reply.code == 535 and smtp.is_connected:
        fresh = await _token(tokens, refused=token)
        if fresh != token:
            reply = await _shown(smtp, config, username, fresh, mechanism)
    if reply.code != 235:
        raise refusals.meaning("login", reply.code, reply.message, host=config.host)


async def _shown(
    smtp: SMTP, config: SmtpConfig, username: str, token: str, mechanism: str
) -> SMTPResponse:
    """Show a token and return the answer to it."""
    if mechanism == "oauthbearer":
        said = oauth.oauthbearer(username, token, config.host, config.reached_port)
        goes_on = oauth.OAUTHBEARER_GOES_ON
    else:
        said, goes_on = oauth.xoauth2(username, token), oauth.XOAUTH2_GOES_ON
    reply = await smtp.execute_command(b"AUTH", mechanism.upper().encode(), b64encode(said))
    if reply.code == 334:  # the reason, for machines; the refusal itself comes after
        reply = await smtp.execute_command(b64encode(goes_on))
    return reply


async def _token(tokens: TokenSource, refused: str | None = None) -> str:
    try:
        return await tokens.token(refused=refused)
    except omnigate.NotReady as error:
        raise omnigate.DestinationUnavailable(str(error)) from None


def _unavailable(config: SmtpConfig, what: str) -> omnigate.DestinationUnavailable:
    return omnigate.DestinationUnavailable(f"{config.host}:{config.reached_port} {what}")
