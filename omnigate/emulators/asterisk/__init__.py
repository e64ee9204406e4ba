"""An Asterisk, emulated as far as ARI needs it, and the phones that are connected to it.

``async with AsteriskEmulator() as switch:`` listens on a free loopback port at ``switch.url``. A phone is
added with `AsteriskEmulator.add_phone`; it rings, is answered, declined and hung up with the methods of
`Phone`, or does so by itself where it has a `Habit`.

Statuses, causes and the order of events are those recorded from Asterisk 16.28 and 22.10.1; where the two
differ it does as 22 does. What is not recorded says "unverified" at its place.
"""

from __future__ import annotations

from omnigate.emulators.asterisk.extension import Habit
from omnigate.emulators.asterisk.phone import CannotDo, Phone, PhoneState
from omnigate.emulators.asterisk.server import AsteriskEmulator

__all__ = ["AsteriskEmulator", "CannotDo", "Habit", "Phone", "PhoneState"]
