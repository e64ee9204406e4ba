"""What a provider's call comes to: turned away, stored, or kept so that it can be read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omnigate
from omnigate.testing import FakeHost
from omnigate.testing.server import serve

pytestmark = pytest.mark.anyio

TOKEN = "the-token-in-our-address"


class Hook(omnigate.ProviderHook[str]):
    """Takes what names something; keeps what it was told."""

    def __init__(self, host: omnigate.ChannelHost) -> None:
        super().__init__(host)
        self.stored: list[str] = []
        self.failure: Exception | None = None
        self.read_again: list[omnigate.Request] = []

    def authenticate(self, request: omnigate.Request) -> None:
        if not omnigate.secrets_match(request.query.get("token"), TOKEN):
            raise omnigate.Unauthorized("the token is wrong")

    async def read(self, request: omnigate.Request) -> str:
        self.read_again.append(request)
        if self.failure is not None:
            raise self.failure
        return request.query.get("what") or request.body.decode("latin-1")

    async def keep(self, said: str) -> None:
        if said == "what keep fails at":
            raise LookupError
        await self.host.put(notes={"said": said})
        self.stored.append(said)

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        return omnigate.Response(201, b"<ok/>", "text/xml", {"x-more": "1"})

    def kept(self, request: omnigate.Request) -> omnigate.Request:
        return replace(request, body=request.body.replace(b"proof", b""))

    def secrets(self) -> Sequence[str]:
        return [TOKEN]


class Called(omnigate.Channel):
    """A channel that is nothing but its hook."""

    kind = "called"
    summary = "A hook."
    capabilities = omnigate.Capabilities(on_uncertain="hold")

    class Config(omnigate.ChannelConfig):
        """Nothing to say."""

    def __init__(self, config: Any, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        self.hook = Hook(host)

    def routes(self) -> Sequence[omnigate.Route]:
        return self.hook.routes("/hook", "/hook/status")

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise omnigate.Refused("not_supported", "nothing is sent")


class Host(FakeHost):
    """Remembers what went to quarantine, as the daemon keeps it: of a query it has no values."""

    def __init__(self) -> None:
        super().__init__("called", kind="called")
        self.kept: list[omnigate.Request] = []

    async def put_updates(self, parse: Any, updates: Any, **more: Any) -> Any:
        self.kept += [replace(one, query={}) for one in updates]
        return await super().put_updates(parse, updates, **more)


@asynccontextmanager
async def called() -> AsyncIterator[tuple[Hook, Host, str]]:
    async with Host() as host:
        channel = Called(Called.Config(), host)
        async with serve(channel, host) as url:
            yield channel.hook, host, url


async def call(
    url: str, method: str = "POST", data: bytes | None = None, **query: str
) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, params=query, data=data) as answer,
    ):
        return answer.status, await answer.read()


@pytest.mark.parametrize("path", ["/hook", "/hook/status"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_said_is_stored_before_the_provider_reads_that_it_was(path, method):
    async with called() as (hook, host, url):
        assert await call(url + path, method, token=TOKEN, what="a") == (201, b"<ok/>")
        assert hook.stored == ["a"]
        host.store.failure = omnigate.StoreError("disk full")
        assert (await call(url + path, method, token=TOKEN, what="b"))[0] == 503
        assert (hook.stored, host.kept) == (["a"], [])


async def test_who_proves_nothing_is_neither_read_nor_kept():
    async with called() as (hook, host, url):
        assert (await call(f"{url}/hook", token="wrong", what="a"))[0] == 401
        assert (hook.read_again, host.kept) == ([], [])


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (omnigate.BadPayload("no id"), "no id"),
        (ZeroDivisionError(), "taking it in raised ZeroDivisionError"),
    ],
)
async def test_what_is_not_understood_is_kept_without_its_proofs_and_answered(failure, reason):
    async with called() as (hook, host, url):
        hook.failure = failure
        assert (await call(f"{url}/hook", data=b"a proof", token=TOKEN, id="7"))[0] == 201
        (kept,) = host.kept
        assert (kept.path, kept.body) == ("/hook?id=7", b"a ")
        assert host.store.quarantine == [(b"a ", reason)]


async def test_what_cannot_be_kept_by_a_mistake_of_ours_is_answered_and_comes_no_more():
    async with called() as (hook, host, url):
        assert (await call(f"{url}/hook", token=TOKEN, what="what keep fails at"))[0] == 201
        assert hook.stored == []
        assert host.store.quarantine == [
            (b"what=what+keep+fails+at", "taking it in raised LookupError")
        ]


async def test_what_cannot_be_looked_up_for_want_of_the_store_is_not_acknowledged():
    """Reading may need the store: whose call it is, say."""
    async with called() as (hook, host, url):
        hook.failure = omnigate.Overloaded("full")
        assert (await call(f"{url}/hook", token=TOKEN))[0] == 503
        assert host.kept == []


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@settings(deadline=None, max_examples=40)
@given(
    method=st.sampled_from(["GET", "POST"]),
    query=st.dictionaries(WORDS, WORDS, max_size=4),
    body=st.binary(max_size=20),
)
def test_a_call_out_of_quarantine_says_what_it_said_but_for_secrets(method, query, body):
    """Whichever way it came: a query is kept as a body, or beside one as a part of the path."""

    async def happen() -> None:
        async with Host() as host:
            hook = Hook(host)
            hook.failure = omnigate.BadPayload("no")
            given = omnigate.Request(
                method=method,
                path="/hook",
                query={**query, "token": TOKEN},
                headers={},
                body=body if method == "POST" else b"",
            )
            await hook._take_in(given)
            hook.failure = None
            (kept,) = host.kept
            assert TOKEN not in kept.path + kept.body.decode("latin-1")
            await hook.take_again(kept)
            again = hook.read_again[-1]
            if given.body.replace(b"proof", b""):
                assert (again.query, again.body) == (query, given.body.replace(b"proof", b""))
            else:
                assert again.body.decode() == urlencode(query)
                assert method == "POST" or again.query == query
            assert (again.path, again.method) == ("/hook", method)

    asyncio.run(happen())
