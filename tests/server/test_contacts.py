"""``/v1/contacts``: one customer over all channels, found, edited and merged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.world import ALL

pytestmark = pytest.mark.anyio


class TestContacts:
    async def test_is_found_by_address_and_edited(self, world):
        await world.receive()
        auth = await world.token(*ALL)
        _, page = await world.call("GET", "/v1/contacts?address=user:anna", headers=auth)
        path = f"/v1/contacts/{page['items'][0]['id']}"
        change = {"display_name": "Анна", "phone": None}
        status, shown = await world.call("PATCH", path, headers=auth, json=change)
        assert (status, shown["display_name"]) == (200, "Анна")
        assert (await world.call("GET", path, headers=auth))[1] == shown
        _, events = await world.call("GET", "/v1/events?types=contact.updated", headers=auth)
        assert events["items"][0]["data"]["contact"]["changed"] == ["display_name"]

    async def test_two_are_merged_and_both_ids_answer_as_one(self, world):
        await world.receive("1")
        await world.receive("2", channel="other", who="boris")
        auth = await world.token(*ALL)
        _, page = await world.call("GET", "/v1/contacts", headers=auth)
        loser, winner = (item["id"] for item in page["items"])
        path = f"/v1/contacts/{winner}/merge"
        status, shown = await world.call("POST", path, headers=auth, json={"contact": loser})
        assert status == 200
        assert {item["address"] for item in shown["addresses"]} == {"user:anna", "user:boris"}
        assert (await world.call("GET", f"/v1/contacts/{loser}", headers=auth))[1] == shown
        for body, code in (
            ({"contact": loser}, 422),
            ({"contact": winner}, 422),
            ({"contact": "ctc_x"}, 404),
            ({}, 422),
        ):
            assert (await world.call("POST", path, headers=auth, json=body))[0] == code
        _, events = await world.call("GET", f"/v1/contacts/{winner}/timeline", headers=auth)
        texts = [
            item["data"]["message"]["text"] for item in events["items"] if item["type"] == "message"
        ]
        assert len(texts) == 2

    async def test_the_timeline_comes_in_pages_newest_first(self, world):
        for number in range(5):
            await world.receive(str(number), text=str(number))
        auth = await world.token(*ALL)
        _, page = await world.call("GET", "/v1/contacts", headers=auth)
        path = f"/v1/contacts/{page['items'][0]['id']}/timeline"
        seen: list[str] = []
        query = {"limit": "2"}
        while True:
            _, page = await world.call("GET", path, headers=auth, params=query)
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert len(seen) == len(set(seen)) == 6
        assert seen == sorted(seen, reverse=True)


async def edit(world: Any, **fields: Any) -> tuple[int, Any]:
    await world.receive()
    _, page = await world.operate("GET", "/v1/contacts")
    path = f"/v1/contacts/{page['items'][0]['id']}"
    answer: tuple[int, Any] = await world.operate("PATCH", path, json=fields)
    return answer


@pytest.mark.parametrize("number", ["123", "89161234567", "+7916123456x", "", "+0123456789"])
async def test_a_number_without_its_country_is_refused(world: Any, number: str) -> None:
    status, problem = await edit(world, phone=number)
    assert status == 422
    (mistake,) = problem["errors"]
    assert mistake["path"] == "phone"
    assert "+79161234567" in mistake["message"]


@pytest.mark.parametrize(
    "mailbox", ["nix", "anna@", "@x.example", "Anna <a@x.example>", "", "a@b@c"]
)
async def test_what_is_no_mailbox_is_refused(world: Any, mailbox: str) -> None:
    status, problem = await edit(world, email=mailbox)
    assert status == 422
    (mistake,) = problem["errors"]
    assert mistake["path"] == "email"
    assert "name@example.org" in mistake["message"]


async def test_they_are_kept_in_one_spelling_and_emptied_by_null(world: Any) -> None:
    status, shown = await edit(world, phone="+7 (916) 123-45-67", email="Anna@Example.ORG")
    assert (status, shown["phone"], shown["email"]) == (200, "+79161234567", "Anna@example.org")
    status, shown = await edit(world, phone=None, email=None)
    assert (status, shown["phone"], shown["email"]) == (200, None, None)
