"""An attempt as a driver of a switch of one's own follows it, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from omnigate_call.driver import Attempt


class Look(Protocol):
    """What a switch had at a moment."""

    @property
    def channels(self) -> Mapping[str, object]:
        """Return its channels by their ids."""


L_contra = TypeVar("L_contra", bound=Look, contravariant=True)


class Followed(Protocol[L_contra]):
    """An attempt as it is followed."""

    @property
    def attempt(self) -> Attempt:
        """Return what is followed."""

    @property
    def is_known(self) -> bool:
        """Whether the switch is known to have, or to have had, this attempt."""

    async def run(self) -> None:
        """Follow it until nothing of it is left on the switch."""

    def hang_up(self) -> None:
        """End it, whatever it is doing."""

    def compare(self, look: L_contra) -> None:
        """Hear what the switch has."""

    def pick_up(self, look: L_contra) -> None:
        """Carry on with an attempt of an earlier run of the daemon."""
