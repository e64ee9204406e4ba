"""A switch that speaks the manager interface as Asterisk does, with scripted phones.

An ``Originate`` rings the first phone and, when it is answered, dials the second, as the application ``Dial``
does; events, their order and their keys are those recorded from Asterisk 16.28 and 22.10.1. It is strict: a
wrong login is refused, a channel that it does not have cannot be hung up, and an id can be taken once.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from tests.plugins.call.ari import LOGIN, Behaviour

BANNER = b"Asterisk Call Manager/5.0.2\r\n"
CHALLENGE = "829463517"
_UNREACHED = {
    "busy": (17, "User busy", "BUSY"),
    "reject": (21, "Call Rejected", "NOANSWER"),
    "no_answer": (0, "Unknown", "NOANSWER"),
    "unreachable": (0, "Unknown", "NOANSWER"),
}


@dataclass
class Leg:
    """A channel of the switch."""

    id: str
    endpoint: str
    linked: str
    data: str = ""
    state: str = "0"
    bridge: str = ""
    other: str = ""
    half: str = ""
    """Which half of a channel through the dial plan it is: ``;1`` is the one that was asked for."""
    behind: tuple[str, ...] = ()
    """Of such a one the other half, and the channel of the phone that the dial plan rings."""

    @property
    def name(self) -> str:
        return f"{place_of(self.endpoint)}-0001{self.half}"


class ScriptedAmi:
    """One Asterisk. Set `phones` to say what each endpoint does."""

    def __init__(self) -> None:
        self.phones: dict[str, Behaviour] = {}
        self.channels: dict[str, Leg] = {}
        self.originates: list[Mapping[str, str]] = []
        self.actions: list[str] = []
        self.tells_late = False
        """What a phone does at once is told before ``DialBegin`` tells whose it is: now and then it is so."""
        self.tells_first_first = False
        """That the first phone's channel ended is told before the second's, which ended it."""
        self._begun: tuple[Leg, Leg] | None = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens as soon as channels were listed, once."""
        self.loses_answers = False
        """An Originate is carried out, and the connection lost before the answer."""
        self.started = "2026-11-22 09:00:00"
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._in: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedAmi]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.disconnect()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def restart(self) -> None:
        self.channels.clear()
        self.started = "2026-11-22 09:30:00"
        await self.stop()
        await self.start()

    async def disconnect(self) -> None:
        """Lose the sessions; calls go on."""
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        self._writers.clear()
        self._in.clear()

    # ---- phones

    async def answer(self, name: str) -> None:
        leg = self.channels[name]
        for name in reversed(leg.behind):
            behind = self.channels[name]
            behind.state, behind.bridge = "6", f"behind-{leg.id}"
            self._event("Newstate", behind, ChannelState="6", ChannelStateDesc="Up")
            self._event("BridgeEnter", behind, BridgeUniqueid=behind.bridge)
        leg.state = "6"
        self._event("Newstate", leg, ChannelState="6", ChannelStateDesc="Up")
        if leg.data:
            await self._dial_second(leg)
        else:
            first = self.channels[leg.other]
            self._dial_ends(leg, "ANSWER")
            bridge = f"bridge-{leg.id}"
            for each in (leg, first):
                each.bridge = bridge
                self._event("BridgeEnter", each, BridgeUniqueid=bridge)
            for local in (leg, first):
                if local.half and "n" not in local.endpoint.split("/")[2:]:
                    self._take_out_of_the_way(local)

    def _take_out_of_the_way(self, one: Leg) -> None:
        """Put the phone behind a channel through the dial plan in its place: option ``n`` forbids it."""
        two, phone = (self.channels[name] for name in one.behind)
        other = self.channels[one.other]
        halves = {"LocalOneUniqueid": one.id, "LocalTwoUniqueid": two.id}
        self._event("LocalOptimizationBegin", None, **halves)
        self._event("BridgeLeave", phone, BridgeUniqueid=phone.bridge)
        self._event("BridgeLeave", one, BridgeUniqueid=one.bridge)
        phone.bridge, phone.other, other.other = one.bridge, other.id, phone.id
        self._event("BridgeEnter", phone, BridgeUniqueid=phone.bridge, SwapUniqueid=one.id)
        self._event("LocalOptimizationEnd", None, **halves, Success="No")  # as it says
        self._event("BridgeLeave", two, BridgeUniqueid=two.bridge)
        for each in (one, two):
            del self.channels[each.id]
            self._event("Hangup", each, Cause="16", **{"Cause-txt": "Normal Clearing"})

    async def hang_up(self, name: str, cause: int = 16, text: str = "Normal Clearing") -> None:
        leg = self.channels.get(name)
        if leg is None:
            return
        self._event("HangupRequest", leg, Cause=str(cause))
        if leg.data and leg.other and not leg.bridge:
            self._dial_ends(self.channels[leg.other], "CANCEL")
        self._end(leg, cause, text)

    def _end(self, leg: Leg, cause: int, text: str) -> None:
        """End a channel, and the other with it: the switch does so."""
        other = self.channels.get(leg.other)
        ended = [each for each in (leg, other) if each is not None]
        if not leg.bridge and (leg.data or self.tells_first_first):
            ended.reverse()
        for each in [*(self.channels[name] for leg in ended for name in leg.behind), *ended]:
            del self.channels[each.id]
            if each.bridge:
                self._event("BridgeLeave", each, BridgeUniqueid=each.bridge)
            self._event("Hangup", each, Cause=str(cause), **{"Cause-txt": text})

    def _dial_ends(self, leg: Leg, status: str) -> None:
        first = self.channels.get(leg.other)
        self._event("DialEnd", first, DestUniqueid=leg.id, DialStatus=status)

    def second_of(self, name: str) -> str:
        """Return the channel that was dialled by one of ours."""
        return self.channels[name].other

    async def _originate(self, fields: Mapping[str, str]) -> None:
        does = self.phones.get(place_of(fields["channel"]), "offline")
        if does == "offline":
            self._send(
                {
                    "Event": "OriginateResponse",
                    "ActionID": fields["actionid"],
                    "Response": "Failure",
                    "Reason": "0",
                    "Uniqueid": "<null>",
                }
            )
            return
        name = fields["channelid"]
        leg = Leg(name, fields["channel"], name, data=fields["data"])
        self._make(leg)
        self._event("DialBegin", None, DestUniqueid=name, DestLinkedid=name)
        await self._play(leg, does)

    async def _dial_second(self, first: Leg) -> None:
        endpoint = first.data.split(",")[0]
        does = self.phones.get(place_of(endpoint), "offline")
        if does == "offline":
            await self.hang_up(first.id, 20, "Subscriber absent")
            return
        second = Leg(self._id(), endpoint, first.id, other=first.id)
        first.other = second.id
        self._make(second)
        self._begun = (first, second)
        if not self.tells_late:
            self._tell_of_begun()
        await self._play(second, does)
        self._tell_of_begun()

    def _make(self, leg: Leg) -> None:
        """Begin a channel; one through the dial plan has another half, which dials the phone."""
        made = [leg]
        if leg.endpoint.startswith("Local/"):
            leg.half = ";1"
            made += [
                Leg(self._id(), leg.endpoint, leg.linked, state="4", half=";2"),
                Leg(self._id(), "PJSIP/trunk", leg.linked),
            ]
            leg.behind = (made[1].id, made[2].id)
        for each in made:
            self.channels[each.id] = each
            self._event("Newchannel", each, ChannelState=each.state)

    def _id(self) -> str:
        return f"1790000000.{next(self._numbers)}"

    def _tell_of_begun(self) -> None:
        if self._begun is not None:
            (first, second), self._begun = self._begun, None
            self._event("DialBegin", first, DestUniqueid=second.id, DestLinkedid=first.id)

    async def _play(self, leg: Leg, does: Behaviour) -> None:
        if does in ("answer", "no_answer", "silent"):
            leg.state = "5"
            self._event("Newstate", leg, ChannelState="5", ChannelStateDesc="Ringing")
        if does == "answer":
            await self.answer(leg.id)
        elif does != "silent":
            cause, text, status = _UNREACHED[does]
            if leg.data and cause == 0:
                cause, text = 19, "User alerting, no answer"  # 22 says so of who is rung first
            self._dial_ends(leg, status)
            self._end(leg, cause, text)

    # ---- the wire

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(BANNER)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._act(fields_of(await reader.readuntil(b"\r\n\r\n")), writer)
        writer.close()

    async def _act(self, fields: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        action = fields["action"]
        self.actions.append(action)
        answer = {"Response": "Success", "ActionID": fields.get("actionid", "")}
        if action == "Challenge":
            answer["Challenge"] = CHALLENGE
        elif action == "Login":
            key = md5(f"{CHALLENGE}{LOGIN[1]}".encode()).hexdigest()
            if (fields["username"], fields["key"]) != (LOGIN[0], key):
                answer |= {"Response": "Error", "Message": "Authentication failed"}
            else:
                self._in.add(writer)
        elif writer not in self._in:
            answer |= {"Response": "Error", "Message": "Permission denied"}
        elif action == "CoreStatus":
            answer["CoreStartupDate"], answer["CoreStartupTime"] = self.started.split()
        elif action == "Hangup":
            if fields["channel"] not in self.channels:
                answer |= {"Response": "Error", "Message": "No such channel"}
            else:
                self._soon(self.hang_up(fields["channel"]))
        elif action == "Originate":
            self.originates.append(fields)
            if fields["channelid"] in self.channels:
                answer |= {"Response": "Error", "Message": "Channel ID already in use"}
            elif self.loses_answers:
                self.loses_answers = False
                self._soon(self._originate(fields))
                await self.disconnect()
                return
            else:
                self._soon(self._originate(fields))
        self._send(answer, writer)
        if action == "CoreShowChannels":
            self._list(fields["actionid"], writer)
            if happens := self.meanwhile:
                self.meanwhile = None
                await happens()

    def _list(self, action_id: str, writer: asyncio.StreamWriter) -> None:
        for leg in self.channels.values():
            self._send(
                {
                    "Event": "CoreShowChannel",
                    "ActionID": action_id,
                    "Channel": leg.name,
                    "ChannelState": leg.state,
                    "Uniqueid": leg.id,
                    "Linkedid": leg.linked,
                    "BridgeId": leg.bridge,
                },
                writer,
            )
        self._send({"Event": "CoreShowChannelsComplete", "ActionID": action_id}, writer)

    def _soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _event(self, kind: str, leg: Leg | None, **more: str) -> None:
        if self._begun is not None and leg is not self._begun[1]:
            self._tell_of_begun()
        fields = {"Event": kind, "Privilege": "call,all"}
        if leg is not None:
            fields |= {
                "Channel": leg.name,
                "Uniqueid": leg.id,
                "Linkedid": leg.linked,
            }
        self._send(fields | more)

    def _send(self, fields: Mapping[str, str], writer: asyncio.StreamWriter | None = None) -> None:
        for each in [writer] if writer is not None else list(self._in):
            if not each.is_closing():
                each.write(block(fields))


def place_of(endpoint: str) -> str:
    """Return an endpoint without its options, as ``Local/…/n`` has some."""
    return "/".join(endpoint.split("/")[:2])


def block(fields: Mapping[str, str]) -> bytes:
    """Return an answer or an event as it is sent."""
    return "".join([*(f"{key}: {value}\r\n" for key, value in fields.items()), "\r\n"]).encode()


def fields_of(action: bytes) -> dict[str, str]:
    """Return what was sent, with keys in small letters."""
    pairs = re.findall(r"(?m)^([A-Za-z]+): (.*?)\r$", action.decode())
    return {key.lower(): value for key, value in pairs}
