"""Merging, undoing it and looking at contradictions over the API."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

import omnigate

pytestmark = pytest.mark.anyio

READ, WRITE = "messages:read", "contacts:write"
_NUMBERS = itertools.count()


async def write(world: Any, *addresses: str, verified: bool = True, channel: str = "app") -> None:
    """Have somebody write who is proven to have all of the addresses."""
    said = omnigate.InboundMessage(
        external_id=f"w{next(_NUMBERS)}",
        conversation=addresses[0],
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile.model_validate(
            {"address": addresses[0], "also": addresses[1:], "verified": verified}
        ),
        text="hello",
    )
    await world.inbox.put(world.channels[channel].key, [said])


async def who(world: Any, address: str) -> str:
    _, page = await world.operate("GET", "/v1/contacts", params={"address": address})
    (found,) = page["items"]
    return str(found["id"])


def owned(contact: dict[str, Any]) -> set[str]:
    return {known["address"] for known in contact["addresses"]}


async def test_a_merge_is_listed_and_undone_by_its_number(world: Any) -> None:
    await write(world, "app:a")
    await write(world, "app:b")
    a, b = await who(world, "app:a"), await who(world, "app:b")
    auth = await world.token(READ, WRITE)
    path = f"/v1/contacts/{a}"
    body = {"contact": b, "note": "told us by phone"}
    status, shown = await world.call("POST", f"{path}/merge", headers=auth, json=body)
    assert (status, owned(shown)) == (200, {"app:a", "app:b"})
    _, events = await world.operate("GET", "/v1/events", params={"types": "contact.merged"})
    (told,) = (item["data"]["contact"] for item in events["items"])
    assert (told["id"], told["merged"], told["reason"]) == (a, b, "told us by phone")

    status, page = await world.call("GET", f"{path}/merges", headers=auth)
    assert status == 200
    (listed,) = page["items"]
    assert listed.pop("merged_at")
    assert listed.pop("merged_by") not in (None, "operator")
    assert listed == {
        "merge": told["merge"],
        "contact": a,
        "merged": b,
        "addresses": ["app:b"],
        "reason": "told us by phone",
        "channel": None,
        "undone_at": None,
        "undone_by": None,
    }
    # By either id, since both answer as one.
    undo = {"merge": told["merge"], "note": "two brothers"}
    status, apart = await world.call("POST", f"/v1/contacts/{b}/unmerge", headers=auth, json=undo)
    assert (status, apart["id"], owned(apart)) == (200, b, {"app:b"})
    assert owned((await world.call("GET", path, headers=auth))[1]) == {"app:a"}
    _, page = await world.call("GET", f"/v1/contacts/{b}/merges", headers=auth)
    assert page["items"][0]["undone_at"] is not None
    status, problem = await world.call("POST", f"{path}/unmerge", headers=auth, json=undo)
    assert (status, problem["code"]) == (409, "undone")
    status, problem = await world.call("POST", f"{path}/unmerge", headers=auth, json={"merge": 99})
    assert (status, problem["code"]) == (404, "not_found")
    for junk in ({"merge": 0}, {"merge": 2**70}, {"merge": "x"}, {}):
        status, _ = await world.call("POST", f"{path}/unmerge", headers=auth, json=junk)
        assert status == 422, junk


async def test_who_asks_at_the_same_time_hears_that_both_are_one_already(world: Any) -> None:
    await write(world, "app:a")
    await write(world, "app:b")
    first, second = await who(world, "app:a"), await who(world, "app:b")
    auth = await world.token(READ, WRITE)
    wishes = [(first, second), (second, first)]
    answers = await asyncio.gather(
        *(
            world.call("POST", f"/v1/contacts/{one}/merge", headers=auth, json={"contact": other})
            for one, other in wishes
        )
    )
    assert sorted(status for status, _ in answers) == [200, 422]
    assert [told["code"] for status, told in answers if status == 422] == ["same_contact"]


async def test_two_customer_ids_are_merged_with_force_only(world: Any) -> None:
    await write(world, "user:1", "tel:+4912345")
    await write(world, "user:2", "tel:+4912345")
    first, second = await who(world, "user:1"), await who(world, "user:2")
    assert first != second
    auth = await world.token(READ, WRITE)
    status, page = await world.call("GET", "/v1/contacts/conflicts", headers=auth)
    assert status == 200
    (conflict,) = page["items"]
    assert [contact["id"] for contact in conflict["contacts"]] == [first, second]
    assert (conflict["address"], conflict["count"]) == ("tel:+4912345", 1)
    assert (conflict["channel"], conflict["resolved_at"]) == ("app", None)

    path, body = f"/v1/contacts/{first}/merge", {"contact": second}
    status, problem = await world.call("POST", path, headers=auth, json=body)
    assert (status, problem["code"]) == (409, "contradictory")
    assert "force" in problem["detail"]
    status, shown = await world.call("POST", path, headers=auth, json={**body, "force": True})
    assert (status, owned(shown)) == (200, {"user:1", "user:2", "tel:+4912345"})
    _, page = await world.call("GET", "/v1/contacts/conflicts", headers=auth)
    assert page["items"] == []
    _, page = await world.call("GET", "/v1/contacts/conflicts?resolved=true", headers=auth)
    assert [contact["id"] for contact in page["items"][0]["contacts"]] == [first]


async def test_a_conflict_is_resolved_by_saying_so_and_comes_page_by_page(world: Any) -> None:
    for number in range(3):
        await write(world, f"user:{number}", "tel:+4912345")
    auth = await world.token(READ, WRITE)
    _, page = await world.call("GET", "/v1/contacts/conflicts?limit=1", headers=auth)
    (newest,) = page["items"]
    path = f"/v1/contacts/conflicts/{newest['conflict']}/resolve"
    status, shown = await world.call("POST", path, headers=auth)
    assert (status, shown["resolved_at"] is None) == (200, False)
    assert (await world.call("POST", path, headers=auth))[1] == shown, "the second time too"
    query = {"limit": "1", "cursor": page["next"]}
    _, page = await world.call("GET", "/v1/contacts/conflicts", headers=auth, params=query)
    assert page["items"][0]["conflict"] < newest["conflict"]
    for unknown in ("99", "x", "0", "-1", str(2**70), "%D9%A1"):
        path = f"/v1/contacts/conflicts/{unknown}/resolve"
        assert (await world.call("POST", path, headers=auth))[0] == 404, unknown


async def test_who_sees_only_some_channels_sees_no_conflict_with_strangers(world: Any) -> None:
    await write(world, "user:1", "tel:+4912345")
    await write(world, "user:2", "tel:+4912345", channel="other")
    auth = await world.token(READ, WRITE, channels=["app"])
    _, page = await world.call("GET", "/v1/contacts/conflicts", headers=auth)
    assert page["items"] == []
    path = "/v1/contacts/conflicts/1/resolve"
    assert (await world.call("POST", path, headers=auth))[0] == 404
    _, page = await world.operate("GET", "/v1/contacts/conflicts")
    assert len(page["items"]) == 1
    reader = await world.token(READ)
    assert (await world.call("POST", path, headers=reader))[0] == 403


async def test_an_erased_person_stands_in_no_merge_and_no_conflict_any_more(world: Any) -> None:
    await write(world, "user:1", "tel:+4912345")
    await write(world, "user:2", "tel:+4912345")
    await write(world, "app:c")
    erased, stays = await who(world, "user:1"), await who(world, "user:2")
    for number, contact in enumerate((erased, stays), start=1):
        body, undo = {"contact": await who(world, "app:c")}, {"merge": number}
        await world.operate("POST", f"/v1/contacts/{contact}/merge", json=body)
        status, _ = await world.operate("POST", f"/v1/contacts/{contact}/unmerge", json=undo)
        assert status == 200
    assert (await world.operate("DELETE", f"/v1/contacts/{erased}"))[0] == 200
    _, page = await world.operate("GET", "/v1/contacts/conflicts", params={"resolved": "true"})
    assert page["items"] == []
    _, page = await world.operate("GET", f"/v1/contacts/{stays}/merges")
    assert [(item["merge"], item["addresses"]) for item in page["items"]] == [(2, ["app:c"])]
    _, page = await world.operate("GET", "/v1/events")
    assert "+4912345" not in str(page)
    status, problem = await world.operate("GET", f"/v1/contacts/{erased}/merges")
    assert (status, problem["code"]) == (410, "gone")
    undo = {"merge": 1}
    status, _ = await world.operate("POST", f"/v1/contacts/{erased}/unmerge", json=undo)
    assert status == 410
