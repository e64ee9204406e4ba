"""Calls by AMI as Asterisk 16 and 22 played them: every recorded sequence is taken for what it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.call.ami import BANNER, block, fields_of
from tests.plugins.call.ari import LOGIN
from tests.plugins.call.desks import desk, until

pytestmark = pytest.mark.anyio
RECORDINGS = sorted((Path(__file__).parents[2] / "payloads" / "call").glob("ami_*.json"))
CANCELLED_AT = {
    "cancelled_agent_ringing": "agent_ringing",
    "cancelled_customer_ringing": "customer_ringing",
    "cancelled_bridged": "bridged",
}
SESSION = {
    "Challenge": {"Challenge": "130116586"},
    "Login": {},
    "CoreStatus": {"CoreStartupDate": "2026-11-22", "CoreStartupTime": "09:00:00"},
    "CoreShowChannels": {},
}
"""What a session begins with, and what is answered: nothing was there before."""


class Replay:
    """Answers actions as they were answered, and sends the events that came between them.

    An event is sent when every action that was recorded before it has been asked for.
    """

    def __init__(self, notes: list[dict[str, dict[str, str]]]) -> None:
        self.notes = notes
        self.port = 0
        self.url = ""
        self._made: set[int] = set()
        self._next = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Replay]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    @property
    def is_played(self) -> bool:
        """Whether all events were sent."""
        return all("event" not in note for note in self.notes[self._next :])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                asked = fields_of(await reader.readuntil(b"\r\n\r\n"))
                writer.write(block(self._answer(asked) | {"ActionID": asked["actionid"]}))
                if asked["action"] == "CoreShowChannels":
                    complete = {"Event": "CoreShowChannelsComplete", "ActionID": asked["actionid"]}
                    writer.write(block(complete))
                for event in self._due():
                    writer.write(block(event))
        writer.close()

    def _answer(self, asked: Mapping[str, str]) -> dict[str, str]:
        if (said := SESSION.get(asked["action"])) is not None:
            return {"Response": "Success"} | said
        for number, note in enumerate(self.notes):
            action = note.get("action", {})
            if number not in self._made and _same(action, asked):
                self._made.add(number)
                return {"Response": "Success"}
        return {"Response": "Error", "Message": "No such channel"}

    def _due(self) -> list[dict[str, str]]:
        due = []
        while self._next < len(self.notes):
            note = self.notes[self._next]
            if "action" in note and self._next not in self._made:
                break
            self._next += 1
            if "event" in note:
                due.append(note["event"])
        return due


def _same(recorded: Mapping[str, str], asked: Mapping[str, str]) -> bool:
    if recorded.get("Action") != asked["action"]:
        return False
    return asked["action"] == "Originate" or recorded["Channel"] == asked["channel"]


def after_the_start(notes: list[dict[str, dict[str, str]]]) -> list[dict[str, dict[str, str]]]:
    """Return what was done for the call and told of it, without what came to nothing."""
    refused = {
        note["answer"]["ActionID"]
        for note in notes
        if note.get("answer", {}).get("Response") == "Error"
    }
    return [
        note
        for note in notes
        for what, fields in note.items()
        if (what == "event" and fields["Event"] != "CoreShowChannelsComplete")
        or (
            what == "action"
            and fields["Action"] not in SESSION
            and fields["ActionID"] not in refused
        )
    ]


def test_there_are_recordings_of_both_releases():
    assert {path.stem.rpartition("_")[2] for path in RECORDINGS} == {"16", "22"}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
async def test_a_recorded_call_ends_as_it_did(path):
    text = path.read_text()
    recorded = json.loads(text)
    case = path.stem.removeprefix("ami_").rpartition("_")[0].removesuffix("_by_dial_plan")
    (asked,) = [
        note["action"]
        for note in recorded["notes"]
        if note.get("action", {}).get("Action") == "Originate"
    ]
    is_customer_first = asked["ChannelId"].endswith("customer")
    replay = Replay([])
    async with replay.running():
        more: dict[str, Any] = {
            "driver": "ami",
            "ari": None,
            "ami": {
                "host": "127.0.0.1",
                "port": replay.port,
                "username": LOGIN[0],
                "password": LOGIN[1],
                "customer_endpoint": "Local/{digits}@omnigate-out",
            },
            "order": "customer_first" if is_customer_first else "agent_first",
            "retry_after_seconds": [],
        }
        async with desk(replay, **more) as at:
            call = at.host.begin_call()
            notes = json.loads(text.replace(recorded["call"], call.id))["notes"]
            replay.notes += after_the_start(notes)
            await at.channel.dial(call)
            if case in CANCELLED_AT:
                await at.channel.hang_up(await at.until(call.id, CANCELLED_AT[case]))
            ended = await at.is_over(call.id)
            assert ended.state == recorded["ends"], ended
            await until(lambda: replay.is_played)
