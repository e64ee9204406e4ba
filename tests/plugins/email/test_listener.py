"""The door for the company's own mail server: what it takes, and what it answers."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import pytest
from omnigate_email.listening import doorways
from omnigate_email.listening.config import ListenerConfig
from omnigate_email.listening.listener import listening

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.email.dovecot import certificate
from tests.plugins.email.lmtp import Client, deliver
from tests.ports import free_port

pytestmark = pytest.mark.anyio

T = TypeVar("T")
SECONDS = 30.0
OURS = "support@shop.test"


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: the daemon's own is uvloop, whose transports are of another kind."""
    return "asyncio", {"use_uvloop": request.param}


class Mails:
    """What was taken."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, Sequence[str], str]] = []
        self.failure: Exception | None = None
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.port = 0
        self.log_lines: list[dict[str, Any]] = []

    async def take(self, raw: bytes, recipients: Sequence[str], sender: str) -> None:
        await self.may_go_on.wait()
        if self.failure is not None:
            raise self.failure
        self.taken.append((raw, recipients, sender))

    async def blocking(self, function: Callable[..., T], *given: Any, **more: Any) -> T:
        """Do in a thread what blocks."""
        return await asyncio.wait_for(asyncio.to_thread(function, *given, **more), SECONDS)

    async def talk(self, talk: Callable[[Client], T], **more: Any) -> T:
        """Talk on a connection of its own."""

        def whole() -> T:
            with Client(self.port, **more) as client:
                return talk(client)

        return await self.blocking(whole)


@asynccontextmanager
async def door(**options: Any) -> AsyncIterator[Mails]:
    mails = Mails()
    async with FakeHost() as host:
        given: dict[str, Any] = {
            "protocol": "lmtp",
            "host": "127.0.0.1",
            "port": 0,
            "take": mails.take,
            "is_ours": lambda address: address.endswith("@shop.test"),
            "allow": [ip_network("127.0.0.0/8")],
            "max_message_bytes": 100_000,
            "max_connections": 5,
            "timeout_seconds": SECONDS,
            "hostname": "shop.test",
            "log": host.log,
        }
        async with listening(**{**given, **options}) as port:
            mails.port, mails.log_lines = port, host.log_lines
            yield mails


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
async def test_success_is_said_after_the_mail_is_stored(protocol: str) -> None:
    async with door(protocol=protocol) as mails:
        mails.may_go_on.clear()

        def hand_over(client: Client) -> str:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            client.write_data(b"Subject: x\n\ny\n")
            client.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.socket.recv(1)
            client.socket.settimeout(SECONDS)
            loop.call_soon_threadsafe(mails.may_go_on.set)
            return client.answer()

        loop = asyncio.get_running_loop()
        answer = await mails.talk(hand_over, lmtp=protocol == "lmtp")
        assert answer.startswith("250")
        assert mails.taken == [(b"Subject: x\r\n\r\ny\r\n", (OURS,), "a@b.test")]


async def test_lmtp_answers_once_for_each_recipient() -> None:
    async with door() as mails:
        recipients = [OURS, "nobody@else.test", "Sales@shop.test"]

        def hand_over(client: Client) -> tuple[list[str], list[str]]:
            answers = client.begin("", recipients)
            client.say("DATA")
            client.write_data(b"Subject: x\n\ny\n")
            return answers, [client.answer(), client.answer(), client.say("NOOP")]

        to_recipients, after = await mails.talk(hand_over)
        assert [one[:9] for one in to_recipients] == ["250 2.1.5", "550 5.1.1", "250 2.1.5"]
        assert after == ["250 2.0.0 Stored", "250 2.0.0 Stored", "250 OK"]
        assert mails.taken[0][1:] == ((OURS, "Sales@shop.test"), "")


@pytest.mark.parametrize(
    "failure",
    [omnigate.Overloaded("busy"), omnigate.StoreError("disk"), RuntimeError("unforeseen")],
)
async def test_our_trouble_leaves_the_mail_where_it_is(failure: Exception) -> None:
    async with door() as mails:
        mails.failure = failure
        answers = await mails.blocking(deliver, mails.port, b"Subject: x\n\ny\n", [OURS, OURS])
        assert [one[:9] for one in answers] == ["451 4.3.0"] * 2
        assert mails.log_lines
        mails.failure = None
        answers = await mails.blocking(deliver, mails.port, b"Subject: x\n\ny\n", [OURS])
        assert answers == ["250 2.0.0 Stored"]


async def test_too_large_a_mail_is_refused_for_good_and_the_next_one_taken() -> None:
    """Whether its size was said before or not; the connection goes on."""
    async with door(max_message_bytes=10_000) as mails:

        def both(client: Client) -> list[str]:
            client.say("LHLO x.test")
            said = [client.say("MAIL FROM:<a@b.test> SIZE=10001")]
            said += client.send(b"x" * 10_001, [OURS])
            said += client.send(b"x" * 9_000, [OURS])
            return said

        assert [one[:3] for one in await mails.talk(both)] == ["552", "552", "250"]
        assert len(mails.taken) == 1


async def test_what_a_mail_says_is_taken_to_the_byte() -> None:
    """Lines of any length, full stops at their beginning, bytes that are no text, lines ended oddly."""
    bodies = [
        b"Subject: x\r\n\r\n" + b"y" * 50_000,
        b".\r\n..\r\n...x\r\n.",
        bytes(range(256)).replace(b"\r", b"").replace(b"\n", b""),
        b"a\rb\nc\n.\nd\r\n",
        b"",
        b"x",
    ]
    async with door() as mails:
        for body in bodies:

            def hand_over(client: Client, body: bytes = body) -> str:
                client.begin("a@b.test", [OURS])
                client.say("DATA")
                stuffed = b"\r\n".join(
                    b"." + line if line.startswith(b".") else line for line in body.split(b"\r\n")
                )
                client.socket.sendall(stuffed + b"\r\n.\r\n")
                return client.answer()

            assert (await mails.talk(hand_over)).startswith("250")
        assert [raw for raw, _, _ in mails.taken] == [body + b"\r\n" for body in bodies]


async def test_no_line_but_a_real_one_ends_a_mail() -> None:
    """What another server took for text is not taken for a second mail (smuggling)."""
    hidden = b"x\n.\nMAIL FROM:<boss@shop.test>\nRCPT TO:<support@shop.test>\nDATA\nforged\r.\r\nz"
    async with door() as mails:

        def hand_over(client: Client) -> str:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            client.socket.sendall(hidden + b"\r\n.\r\n")
            return client.answer()

        assert (await mails.talk(hand_over)).startswith("250")
        assert len(mails.taken) == 1


async def test_what_comes_right_behind_a_mail_is_heard() -> None:
    """Mail servers send their next words along with the end of a mail."""
    async with door() as mails:

        def hand_over(client: Client) -> list[str]:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            one = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<support@shop.test>\r\nDATA\r\n"
            client.socket.sendall(b"1\r\n.\r\n" + one)
            answers = [client.answer() for _ in range(4)]
            client.socket.sendall(b"2\r\n.\r\nQUIT\r\n")
            return [*answers, client.answer(), client.answer()]

        answers = await mails.talk(hand_over)
        assert [one[:3] for one in answers] == ["250", "250", "250", "354", "250", "221"]
        assert [raw for raw, _, _ in mails.taken] == [b"1\r\n", b"2\r\n"]


async def test_however_a_mail_is_cut_into_packets_it_is_the_same() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    body = b"Subject: x\r\n\r\n.\r\n..\r\n\r\n" + b"line\r\n" * 20
    wire = body.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    async with door() as mails:

        def hand_over(client: Client) -> str:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            at = 0
            while at < len(wire):
                size = chance.choice([1, 1, 2, 3, 7])
                client.socket.sendall(wire[at : at + size])
                time.sleep(0.0005)  # so that packets stay apart
                at += size
            return client.answer()

        assert (await mails.talk(hand_over)).startswith("250")
        assert mails.taken[0][0] == body


async def test_strangers_networks_are_turned_away_before_a_word() -> None:
    async with door(allow=[ip_network("192.0.2.0/24")]) as mails:
        greeting = await mails.talk(lambda client: client.greeting)
        assert greeting.startswith("554 5.7.1")


async def test_one_connection_too_many_is_told_to_come_later() -> None:
    async with door(max_connections=2) as mails:

        def many(first: Client) -> tuple[str, str]:
            with Client(mails.port) as second, Client(mails.port) as third:
                assert second.greeting.startswith("220")
                refused = third.greeting
            deadline = time.monotonic() + SECONDS
            while True:
                with Client(mails.port) as again:
                    if again.greeting.startswith("220"):
                        return refused, again.greeting
                assert time.monotonic() < deadline

        refused, later = await mails.talk(many)
        assert refused.startswith("421 4.3.2")
        assert later.startswith("220")


async def test_who_comes_and_goes_without_a_word_takes_no_place() -> None:
    """As monitors do; whether they take leave of the connection or drop it."""
    async with door(max_connections=2) as mails:

        def knock() -> str:
            for drops in (False, True) * 10:
                with socket.create_connection(("127.0.0.1", mails.port), SECONDS) as one:
                    if drops:
                        hard = struct.pack("ii", 1, 0)
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
            deadline = time.monotonic() + SECONDS / 3
            while True:
                with Client(mails.port) as client:
                    if client.greeting.startswith("220") or time.monotonic() > deadline:
                        return client.greeting

        assert (await mails.blocking(knock)).startswith("220")


async def test_who_is_silent_is_left() -> None:
    async with door(timeout_seconds=0.3) as mails:
        assert (await mails.talk(lambda client: client.answer())).startswith("421 4.4.2")


async def test_a_mail_that_takes_longer_than_a_silence_may_is_taken() -> None:
    """A large one over a slow line, and then a store that is busy: nobody was silent."""
    async with door(timeout_seconds=1.0) as mails:
        mails.may_go_on.clear()

        def hand_over(client: Client) -> str:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            for number in range(8):
                client.socket.sendall(f"line {number}\r\n".encode())
                time.sleep(0.2)  # the line is slow
            client.socket.sendall(b".\r\n")
            return client.answer()

        asyncio.get_running_loop().call_later(3.0, mails.may_go_on.set)
        assert (await mails.talk(hand_over)).startswith("250")


async def test_who_falls_silent_in_the_middle_of_a_mail_is_left() -> None:
    async with door(timeout_seconds=0.3) as mails:

        def hand_over(client: Client) -> str:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            client.socket.sendall(b"line\r\n")
            return client.answer()

        assert (await mails.talk(hand_over)).startswith("421 4.4.2")
        assert not mails.taken


async def test_no_mail_is_taken_without_a_recipient_of_ours() -> None:
    async with door() as mails:

        def hand_over(client: Client) -> list[str]:
            client.begin("a@b.test", ["x@else.test"])
            return [client.say("DATA"), client.say("RSET"), client.say("DATA")]

        assert [one[:3] for one in await mails.talk(hand_over)] == ["503", "250", "503"]


async def test_a_crowd_of_recipients_comes_in_portions() -> None:
    async with door() as mails:
        answers = await mails.talk(
            lambda client: client.begin("a@b.test", [f"{n}@shop.test" for n in range(102)])
        )
        assert [one[:3] for one in answers] == ["250"] * 100 + ["452"] * 2


async def test_nobody_can_log_in_and_nonsense_breaks_nothing() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with door() as mails:

        def talk(client: Client) -> list[str]:
            said = [client.say("LHLO x.test")]
            said += [client.say(f"AUTH PLAIN {'A' * 20}"), client.say("VRFY support@shop.test")]
            for _ in range(3):
                junk = bytes(chance.randrange(14, 256) for _ in range(chance.randrange(1, 3000)))
                said.append(client.say(junk))
            return said

        said = await mails.talk(talk)
        assert "AUTH" not in said[0]
        assert not said[1].startswith("2")
        assert all(one[:1] == "5" for one in said[3:])
        answers = await mails.blocking(deliver, mails.port, b"x\n", [OURS])
        assert answers == ["250 2.0.0 Stored"]


async def test_the_loop_goes_on_while_a_mail_of_many_lines_comes_in() -> None:
    """25 MB in lines of four characters: what the loop does at one go is little of the whole work."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - before)

    async with door(max_message_bytes=30_000_000) as mails:
        began = time.thread_time()
        watching = asyncio.create_task(watch())
        answers = await mails.blocking(deliver, mails.port, b"abc\n" * 5_000_000, [OURS])
        watching.cancel()
        whole = time.thread_time() - began
        assert answers == ["250 2.0.0 Stored"]
        assert len(mails.taken[0][0]) == 25_000_000
        assert longest < max(whole / 2, 0.2), f"{longest:.2f} of {whole:.2f} s at one go"


