"""What a provider calls us for: proven and read by the driver, told to the desk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import omnigate
from omnigate_call.driver import Desk, Driver, Step


class Hook(omnigate.ProviderHook[Sequence[Step]]):
    """Where a driver's provider calls us."""

    def __init__(self, driver: Driver, desk: Desk) -> None:
        super().__init__(desk.host)
        self._driver = driver
        self._desk = desk

    def served(self) -> Sequence[omnigate.Route]:
        """Return its routes; none for a driver that reads no requests."""
        if type(self._driver).read is Driver.read:
            return []
        return self.routes(*self._driver.hook_paths)

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is proven to be the provider's."""
        self._driver.authenticate(request)

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what a call says; see `Driver.read`."""
        return await self._driver.read(request)

    async def keep(self, said: Sequence[Step]) -> None:
        """Have the steps stored."""
        if said:
            await self._desk.tell(*said)

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what the provider wants to read."""
        return self._driver.reply(request)

    def kept(self, request: omnigate.Request) -> omnigate.Request:
        """Return a call as quarantine may keep it; see `Driver.kept`."""
        return self._driver.kept(request)

    def secrets(self) -> Iterable[str]:
        """Return what must never be kept of a call."""
        return self._driver.secrets()
