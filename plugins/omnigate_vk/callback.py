"""Events by Callback API: the platform posts them to our address, which is registered here."""

from __future__ import annotations

import asyncio
from typing import Final

from omnigate_vk.config import VkConfig
from omnigate_vk.polling import Poll
from omnigate_vk.servers import WAITS, Servers

_LOOK_SECONDS: Final = 300.0
_FIRST_LOOK_SECONDS: Final = 0.2


class Callback:
    """Has the platform deliver to our address, and looks now and then how that goes."""

    def __init__(self, config: VkConfig, servers: Servers, poll: Poll) -> None:
        self._config = config
        self._servers = servers
        self._poll = poll
        self._pause_seconds = _FIRST_LOOK_SECONDS
        self._is_confirmed = False
        self.trouble = ""

    async def begin(self) -> None:
        """Register our address, unless that is done by hand. Raises as `Api.call` does."""
        self._is_confirmed = False
        self._pause_seconds = _FIRST_LOOK_SECONDS
        if self._config.confirmation is None:
            await self._servers.register()
            self.trouble = WAITS

    async def once(self) -> None:
        """Look, after a while, whether the server is what it should be; set it anew when it is not.

        Raises as `Api.call` does.
        """
        await asyncio.sleep(self._pause_seconds)
        if self._config.confirmation is not None:
            self._pause_seconds = _LOOK_SECONDS
            return
        self.trouble = await self._servers.trouble()
        if not self.trouble:
            self._pause_seconds = _LOOK_SECONDS
            if not self._is_confirmed:
                # What came while polls were still made, and was not fetched, comes now.
                self._is_confirmed = await self._poll.finish()
            return
        self._pause_seconds = min(self._pause_seconds * 2, _LOOK_SECONDS)
        if self.trouble != WAITS:
            await self._servers.register()
