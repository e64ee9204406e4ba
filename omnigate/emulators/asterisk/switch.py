"""What the switch has: channels, bridges and recordings, and the events of what happens to them.

Everything happens at once and in one loop; events are queued for the applications that are connected. An
event goes only to an application that made the channel, or subscribed to it, since it connected: what nobody
hears is lost, as it is with Asterisk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from omnigate.emulators.asterisk.causes import NO_ANSWER, NORMAL, Cause
from omnigate.emulators.asterisk.extension import ENDS, Extension, Habit, Rung
from omnigate.emulators.asterisk.sound import talk
from omnigate.emulators.changes import Changes

RING_SECONDS: Final = 30.0
"""How long Asterisk rings where nothing was said."""
_ABSOLUTE: Final = "TIMEOUT(absolute)"


@dataclass(slots=True, eq=False)
class Channel:
    """One leg of a call."""

    id: str
    phone: Extension
    endpoint: str
    app: str
    arguments: list[str]
    caller: str
    state: str = "Down"
    is_here: bool = False
    """It was answered and is in its application."""
    bridge: str | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """Return it as the interface shows it."""
        return {
            "id": self.id,
            "name": f"{self.endpoint}-00000001",
            "state": self.state,
            "caller": {"name": "", "number": ""},
            "connected": {"name": "", "number": self.caller},
            "dialplan": {
                "context": "default",
                "exten": "s",
                "priority": 1,
                "app_name": "Stasis" if self.is_here else "AppDial2",
                "app_data": self.app,
            },
        }


@dataclass(slots=True, eq=False)
class Bridge:
    """Where channels hear each other."""

    id: str
    members: list[str] = field(default_factory=list)
    apps: set[str] = field(default_factory=set)
    """Applications whose channels were in it: they are told of its recordings."""
    recording: str | None = None
    recorded_from: float = 0.0

    def shown(self) -> dict[str, Any]:
        """Return it as the interface shows it."""
        return {"id": self.id, "bridge_type": "mixing", "channels": list(self.members)}


class Switch:
    """The state of one Asterisk. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.changes = Changes()
        self.phones: list[Extension] = []
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.recordings: dict[str, bytes] = {}
        self.streams: dict[str, asyncio.Queue[dict[str, Any] | None]] = {}
        """Events that wait to be sent, by application; None ends a connection."""
        self.ahead = timedelta()
        """How far its clock is ahead: a talk becomes so much longer, for who cannot wait."""
        self._clock = clock
        self.started_at = self._now()
        self._subscribed: dict[str, set[str]] = {}

    # ---- phones

    def phone_behind(self, endpoint: str) -> Extension | None:
        """Return the phone that rings when an endpoint is dialled: the first that fits."""
        return next((each for each in self.phones if each.is_behind(endpoint)), None)

    # ---- applications

    def connect(self, app: str) -> asyncio.Queue[dict[str, Any] | None]:
        """Begin a stream of events; one that the application has already is told so and ended."""
        former = self.streams.get(app)
        if former is not None:
            former.put_nowait(self._event("ApplicationReplaced", app))
            former.put_nowait(None)
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.streams[app] = queue
        self._subscribed[app] = set()
        self.changes.ring()
        return queue

    def disconnect(self, app: str, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """End a stream; what happens from now on, the application does not hear."""
        if self.streams.get(app) is queue:
            del self.streams[app], self._subscribed[app]
            self.changes.ring()

    def subscribe(self, app: str, channel: str) -> None:
        """Have an application told of a channel that it has not made since it connected."""
        self._subscribed.setdefault(app, set()).add(channel)

    # ---- channels

    def dial(self, channel: Channel, variables: Mapping[str, str], seconds: float) -> None:
        """Ring the phone of a new channel; it gives up after the seconds."""
        loop = asyncio.get_running_loop()
        phone = channel.phone
        is_taken = any(each.phone is phone for each in self.channels.values())
        phone.rung.append(Rung(channel.endpoint, channel.caller, channel.id))
        self.channels[channel.id] = channel
        self.subscribe(channel.app, channel.id)
        self._dialled(channel, "")
        habit: Habit = "busy" if is_taken else phone.habit
        if habit not in ("busy", "declines", "unreachable"):
            self._dialled(channel, "RINGING")
            channel.state = "Ringing"
            self._tell("ChannelStateChange", channel)
        if habit == "answers":
            loop.call_soon(self.answer, channel)
        elif habit in ENDS:
            loop.call_soon(self.end, channel, ENDS[habit])
        channel.timers.append(loop.call_later(seconds, self._gives_up, channel))
        longest = variables.get(_ABSOLUTE, "")
        if longest.isascii() and longest.isdecimal() and int(longest) > 0:
            channel.timers.append(loop.call_later(int(longest), self.end, channel, NORMAL))
        self.changes.ring()

    def answer(self, channel: Channel) -> None:
        """Somebody takes the phone; the channel goes into its application."""
        if channel.state != "Ringing" or channel.id not in self.channels:
            return
        channel.state, channel.is_here = "Up", True
        self._tell("ChannelStateChange", channel)
        self._dialled(channel, "ANSWER")
        self._tell("StasisStart", channel, args=channel.arguments)
        self.changes.ring()

    def end(self, channel: Channel, cause: Cause) -> None:
        """End one leg; the other one goes on until somebody ends it."""
        if self.channels.pop(channel.id, None) is None:
            return
        for timer in channel.timers:
            timer.cancel()
        channel.phone.last_end = cause
        if channel.state == "Up":
            self._tell("ChannelHangupRequest", channel, cause=cause.number)
        elif cause.number in (17, 21):
            self._dialled(channel, "BUSY")
        self.leave(channel)
        if channel.is_here:
            self._tell("StasisEnd", channel)
        self._tell("ChannelDestroyed", channel, cause=cause.number, cause_txt=cause.text)
        self.changes.ring()

    def _gives_up(self, channel: Channel) -> None:
        if channel.state != "Up":
            self.end(channel, NO_ANSWER)

    # ---- bridges and recordings

    def enter(self, bridge: Bridge, channel: Channel) -> None:
        """Put a channel into a bridge, once."""
        if channel.bridge == bridge.id:
            return
        self.leave(channel)
        channel.bridge = bridge.id
        bridge.members.append(channel.id)
        bridge.apps.add(channel.app)
        self._tell("ChannelEnteredBridge", channel, bridge=bridge.shown())
        self.changes.ring()

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its bridge; what is recorded there ends with it."""
        bridge = self.bridges.get(channel.bridge or "")
        channel.bridge = None
        if bridge is not None:
            bridge.members.remove(channel.id)
            self._tell("ChannelLeftBridge", channel, bridge=bridge.shown())
            self.stop_recording(bridge)

    def drop(self, bridge: Bridge) -> None:
        """Remove a bridge; channels that are in it stay, and hear nothing."""
        for name in list(bridge.members):
            self.leave(self.channels[name])
        self.stop_recording(bridge)
        del self.bridges[bridge.id]
        self.changes.ring()

    def record(self, bridge: Bridge, name: str) -> None:
        """Record what is said in a bridge."""
        bridge.recording = name
        bridge.recorded_from = asyncio.get_running_loop().time()
        self._tell_of_recording("RecordingStarted", bridge, {"name": name, "state": "recording"})

    def stop_recording(self, bridge: Bridge) -> None:
        """Keep what was recorded in a bridge, if anything is."""
        if bridge.recording is None:
            return
        name, bridge.recording = bridge.recording, None
        seconds = asyncio.get_running_loop().time() - bridge.recorded_from
        self.recordings[name] = talk(seconds)
        recording = {"name": name, "format": "wav", "state": "done", "duration": round(seconds)}
        self._tell_of_recording("RecordingFinished", bridge, recording)

    # ---- its own life

    def die(self) -> None:
        """Lose every call and every connection, as a restart does; recordings are kept on disk."""
        for channel in self.channels.values():
            for timer in channel.timers:
                timer.cancel()
        self.channels.clear()
        self.bridges.clear()
        for queue in self.streams.values():
            queue.put_nowait(None)
        self.streams.clear()
        self._subscribed.clear()
        self.started_at = self._now()
        self.changes.ring()

    # ---- events

    def _dialled(self, channel: Channel, status: str) -> None:
        self._send(channel, "Dial", dialstatus=status, peer=channel.shown())

    def _tell(self, kind: str, channel: Channel, **more: Any) -> None:
        self._send(channel, kind, channel=channel.shown(), **more)

    def _send(self, whose: Channel, kind: str, /, **more: Any) -> None:
        for app, names in self._subscribed.items():
            if whose.id in names and (queue := self.streams.get(app)) is not None:
                queue.put_nowait(self._event(kind, app, **more))

    def _tell_of_recording(self, kind: str, bridge: Bridge, recording: dict[str, Any]) -> None:
        for app in bridge.apps:
            if (queue := self.streams.get(app)) is not None:
                queue.put_nowait(self._event(kind, app, recording=recording))

    def _event(self, kind: str, app: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "application": app, "timestamp": stamp(self._now()), **more}

    def _now(self) -> datetime:
        return self._clock() + self.ahead


def stamp(moment: datetime) -> str:
    """Return a moment as Asterisk writes it."""
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]}+0000"
