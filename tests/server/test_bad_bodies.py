"""Bodies that the API does not take: refused with what is wrong with them, and nothing is stored."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from typing import Any

import pytest

from tests.server.world import NOBODY, to

pytestmark = pytest.mark.anyio


class TestBadBodies:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"[]", 422),
            (b"null", 422),
            (b"NaN", 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x","extensions":{"a":NaN}}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x","extensions":{"a":1e999}}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"\\ud800"}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"a\\u0000b"}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"\xff"}', 400),
            (b"[" * 100_000, 400),
            (b'{"to":{},"text":"x"}', 422),
            (b'{"to":{"conversation":"cnv_1"},"text":"x"}', 422),
            (b'{"to":{"conversation":"cnv_%s"}}', 422),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x","typo":1}', 422),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x"}', 404),
            (b'{"to":{"channel":"nobody","address":"user:1"},"text":"x"}', 404),
            (b'{"to":{"channel":"app","address":"no address"},"text":"x"}', 422),
        ],
    )
    async def test_bad_bodies_are_refused_and_store_nothing(self, world, body, status):
        auth = await world.token("messages:send") | {"Content-Type": "application/json"}
        body = body.replace(b"%s", NOBODY.encode())
        found, problem = await world.call("POST", "/v1/messages", headers=auth, data=body)
        assert found == status
        assert problem["status"] == status
        assert problem["detail"]
        assert await world.stored("message") == 0

    async def test_nesting_is_bounded_at_64(self, world):
        auth = await world.token("messages:send")
        inner: Any = 1
        for _ in range(62):
            inner = [inner]
        body = to(f"cnv_{NOBODY}", extensions={"a": inner})
        assert (await world.call("POST", "/v1/messages", headers=auth, json=body))[0] == 404
        body = to(f"cnv_{NOBODY}", extensions={"a": [[inner]]})
        assert (await world.call("POST", "/v1/messages", headers=auth, json=body))[0] == 400

    async def test_mistakes_are_named_by_path(self, world):
        auth = await world.token("messages:send")
        body = {**to(f"cnv_{NOBODY}"), "buttons": [[{"label": ""}]]}
        _, problem = await world.call("POST", "/v1/messages", headers=auth, json=body)
        assert [mistake["path"] for mistake in problem["errors"]] == ["buttons.0.0.label"]

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x"])
    async def test_only_json_is_taken(self, world, kind):
        auth = await world.token("messages:send") | {"Content-Type": kind}
        assert (await world.call("POST", "/v1/messages", headers=auth, data=b"{}"))[0] == 415

    async def test_large_bodies_are_413(self, world):
        auth = await world.token("messages:send") | {"Content-Type": "application/json"}
        body = BytesIO(json.dumps(to(f"cnv_{NOBODY}", text="x" * 1_048_576)).encode())
        assert (await world.call("POST", "/v1/messages", headers=auth, data=body))[0] == 413

    async def test_compressed_bodies_are_not_unpacked(self, world):
        auth = await world.token("messages:send")
        headers = {**auth, "Content-Type": "application/json", "Content-Encoding": "gzip"}
        bomb = gzip.compress(b" " * 50_000_000)
        assert (await world.call("POST", "/v1/messages", headers=headers, data=bomb))[0] == 400
