"""TLS and logins, against servers of another make: nothing is said before it is safe to say it."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from omnigate_email.accounts import SmtpConfig
from omnigate_email.mail import Mailbox
from omnigate_email.smtp.composing import Composed
from omnigate_email.smtp.dialogue import Accepted
from omnigate_email.smtp.submission import Submission

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.email.sending.conftest import Servers
from tests.plugins.email.sending.letters import composed, part
from tests.plugins.email.sending.scripted import scripted

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: the daemon's own is uvloop, whose transports are of another kind."""
    return "asyncio", {"use_uvloop": request.param}


LOGIN = {"username": "support@example.com", "password": "пароль"}


def account(servers: Servers, kind: str, **given: Any) -> SmtpConfig:
    tls = {"implicit": "implicit", "login_only": "implicit", "starttls": "starttls"}.get(
        kind, "none"
    )
    fields = {"host": "localhost", "port": servers.port(kind), "tls": tls, **given}
    if tls != "none" or kind == "no_tls":
        fields.setdefault("ca_file", servers.ca_file)
    return SmtpConfig.model_validate(fields)


async def submit(config: SmtpConfig, mail: Composed | None = None) -> Accepted:
    async with FakeHost() as host:
        submission = Submission(config, host)
        try:
            return await submission.send(mail or composed())
        finally:
            await submission.close()


@pytest.mark.parametrize("kind", ["implicit", "starttls", "login_only"])
async def test_a_mail_goes_out_encrypted_after_a_login(servers: Servers, kind: str) -> None:
    mail = composed()
    await submit(account(servers, kind, **LOGIN), mail)
    taken = servers.taken()
    assert taken["secure"] is True
    assert taken["user"] == "support@example.com"
    assert (taken["from"], taken["to"]) == ("support@example.com", ["anna@example.org"])
    assert taken["content"] == mail.content


@pytest.mark.parametrize("kind", ["implicit", "starttls", "login_only"])
async def test_a_wrong_password_stops_the_account(servers: Servers, kind: str) -> None:
    config = account(servers, kind, **LOGIN | {"password": "guessed"})
    with pytest.raises(omnigate.CredentialsRejected, match="535") as error:
        await submit(config)
    assert "guessed" not in str(error.value)


@pytest.mark.parametrize("kind", ["implicit", "starttls"])
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    servers: Servers, kind: str
) -> None:
    with pytest.raises(omnigate.DestinationUnavailable, match=r"not trusted.*ca_file"):
        await submit(account(servers, kind, ca_file=None, **LOGIN))


@pytest.mark.parametrize("kind", ["implicit", "starttls"])
async def test_a_certificate_of_another_name_is_not_trusted(servers: Servers, kind: str) -> None:
    with pytest.raises(omnigate.DestinationUnavailable, match=r"not trusted.*check host"):
        await submit(account(servers, kind, host="127.0.0.1", **LOGIN))


async def test_no_password_is_said_to_a_server_that_offers_no_encryption(servers: Servers) -> None:
    with pytest.raises(omnigate.DestinationUnavailable, match="STARTTLS"):
        await submit(account(servers, "no_tls", tls="starttls", **LOGIN))
    async with scripted() as server:
        config = SmtpConfig.model_validate(
            {"host": "localhost", "port": server.port, "tls": "starttls", **LOGIN}
        )
        with pytest.raises(omnigate.DestinationUnavailable, match="STARTTLS"):
            await submit(config)
    assert server.lines == ["EHLO [127.0.0.1]"]


async def test_tls_where_there_is_none_is_said_so(servers: Servers) -> None:
    with pytest.raises(omnigate.DestinationUnavailable, match="check port and tls"):
        await submit(account(servers, "small", tls="implicit", ca_file=servers.ca_file))


async def test_a_server_without_logins_is_said_so(servers: Servers) -> None:
    with pytest.raises(omnigate.DestinationUnavailable, match="offers no login by password"):
        await submit(account(servers, "small", **LOGIN))


