"""Whatever the daemon does to the store in whatever order, the store does as its model says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from omnigate.store.leases import expire_leases, give_back, renew, void_leases
from omnigate.store.prune import prune_lanes
from omnigate.store.settling import settle
from tests.seeds import draw_seed
from tests.store.machine import Operations, StoreMachine

EXAMPLES = 30


def run_machine(new_desk: Any, seed: int, broken: Operations | None = None) -> None:
    """Run the machine; a store that is ``broken`` is only to be caught, not to be explained."""

    @hypothesis.seed(seed)
    class Machine(StoreMachine):
        pass

    Machine.new_desk = staticmethod(new_desk)
    Machine.broken = broken or {}
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=3 * EXAMPLES if broken else EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate] if broken else [Phase.generate, Phase.shrink],
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(900)  # what it finds it makes short, and that may take minutes
def test_the_store_does_as_its_model_whatever_happens_in_whatever_order(new_desk: Any) -> None:
    """R27."""
    run_machine(new_desk, draw_seed())


def unfenced(transaction: Any, items: Any) -> Any:
    """Settle as if the lease were still held."""
    as_held = []
    for item in items:
        token = transaction.connection.execute(
            text("SELECT lease_token FROM lane WHERE destination_id = :owner AND stream = :name"),
            {"owner": item.lease.destination_id, "name": item.lease.stream},
        ).scalar()
        as_held.append(replace(item, lease=replace(item.lease, token=token)))
    return settle(transaction, as_held)


def stale(transaction: Any, items: Any) -> Any:
    """Settle, and count what lanes owe without what came to be owed by that."""
    lanes = "FROM lane WHERE destination_id = :owner AND stream = :name"
    keys = [{"owner": item.lease.destination_id, "name": item.lease.stream} for item in items]
    query = text(f"SELECT pending, lease_token {lanes} AND state = 2")
    before = [transaction.connection.execute(query, key).one_or_none() for key in keys]
    done = settle(transaction, items)
    for item, key, row in zip(items, keys, before, strict=True):
        if row is not None and row.lease_token == item.lease.token:
            transaction.connection.execute(
                text(
                    "UPDATE lane SET pending = :left WHERE destination_id = :owner AND stream = :name"
                ),
                {**key, "left": row.pending - (item.outcome != "retry")},
            )
    return done


def forgetful(transaction: Any, items: Any) -> Any:
    """Settle, and forget that the last of a lane leaves others owed."""
    done = settle(transaction, items)
    transaction.connection.execute(text("UPDATE lane SET state = 0 WHERE state = 1"))
    return done


def takes_back(transaction: Any, items: Any) -> Any:
    """Give back lanes that others hold by now."""
    for item in items:
        transaction.connection.execute(
            text("UPDATE lane SET state = 1 WHERE destination_id = :owner AND stream = :name"),
            {"owner": item.destination_id, "name": item.stream},
        )
    return give_back(transaction, items)


def same_token(transaction: Any, items: Any) -> Any:
    """Void leases and leave their holders the right to settle."""
    rows = transaction.connection.execute(text("UPDATE lane SET state = 1 WHERE state = 2"))
    return [rows.rowcount] * len(items)


def never_expires(transaction: Any, items: Any) -> Any:
    """Leave lanes to those who are gone."""
    return [0] * len(items)


def renews_for_anybody(transaction: Any, items: Any) -> Any:
    """Tell everybody that they still hold their lease."""
    renew(transaction, items)
    return [[True] * len(some) for some in items]


def prunes_too_much(transaction: Any, items: Any) -> Any:
    """Forget lanes whatever their age."""
    return prune_lanes(transaction, [item._replace(idle_ms=-1) for item in items])


@pytest.mark.parametrize(
    ("operation", "sabotaged"),
    [
        (settle, unfenced),
        (settle, stale),
        (settle, forgetful),
        (give_back, takes_back),
        (void_leases, same_token),
        (expire_leases, never_expires),
        (renew, renews_for_anybody),
        (prune_lanes, prunes_too_much),
    ],
)
def test_a_store_that_breaks_a_promise_is_found_out(
    new_desk: Any, operation: Callable[..., Any], sabotaged: Callable[..., Any]
) -> None:
    with pytest.raises((AssertionError, IntegrityError)):
        run_machine(new_desk, 1, {operation: sabotaged})
