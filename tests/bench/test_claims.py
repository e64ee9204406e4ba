"""R28 in small: a claim takes the same work however much is stored, owed or stuck.

Counted is what the database does, in hundreds of its instructions, so that no other load on the machine
can be seen. The full size is `make bench-claims`.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omnigate.store import owing
from omnigate.store.engine import open_writer
from omnigate.store.lanes import Claim, claim
from omnigate.store.prepared import Lookup
from omnigate.store.schema import lane, outbox
from omnigate.store.transaction import RowNumbers, Transaction

BENCH = Path(__file__).parents[2] / "bench" / "claims.py"
SMALL, LARGE = 2_000, 100_000
LANES = 16


@pytest.fixture(scope="module")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("bench_claims", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and named tuples look for their module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stores(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, int]]:
    """A small and a large store, each with the number of its destination."""
    directory = tmp_path_factory.mktemp("claims")
    return {
        stored: (directory / f"{stored}.db", bench.build(directory / f"{stored}.db", stored))
        for stored in (SMALL, LARGE)
    }


def steps(path: Path, destination: int, spoil: Callable[[Any], None] | None = None) -> list[int]:
    """Return what each of some claims takes; all of it is rolled back."""
    engine = open_writer(path)
    counts: list[int] = []
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        work = connection.begin()
        if spoil is not None:
            spoil(driver)
        numbers = RowNumbers(connection)
        now = connection.exec_driver_sql("SELECT max(created_at) FROM outbox").scalar_one() + 1
        for _ in range(5):
            count = 0

            def tick() -> int:
                nonlocal count
                count += 1
                return 0

            driver.set_progress_handler(tick, 100)
            transaction = Transaction(connection, now, numbers, lambda *event: (), 1)
            wanted = Claim(destination, LANES, LANES // 2, 8, 60_000, elders=4)
            (claimed,) = claim(transaction, [wanted])
            driver.set_progress_handler(None, 0)
            assert len(claimed.leases) == LANES
            first = not counts
            # The stuck lane comes first; it stays leased.
            assert (max(lease.pending for lease in claimed.leases) > 8) == first
            counts.append(count)
        work.rollback()
    engine.dispose()
    return counts


def is_flat(small: list[int], large: list[int]) -> bool:
    return max(large) <= 2 * max(small)


def test_a_claim_takes_the_same_work_in_a_store_fifty_times_as_large(
    stores: dict[int, tuple[Path, int]],
) -> None:
    small, large = (steps(*stores[stored]) for stored in (SMALL, LARGE))
    assert is_flat(small, large), (small, large)


@pytest.mark.parametrize("index", ["ix_lane_fresh", "ix_outbox_destination_id_stream_id"])
def test_without_its_index_a_claim_is_found_to_grow(
    stores: dict[int, tuple[Path, int]], index: str
) -> None:
    small, large = (
        steps(*stores[stored], lambda driver: driver.execute(f"DROP INDEX {index}"))
        for stored in (SMALL, LARGE)
    )
    assert not is_flat(small, large), (small, large)


def test_a_stuck_lane_is_noticed_by_a_query_that_goes_through_all_it_owes(
    stores: dict[int, tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    same = (outbox.c.destination_id == lane.c.destination_id, outbox.c.stream == lane.c.stream)
    through_all = Lookup(lambda keys: owing._heads(keys).where(*same))
    monkeypatch.setattr(owing, "_HEADS", through_all)
    small, large = (steps(*stores[stored]) for stored in (SMALL, LARGE))
    assert not is_flat(small, large), (small, large)


def test_the_benchmark_prints_what_a_claim_takes(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH), "--stored", "10000", "--rounds", "15", "--directory"]
    done = subprocess.run(
        [*command, str(tmp_path)], check=True, capture_output=True, text=True, timeout=120
    )
    built, claims, _, turns = done.stdout.splitlines()
    assert "10000 stored, " in built
    assert "10000 claim: p50 " in claims
    assert "10000 turn with COMMIT: p50 " in turns
    assert list(tmp_path.iterdir()) == []