async def test_a_mail_larger_than_the_server_takes_is_refused_before_it_is_sent(
    servers: Servers,
) -> None:
    with pytest.raises(omnigate.Refused, match="takes 2000") as error:
        await submit(account(servers, "small"), composed(part_=part(text="x" * 3000)))
    assert error.value.code == "too_large"


async def test_an_address_beyond_ascii_is_refused_where_the_server_cannot_take_it(
    servers: Servers,
) -> None:
    with pytest.raises(omnigate.Refused, match="beyond ASCII") as error:
        await submit(account(servers, "small"), composed(to=[Mailbox("анна@example.org")]))
    assert error.value.code == "address_not_supported"


async def test_check_logs_in_and_sends_nothing(servers: Servers) -> None:
    async with FakeHost() as host:
        good = await Submission(account(servers, "implicit", **LOGIN), host).check()
        bad = await Submission(
            account(servers, "implicit", **LOGIN | {"password": "x"}), host
        ).check()
    assert (good.state, good.message) == ("up", "localhost takes our mails")
    assert bad.state == "down"
    assert "refuses the login" in bad.message


def token_file(tmp_path: Path, token: str) -> dict[str, Any]:
    path = tmp_path / "token"
    path.write_text(token)
    return {"username": "support@example.com", "oauth": {"token_file": str(path)}}


async def test_a_token_logs_in_by_xoauth2(servers: Servers, tmp_path: Path) -> None:
    await submit(account(servers, "implicit", **token_file(tmp_path, "good-token\n")))
    assert servers.taken()["user"] == "support@example.com"


async def test_a_token_that_is_refused_is_replaced_once(servers: Servers, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    program = (
        f"calls = open({str(calls)!r}, 'a+'); calls.write('x'); calls.seek(0); "
        "print('good-token' if len(calls.read()) > 1 else 'ended-token')"
    )
    oauth = {"token_command": [sys.executable, "-c", program]}
    await submit(account(servers, "implicit", username="support@example.com", oauth=oauth))
    assert servers.taken()["user"] == "support@example.com"
    assert calls.read_text() == "xx"


async def test_a_token_that_stays_refused_stops_the_account_and_is_not_told(
    servers: Servers, tmp_path: Path
) -> None:
    with pytest.raises(omnigate.CredentialsRejected, match="535") as error:
        await submit(account(servers, "implicit", **token_file(tmp_path, "bad-token")))
    assert "bad-token" not in str(error.value)


async def test_oauthbearer_says_host_and_port_and_ends_a_refusal_as_it_must(tmp_path: Path) -> None:
    async with scripted(AUTH="334 eyJzdGF0dXMiOiI0MDEifQ==", **{"AQ==": "535 5.7.8 no"}) as server:
        given = token_file(tmp_path, "secret.token")
        given["oauth"]["mechanism"] = "oauthbearer"
        config = SmtpConfig.model_validate(
            {"host": "127.0.0.1", "port": server.port, "tls": "none", **given}
        )
        with pytest.raises(omnigate.CredentialsRejected):
            await submit(config)
    _, auth, goes_on, *_ = server.lines
    assert goes_on == "AQ=="
    said = base64.b64decode(auth.removeprefix("AUTH OAUTHBEARER ")).decode()
    assert said == (
        f"n,a=support@example.com,\x01host=127.0.0.1\x01port={server.port}\x01"
        "auth=Bearer secret.token\x01\x01"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("535 5.7.8 wrong", omnigate.CredentialsRejected),
        ("534 5.7.9 application-specific password required", omnigate.CredentialsRejected),
        ("432 4.7.12 a password transition is needed", omnigate.CredentialsRejected),
        ("454 4.7.0 temporary authentication failure", omnigate.DestinationUnavailable),
        ("421 4.7.0 too many logins", omnigate.DestinationUnavailable),
    ],
)
async def test_what_a_refused_login_means(answer: str, expected: type[Exception]) -> None:
    async with scripted(AUTH=answer) as server:
        config = SmtpConfig.model_validate(
            {"host": "127.0.0.1", "port": server.port, "tls": "none", **LOGIN}
        )
        with pytest.raises(expected):
            await submit(config)
