"""A provider on loopback that refuses what the real one refuses, and answers as a script says.

Judges know the fields of one interface and no others, so a misspelt field is an error here too.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from omnigate.testing.server import serve_app

Script = Callable[["Asked"], web.StreamResponse | str | None]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query_text: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    pairs: list[tuple[str, str]]
    """The fields of its form, in their order."""
    json: Any

    @property
    def form(self) -> dict[str, str]:
        """Return the form; of a repeated field the last value."""
        return dict(self.pairs)

    def basic(self) -> str:
        """Return user and password of HTTP Basic authentication."""
        scheme, _, given = self.headers.get("authorization", "").partition(" ")
        return base64.b64decode(given).decode() if scheme == "Basic" else ""


class Wrong(Exception):
    """The provider refuses what it was asked: a defect of who asks."""


@dataclass
class Provider:
    """A provider at work."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    script: Script | None = None
    """What to answer, before the provider's own answer; ``"cut"`` and ``"silence"`` are none."""


ProviderT = TypeVar("ProviderT", bound=Provider)


@asynccontextmanager
async def serving(
    provider: ProviderT, judge: Callable[[Asked], web.StreamResponse]
) -> AsyncIterator[ProviderT]:
    """Serve a provider; at the end nothing that it refused may be left."""
    over = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        provider.asked.append(asked)
        said = provider.script(asked) if provider.script is not None else None
        if said == "cut" and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if said == "silence":
            await over.wait()
        if isinstance(said, web.StreamResponse):
            return said
        try:
            return judge(asked)
        except Wrong as error:
            provider.wrong.append(str(error))
            return web.Response(status=400, text=str(error))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    async with serve_app(app) as url:
        provider.url = url
        try:
            yield provider
        finally:
            over.set()
    assert provider.wrong == []


async def _asked(request: web.Request) -> Asked:
    body = await request.read()
    document: Any = None
    pairs: list[tuple[str, str]] = []
    if request.content_type == "application/json":
        document = json.loads(body)
    elif request.content_type == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    return Asked(
        request.method,
        request.path,
        request.rel_url.raw_query_string,
        dict(request.query),
        request.headers,
        pairs,
        document,
    )


def only(given: Mapping[str, Any], needed: str, *, may: str = "") -> None:
    """Raise `Wrong` unless all that is needed is given, and nothing else but what may be."""
    missing = set(needed.split()) - given.keys()
    unknown = given.keys() - set(needed.split()) - set(may.split())
    if missing or unknown:
        raise Wrong(f"missing {sorted(missing)}, unknown {sorted(unknown)}")


def matches(pattern: str, value: Any) -> None:
    """Raise `Wrong` for a value that is not of a pattern."""
    if not re.fullmatch(pattern, str(value), re.DOTALL):
        raise Wrong(f"{value!r} is not {pattern}")


def answer(status: int, said: Any = "", **headers: str) -> Script:
    """Return a script that answers so, with JSON or with a text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def respond(asked: Asked) -> web.Response:
        if isinstance(said, str):
            return web.Response(status=status, text=said, headers=named)
        return web.Response(
            status=status, text=json.dumps(said), content_type="application/json", headers=named
        )

    return respond
