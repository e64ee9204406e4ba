"""Mails are read in a process of their own, which may die, stall or be cancelled, and harms nobody."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from omnigate_email.mail import Mail
from omnigate_email.reading import wire
from omnigate_email.reading.parser import read
from omnigate_email.reading.worker import Reader

from omnigate import BadPayload, NotReady

MAILS = Path(__file__).parents[3] / "payloads" / "email"
DEADLINE_SECONDS = 60.0

pytestmark = pytest.mark.anyio

# A process that speaks like the real one, and that some mails kill, stall or make lie.
MOODY = """
import os, sys, time
from omnigate_email.reading.parser import read
from omnigate_email.reading.wire import LENGTH, packed, ready
from omnigate_email.reading.workbench import _answer
out = sys.stdout.buffer
out.write(ready()); out.flush()
while head := sys.stdin.buffer.read(8):
    raw = sys.stdin.buffer.read(LENGTH.unpack(head)[0])
    if b"KILL" in raw: os.abort()
    if b"STALL" in raw: time.sleep(600)
    if b"LIE" in raw: out.write(b"?" * 4096); out.flush()
    _answer(out, packed(read(raw)))
"""
MOODY_COMMAND = (sys.executable, "-c", MOODY)


def plain(text: str) -> bytes:
    return b"From: a@b.example\n\n" + text.encode()


@pytest.fixture
async def reader():
    reader = Reader()
    yield reader
    await reader.close()


@pytest.fixture
async def moody():
    reader = Reader(command=MOODY_COMMAND, seconds_per_mail=2)
    yield reader
    await reader.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_a_mail_comes_back_as_it_would_be_read_here(reader):
    for path in sorted(MAILS.glob("*.eml")):
        raw = path.read_bytes()
        assert await reader.read(raw) == read(raw)


async def test_mails_asked_for_at_once_get_their_own_answers(reader):
    read_mails = await asyncio.gather(
        *(reader.read(plain(f"mail {number}")) for number in range(20))
    )
    assert [mail.text for mail in read_mails] == [f"mail {number}" for number in range(20)]


@pytest.mark.parametrize("fatal", ["KILL", "STALL", "LIE"])
async def test_a_mail_that_kills_stalls_or_turns_the_process_is_refused_alone(moody, fatal):
    assert (await moody.read(plain("before"))).text == "before"
    with pytest.raises(BadPayload, match="look at it by hand"):
        await moody.read(plain(fatal))
    assert (await moody.read(plain("after"))).text == "after"


async def test_a_process_that_ended_between_mails_costs_no_mail(reader):
    await reader.read(plain("one"))
    os.kill(reader._process.pid, 9)
    assert (await reader.read(plain("two"))).text == "two"


async def test_a_cancelled_read_never_answers_the_next_one(moody):
    await moody.read(plain("warm"))
    reading = asyncio.create_task(moody.read(plain("STALL")))
    await asyncio.sleep(0)  # lets it begin
    process = moody._process
    await until(lambda: moody._turn.locked())
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (await moody.read(plain("next"))).text == "next"
    assert moody._process is not process


async def test_reads_cancelled_at_any_moment_leave_the_right_answers(reader):
    await reader.read(plain("warm"))
    for number in range(30):
        reading = asyncio.create_task(reader.read(plain(f"cancelled {number}" + "x" * 300_000)))
        for _ in range(number):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        if number % 10 == 0:
            assert (await reader.read(plain(f"kept {number}"))).text == f"kept {number}"


async def test_memory_beyond_the_limit_ends_the_mail_and_not_the_daemon():
    reader = Reader(memory_bytes=400 * 1024 * 1024)
    try:
        with pytest.raises(BadPayload):
            await reader.read(
                b"Content-Type: text/html\n\n" + b"<p>word &amp; word</p>\xd0\n" * 1_200_000
            )
        assert (await reader.read(plain("after"))).text == "after"
    finally:
        await reader.close()


async def test_the_process_ends_when_nothing_comes_and_starts_again():
    reader = Reader(idle_seconds=0.05)
    await reader.read(plain("one"))
    await until(lambda: reader._process is None)
    assert (await reader.read(plain("two"))).text == "two"
    await reader.close()


async def test_a_process_that_does_not_start_is_no_mails_fault():
    reader = Reader(command=(sys.executable, "-c", "print('no such thing')"))
    with pytest.raises(NotReady, match="by hand to see why"):
        await reader.read(plain("innocent"))
    await reader.close()


NEWER = """
import sys
sys.stdout.write("omnigate-mail-of-a-newer-version\\n"); sys.stdout.flush()
sys.stdin.buffer.read()
"""


async def test_a_process_of_other_code_than_the_daemon_reads_no_mail():
    """As after an upgrade under a running daemon: what it says of a mail could be misunderstood."""
    reader = Reader(command=(sys.executable, "-c", NEWER))
    for work in (reader.start(), reader.read(plain("innocent"))):
        with pytest.raises(NotReady, match="restart Omnigate"):
            await work
    assert reader._process is None
    await reader.close()


def test_what_greets_tells_how_mails_are_written(monkeypatch):
    greeting = wire.ready()
    assert greeting == wire.ready()
    monkeypatch.setattr(wire, "FORMAT", wire.FORMAT + 1)
    assert wire.ready() != greeting
    monkeypatch.undo()

    @dataclasses.dataclass
    class File:
        content: bytes

    monkeypatch.setattr(wire, "File", File)
    assert wire.ready() != greeting


async def test_a_process_that_was_started_before_reads_the_first_mail(reader):
    await reader.start()
    process = reader._process
    assert process is not None
    await reader.start()
    assert (await reader.read(plain("one"))).text == "one"
    assert reader._process is process


async def test_a_process_that_waits_for_the_first_mail_ends_after_a_while():
    reader = Reader(idle_seconds=0.05)
    await reader.start()
    await until(lambda: reader._process is None)
    await reader.close()
    with pytest.raises(NotReady):
        await reader.start()


async def test_a_closed_reader_says_so_and_leaves_no_process(reader):
    await reader.read(plain("one"))
    process = reader._process
    await reader.close()
    assert process.returncode is not None
    with pytest.raises(NotReady):
        await reader.read(plain("two"))


async def test_closing_ends_a_read_that_is_under_way(moody):
    await moody.read(plain("warm"))
    reading = asyncio.create_task(moody.read(plain("STALL")))
    await until(lambda: moody._turn.locked())
    await moody.close()
    with pytest.raises(NotReady):
        await reading


async def test_the_process_gets_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("OMNIGATE_SECRET_CANARY", "hunter2")
    reader = Reader()
    await reader.read(plain("one"))
    assert reader._process is not None
    environment = environment_of(reader._process.pid)
    await reader.close()
    assert b"hunter2" not in environment


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def large_mail() -> bytes:
    """Return 25 MB: a picture, and a text that takes its time."""
    picture = base64.encodebytes(os.urandom(1024) * 12_000)
    text = "слово за словом\n".encode("koi8-r") * 500_000
    return (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n" + text
        + b"\n--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n" + picture
        + b"\n--b--\n"
    )  # fmt: skip


async def longest_stall(work: Awaitable[Mail]) -> tuple[Mail, float]:
    """Return what work gave, and the most work that the loop did at one go, in seconds of processor time."""
    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        before = time.thread_time()
        while not done:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            longest, before = max(longest, now - before), now

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    result = await work
    done = True
    await watching
    return result, longest


async def in_the_loop(raw: bytes) -> Mail:
    return read(raw)


async def test_a_mail_of_25_mb_stalls_the_loop_less_than_reading_it_there(reader):
    """The twin reads the same mail in the loop itself: that stall is the measure."""
    raw = large_mail()
    await reader.read(plain("warm"))
    mail, stall = await longest_stall(reader.read(raw))
    twin, naive = await longest_stall(in_the_loop(raw))
    assert mail == twin
    assert len(mail.files[-1].content) == 1024 * 12_000
    assert stall < naive / 2
