"""The console backend: events for a person or for a pipe, none lost, nothing held up."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re

import pytest
from omnigate_console import Console
from omnigate_console.paint import escape, paint
from omnigate_console.writer import Writer

import omnigate
from omnigate.testing import FakeBackendHost

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]


def event(
    number: int = 1, *, attempt: int = 1, replay: bool = False, **message: object
) -> omnigate.Event:
    envelope = {
        "id": f"evt_{number}",
        "type": "message.received",
        "timestamp": "2026-11-21T10:00:00.000Z",
        "recorded_at": "2026-11-21T10:00:00.000Z",
        "sequence": number,
        "channel": {"name": "site", "kind": "webchat"},
        "conversation": {"id": "cnv_1", "external_id": "1"},
        "contact": {"id": "ctc_1", "display_name": "Анна"},
        "data": {"message": {"text": "Hello", "attachments": []} | message},
    }
    kind = omnigate.EventType.MESSAGE_RECEIVED
    body = json.dumps(envelope).encode()
    return omnigate.Event(id=f"evt_{number}", type=kind, body=body, attempt=attempt, replay=replay)


class Pipe:
    """A standard output that somebody else reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ends: tuple[int, int]) -> None:
        self.monkeypatch = monkeypatch
        self.reading = ends[0]
        self.stream = os.fdopen(ends[1], "w")

    def console(self, **config: object) -> Console:
        # Not in a fixture: the test runner gives sys.stdout its own value before each phase.
        self.monkeypatch.setattr("sys.stdout", self.stream)
        return Console(Console.Config.model_validate(config), FakeBackendHost())

    async def read(self) -> bytes:
        return await asyncio.to_thread(os.read, self.reading, 1 << 20)

    def close(self) -> None:
        self.stream.close()
        os.close(self.reading)


@pytest.fixture
def pipe(monkeypatch):
    pipe = Pipe(monkeypatch, os.pipe())
    yield pipe
    pipe.close()


@pytest.fixture
def terminal(monkeypatch):
    terminal = Pipe(monkeypatch, pty.openpty())
    yield terminal
    terminal.close()


async def test_a_pipe_gets_one_envelope_a_line(pipe):
    backend = pipe.console()
    first, second = event(1), event(2, text="два\nстроки")
    await backend.deliver(first)
    await backend.deliver(second)
    await backend.close()
    assert await pipe.read() == first.body + b"\n" + second.body + b"\n"


async def test_a_terminal_gets_two_readable_lines(terminal, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    backend = terminal.console()
    await backend.deliver(event(7, attempt=3, replay=True))
    written = (await terminal.read()).decode()
    await backend.close()
    assert "\x1b[36mmessage.received" in written
    plain = re.sub(r"\x1b\[\d+m", "", written)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d message\.received +site · Анна #7 attempt 3 replay\r\n +Hello\r\n", plain
    )


async def test_no_color_is_respected(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    backend = terminal.console()
    await backend.deliver(event())
    assert b"\x1b" not in await terminal.read()
    await backend.close()


async def test_a_full_pipe_holds_up_the_delivery_and_nothing_else(pipe):
    """No event is lost and none is called delivered before it is written."""
    backend = pipe.console()
    big = event(1, text="x" * 200_000)  # a pipe takes 64 KiB
    delivery = asyncio.create_task(backend.deliver(big))
    async with asyncio.timeout(5):
        for _ in range(100):  # the loop goes round although nobody reads
            await asyncio.to_thread(int)
    assert not delivery.done()
    received = b""
    while not received.endswith(b"\n"):
        received += await pipe.read()
    await asyncio.wait_for(delivery, 5)
    assert received == big.body + b"\n"
    await backend.close()


async def test_waiting_for_a_reader_can_be_cancelled_and_later_events_are_still_written(pipe):
    backend = pipe.console()
    big, small = event(1, text="x" * 200_000), event(2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(backend.deliver(big), 0.1)
    later = asyncio.create_task(backend.deliver(small))
    received = b""
    while received.count(b"\n") < 2:
        received += await pipe.read()
    await asyncio.wait_for(later, 5)
    assert received == big.body + b"\n" + small.body + b"\n"
    await backend.close()


async def test_events_delivered_at_once_do_not_mix(pipe):
    backend = pipe.console()
    events = [event(number, text=str(number) * 1000) for number in range(50)]
    deliveries = asyncio.gather(*(backend.deliver(one) for one in events))
    received = b""
    while received.count(b"\n") < 50:
        received += await pipe.read()
    await deliveries
    assert received.splitlines() == [one.body for one in events]
    await backend.close()


async def test_when_the_reader_is_gone_the_event_is_not_delivered():
    reading, writing = os.pipe()
    os.close(reading)
    writer = Writer(writing)
    with pytest.raises(BrokenPipeError):
        await writer.write(b"lost?\n")
    writer.close()
    os.close(writing)


async def test_a_broken_pipe_is_a_destination_that_is_down(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    reader_gone = Pipe(monkeypatch, (os.open(os.devnull, os.O_RDONLY), writing))
    backend = reader_gone.console()
    with pytest.raises(omnigate.DestinationUnavailable, match="stdout cannot be written"):
        await backend.deliver(event())
    await backend.close()
    reader_gone.close()


async def test_closing_before_anything_was_written_is_fine(pipe):
    await pipe.console().close()


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J\x1b[H",
        "\x1b]0;owned\x07",
        "\x9b31m",
        "a\rb",
        "\x08\x08",
        "\x00",
        "\x7f",
        "\u202egnp.exe",
        "\u2066x\u2069",
        "\u2028",
        "\ufeff",
        "\U000e0041",
        "\ud800",
    ],
    ids=ascii,
)
def test_what_a_customer_writes_cannot_command_the_terminal(hostile):
    """S38."""
    text = paint(event(text=hostile.replace("\ud800", "\ufffd")), colour=False)
    assert text.count("\n") == 2
    for line in text.splitlines():
        assert not any(not one.isprintable() for one in line)
    assert hostile not in escape(hostile)


def test_names_are_escaped_too():
    """S38."""
    one = event()
    body = one.body.replace(json.dumps("Анна").encode(), b'"\\u001b[31mAnna"')
    assert body != one.body
    painted = paint(omnigate.Event(id=one.id, type=one.type, body=body), colour=False)
    assert "\x1b" not in painted
    assert r"\x1b[31mAnna" in painted


def test_emoji_stay_whole():
    assert escape("👩‍👩‍👧 🏳️‍🌈 Здравствуйте") == "👩‍👩‍👧 🏳️‍🌈 Здравствуйте"


def test_files_and_errors_are_mentioned():
    text = paint(
        event(
            text=None,
            attachments=[{"kind": "image", "name": "a.png"}, {"kind": "voice"}],
            error="x",
        ),
        colour=False,
    )
    assert "[image a.png] [voice] (x)" in text


def test_a_long_text_is_shortened():
    assert paint(event(text="я" * 5000), colour=False).splitlines()[1].strip() == "я" * 500 + "…"