async def test_a_mail_that_is_being_stored_when_the_door_closes_is_answered_for() -> None:
    """Who is idle is told to come again, and nobody new gets in."""
    loop = asyncio.get_running_loop()
    began, connected = asyncio.Event(), asyncio.Event()

    def busy() -> str:
        with Client(port) as client:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            client.write_data(b"x\n")
            loop.call_soon_threadsafe(began.set)
            return client.answer()

    def idle() -> str:
        with Client(port) as client:
            loop.call_soon_threadsafe(connected.set)
            return client.answer()

    async with door() as mails:
        port = mails.port
        mails.may_go_on.clear()
        talks = [loop.run_in_executor(None, talk) for talk in (busy, idle)]
        await asyncio.wait_for(asyncio.gather(began.wait(), connected.wait()), SECONDS)
        loop.call_later(0.1, mails.may_go_on.set)
    to_busy, to_idle = await asyncio.wait_for(asyncio.gather(*talks), SECONDS)
    assert to_busy.startswith("250")
    assert to_idle.startswith("421")
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(Client, port)


async def test_a_mail_that_is_not_stored_in_time_when_the_door_closes_is_told_to_come_again() -> (
    None
):
    loop = asyncio.get_running_loop()
    began = asyncio.Event()

    def hand_over() -> str:
        with Client(port) as client:
            client.begin("a@b.test", [OURS])
            client.say("DATA")
            client.write_data(b"x\n")
            loop.call_soon_threadsafe(began.set)
            return client.answer()

    async with door() as mails:
        port = mails.port
        mails.may_go_on.clear()
        talk = loop.run_in_executor(None, hand_over)
        await asyncio.wait_for(began.wait(), SECONDS)
    assert (await asyncio.wait_for(talk, SECONDS)).startswith("421")
    assert mails.taken == []


