"""Being let into a mailbox: by password or by token, and what a refusal means.

Source: RFC 3501 section 6.2, RFC 7628 (OAUTHBEARER), read 2026-11-22.
"""

from __future__ import annotations

import imaplib

from imap_tools.errors import UnexpectedCommandStatusError

import omnigate
from omnigate_email.imap.client import Client, Tools
from omnigate_email.imap.config import ImapConfig
from omnigate_email.imap.troubles import ServerTrouble, TokenRefused
from omnigate_email.imap.words import Meaning, of_login, quoted
from omnigate_email.oauth import OAUTHBEARER_GOES_ON, XOAUTH2_GOES_ON, oauthbearer, xoauth2


def log_in(client: Client, library: Tools, config: ImapConfig, token: str | None) -> None:
    """Log in, once. Raises `CredentialsRejected`, `TokenRefused` or `ServerTrouble`; else as the client."""
    try:
        if token is not None:
            _with_token(client, config, token)
        elif config.password is not None:
            _with_password(client, library, config.username, config.password.get_secret_value())
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, UnexpectedCommandStatusError) as error:
        raise _refusal(error, config, token) from None


def _with_token(client: Client, config: ImapConfig, token: str) -> None:
    name = config.username
    if config.oauth is not None and config.oauth.mechanism == "oauthbearer":
        said = oauthbearer(name, token, config.host, config.reached_port)
        client.tell_token("OAUTHBEARER", said, OAUTHBEARER_GOES_ON)
    else:
        client.tell_token("XOAUTH2", xoauth2(name, token), XOAUTH2_GOES_ON)


def _with_password(client: Client, library: Tools, name: str, password: str) -> None:
    if "LOGINDISABLED" in client.capabilities:
        raise imaplib.IMAP4.error('it takes no passwords without TLS: set tls = "starttls"')
    if name.isascii() and password.isascii():
        library.login(name, password, initial_folder=None)
    else:
        library.login_utf8(name, password, initial_folder=None)


def _refusal(error: Exception, config: ImapConfig, token: str | None) -> Exception:
    told = error.command_result[1] if isinstance(error, UnexpectedCommandStatusError) else error
    words = quoted(told).rstrip(".")
    if of_login(words) is Meaning.FOR_NOW:
        return ServerTrouble(words)
    if token is not None:
        return TokenRefused(words)
    return omnigate.CredentialsRejected(
        f"{config.host} refuses the login of {config.username}: {words}. Check the password (many providers "
        "want an app password) and that IMAP is switched on, then reload"
    )
