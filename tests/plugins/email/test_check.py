"""What a check says when something is configured as it is not: the server, what happens, where to look."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from omnigate_email import checking
from omnigate_email.channel import Email

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.email.dovecot import PASSWORD, Dovecot, dovecot
from tests.plugins.email.sink import Sink, sink
from tests.ports import free_port

__all__ = ["dovecot"]  # a fixture

pytestmark = pytest.mark.anyio

LIBRARY = re.compile(r"ECONN|Errno|SSL:|_ssl|b'|unexpected response|socket error|\.\.|\.;")
"""Words of libraries, which say nothing to an operator."""


@pytest.fixture
async def drain() -> AsyncIterator[Sink]:
    async with sink() as one:
        yield one


async def says(
    server: Dovecot,
    drain: Sink,
    imap: dict[str, Any],
    smtp: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """Return what a check of a mailbox says that is wrong."""
    host = FakeHost("mail", kind="email")
    usual = {"host": "127.0.0.1", "username": "check", "password": PASSWORD}
    config = Email.Config.model_validate(
        {
            "address": "check@example.test",
            "imap": usual | {"port": server.imaps_port, "ca_file": server.ca_file} | imap,
            "smtp": {"host": "127.0.0.1", "port": drain.port, "tls": "none"} | (smtp or {}),
        }
        | more
    )
    health = await Email(config, host).check()
    assert isinstance(health, omnigate.Health)
    assert health.state == "down"
    assert not LIBRARY.search(health.message), health.message
    return health.message


async def test_copies_of_what_is_sent_need_a_folder(dovecot: Dovecot, drain: Sink) -> None:
    said = await says(dovecot, drain, {"username": "uncopied"}, sent_copy=True)
    assert "sent_copy: no folder for sent mail was found; make one named Sent" in said


async def test_a_port_that_nothing_listens_on_is_named(dovecot: Dovecot, drain: Sink) -> None:
    port = free_port()
    said = f"127.0.0.1:{port} refuses connections; is anything running there? Check host and port"
    assert f"IMAP: {said}" in await says(dovecot, drain, {"port": port})
    assert f"SMTP: {said}" in await says(dovecot, drain, {}, {"port": port})


async def test_what_is_well_does_not_hide_what_is_not(dovecot: Dovecot, drain: Sink) -> None:
    message = await says(dovecot, drain, {"password": "wrong"})
    assert "refuses the login of check" in message
    assert "takes our mails" not in message
    message = await says(dovecot, drain, {}, {"port": free_port()})
    assert message.startswith("SMTP: ")


async def test_tls_where_the_server_speaks_none_is_said_so(dovecot: Dovecot, drain: Sink) -> None:
    wrong = {"port": dovecot.imap_port}
    assert "does not speak TLS as expected; check port and tls" in await says(dovecot, drain, wrong)


async def test_a_server_of_another_kind_is_said_to_be_one(dovecot: Dovecot, drain: Sink) -> None:
    message = await says(dovecot, drain, {"port": drain.port, "tls": "none"})
    assert "does not speak IMAP: it says '220 sink.test" in message


async def test_a_name_that_does_not_exist_is_said_with_it(dovecot: Dovecot, drain: Sink) -> None:
    assert "imap.invalid:993 cannot be found" in await says(
        dovecot, drain, {"host": "imap.invalid", "port": 993}
    )
    assert "smtp.invalid:25 cannot be found" in await says(
        dovecot, drain, {}, {"host": "smtp.invalid", "port": 25, "plaintext": True}
    )


async def test_a_server_without_starttls_or_logins_is_said_so(
    dovecot: Dovecot, drain: Sink
) -> None:
    message = await says(dovecot, drain, {}, {"tls": "starttls"})
    assert "does not offer STARTTLS; check port and tls" in message
    message = await says(dovecot, drain, {}, {"username": "a", "password": "b"})
    assert "leave username and password out" in message


async def test_a_folder_that_is_not_there_is_said_in_whole_sentences(
    dovecot: Dovecot, drain: Sink
) -> None:
    message = await says(dovecot, drain, {"folders": ["INBOX", "Nope"]})
    assert "the folder Nope cannot be opened" in message


async def test_a_silent_server_is_named_before_doctor_gives_up(
    dovecot: Dovecot, drain: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that speaks TLS and is spoken to without it waits for us, as we for it."""
    monkeypatch.setattr(checking, "CHECK_SECONDS", 0.5)

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        message = await says(dovecot, drain, {"port": port, "tls": "none"}, {"port": port})
    said = f"127.0.0.1:{port} did not answer within 0.5 s; check host, port and tls"
    assert f"IMAP: {said}; SMTP: {said}" in message


async def test_an_address_that_is_taken_is_found_before_it_is_listened_on() -> None:
    config: dict[str, Any] = {
        "address": "check@example.test",
        "lmtp": {"listen": f"127.0.0.1:{free_port()}"},
    }
    free = Email(Email.Config.model_validate(config), FakeHost("mail", kind="email"))
    assert await free.check() == omnigate.Health(
        "up", f"takes mail by LMTP on {config['lmtp']['listen']}"
    )
    async with sink() as other:
        config["lmtp"] = {"listen": f"127.0.0.1:{other.port}"}
        taken = Email(Email.Config.model_validate(config), FakeHost("mail", kind="email"))
        health = await taken.check()
        with pytest.raises(omnigate.NotReady) as refused:
            await taken.run()
    assert health == omnigate.Health("down", str(refused.value))
    assert health.message == (
        f"cannot listen on 127.0.0.1:{other.port}: Address already in use; another program, or another "
        "channel, has the address; choose another port in listen"
    )
