"""A channel that calls people, as far as the API asks it anything."""

from __future__ import annotations

from collections.abc import Mapping

import omnigate


class Phone(omnigate.CallChannel):
    """Calls people; it writes nothing, and nobody comes to it by a link."""

    kind = "call"

    def __init__(self) -> None:
        """Needs neither configuration nor host."""

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        raise NotImplementedError

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        raise NotImplementedError

    async def hang_up(self, call: omnigate.Call) -> None:
        raise NotImplementedError

    def offer(self) -> omnigate.CallOffer:
        raise NotImplementedError
