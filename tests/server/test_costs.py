"""What a page costs: so many statements, however many things are on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import omnigate
from omnigate.store.contacts import Merge, merge

pytestmark = pytest.mark.anyio

PAGES = ("/v1/contacts", "/v1/contacts/conflicts", "/v1/conversations", "/v1/messages")


async def come(world: Any, *numbers: int) -> None:
    """Have customers come, each of whom contradicts somebody, and some of whom were merged."""
    said = [
        omnigate.InboundMessage(
            external_id=f"{who}{number}",
            conversation=f"{who}{number}",
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile.model_validate(
                {
                    "address": f"user:{who}{number}",
                    "also": [f"tel:+4912345{number:03}"],
                    "verified": True,
                }
            ),
            text="hello",
        )
        for number in numbers
        for who in ("anna", "boris")
    ]
    await world.inbox.put(world.channels["app"].key, said)
    for number in numbers:
        anna, clara = f"anna{number}", f"clara{number}"
        await world.receive(clara, who=clara)
        winner, loser = [await contact_of(world, who) for who in (anna, clara)]
        await world.store.writer.do(merge, Merge(winner, loser, force=True))


async def contact_of(world: Any, who: str) -> str:
    _, page = await world.operate("GET", "/v1/contacts", params={"address": f"user:{who}"})
    return str(page["items"][0]["id"])


@pytest.mark.parametrize("channels", [None, ["app"]])
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_costs_as_many_statements_for_one_as_for_many(
    world: Any, path: str, channels: list[str] | None
) -> None:
    auth = await world.token("messages:read", channels=channels)

    async def cost() -> tuple[int, int]:
        # Once before: that a token was used is noted now and then.
        await world.call("GET", path, headers=auth)
        with world.statements() as seen:
            status, page = await world.call("GET", path, headers=auth, params={"limit": "200"})
        assert status == 200
        return len(page["items"]), sum(text.startswith("SELECT") for text in seen)

    await come(world, 0)
    few, price = await cost()
    await come(world, *range(1, 13))
    many, higher = await cost()
    assert few > 0
    assert many >= few + 12
    assert higher == price
