"""Lists of the API: pages, filters and cursors."""

from __future__ import annotations

import pytest

from omnigate.server.pages import seal
from tests.server.world import ALL, to

pytestmark = pytest.mark.anyio


class TestLists:
    async def test_pages_hold_everything_once(self, world):
        for number in range(7):
            await world.receive(str(number), who=f"w{number % 3}")
        auth = await world.token("messages:read")
        for path, count in (("/v1/messages", 7), ("/v1/conversations", 3), ("/v1/contacts", 3)):
            seen: list[str] = []
            query: dict[str, str] = {"limit": "2"}
            while True:
                status, page = await world.call("GET", path, headers=auth, params=query)
                assert status == 200
                seen += [item["id"] for item in page["items"]]
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
            assert len(seen) == len(set(seen)) == count

    async def test_filters_narrow(self, world):
        await world.receive("1")
        await world.receive("2", channel="other", who="boris")
        auth = await world.token(*ALL)
        conversation = await world.conversation()
        await world.call("POST", "/v1/messages", headers=auth, json=to(conversation))
        for query, count in (
            ("", 3),
            ("direction=inbound", 2),
            ("direction=outbound", 1),
            ("state=queued", 1),
            ("state=read", 0),
            (f"conversation={conversation}", 2),
            ("channel=other", 1),
        ):
            _, page = await world.call("GET", f"/v1/messages?{query}", headers=auth)
            assert (query, len(page["items"])) == (query, count)
        _, page = await world.call("GET", "/v1/conversations?channel=other", headers=auth)
        assert [item["contact"]["display_name"] for item in page["items"]] == ["boris"]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=201",
            "limit=99999999999999999999",
            "limit=x",
            "limit=1&limit=2",
            "cursor=junk",
            "cursor=%00",
            "cursor=AAAA",
            f"cursor={seal('a', 'b', 'c')}",
            f"cursor={seal(-1)}",
            f"cursor={seal(2**70)}",
            "cursor=" + "x" * 400,
            "typo=1",
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/messages", "/v1/conversations", "/v1/contacts"])
    async def test_junk_is_400(self, world, path, query):
        auth = await world.token("messages:read")
        assert (await world.call("GET", f"{path}?{query}", headers=auth))[0] == 400

    @pytest.mark.parametrize("text", ["' OR 1=1 --", "%00", "%F0%9F%98%80", "x" * 90, "%ff"])
    async def test_filters_are_only_ever_values(self, world, text):
        await world.receive()
        auth = await world.token("messages:read")
        for path in (
            f"/v1/conversations?contact={text}",
            f"/v1/contacts?address={text}",
        ):
            status, page = await world.call("GET", path, headers=auth)
            assert (status, page["items"]) == (200, [])
        for path in ("messages", "conversations", "contacts"):
            status, _ = await world.call("GET", f"/v1/{path}/{text}", headers=auth)
            assert status == 404
        path = f"/v1/messages?conversation={text}"
        assert (await world.call("GET", path, headers=auth))[0] == 404
