"""How events come: by callback and by poll, over failures and restarts, nothing lost or stored twice."""

from __future__ import annotations

import pytest

from .conftest import Shop

pytestmark = pytest.mark.anyio


async def test_what_a_customer_writes_comes_in(shop: Shop) -> None:
    await shop.anna.starts(shop.community)
    await shop.anna.writes(shop.community, "Есть велосипед?")
    said = await shop.said(1)
    assert (said.text, said.conversation) == ("Есть велосипед?", str(shop.anna.id))
    assert said.sender.address == f"vk:{shop.anna.id}"
