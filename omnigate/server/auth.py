"""Who calls the API: bearer tokens, their scopes and the channels they may see."""

from __future__ import annotations

import time
from asyncio import Future
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from omnigate.server.problems import Denied
from omnigate.store import tokens
from omnigate.store.store import Store
from omnigate.store.tokens import SCOPES, Grant

CACHE_SECONDS: Final = 5.0
"""How long a revoked token may still pass."""
_CACHE_LENGTH: Final = 1000
_NOTE_SECONDS: Final = 60.0
"""How often the last use of a token is written down."""
_LONGEST_TOKEN: Final = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may do something."""

    id: str
    """Of the token; what is made by it is its own."""
    scopes: frozenset[str]
    channels: frozenset[str] | None
    """Names of the channels it may see; None: all."""

    @property
    def owner(self) -> str | None:
        """Whose files are meant where a caller may use only its own; None: anybody's."""
        return None if self is OPERATOR else self.id

    def sees(self, channel: str | None) -> bool:
        """Tell whether things of this channel exist for the caller."""
        return self.channels is None or channel in self.channels

    def may(self, scope: str) -> bool:
        """Tell whether the caller has a scope; ``admin`` has all."""
        return scope in self.scopes or "admin" in self.scopes


OPERATOR: Final = Caller("operator", frozenset(SCOPES), None)
"""Whoever can open the admin socket."""


class Doorkeeper:
    """Knows callers by their tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[float, Grant]] = {}
        self._noted: dict[str, float] = {}

    async def caller(self, request: web.Request) -> Caller:
        """Return who calls; raises 401 when nobody proves to."""
        clear = _presented(request)
        if not clear:
            raise _unknown("Send a token: Authorization: Bearer og_… (omnigate token create).")
        grant = await self._grant(clear)
        return Caller(grant.id, grant.scopes, grant.channels)

    async def is_known_still(self, request: web.Request) -> bool:
        """Tell whether a token that was good is so now; asks the store, not the memory."""
        clear = _presented(request)
        return await self._store.read(tokens.find, clear, self._store.now()) is not None

    async def _grant(self, clear: str) -> Grant:
        now = time.monotonic()
        known = self._known.get(clear)
        if known is not None and known[0] > now and not self._is_over(known[1]):
            return known[1]
        self._known.pop(clear, None)
        if len(clear) > _LONGEST_TOKEN:
            raise _unknown("The token is wrong.")
        grant = await self._store.read(tokens.find, clear, self._store.now())
        if grant is None:
            raise _unknown("The token is wrong, expired or revoked.")
        if len(self._known) >= _CACHE_LENGTH:
            self._known.clear()
        self._known[clear] = (now + CACHE_SECONDS, grant)
        self._note_used(grant, now)
        return grant

    def _is_over(self, grant: Grant) -> bool:
        return grant.expires_at is not None and grant.expires_at <= self._store.now()

    def _note_used(self, grant: Grant, now: float) -> None:
        if self._noted.get(grant.id, -_NOTE_SECONDS) + _NOTE_SECONDS <= now:
            if len(self._noted) >= _CACHE_LENGTH:
                self._noted.clear()
            self._noted[grant.id] = now
            self._store.writer.do_nowait(tokens.note_used, grant.id).add_done_callback(_forget)


def _presented(request: web.Request) -> str:
    """Return the bearer token of a request, empty without one."""
    scheme, _, clear = request.headers.get("Authorization", "").partition(" ")
    return clear.strip() if scheme.lower() == "bearer" else ""


def _forget(noted: Future[None]) -> None:
    """Let a failed note be: the writer has logged it, and the call itself is none the worse."""
    if not noted.cancelled():
        noted.exception()


def _unknown(detail: str) -> Denied:
    return Denied(401, detail, headers={"WWW-Authenticate": 'Bearer realm="omnigate"'})
