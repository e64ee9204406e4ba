"""What a claim costs while the store grows.

usage: python bench/claims.py [--stored N …] [--rounds N] [--directory DIR] [--keep]

For each size a store is built by bulk SQL: N stored messages in N/10 conversations, a tenth of them still
owed to one destination, and a tenth of those in one lane that is stuck: it is part of every claim and
never gets on. The other lanes are worked on and settled as the dispatcher does it. Printed is the time of
the claim within its turn, how much of it was the processor's, and the whole turn with its COMMIT, which is
the disk's.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import text

from omnigate.store.destinations import Name, register
from omnigate.store.engine import open_writer
from omnigate.store.lanes import Claim, Claimed, claim
from omnigate.store.leases import give_back
from omnigate.store.migrate import upgrade
from omnigate.store.owing import Lease
from omnigate.store.settling import Settlement, settle
from omnigate.store.store import Store, open_store
from omnigate.store.transaction import Transaction

SIZES: Final = (10_000, 1_000_000, 10_000_000)
LANES: Final = 64
WARM_UP: Final = 3
DEPTH: Final = 8
LEASE_MS: Final = 60_000
STUCK: Final = f"cnv_{0:026d}"

BUILD: Final = (
    """INSERT INTO contact (id, display_name, created_at, updated_at)
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :threads)
    SELECT printf('ctc_%026d', i), 'Customer ' || i, :now, :now FROM n""",
    """INSERT INTO conversation (id, channel, kind, external_id, contact_id, address, status,
        next_sequence, context, created_at, updated_at)
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :threads)
    SELECT printf('cnv_%026d', i), 'app', 'http', 'c' || i, printf('ctc_%026d', i), 'user:' || i,
        'open', 11, '{}', :now, :now + i FROM n""",
    """INSERT INTO event (position, id, type, channel, conversation_id, contact_id, message_id,
        sequence, occurred_at, recorded_at)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :stored)
    SELECT i, printf('evt_%026d', i), 'message.received', 'app',
        printf('cnv_%026d', i % :threads), printf('ctc_%026d', i % :threads),
        printf('msg_%026d', i), i / :threads + 1, :now, :now FROM n""",
    """INSERT INTO event_body (position, body, media)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :stored)
    SELECT i, '{"id":"evt","data":{"message":{"text":"' || printf('%0150d', i) || '"}}}', 0 FROM n""",
    """INSERT INTO message (id, channel, conversation_id, direction, state, external_id, position,
        created_at)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :stored)
    SELECT printf('msg_%026d', i), 'app', printf('cnv_%026d', i % :threads), 'inbound', 'received',
        printf('m%012d', i), i, :now FROM n""",
    """INSERT INTO dedup (channel, external_id, position, recorded_at)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :stored)
    SELECT 'app', printf('m%012d', i), i, :now FROM n""",
    """INSERT INTO delivery_done (outbox_id, destination_id, position, outcome, attempts, created_at,
        finished_at)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :stored - :pending)
    SELECT i, :destination, i, 'delivered', 1, :now, :now FROM n""",
    # The newest messages are owed, the stuck lane's first.
    """INSERT INTO outbox (id, destination_id, stream, position, attempts, replay, created_at,
        expires_at)
    WITH RECURSIVE n (i) AS (SELECT :stored - :pending + 1 UNION ALL
        SELECT i + 1 FROM n WHERE i < :stored)
    SELECT i, :destination,
        CASE WHEN i <= :stored - :pending + :stuck THEN printf('cnv_%026d', 0)
            ELSE printf('cnv_%026d', i % :threads) END,
        i, 0, 0, :now, :now + 432000000 FROM n""",
    """INSERT INTO lane (destination_id, stream, state, run_at, priority, retrying, pending, failures,
        lease_token, updated_at)
    SELECT destination_id, stream, 1, :now - 1000000 + min(id) % 1000000,
        CASE WHEN stream = printf('cnv_%026d', 0) THEN 40 ELSE 50 END, 0, count(*), 0, 0, :now
    FROM outbox GROUP BY destination_id, stream""",
    # Everybody else's lane is idle, until it is tidied away.
    """INSERT OR IGNORE INTO lane (destination_id, stream, state, run_at, priority, retrying, pending,
        failures, lease_token, updated_at)
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :threads)
    SELECT :destination, printf('cnv_%026d', i), 0, :now, 50, 0, 0, 0, 0, :now FROM n""",
)


class Cost(NamedTuple):
    """What one claim took, in milliseconds."""

    claim: float
    processor: float
    turn: float


def main() -> None:
    """Build each store, claim from it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument(
        "--directory", type=Path, default=None, help="with room for 1 KiB a message"
    )
    parser.add_argument("--keep", action="store_true", help="leave the stores there")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="omnigate-claims-", dir=options.directory))
    try:
        for stored in options.stored:
            costs: list[Cost] = []
            # A small store has not enough for all rounds, but is soon built again.
            while len(costs) < options.rounds:
                path = directory / f"{stored}.db"
                costs += claimed_from(path, stored, options, tells=not costs)
            for what, figures in (
                ("claim", [cost.claim for cost in costs]),
                ("processor", [cost.processor for cost in costs]),
                ("turn with COMMIT", [cost.turn for cost in costs]),
            ):
                print(f"{stored:>10} {what}: {spread(figures)}", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


def claimed_from(
    path: Path, stored: int, options: argparse.Namespace, *, tells: bool
) -> list[Cost]:
    """Build one store, claim from it, and remove it unless it is to be kept."""
    path.unlink(missing_ok=True)
    started = time.monotonic()
    destination = build(path, stored)
    seconds = time.monotonic() - started
    if tells:
        mib = path.stat().st_size / 2**20
        print(f"{stored:>10} stored, {mib:.0f} MiB, built in {seconds:.0f} s", flush=True)
    try:
        return asyncio.run(measure(path, destination, options.rounds))
    finally:
        if not options.keep:
            path.unlink()


def build(path: Path, stored: int) -> int:
    """Fill a new store; return the number of its destination."""
    engine = open_writer(path)
    with engine.begin() as connection:
        upgrade(connection)
        destination: int = connection.execute(
            text(
                "INSERT INTO destination (direction, name, breaker, failures, opened_for_ms)"
                " VALUES ('backend', 'crm', 'closed', 0, 0) RETURNING id"
            )
        ).scalar_one()
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        connection.rollback()
        # Nothing is at stake yet, so nothing is synced.
        driver.execute("PRAGMA synchronous=OFF")
        driver.execute("PRAGMA foreign_keys=OFF")
        driver.execute("PRAGMA cache_size=-262144")
        values = {
            "stored": stored,
            "threads": max(stored // 10, 1),
            "pending": stored // 10,
            "stuck": stored // 100,
            "destination": destination,
            "now": int(time.time() * 1000),
        }
        for statement in BUILD:
            driver.execute("BEGIN")
            driver.execute(statement, values)
            driver.execute("COMMIT")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return destination


async def measure(path: Path, destination: int, rounds: int) -> list[Cost]:
    """Claim and settle over and over, as long as there is enough to claim.

    The first claims compile the statements and are not counted.
    """
    costs: list[Cost] = []
    seconds = processor = 0.0

    def timed(transaction: Transaction, items: Sequence[Claim]) -> list[Claimed]:
        nonlocal seconds, processor
        started, spent = time.perf_counter(), time.thread_time()
        claimed = claim(transaction, items)
        seconds, processor = time.perf_counter() - started, time.thread_time() - spent
        return claimed

    wanted = Claim(
        destination, lanes=LANES, retrying=LANES // 2, depth=DEPTH, lease_ms=LEASE_MS, elders=16
    )
    async with open_store(f"sqlite:///{path}") as store:
        await store.writer.do(register, Name("backend", "crm"))
        for _ in range(rounds + WARM_UP):
            started = time.perf_counter()
            claimed = await store.writer.do(timed, wanted)
            turn = time.perf_counter() - started
            cost = Cost(*(figure * 1000 for figure in (seconds, processor, turn)))
            if len(claimed.leases) < LANES:
                break
            costs.append(cost)
            await settled(store, claimed.leases)
    if len(costs) <= WARM_UP:
        sys.exit("too few messages are pending; make --stored larger")
    return costs[WARM_UP:]


async def settled(store: Store, leases: Sequence[Lease]) -> None:
    """Deliver all that was claimed, but from the stuck lane: that one is due again."""
    waiting: list[asyncio.Future[Any]] = []
    for lease in leases:
        if lease.stream == STUCK:
            waiting.append(store.writer.do_nowait(give_back, lease))
            continue
        for item in lease.items:
            done = Settlement(lease, item, "delivered", last=item is lease.items[-1])
            waiting.append(store.writer.do_nowait(settle, done))
    await asyncio.gather(*waiting)


def spread(figures: Sequence[float]) -> str:
    """Return the middle and the ends of some figures."""
    cuts = statistics.quantiles(figures, n=100, method="inclusive")
    return f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, most {max(figures):.2f} ms"


if __name__ == "__main__":
    main()
