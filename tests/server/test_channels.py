"""The endpoints of channels: what a platform gets to see, whatever the plugin does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel

import omnigate
from omnigate.server import bodies
from omnigate.server.channels import ChannelResource
from omnigate.store import quarantined
from omnigate.testing import FakeHost

pytestmark = pytest.mark.anyio


class Body(BaseModel):
    number: int


class Plain(omnigate.Channel):
    """Endpoints of every kind."""

    kind = "plain"
    capabilities = omnigate.Capabilities()

    def routes(self):
        return [
            omnigate.Route("POST", "/echo", self._echo, 1000),
            omnigate.Route("POST", "/big", self._echo, 3 * 1024 * 1024),
            omnigate.Route("POST", "/stream", self._stream, 1000, stream=True),
            omnigate.Route("GET", "/ui/{hash}/{file:.+}", self._ui),
            omnigate.Route("POST", "/raise/{what}", self._raise),
            omnigate.Route("POST", "/model", self._model),
            omnigate.Route("GET", "/remote", self._remote),
        ]

    async def _echo(self, request):
        return web.Response(body=str(len(await request.read())))

    async def _stream(self, request):
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        return web.Response(body=str(size))

    async def _ui(self, request):
        return web.json_response(dict(request.match_info))

    async def _raise(self, request):
        raise {
            "bug": ZeroDivisionError("secret detail"),
            "who": omnigate.Unauthorized("token"),
            "bad": omnigate.BadPayload("no such field"),
            "full": omnigate.Overloaded("full", 2.5),
            "store": omnigate.StoreError("disk"),
            "refused": omnigate.Refused("forbidden", "not for you"),
            "later": omnigate.RetryLater("later"),
            "slow": TimeoutError("the platform"),
            "cut": ConnectionResetError("the platform"),
        }[request.match_info["what"]]

    async def _model(self, request):
        return web.json_response(Body.model_validate_json(await request.read()).model_dump())

    async def _remote(self, request):
        return web.json_response([request.remote, request.scheme])

    async def send(self, part):
        raise omnigate.Refused("no", "never")


class Hooked(omnigate.WebhookChannel):
    """A platform that posts here."""

    kind = "hooked"
    capabilities = omnigate.Capabilities()

    def authenticate(self, request):
        if not omnigate.secrets_match(request.headers.get("X-Token"), "right"):
            raise omnigate.Unauthorized("wrong")

    async def handshake(self, request):
        if b"who are you" not in request.body:
            return None
        await asyncio.sleep(0)
        return omnigate.Response(body=b"it is me")

    def parse(self, request) -> Sequence[omnigate.Inbound]:
        data = json.loads(request.body)
        if "bug" in data:
            raise KeyError("bug")
        if "bad" in data:
            raise omnigate.BadPayload("bad is set")
        return [
            omnigate.InboundMessage(
                external_id=data["id"],
                conversation="1",
                occurred_at=datetime.now(UTC),
                sender=omnigate.Profile(address=omnigate.Address("user:1")),
                text=data.get("text"),
            )
        ]

    def stored(self, request):
        if b"forget" in request.body:
            raise RuntimeError("forgotten")

    def reply(self, request):
        return omnigate.Response(body=b"ok")

    async def send(self, part):
        raise omnigate.Refused("no", "never")


@pytest.fixture
async def world(world_with, runner):
    plain = runner("plain", channel=Plain(omnigate.ChannelConfig(), FakeHost()))
    hooked = runner("hooked", channel=Hooked(omnigate.ChannelConfig(), FakeHost()))
    broken = runner("broken", channel=None, state="down")
    disabled = runner("disabled", config=omnigate.ChannelConfig(enabled=False))
    async with world_with(
        channels=(plain, hooked, broken, disabled),
        server={"body_timeout_seconds": 0.5, "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]},
    ) as opened:
        yield opened


def is_problem(status: int, body: bytes, headers: Any) -> Any:
    problem = json.loads(body)
    assert headers["content-type"].startswith("application/problem+json")
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


async def test_a_handshake_is_answered_and_nothing_else_becomes_of_it(world):
    path, hello = "/channels/hooked/hook", b'{"bug": "who are you"}'
    greeted = await world.ask("POST", path, data=hello, headers={"X-Token": "right"})
    assert greeted[:2] == (200, b"it is me")
    assert (await world.ask("POST", path, data=hello))[0] == 401
    listed = await world.store.read(quarantined.list_quarantined, quarantined.QuarantineFilter())
    assert not listed


async def test_what_is_on_disk_is_answered_as_such_whatever_the_plugin_makes_of_it(world):
    """Or the platform would send it again for ever."""
    said = {"id": "1", "text": "forget"}
    path, right = "/channels/hooked/hook", {"X-Token": "right"}
    status, body, _ = await world.ask("POST", path, data=json.dumps(said).encode(), headers=right)
    assert (status, body) == (200, b"ok")


async def test_routes_with_parameters_get_their_match(world):
    status, body, _ = await world.ask("GET", "/channels/plain/ui/abc/deep/file.js")
    assert (status, json.loads(body)) == (200, {"hash": "abc", "file": "deep/file.js"})


@pytest.mark.parametrize("expects", [False, True], ids=["ordinary", "expects"])
async def test_only_what_is_not_ordinary_asks_the_router(world, monkeypatch, expects):
    """Who expects a word before the body does: it is the router that says it."""
    asked: list[str] = []
    resolve = ChannelResource.resolve

    async def listen(self: ChannelResource, request: web.Request) -> Any:
        asked.append(request.path)
        return await resolve(self, request)

    monkeypatch.setattr(ChannelResource, "resolve", listen)
    path = "/channels/plain/echo"
    assert (await world.ask("POST", path, data=b"12345", expect100=expects))[:2] == (200, b"5")
    assert asked == ([path] if expects else [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/channels", 404),
        ("GET", "/channels/", 404),
        ("GET", "/channels/nobody/echo", 404),
        ("POST", "/channels/plain", 404),
        ("POST", "/channels/plain/nothing", 404),
        ("GET", "/channels/plain/echo", 405),
        ("PUT", "/channels/hooked/hook", 405),
        ("POST", "/channels/disabled/hook", 404),
        ("POST", "/channels/broken/hook", 503),
        ("POST", "/channels/%70lain/echo/../echo%00", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/messages", 405),
    ],
)
async def test_what_is_not_there_is_a_problem(world, method, path, status):
    found = await world.ask(method, path)
    assert found[0] == status
    is_problem(*found)
    if status == 405:
        assert found[2]["Allow"]


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("bug", 500),
        ("bad", 422),
        ("full", 503),
        ("store", 503),
        ("refused", 403),
        ("later", 503),
        ("slow", 500),
        ("cut", 500),
    ],
)
async def test_what_a_handler_raises_becomes_a_problem_without_details_of_bugs(world, what, status):
    found = await world.ask("POST", f"/channels/plain/raise/{what}")
    assert found[0] == status
    is_problem(*found)
    assert b"secret" not in found[1]
    assert ("Retry-After" in found[2]) == (status == 503)


async def test_the_unproven_get_an_empty_401(world):
    assert (await world.ask("POST", "/channels/plain/raise/who"))[:2] == (401, b"")


async def test_a_payload_with_mistakes_gets_the_path_of_each(world):
    found = await world.ask("POST", "/channels/plain/model", data=b'{"number":"x"}')
    assert found[0] == 422
    assert is_problem(*found)["errors"][0]["path"] == "number"


async def test_bodies_over_the_cap_of_their_route_are_413(world):
    async def chunked(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 100):
            yield b"x" * 100

    assert (await world.ask("POST", "/channels/plain/echo", data=b"x" * 1000))[1] == b"1000"
    for data in (b"x" * 1001, chunked(2000)):
        found = await world.ask("POST", "/channels/plain/echo", data=data)
        assert found[0] == 413
        is_problem(*found)


async def test_a_route_may_take_more_than_the_default(world):
    async def chunked() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    for data in (BytesIO(b"x" * 3_000_000), chunked()):
        status, body, _ = await world.ask("POST", "/channels/plain/big", data=data)
        assert (status, body) == (200, b"3000000")


@pytest.mark.parametrize("path", ["/channels/plain/echo", "/channels/plain/stream"])
async def test_a_body_that_does_not_come_is_cut_off(world, path):
    status, closed = await slow_post(world, path, [b"x", b"y"])
    assert status == 408
    assert closed


async def test_a_large_body_may_take_longer_as_long_as_it_comes_steadily(world, monkeypatch):
    monkeypatch.setattr(bodies, "STEADY_BYTES_PER_SECOND", 1000)
    monkeypatch.setattr(bodies, "WINDOW_SECONDS", 0.25)

    async def steady() -> AsyncIterator[bytes]:
        for _ in range(15):
            yield b"x" * 1000
            await asyncio.sleep(0.05)  # this is the pace that is tested

    started = asyncio.get_running_loop().time()
    status, body, _ = await world.ask("POST", "/channels/plain/big", data=steady())
    assert (status, body) == (200, b"15000")
    assert asyncio.get_running_loop().time() - started > 0.5


async def test_a_body_that_trickles_is_cut_off(world, monkeypatch):
    monkeypatch.setattr(bodies, "WINDOW_SECONDS", 0.1)

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.02)  # this is the pace that is tested

    status, _, _ = await world.ask("POST", "/channels/plain/stream", data=trickle())
    assert status == 408


async def slow_post(world: Any, path: str, pieces: list[bytes]) -> tuple[int, bool]:
    """Send a body in pieces and never its end; return the status and whether we were hung up on."""
    host, port = world.url.removeprefix("http://").split(":")
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
        writer.write(head.encode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        answer = await reader.read()  # to the end of the connection
        writer.close()
        await writer.wait_closed()
    return int(answer.split(b" ")[1]), True


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only_hop_by_hop(world):
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.1.1", "X-Forwarded-Proto": "https"}
    _, body, _ = await world.ask("GET", "/channels/plain/remote", headers=headers)
    assert json.loads(body) == ["203.0.113.9", "https"]
    headers = {"X-Forwarded-For": "junk", "X-Forwarded-Proto": "gopher"}
    _, body, _ = await world.ask("GET", "/channels/plain/remote", headers=headers)
    assert json.loads(body) == ["127.0.0.1", "http"]


async def test_forwarded_addresses_of_strangers_are_ignored(world_with, runner):
    plain = runner("plain", channel=Plain(omnigate.ChannelConfig(), FakeHost()))
    async with world_with(channels=[plain]) as world:
        headers = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
        _, body, _ = await world.ask("GET", "/channels/plain/remote", headers=headers)
        assert json.loads(body) == ["127.0.0.1", "http"]


class TestHook:
    """POST /channels/{name}/hook."""

    async def test_answers_after_the_message_is_stored(self, world):
        status, body, _ = await post(world, {"id": "1", "text": "hi"})
        assert (status, body) == (200, b"ok")
        assert await world.stored("message") == 1

    async def test_a_copy_gets_the_same_answer_and_is_stored_once(self, world):
        assert await post(world, {"id": "1"}) == await post(world, {"id": "1"})
        assert await world.stored("message") == 1

    async def test_the_unproven_store_nothing(self, world):
        status, body, _ = await post(world, {"id": "1"}, token="wrong")
        assert (status, body) == (401, b"")
        assert await world.stored("message") == 0
        assert (
            await world.store.read(quarantined.list_quarantined, quarantined.QuarantineFilter())
            == []
        )

    @pytest.mark.parametrize("body", [{"bug": 1}, {"bad": 1}, {}, "junk"])
    async def test_what_is_not_understood_is_kept_raw_and_answered_as_a_success(self, world, body):
        status, said, _ = await post(world, body)
        assert (status, said) == (200, b"ok")
        (listed,) = await world.store.read(
            quarantined.list_quarantined, quarantined.QuarantineFilter()
        )
        kept = await world.store.read(quarantined.read_quarantined, listed.id)
        assert json.loads(kept.body) == body
        assert "right" not in kept.request
        assert await world.stored("message") == 0

    async def test_our_own_trouble_is_503_so_that_the_platform_comes_again(self, world):
        world.inbox._disk_is_low, world.inbox._checked_at = True, time.monotonic()
        found = await post(world, {"id": "1"})
        assert found[0] == 503
        assert found[2]["Retry-After"] == "60"
        assert await world.stored("message") == 0
        world.inbox._disk_is_low = False
        assert (await post(world, {"id": "1"}))[0] == 200


async def post(world: Any, body: Any, token: str = "right") -> tuple[int, bytes, dict[str, str]]:
    status, said, headers = await world.ask(
        "POST", "/channels/hooked/hook", json=body, headers={"X-Token": token}
    )
    return status, said, {k: v for k, v in headers.items() if k != "Date"}
