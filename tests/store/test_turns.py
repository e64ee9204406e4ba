"""What goes into one turn of the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from omnigate.store.store import open_store
from omnigate.store.transaction import Transaction
from omnigate.store.writer import MAX_WEIGHT

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("weights", "turns"),
    [
        ([1] * 20, [20]),
        ([0, 0, 1, 0], [4]),
        ([300, 300], [1, 1]),
        ([10, 1000, 10, 10], [1, 1, 2]),
        ([1000, 1000], [1, 1]),
        ([MAX_WEIGHT - 1, 1, 1], [2, 1]),
    ],
)
async def test_a_turn_takes_what_waits_up_to_its_weight_and_a_heavy_item_alone(
    weights: list[int], turns: list[int], tmp_path: Path
) -> None:
    seen: list[int] = []

    def count(transaction: Transaction, items: Sequence[int]) -> list[int]:
        seen.append(len(items))
        return list(items)

    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        waiting = [
            store.writer.do_nowait(count, number, weight) for number, weight in enumerate(weights)
        ]
        assert await asyncio.gather(*waiting) == list(range(len(weights)))
        assert store.writer.waiting_weight == 0
    assert seen == turns


async def test_a_store_that_is_closed_with_something_queued_writes_it_and_ends(
    tmp_path: Path,
) -> None:
    seen: list[int] = []

    def note(transaction: Transaction, items: Sequence[int]) -> list[int]:
        seen.extend(items)
        return list(items)

    async with asyncio.timeout(30):
        async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
            # Closed in the same breath: the writer is woken once for both.
            store.writer.do_nowait(note, 1)
    assert seen == [1]
