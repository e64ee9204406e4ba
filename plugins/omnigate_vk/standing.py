"""How the community is, told to the operator as one state: what keeps events out, and messages in."""

from __future__ import annotations

import asyncio
from typing import Final

import omnigate
from omnigate_vk.api import ApiError, Failure, for_the_channel

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_LIMIT_SECONDS: Final = 600.0
_LONG_WAITS: Final = frozenset({9, 14, 17, 29, 3300})


class Standing:
    """Says what is wrong, once, and that it is over, once; waits longer the longer it lasts."""

    def __init__(self, host: omnigate.ChannelHost) -> None:
        self._host = host
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._receiving = ""
        self._sending = ""
        self._has_begun = False

    def receives(self, trouble: str) -> None:
        """Note that events come, or what is not as it should be."""
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._has_begun = True
        self._receiving = trouble
        self._tell()

    def sends(self) -> None:
        """Note that a message was taken."""
        if self._sending:
            self._sending = ""
            self._tell()

    def cannot_send(self, why: str) -> None:
        """Note that nothing can be sent until somebody has done something about it."""
        self._sending = why
        self._tell()

    async def failed(self, error: Failure) -> None:
        """Tell why no events come, and wait; raises `CredentialsRejected` when waiting would not help."""
        meant = for_the_channel(error)
        if isinstance(meant, omnigate.CredentialsRejected):
            raise meant
        self._has_begun = False
        self._host.status("down", str(meant))
        seconds = self._pause_seconds
        if isinstance(error, ApiError) and error.code in _LONG_WAITS:
            seconds = _LIMIT_SECONDS
        await asyncio.sleep(seconds)
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    def _tell(self) -> None:
        if not self._has_begun:
            return
        trouble = "; ".join(filter(None, (self._receiving, self._sending)))
        self._host.status("degraded" if trouble else "up", trouble)
