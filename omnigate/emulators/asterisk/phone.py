"""What people do with the phones that are connected to the switch."""

from __future__ import annotations

from typing import Literal

from omnigate.emulators.asterisk.causes import NORMAL, REJECTED
from omnigate.emulators.asterisk.extension import Extension, Habit
from omnigate.emulators.asterisk.switch import Channel, Switch

PhoneState = Literal["idle", "ringing", "waiting", "talking"]
"""``waiting``: answered, and alone so far."""


class CannotDo(Exception):
    """A phone cannot do that now; the text says why."""


class Phone(Extension):
    """One phone. What it does takes effect at once; who waits is woken by the switch's ``changes``."""

    def __init__(self, switch: Switch, endpoint: str, habit: Habit) -> None:
        super().__init__(endpoint, habit)
        self._switch = switch

    @property
    def state(self) -> PhoneState:
        """What the phone is doing."""
        channel = self.channel
        if channel is None:
            return "idle"
        if channel.state != "Up":
            return "ringing" if channel.state == "Ringing" else "idle"
        bridge = self._switch.bridges.get(channel.bridge or "")
        return "talking" if bridge is not None and len(bridge.members) > 1 else "waiting"

    @property
    def channel(self) -> Channel | None:
        """The channel of the call that it is in."""
        found = (each for each in self._switch.channels.values() if each.phone is self)
        return next(found, None)

    @property
    def caller(self) -> str:
        """Whose number it shows."""
        channel = self.channel
        return channel.caller if channel is not None else ""

    def answer(self) -> None:
        """Take the call that rings. Raises `CannotDo`."""
        self._switch.answer(self._in("ringing"))

    def decline(self) -> None:
        """Refuse the call that rings. Raises `CannotDo`."""
        self._switch.end(self._in("ringing"), REJECTED)

    def hang_up(self) -> None:
        """Put the phone down. Raises `CannotDo`."""
        self._switch.end(self._in("waiting", "talking"), NORMAL)

    def _in(self, *states: PhoneState) -> Channel:
        channel = self.channel
        if channel is None or self.state not in states:
            raise CannotDo(f"the phone is {self.state}")
        return channel
