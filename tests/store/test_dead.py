"""Dead letters that are offered again: once, in order, with everything as new."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omnigate.model.inbound import Receipt
from omnigate.store import dead as letters
from omnigate.store.dead import LETTERS, DeadDrop, DeadFilter, drop_dead
from omnigate.store.destinations import Name, register
from omnigate.store.erase import Blanked, write_blanked
from omnigate.store.lanes import Claim, claim
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.record import OPERATIONS
from omnigate.store.requeue import DeadReplay, replay_dead
from omnigate.store.resolving import Resolution, resolve_messages
from omnigate.store.settling import Settlement, settle
from tests.store.test_parts import queue, states


def take(desk: Any, destination: int) -> Any:
    (claimed,) = desk.run(claim, Claim(destination, 9, 9, 8, 60_000))
    return claimed.leases


def bury(desk: Any, destination: int, reason: str = "attempts") -> list[int]:
    """Let everything that a destination is owed die; returns the letters' numbers."""
    numbers: list[int] = []
    while leases := take(desk, destination):
        for lease in leases:
            for item in lease.items:
                last = item is lease.items[-1]
                died = Settlement(lease, item, "dead", last=last, reason=reason, error="400")
                desk.run(settle, died)
                numbers.append(item.id)
    return sorted(numbers)


def read(desk: Any, query: Any, *args: Any, **options: Any) -> Any:
    with desk.engine.begin() as connection:
        return query(connection, *args, **options)


def test_letters_are_found_by_destination_reason_and_time_in_pages(desk: Any, said: Any) -> None:
    crm, bot = desk.add_backend("crm"), desk.add_backend("bot")
    desk.put(said("one"))
    early = bury(desk, crm)
    desk.now += 60_000
    late = bury(desk, bot, "expired")
    begin = desk.now
    last = read(desk, LETTERS.last)
    assert last == late[-1]

    def found(**wanted: Any) -> list[int]:
        rows = read(desk, letters.list_dead, DeadFilter(**wanted), limit=50)
        assert read(desk, LETTERS.count, DeadFilter(**wanted), last) == len(rows)
        return [row.outbox_id for row in rows]

    assert found() == [*reversed(late), *reversed(early)]
    assert found(to="crm") == found(until=begin - 1) == list(reversed(early))
    assert found(reason="expired") == found(since=begin) == list(reversed(late))
    assert found(to="nobody") == []
    walked: list[int] = []
    before = None
    while rows := read(desk, letters.list_dead, DeadFilter(), before=before, limit=3):
        walked += [row.outbox_id for row in rows]
        before = (rows[-1].died_at, rows[-1].outbox_id)
    assert walked == found()
    assert read(desk, LETTERS.following, DeadFilter(to="bot"), late[0], last, 1) == [late[1]]
    assert desk.run(drop_dead, DeadDrop([*early, 999], "anna")) == [len(early)]
    assert found() == list(reversed(late))


def test_replayed_letters_stand_in_order_in_a_lane_beside_the_live_one(
    desk: Any, said: Any
) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("one"), said("two"))
    dead = bury(desk, crm)
    desk.put(said("live"))
    desk.now += 1000
    (done,) = desk.run(replay_dead, DeadReplay([*reversed(dead), dead[0], 999], {crm}))
    assert done.done == dead
    assert done.refused == {}
    live, again = sorted(take(desk, crm), key=lambda lease: len(lease.stream))
    assert again.stream == f"{live.stream}#replay"
    assert [item.sequence for item in again.items] == [1, 2, 3]
    assert [item.sequence for item in live.items] == [4]
    assert live.gap == [1, 2, 3]
    assert again.gap == []
    assert all(item.replay and item.attempts == 0 for item in again.items)
    assert all(item.expires_at == desk.now + 432_000_000 for item in again.items)
    assert read(desk, LETTERS.count, DeadFilter(), 999) == 0
    for item in again.items:
        last = item is again.items[-1]
        desk.run(settle, Settlement(again, item, "dead", last=last, reason="x", error="x"))
    assert len(desk.rows("SELECT * FROM lane")) == 1, "the lane beside is gone"
    assert read(desk, LETTERS.count, DeadFilter(), 999) == 3, "it may die once more"


def test_a_report_of_what_died_is_owed_in_a_lane_that_is_settled_with_it(
    desk: Any, said: Any
) -> None:
    crm, bot = desk.add_backend("crm"), desk.add_backend("bot")
    desk.put(said("one"))

    def die() -> Settlement:
        lease, *_ = take(desk, bot)
        item = lease.items[0]
        return Settlement(lease, item, "dead", last=True, reason="attempts", error="400")

    def reports() -> list[Any]:
        return [lease for lease in take(desk, crm) if lease.stream == OPERATIONS]

    desk.run(settle, die())
    (told,) = reports()
    desk.run(settle, Settlement(told, told.items[0], "delivered", last=True), die())
    assert desk.problems() == []
    (told,) = reports()
    assert (told.pending, told.items[0].event_type) == (1, "delivery.dead")


