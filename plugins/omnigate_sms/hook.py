"""What a provider calls us for: proven and read by the link, kept by the channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import omnigate
from omnigate_sms.link import Deliver, Link, Said

PATHS: Final = ("/hook", "/hook/status")
"""For texts and receipts alike: some providers want two."""


class Hook(omnigate.ProviderHook[Sequence[Said]]):
    """Where a link's provider calls us."""

    def __init__(self, link: Link, deliver: Deliver) -> None:
        super().__init__(link.host)
        self._link = link
        self._deliver = deliver

    def served(self) -> Sequence[omnigate.Route]:
        """Return its routes; none where nobody calls us."""
        return self.routes(*PATHS) if self._link.talks_to() is None else []

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is proven to be the provider's."""
        self._link.authenticate(request)

    async def read(self, request: omnigate.Request) -> Sequence[Said]:
        """Return what a call says; see `Link.parse`."""
        return self._link.parse(request)

    async def keep(self, said: Sequence[Said]) -> None:
        """Have texts and receipts stored."""
        await self._deliver(said)

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what the provider wants to read."""
        return self._link.reply(request)

    def secrets(self) -> Iterable[str]:
        """Return what must never be kept of a call."""
        return self._link.secrets()
