"""Scripts on pages of other sites: they read nothing here, even with a token."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.anyio


class TestForeignPages:
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
    async def test_are_refused_even_with_a_token(self, world, origin):
        auth = await world.token("messages:read") | {"Origin": origin}
        status, _, headers = await world.ask("GET", "/v1/messages", headers=auth)
        assert status == 403
        assert not [name for name in headers if name.lower().startswith("access-control")]

    async def test_get_no_preflight(self, world):
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        status, _, sent = await world.ask("OPTIONS", "/v1/messages", headers=headers)
        assert status == 405
        assert not [name for name in sent if name.lower().startswith("access-control")]

    async def test_the_own_page_may(self, world):
        auth = await world.token("messages:read") | {"Origin": world.url}
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 200
