"""The operator's socket: how everything is, what is wrong with the store, and the end of the daemon."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from omnigate.store.schema import lane
from tests.server.world import to

pytestmark = pytest.mark.anyio


class TestAdmin:
    async def test_shows_how_everything_is(self, world):
        await world.receive()
        status, shown = await world.operate("GET", "/admin/status")
        assert status == 200
        assert shown["ready"] is True
        assert shown["store"]["size_bytes"] > 0
        assert shown["channels"][0].pop("waiting_since") is not None
        assert shown["channels"][0] == {
            "name": "app",
            "kind": "test",
            "state": "up",
            "message": "",
            "enabled": True,
            "endpoint": None,
            "talks_to": None,
            "stored": 1,
            "duplicates": 0,
            "refused": 0,
            "unauthorized": 0,
            "quarantined": 0,
            "waiting": 1,
            "overdue": 0,
        }
        assert [(item["name"], item["state"]) for item in shown["destinations"]] == [
            ("crm", "ok"),
            ("app", "ok"),
            ("other", "ok"),
        ]
        assert shown["totals"]["events"] == 2

    async def test_counts_what_waits_and_shows_what_fails(self, world):
        await world.receive()
        body = to(await world.conversation())
        assert (await world.operate("POST", "/v1/messages", json=body))[0] == 202
        crm, app, _ = world.services.destinations()
        crm.health.failures, crm.health.last_error = 1, "HTTP 500"
        app.health.breaker = "open"
        _, shown = await world.operate("GET", "/admin/status")
        states = {item["name"]: item for item in shown["destinations"]}
        assert (states["crm"]["state"], states["crm"]["last_error"]) == ("failing", "HTTP 500")
        assert (states["app"]["state"], states["app"]["pending"]) == ("open", 1)
        assert states["app"]["oldest_pending_at"].endswith("Z")
        crm.health.paused = "410"
        _, listed = await world.operate("GET", "/admin/backends")
        assert [(item["name"], item["state"]) for item in listed["items"]] == [("crm", "paused")]

    async def test_lists_and_shows_channels_and_backends(self, world):
        _, listed = await world.operate("GET", "/admin/channels")
        assert [item["name"] for item in listed["items"]] == ["app", "other"]
        assert (await world.operate("GET", "/admin/channels/other"))[1]["name"] == "other"
        assert (await world.operate("GET", "/admin/backends/crm"))[1]["kind"] == "webhook"
        assert (await world.operate("POST", "/admin/backends/crm/test"))[1]["ok"] is True
        for method, path in (
            ("GET", "/admin/channels/nobody"),
            ("GET", "/admin/backends/nobody"),
            ("POST", "/admin/backends/nobody/test"),
            ("DELETE", "/admin/tokens/nobody"),
        ):
            assert (await world.operate(method, path))[0] == 404

    async def test_checks_the_store_and_names_what_is_wrong(self, world):
        await world.receive()
        body = to(await world.conversation())
        await world.operate("POST", "/v1/messages", json=body)
        assert (await world.operate("GET", "/admin/store/check"))[1] == {"ok": True, "problems": []}

        def damage(transaction: Any, items: Any) -> list[None]:
            transaction.connection.execute(update(lane).values(pending=7))
            return [None]

        await world.store.writer.do(damage, None)
        _, shown = await world.operate("GET", "/admin/store/check")
        assert shown["ok"] is False
        assert "says 7 pending, the outbox has 1" in shown["problems"][0]

    async def test_stops_the_daemon(self, world):
        assert (await world.operate("POST", "/admin/stop"))[0] == 202
        assert world.stopped == [True]
        assert (await world.call("GET", "/readyz"))[0] == 503
        assert (await world.call("GET", "/healthz"))[0] == 200

    async def test_is_not_on_the_public_listener_whatever_the_token(self, world):
        auth = await world.token("admin")
        for path in ("/admin/status", "/admin/tokens", "/admin/store/check"):
            assert (await world.call("GET", path, headers=auth))[0] == 404

    async def test_serves_the_whole_api_without_a_token(self, world):
        await world.receive()
        _, page = await world.operate("GET", "/v1/messages")
        assert [item["text"] for item in page["items"]] == ["hello"]
