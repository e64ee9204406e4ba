"""Ways into a mailbox, and what the operator is told about it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from omnigate_email.imap.mailbox import Mailbox

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.email.imap.conftest import Reading
from tests.plugins.email.imap.servers import Scripted, Wire
from tests.ports import free_port

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wire(box: Reading) -> AsyncIterator[Wire]:
    async with Wire(box.server.imap_port) as one:
        yield one


async def check(box: Reading, **more: Any) -> omnigate.Health:
    """Return what a check says."""
    return await Mailbox(box.config(**more), FakeHost()).check()


def tls(box: Reading, kind: str = "implicit", **more: Any) -> dict[str, Any]:
    """Return what is configured to reach the server in TLS."""
    port = box.server.imaps_port if kind == "implicit" else box.server.imap_port
    return {"tls": kind, "port": port, "ca_file": box.server.ca_file} | more


@pytest.mark.parametrize("kind", ["implicit", "starttls"])
async def test_mails_come_through_tls(box: Reading, kind: str) -> None:
    async with box.reading(**tls(box, kind)):
        await box.up()
        box.write("one", "two")
        await box.has("one", "two")


@pytest.mark.parametrize("kind", ["implicit", "starttls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(box: Reading, kind: str) -> None:
    logins = box.server.log().count(f"user=<{box.user}>")
    health = await check(box, **tls(box, kind, ca_file=None))
    assert health.state == "down"
    assert "ca_file" in health.message
    assert box.server.log().count(f"user=<{box.user}>") == logins


async def test_what_is_said_before_tls_is_not_believed_within(box: Reading, wire: Wire) -> None:
    wire.rewrite = lambda piece: piece.replace(
        b"Begin TLS negotiation now.\r\n", b"Begin.\r\n* CAPABILITY IMAP4rev1\r\nx OK done\r\n"
    )
    health = await check(box, **tls(box, "starttls", port=wire.port))
    assert health.state == "down"
    assert "plain text after STARTTLS" in health.message


async def test_a_server_that_hides_starttls_gets_no_password(box: Reading) -> None:
    async with Scripted() as server:
        health = await check(box, **tls(box, "starttls", port=server.port))
        assert health.state == "down"
        assert "does not offer STARTTLS" in health.message
        assert server.count("LOGIN") == 0
        server.capabilities = "IMAP4rev1 LOGINDISABLED"
        health = await check(box, port=server.port)
        assert 'set tls = "starttls"' in health.message
        assert server.count("LOGIN") == 0


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
async def test_mails_come_with_a_token_in_place_of_a_password(
    box: Reading, tmp_path: Path, mechanism: str
) -> None:
    file = tmp_path / "token"
    file.write_text(box.server.token(box.user))
    oauth = {"mechanism": mechanism, "token_file": str(file)}
    async with box.reading(**tls(box), oauth=oauth):
        await box.up()
        box.write("one")
        await box.has("one")


async def test_a_token_that_is_no_longer_good_is_replaced_once(
    box: Reading, tmp_path: Path
) -> None:
    counter = tmp_path / "asked"
    good, ended = box.server.token(box.user), box.server.token(box.user, valid_seconds=-60)
    script = tmp_path / "tokens.py"
    script.write_text(
        f"from pathlib import Path\nasked = Path({str(counter)!r})\n"
        "print({good!r} if asked.exists() else {ended!r})\nasked.touch()\n".format(
            good=good, ended=ended
        )
    )
    oauth = {"token_command": [sys.executable, str(script)]}
    async with box.reading(**tls(box), oauth=oauth):
        await box.up()
    counter.unlink()
    script.write_text(f"print({ended!r})")
    async with box.reading(**tls(box), oauth=oauth) as task:
        await box.until(task.done, "the token is refused for good")
        error = task.exception()
        assert isinstance(error, omnigate.CredentialsRejected)
        assert ended not in str(error)
    script.write_text("raise SystemExit(3)")
    health = await check(box, **tls(box), oauth=oauth)
    assert health.state == "down"
    assert shlex.quote(sys.executable) in health.message


async def test_a_check_tells_what_the_server_can_do(box: Reading) -> None:
    health = await check(box)
    assert health == omnigate.Health(
        "up", f"IMAP: reads INBOX of {box.user} (IDLE, CONDSTORE, MOVE, UIDPLUS)"
    )
    with box.server.client(box.user) as client:
        client.append("INBOX", "", "", b"Subject: x\r\n\r\nx\r\n")
        await check(box)
        client.select(readonly=True)
        assert client.search(None, "RECENT")[1] == [b"1"]


async def test_a_check_tells_which_folders_there_are(box: Reading) -> None:
    with box.server.client(box.user) as client:
        client.create('"&BBcEMARPBDIEOgQ4-"')
    health = await check(box, folders=["INBOX", "Orders"])
    assert health.state == "down"
    assert "the folder Orders cannot be opened" in health.message
    assert "Mailbox doesn't exist" in health.message
    assert "there are" in health.message
    assert "Заявки" in health.message
    health = await check(box, after_reading="move", move_to="Done")
    assert health.state == "down"
    assert "there is no folder Done" in health.message


async def test_a_check_tells_when_a_keyword_is_not_taken(box: Reading, wire: Wire) -> None:
    assert (await check(box, after_reading="keyword", port=wire.port)).state == "up"
    wire.rewrite = lambda piece: piece.replace(rb"\Draft \*)]", rb"\Draft)]")
    health = await check(box, after_reading="keyword", port=wire.port)
    assert health.state == "down"
    assert "takes no keyword $Omnigate" in health.message


async def test_a_check_tells_why_there_is_no_way_in(box: Reading) -> None:
    health = await check(box, password="not-this-one")
    assert health.state == "down"
    assert "Authentication failed" in health.message
    assert "not-this-one" not in health.message
    health = await check(box, port=free_port())
    assert health.state == "down"
    assert "refuses connections" in health.message
    async with Scripted() as server:
        server.greeting = "* BYE Too many connections"
        health = await check(box, port=server.port)
        assert "Too many connections" in health.message


async def test_names_and_passwords_may_have_any_letters(box: Reading) -> None:
    health = await check(box, password='пароль "с" \\ кавычками')
    assert "Authentication failed" in health.message
    health = await check(box, password='with "quotes" and \\')
    assert "Authentication failed" in health.message
