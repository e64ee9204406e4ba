"""A clock that is set: back, what waits keeps its wait and leases end no later; ahead, the doubt is kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from omnigate.store.clock import SetBack, newest_at, note_doubt, read_doubt, set_back
from omnigate.store.lanes import Claim, claim
from omnigate.store.leases import expire_leases, renew
from omnigate.store.settling import Settlement, settle

DAY_MS = 86_400_000
LEASE_MS = 60_000


def lanes(desk: Any) -> dict[str, Any]:
    return {
        row.external_id: row
        for row in desk.rows(
            "SELECT external_id, lane.* FROM lane JOIN conversation ON conversation.id = stream"
        )
    }


def take(desk: Any, destination: int) -> dict[str, Any]:
    (claimed,) = desk.run(claim, Claim(destination, 10, 10, 1, LEASE_MS))
    ids = {row.id: row.external_id for row in desk.rows("SELECT id, external_id FROM conversation")}
    return {ids[lease.stream]: lease for lease in claimed.leases}


@pytest.fixture
def busy(desk: Any, said: Any) -> tuple[Any, int]:
    """A store where one lane waits for half a minute, one is worked on and one is due."""
    crm = desk.add_backend("crm")
    desk.put(said("1", "waits"), said("2", "works"))
    leases = take(desk, crm)
    retry = Settlement(
        leases["waits"],
        leases["waits"].items[0],
        "retry",
        last=True,
        run_at=desk.now + 30_000,
        error="no",
        blames_item=True,
    )
    desk.run(settle, retry)
    desk.put(said("3", "due"))
    return desk, crm


def _execute(desk: Any, query: str, values: dict[str, Any]) -> None:
    with desk.engine.begin() as connection:
        connection.execute(text(query), values)


def test_what_waits_keeps_its_wait_and_what_is_due_stays_due(busy: tuple[Any, int]) -> None:
    desk, crm = busy
    desk.now += 10_000 - DAY_MS
    assert desk.run(set_back, SetBack(DAY_MS, LEASE_MS)) == [DAY_MS]
    known = lanes(desk)
    assert known["waits"].run_at == desk.now + 20_000
    assert known["waits"].first_failure_at == desk.now
    assert known["due"].run_at == desk.now
    assert desk.due == {crm}
    assert set(take(desk, crm)) == {"due"}
    desk.now += 20_000
    assert set(take(desk, crm)) == {"waits"}


def test_leases_that_somebody_holds_are_kept_and_the_others_end_in_their_time(
    busy: tuple[Any, int],
) -> None:
    desk, crm = busy
    held = take(desk, crm)["due"]
    desk.now -= DAY_MS
    desk.run(set_back, SetBack(DAY_MS, LEASE_MS))
    assert lanes(desk)["works"].lease_until == desk.now + LEASE_MS
    assert desk.run(expire_leases, None) == [0]
    desk.now += LEASE_MS
    assert desk.run(renew, [(held, desk.now + LEASE_MS)]) == [[True]]
    desk.now += 1
    assert desk.run(expire_leases, None) == [1]
    assert set(take(desk, crm)) == {"waits", "works"}


def test_a_destination_and_a_file_that_wait_wait_no_longer(busy: tuple[Any, int]) -> None:
    desk, _ = busy
    _execute(desk, "UPDATE destination SET retry_at = :at", {"at": desk.now + 5_000})
    _execute(
        desk,
        "INSERT INTO attachment (id, kind, mime, state, failures, retry_at, created_at)"
        " VALUES ('att_1', 'file', 'text/plain', 'pending', 1, :at, 0)",
        {"at": desk.now + 7_000},
    )
    desk.now -= DAY_MS
    desk.run(set_back, SetBack(DAY_MS, LEASE_MS))
    assert [row.retry_at - desk.now for row in desk.rows("SELECT retry_at FROM destination")] == [
        5_000
    ]
    assert [row.retry_at - desk.now for row in desk.rows("SELECT retry_at FROM attachment")] == [
        7_000
    ]


@pytest.mark.parametrize("by_ms", [0, None])
def test_a_clock_that_was_not_set_back_changes_nothing(
    by_ms: int | None, busy: tuple[Any, int]
) -> None:
    desk, _ = busy
    before = lanes(desk)
    desk.now += 1_000
    assert desk.run(set_back, SetBack(by_ms, LEASE_MS)) == [0]
    assert lanes(desk) == before
    assert desk.due == set()


def test_at_the_start_the_newest_rows_tell_how_far_the_clock_was_set_back(
    busy: tuple[Any, int],
) -> None:
    desk, crm = busy
    desk.now += 10_000 - 30 * DAY_MS
    (by_ms,) = desk.run(set_back, SetBack(None, LEASE_MS))
    # Ten seconds went by that no row speaks of.
    assert by_ms == 30 * DAY_MS - 10_000
    assert lanes(desk)["waits"].run_at == desk.now + 30_000
    assert desk.due == {crm}


def test_an_empty_store_knows_of_no_other_time(desk: Any) -> None:
    assert desk.run(set_back, SetBack(None, LEASE_MS)) == [0]


def ask(desk: Any, query: Any) -> Any:
    with desk.engine.begin() as connection:
        return query(connection)


def test_the_newest_row_tells_when_something_was_last_stored(busy: tuple[Any, int]) -> None:
    desk, _ = busy
    assert ask(desk, newest_at) == desk.now
    desk.now += DAY_MS
    assert ask(desk, newest_at) == desk.now - DAY_MS
    _execute(desk, "UPDATE destination SET last_success_at = :at", {"at": desk.now - 5})
    assert ask(desk, newest_at) == desk.now - 5


def test_an_empty_store_has_no_newest_row_and_no_doubt(desk: Any) -> None:
    assert ask(desk, newest_at) is None
    assert ask(desk, read_doubt) is None


def test_a_doubt_is_kept_until_it_is_taken_back(desk: Any) -> None:
    for until in (desk.now + 5, desk.now + 7, None, None):
        desk.run(note_doubt, until)
        assert ask(desk, read_doubt) == until
    desk.run(note_doubt, 1, 2)
    assert ask(desk, read_doubt) == 2, "of several the last one counts"