def test_messages_that_fail_together_are_told_of_in_lanes_that_are_settled_with_them(
    desk: Any, said: Any, app: int
) -> None:
    crm = desk.add_backend("crm")
    messages = [queue(desk, app, person) for person in ("anna", "bert")]
    claimed = [lease for lease in take(desk, crm) if lease.stream != OPERATIONS]
    done = [Settlement(lease, lease.items[0], "delivered", last=True) for lease in claimed]
    failed = []
    for lease in take(desk, app):
        tried = PartResult(lease.items[0].message_id, 0, "failed", error="blocked")
        item = replace(lease.items[0], tried=tried)
        failed.append(Settlement(lease, item, "dead", last=True, reason="blocked", error="blocked"))
    assert len(done) == len(failed) == 2
    assert desk.run(settle, done[0], failed[0], done[1], failed[1]) == [True] * 4
    assert desk.problems() == []
    told = [lease.items[0] for lease in take(desk, crm)]
    assert sorted(item.event_type for item in told) == [
        "delivery.dead",
        "message.failed",
        "message.failed",
    ]
    assert [state(desk, message) for message in messages] == [("failed", "blocked")] * 2
    letters = desk.rows("SELECT message_id FROM dead ORDER BY outbox_id")
    assert [row.message_id for row in letters] == messages


@pytest.fixture
def app(desk: Any) -> int:
    (health,) = desk.run(register, Name("channel", "app"))
    return int(health.destination_id)


def fail(desk: Any, app: int, message: str, sent: int) -> None:
    """Send so many parts of a message, and let the next one fail for good."""
    (lease,) = take(desk, app)
    for number in range(sent):
        desk.run(settle_part, PartResult(message, number, "sent", f"p-{number}"))
    desk.run(settle_part, PartResult(message, sent, "failed", error="blocked"))
    died = Settlement(lease, lease.items[0], "dead", last=True, reason="blocked", error="blocked")
    desk.run(settle, died)


def state(desk: Any, message: str) -> tuple[str, str | None]:
    (row,) = desk.rows("SELECT state, error FROM message WHERE id = :id", id=message)
    return row.state, row.error


@pytest.mark.parametrize("is_offered_again", [False, True])
def test_what_was_never_begun_fails_with_its_dead_letter_unless_it_is_owed_again(
    desk: Any, app: int, *, is_offered_again: bool
) -> None:
    message = queue(desk, app, "anna", parts=3)
    (lease,) = take(desk, app)
    desk.run(settle_part, PartResult(message, 0, "unknown", error="no answer"))
    died = Settlement(lease, lease.items[0], "dead", last=True, reason="unknown", error="unknown")
    desk.run(settle, died)
    (letter,) = [row.outbox_id for row in desk.rows("SELECT outbox_id FROM dead")]
    assert desk.run(resolve_messages, Resolution(message, "sent")) == ["rest_waits"]
    assert state(desk, message) == ("queued", None)
    if is_offered_again:
        desk.run(replay_dead, DeadReplay([letter], {app}))
    desk.run(drop_dead, DeadDrop([letter]))
    if is_offered_again:
        assert state(desk, message) == ("queued", None)
        return
    why = "its other parts were not sent: the dead letter was dropped"
    assert state(desk, message) == ("failed", why)
    rows = desk.rows("SELECT type FROM event WHERE message_id = :id ORDER BY position", id=message)
    assert [row.type for row in rows] == ["message.unknown", "message.failed"]


def test_of_a_message_only_what_did_not_arrive_is_sent_again(desk: Any, app: int) -> None:
    message = queue(desk, app, "anna", parts=3)
    fail(desk, app, message, sent=1)
    assert state(desk, message) == ("failed", "blocked")
    (number,) = [row.outbox_id for row in desk.rows("SELECT outbox_id FROM dead")]
    desk.run(replay_dead, DeadReplay([number], {app}))
    assert states(desk, message) == [("sent", "p-0"), ("queued", None), ("queued", None)]
    assert state(desk, message) == ("queued", None)
    (lease,) = take(desk, app)
    assert lease.items[0].ended == ""
    assert (lease.items[0].job.part.index, lease.items[0].job.doubts) == (1, 0)
    desk.run(settle_part, PartResult(message, 1, "sent", "p-1"))
    desk.run(settle_part, PartResult(message, 2, "sent", "p-2"))
    desk.run(settle, Settlement(lease, lease.items[0], "delivered", last=True))
    assert state(desk, message) == ("sent", None)
    told = [row.type for row in desk.rows("SELECT type FROM event ORDER BY position")]
    assert told[-3:] == ["message.failed", "delivery.dead", "message.sent"]