async def test_mail_comes_encrypted_where_there_is_a_certificate(tmp_path: Path) -> None:
    certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    async with door(tls=context) as mails:

        def hand_over(client: Client) -> list[str]:
            assert "STARTTLS" in client.say("LHLO x.test")
            assert client.say("STARTTLS").startswith("220")
            client.encrypt(ssl.create_default_context(cafile=str(tmp_path / "ca.pem")))
            said = client.say("LHLO x.test")
            return [said, *client.send(b"x\n", [OURS])]

        said = await mails.talk(hand_over)
        assert "AUTH" not in said[0]
        assert said[-1].startswith("250")
        assert mails.taken[0][0] == b"x\r\n"


async def test_a_check_of_a_door_that_is_not_open_lets_nobody_in() -> None:
    """A mail server that were let in then would be left without a word."""
    port = free_port()
    config = ListenerConfig(listen=f"127.0.0.1:{port}")
    is_over = threading.Event()

    def knock() -> int:
        let_in = 0
        while not is_over.is_set():
            try:
                socket.create_connection(("127.0.0.1", port), SECONDS).close()
                let_in += 1
            except OSError:  # refused, as it should be
                continue
        return let_in

    knocking = asyncio.create_task(asyncio.to_thread(knock))
    for _ in range(2000):
        assert (await doorways.check("LMTP", config, is_open=False)).state == "up"
    is_over.set()
    assert await asyncio.wait_for(knocking, SECONDS) == 0
    with socket.create_server(("127.0.0.1", port)):
        assert (await doorways.check("LMTP", config, is_open=False)).state == "down"
