"""Where a provider calls a channel that does more with what it is told than parse it.

A `WebhookChannel` is the simple case: the daemon stores what it parses. A channel that gathers pieces
first, or finds out which call it is about, derives from `ProviderHook`. The order is the same:
``authenticate`` → ``read`` → ``keep`` → ``reply``: success goes out only after what was said is on disk, and
what is authentic and not understood, or what ``keep`` fails at, is kept in quarantine and answered as a
success, or it would come for ever.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from omnigate.errors import BadPayload, Overloaded, StoreError
from omnigate.hosting import ChannelHost
from omnigate.model.inbound import Inbound
from omnigate.request import Request, Response, Route

MAX_BODY_BYTES: Final = 1024 * 1024

SaidT = TypeVar("SaidT")


class ProviderHook(ABC, Generic[SaidT]):
    """The paths that one provider calls; ``routes`` and ``take_again`` are what the channel hands on."""

    def __init__(self, host: ChannelHost) -> None:
        self.host = host

    @abstractmethod
    def authenticate(self, request: Request) -> None:
        """Raise `Unauthorized` unless the call is proven to be the provider's."""

    @abstractmethod
    async def read(self, request: Request) -> SaidT:
        """Return what an authentic call says; raise `BadPayload` for what is not understood."""

    @abstractmethod
    async def keep(self, said: SaidT) -> None:
        """Have it stored; durable on return. Raises `Overloaded` or `StoreError` for what may come again."""

    def reply(self, request: Request) -> Response:
        """Return what the provider wants to read once its call is stored."""
        return Response()

    def kept(self, request: Request) -> Request:
        """Return a call as quarantine may keep it: with all that ``read`` needs, and no proof in its body."""
        return request

    def secrets(self) -> Iterable[str]:
        """Return what must never be kept of the query of a call, such as the token in our address."""
        return ()

    def routes(self, *paths: str) -> Sequence[Route]:
        """Serve these paths, by POST and by GET."""
        return [
            Route(method, path, partial(self._called, path), MAX_BODY_BYTES)
            for path in paths
            for method in ("POST", "GET")
        ]

    async def take_again(self, request: Request) -> None:
        """Take in what was put in quarantine; see `Channel.take_again`."""
        await self.keep(await self.read(_as_it_came(request)))

    async def _called(self, path: str, request: web.Request) -> web.Response:
        given = Request(
            method=request.method,
            path=path,
            query=request.query,
            headers=request.headers,
            body=await request.read(),
            remote=request.remote,
            received_at_seconds=time.time(),
        )
        self.authenticate(given)
        await self._take_in(given)
        answer = self.reply(given)
        return web.Response(
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
            headers=answer.headers,
        )

    async def _take_in(self, given: Request) -> None:
        """Have what a call says stored; what is not understood goes to quarantine."""
        try:
            await self.keep(await self.read(given))
            return
        except (Overloaded, StoreError):
            raise
        except BadPayload as error:
            reason = str(error)
        except Exception as error:
            self.host.log.exception("a call of the provider could not be taken in")
            reason = f"taking it in raised {type(error).__name__}"

        def refuse(_: Request) -> Sequence[Inbound]:
            raise BadPayload(reason)

        shown = _with_query(self.kept(given), frozenset(self.secrets()))
        await self.host.put_updates(refuse, [shown])


def _with_query(given: Request, secrets: frozenset[str]) -> Request:
    """Return a call with its query where quarantine keeps it: of a query it keeps no values.

    What a provider says in the address alone becomes the body, what it says beside a body part of the path.
    """
    if not given.query:
        return given
    said = urlencode(
        [(name, value) for name, value in given.query.items() if value not in secrets],
        errors="replace",
    )
    if not given.body:
        return replace(given, body=said.encode())
    return replace(given, path=f"{given.path}?{said}")


def _as_it_came(kept: Request) -> Request:
    """Return a call out of quarantine with the query that it came with, but for secrets."""
    path, mark, said = kept.path.partition("?")
    if not mark and kept.method == "GET":
        said = kept.body.decode("ascii", "replace")
    query = {**kept.query, **dict(parse_qsl(said, keep_blank_values=True))}
    return replace(kept, path=path, query=query)