def test_a_receipt_for_the_send_of_before_does_not_end_the_new_one(
    desk: Any, app: int, said: Any
) -> None:
    def refusal(external_id: str) -> Any:
        return said(external_id, "anna", item=Receipt, message_id="p-0", state="failed")

    message = queue(desk, app, "anna", parts=2)
    fail(desk, app, message, sent=1)
    desk.put(refusal("1"))
    (number,) = [row.outbox_id for row in desk.rows("SELECT outbox_id FROM dead")]
    desk.run(replay_dead, DeadReplay([number], {app}))
    assert states(desk, message) == [("queued", None), ("queued", None)]
    desk.put(refusal("2"))
    assert state(desk, message) == ("queued", None)


def test_what_cannot_be_offered_again_stays_and_says_why(desk: Any, app: int, said: Any) -> None:
    crm, gone = desk.add_backend("crm"), desk.add_backend("gone")
    message = queue(desk, app, "anna")
    (lease,) = take(desk, app)
    desk.run(settle_part, PartResult(message, 0, "unknown", error="no answer"))
    died = Settlement(lease, lease.items[0], "dead", last=True, reason="unknown", error="?")
    desk.run(settle, died)
    desk.run(settle_part, PartResult(message, 0, "sent", "p-1"))
    (sent,) = [row.outbox_id for row in desk.rows("SELECT outbox_id FROM dead")]
    erased, kept, *_ = bury(desk, crm)
    for_nobody = bury(desk, gone)[0]
    position = desk.rows("SELECT position FROM dead WHERE outbox_id = :id", id=erased)[0].position
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM event_body WHERE position = ?", (position,))
    (done,) = desk.run(replay_dead, DeadReplay([sent, erased, kept, for_nobody], {app, crm}))
    assert done.done == [kept]
    assert done.refused == {
        sent: "the message was sent meanwhile",
        erased: "what it said was erased",
        for_nobody: "there is no backend gone in the configuration any more",
    }
    left = {row.outbox_id for row in desk.rows("SELECT outbox_id FROM dead")}
    assert {sent, erased, for_nobody} <= left
    assert kept not in left


def test_what_died_in_a_replay_of_history_goes_back_into_the_lane_of_its_own_conversation(
    desk: Any, said: Any
) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("one"))
    desk.rows("UPDATE lane SET stream = 'replay-3#' || stream RETURNING 1")
    desk.rows("UPDATE outbox SET stream = 'replay-3#' || stream RETURNING 1")
    numbers = bury(desk, crm)
    desk.run(replay_dead, DeadReplay(numbers, {crm}))
    ((stream,),) = desk.rows("SELECT DISTINCT stream FROM outbox")
    ((conversation,),) = desk.rows("SELECT id FROM conversation")
    assert stream == f"{conversation}#replay"


def test_how_a_letter_ended_is_noted_and_what_was_said_of_it_can_be_erased(
    desk: Any, said: Any
) -> None:
    crm, bot = desk.add_backend("crm"), desk.add_backend("bot")
    desk.put(said("one"))
    dropped, replayed = bury(desk, crm), bury(desk, bot, "expired")
    died_at = desk.now
    desk.now += 5_000
    desk.run(drop_dead, DeadDrop(dropped, "operator"))
    desk.run(replay_dead, DeadReplay(replayed, {bot}, "og_1"))
    noted = desk.rows(
        "SELECT outbox_id, outcome, reason, died_at, finished_at, ended_by, attempts"
        " FROM delivery_done ORDER BY outbox_id"
    )
    ends = dict.fromkeys(dropped, ("dropped", "attempts", "operator"))
    ends |= dict.fromkeys(replayed, ("replayed", "expired", "og_1"))
    assert [tuple(row) for row in noted] == [
        (number, end, reason, died_at, desk.now, by, 1)
        for number, (end, reason, by) in sorted(ends.items())
    ]
    positions = [row.position for row in desk.rows("SELECT position FROM event")]
    desk.run(write_blanked, [Blanked(position, "{}") for position in positions])
    errors = desk.rows("SELECT DISTINCT error FROM attempt")
    assert [row.error for row in errors] == ["(erased)"], "what a receiver answered goes with it"
