"""Tokens of the API: who has none gets in nowhere; operators make and revoke them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from omnigate.server import auth
from omnigate.store import tokens

pytestmark = pytest.mark.anyio


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any]) -> None:
    """Ask again and again until the answer is as it should be, for half a minute at most."""
    async with asyncio.timeout(30):
        while not holds(await ask()):  # noqa: ASYNC110  # what changes tells nobody
            await asyncio.sleep(0.01)


class TestStrangers:
    """Who has no token, or none that counts."""

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic b2c6b2c=",
            "Bearer og_000000000000_x",
            "Bearer og__",
            "Bearer " + "x" * 5000,
            "Bearer ключ".encode().decode("latin-1"),
        ],
    )
    async def test_strangers_get_401_and_a_hint(self, world, header):
        headers = {} if header is None else {"Authorization": header}
        status, body, sent = await world.ask("GET", "/v1/messages", headers=headers)
        assert status == 401
        assert sent["WWW-Authenticate"].startswith("Bearer")
        assert sent["Content-Type"].startswith("application/problem+json")
        assert json.loads(body)["title"] == "Unauthorized"

    async def test_it_is_the_check_that_keeps_strangers_out(self, world, monkeypatch):
        """The sabotage twin: without the check the same call gets through."""

        async def anybody(self: Any, request: Any) -> auth.Caller:
            return auth.OPERATOR

        assert (await world.call("GET", "/v1/messages"))[0] == 401
        monkeypatch.setattr(auth.Doorkeeper, "caller", anybody)
        assert (await world.call("GET", "/v1/messages"))[0] == 200

    async def test_a_wrong_secret_of_a_real_token_is_401(self, world):
        auth = await world.token("messages:read")
        forged = {"Authorization": auth["Authorization"][:-4] + "AAAA"}
        assert (await world.call("GET", "/v1/messages", headers=forged))[0] == 401

    async def test_strangers_bodies_are_not_read(self, world):
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        status, _, _ = await world.ask("POST", "/v1/messages", data=endless())
        assert status == 401

    async def test_an_expired_token_is_401(self, world):
        auth = await world.token("messages:read", expires_at=world.store.now() - 1)
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 401

    async def test_a_revoked_token_is_401_within_seconds(self, world, monkeypatch):
        monkeypatch.setattr("omnigate.server.auth.CACHE_SECONDS", 0.05)
        auth = await world.token("messages:read")
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 200
        token_id = auth["Authorization"].split("_")[1]
        await world.store.writer.do(tokens.revoke, token_id)
        await until(
            lambda: world.call("GET", "/v1/messages", headers=auth), lambda is_: is_[0] == 401
        )


class TestKeeping:
    """What operators make, see and revoke."""

    async def test_the_use_of_a_token_is_noted(self, world):
        auth = await world.token("messages:read")
        await world.call("GET", "/v1/messages", headers=auth)
        await until(
            lambda: world.store.read(tokens.list_tokens), lambda found: found[0].last_used_at
        )

    async def test_makes_lists_and_revokes_tokens(self, world):
        wanted = {"name": "CRM", "scopes": ["messages:read"], "channels": ["app"]}
        status, made = await world.operate("POST", "/admin/tokens", json=wanted)
        assert status == 201
        auth = {"Authorization": f"Bearer {made['token']}"}
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 200
        _, listed = await world.operate("GET", "/admin/tokens")
        assert [item["name"] for item in listed["items"]] == ["CRM"]
        assert made["token"] not in json.dumps(listed)
        path = f"/admin/tokens/{made['id']}"
        assert [(await world.operate("DELETE", path))[0] for _ in range(2)] == [204, 404]

    @pytest.mark.parametrize(
        "wanted",
        [
            {"name": "", "scopes": ["admin"]},
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["root"]},
            {"name": "x", "scopes": ["admin"], "channels": []},
            {"name": "x", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z"},
            {"name": "x", "scopes": ["admin"], "expires_at": "soon"},
        ],
    )
    async def test_tokens_that_make_no_sense_are_422(self, world, wanted):
        assert (await world.operate("POST", "/admin/tokens", json=wanted))[0] == 422
