"""The store against a small model of itself: taking in, claiming, settling, losing leases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from omnigate.model.inbound import ContactUpdated, InboundMessage, MessageEdited, Profile, Rating
from omnigate.store.lanes import Claim, Lease, claim
from omnigate.store.leases import Waken, expire_leases, void_leases, waken
from omnigate.store.schema import DUE, IDLE, LEASED
from omnigate.store.settling import Outcome, Settlement, settle

LEASE_MS = 60_000
OUTCOMES: tuple[Outcome, ...] = ("delivered", "delivered", "retry", "dead")
KINDS = (InboundMessage, Rating, MessageEdited, ContactUpdated)


@dataclass
class LaneModel:
    """What is known of one lane without looking."""

    owed: list[int] = field(default_factory=list)
    """Numbers of outbox rows, in order."""
    state: int = IDLE
    run_at: int = 0
    retrying: bool = False
    token: int = 0
    lease_until: int = 0
    gap: list[int] = field(default_factory=list)


@dataclass
class Work:
    """A lease as its holder sees it; it may have been lost without his knowing."""

    key: tuple[int, str]
    lease: Lease
    next: int = 0


class StoreMachine(RuleBasedStateMachine):
    """Rules are what the daemon does; invariants are what must hold between any two of them."""

    new_desk: Callable[[], Any]
    settling: Callable[..., Any] = staticmethod(settle)

    def __init__(self) -> None:
        super().__init__()
        self.desk = self.new_desk()
        self.ordered = self.desk.add_backend("ordered")
        self.unordered = self.desk.add_backend("unordered", ordered=False)
        self.lanes: dict[tuple[int, str], LaneModel] = {}
        self.works: list[Work] = []
        self.seen: dict[str, Any] = {}
        self.owed = self.settled = self.last_owed = 0

    def teardown(self) -> None:
        self.desk.close()

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 3), st.sampled_from(KINDS), st.integers(0, 60)),
            min_size=1,
            max_size=6,
        )
    )
    def take_in(self, batch: list[tuple[int, Any, int]]) -> None:
        items = [self._item(*wanted) for wanted in batch]
        before = len(self.seen)
        answers = self.desk.put(*items)
        for item, answer in zip(items, answers, strict=True):
            known = self.seen.get(item.external_id)
            assert answer.duplicate == (known is not None)
            if known is None:
                self.seen[item.external_id] = answer
            else:
                assert (answer.event_id, answer.sequence) == (known.event_id, known.sequence)
        assert len(self.seen) == before + sum(not answer.duplicate for answer in answers)
        new = self.desk.rows(
            "SELECT id, destination_id, stream FROM outbox WHERE id > :last ORDER BY id",
            last=self.last_owed,
        )
        for row in new:
            model = self.lanes.setdefault((row.destination_id, row.stream), LaneModel())
            model.owed.append(row.id)
            if model.state == IDLE:
                model.state, model.run_at = DUE, self.desk.now
            self.last_owed = row.id
        self.owed += len(new)

    def _item(self, conversation: int, kind: Any, number: int) -> Any:
        profile = Profile.model_validate(
            {"address": f"app:{conversation}", "display_name": f"n{number % 3}"}
        )
        by_kind: dict[Any, dict[str, Any]] = {
            InboundMessage: {"sender": profile, "text": "hello"},
            Rating: {"sender": profile, "score": 5},
            MessageEdited: {"message_id": f"x-{number // 2}", "text": "changed"},
            ContactUpdated: {"sender": profile},
        }
        return kind(
            external_id=f"x-{number}",
            conversation=f"c-{conversation}",
            occurred_at=datetime.fromtimestamp(self.desk.now / 1000, UTC),
            **by_kind[kind],
        )

    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.desk.now += seconds * 1000

    @rule(
        first=st.booleans(),
        lanes=st.integers(1, 5),
        retrying=st.integers(0, 3),
        depth=st.integers(1, 3),
    )
    def claim(self, first: bool, lanes: int, retrying: int, depth: int) -> None:
        destination = self.ordered if first else self.unordered
        (claimed,) = self.desk.run(claim, Claim(destination, lanes, retrying, depth, LEASE_MS))
        due = [
            model
            for (owner, _), model in self.lanes.items()
            if owner == destination and model.state == DUE and model.run_at <= self.desk.now
        ]
        fresh = sum(not model.retrying for model in due)
        taken = min(lanes, fresh)
        assert len(claimed.leases) == taken + min(lanes - taken, retrying, len(due) - fresh)
        for lease in claimed.leases:
            key = (destination, lease.stream)
            model = self.lanes[key]
            assert model.state == DUE
            assert model.run_at <= self.desk.now
            assert [item.id for item in lease.items] == model.owed[:depth], "the oldest first"
            assert lease.pending == len(model.owed)
            assert lease.gap == model.gap
            assert lease.token > model.token
            model.state, model.token, model.lease_until = (
                LEASED,
                lease.token,
                self.desk.now + LEASE_MS,
            )
            self.works.append(Work(key, lease))

    @precondition(lambda self: self.works)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        chosen = data.draw(
            st.lists(
                st.sampled_from(self.works), min_size=1, max_size=3, unique_by=lambda work: work.key
            )
        )
        settlements = []
        for work in chosen:
            outcome = data.draw(st.sampled_from(OUTCOMES))
            is_last = work.next == len(work.lease.items) - 1 or outcome != "delivered"
            item = work.lease.items[work.next]
            settlements.append(
                Settlement(
                    work.lease,
                    item,
                    outcome,
                    last=is_last,
                    run_at=self.desk.now + 30_000 if outcome == "retry" else None,
                    error="" if outcome == "delivered" else "no",
                    reason="attempts",
                )
            )
        valid = self.desk.run(self.settling, *settlements)
        for work, settlement, held in zip(chosen, settlements, valid, strict=True):
            model = self.lanes.get(work.key, LaneModel())
            assert held == (model.state == LEASED and model.token == work.lease.token)
            work.next += 1
            if held:
                self._apply(model, settlement)
                if model.state == IDLE and work.key[0] == self.unordered:
                    del self.lanes[work.key]  # it was for one item alone
            if settlement.last or not held:
                self.works.remove(work)

    def _apply(self, model: LaneModel, done: Settlement) -> None:
        assert model.owed[0] == done.item.id
        if done.outcome == "retry":
            model.retrying, model.run_at = True, done.run_at or 0
        else:
            model.owed.pop(0)
            self.settled += 1
            model.retrying = False
            if done.last:
                model.run_at = self.desk.now
        if done.outcome == "delivered":
            model.gap = []
        if done.outcome == "dead" and done.item.sequence is not None:
            model.gap = [*model.gap, done.item.sequence]
        if done.last:
            model.state = DUE if model.owed else IDLE

    @rule()
    def the_daemon_restarts(self) -> None:
        self.desk.run(void_leases, None)
        for model in self.lanes.values():
            self._void(model, model.state == LEASED)

    @rule()
    def old_leases_expire(self) -> None:
        self.desk.run(expire_leases, None)
        for model in self.lanes.values():
            self._void(model, model.state == LEASED and model.lease_until < self.desk.now)

    def _void(self, model: LaneModel, ends: bool) -> None:
        if ends:
            model.state, model.token = DUE, model.token + 1

    @rule(first=st.booleans())
    def the_destination_works_again(self, first: bool) -> None:
        destination = self.ordered if first else self.unordered
        self.desk.run(waken, Waken(destination, 500))
        for (owner, _), model in self.lanes.items():
            if owner == destination and model.state == DUE and model.retrying:
                model.run_at, model.retrying = self.desk.now, False

    @invariant()
    def lanes_are_as_the_model_says(self) -> None:
        rows = {
            (row.destination_id, row.stream): row for row in self.desk.rows("SELECT * FROM lane")
        }
        assert rows.keys() == self.lanes.keys()
        for key, model in self.lanes.items():
            row = rows[key]
            assert (row.state, row.pending) == (model.state, len(model.owed)), key
            assert model.state == DUE or not model.owed or model.state == LEASED
            if model.state == DUE:
                assert (row.run_at, bool(row.retrying)) == (model.run_at, model.retrying)

    @invariant()
    def a_lane_counts_what_it_owes(self) -> None:
        wrong = self.desk.rows(
            "SELECT * FROM lane WHERE pending <> (SELECT count(*) FROM outbox"
            " WHERE outbox.destination_id = lane.destination_id AND outbox.stream = lane.stream)"
        )
        assert wrong == []

    @invariant()
    def nothing_owed_is_lost(self) -> None:
        ((pending, done, dead),) = self.desk.rows(
            "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM delivery_done),"
            " (SELECT count(*) FROM dead)"
        )
        assert pending == self.owed - self.settled
        assert done + dead == self.settled

    @invariant()
    def sequences_have_no_gaps(self) -> None:
        for row in self.desk.rows(
            "SELECT count(*) AS events, min(sequence) AS lowest, max(sequence) AS highest,"
            " count(DISTINCT sequence) AS several, next_sequence FROM event"
            " JOIN conversation ON conversation.id = conversation_id"
            " WHERE sequence IS NOT NULL GROUP BY conversation_id"
        ):
            assert (row.lowest, row.highest, row.several) == (1, row.events, row.events)
            assert row.next_sequence == row.events + 1

    @invariant()
    def the_operators_check_finds_nothing(self) -> None:
        assert self.desk.problems() == []


def run_machine(new_desk: Any, settling: Any = settle, *, examples: int, seeded: bool) -> None:
    class Machine(StoreMachine):
        pass

    Machine.new_desk = staticmethod(new_desk)
    Machine.settling = staticmethod(settling)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=seeded,
            # A twin is only to be caught, not to be explained.
            phases=[Phase.generate] if seeded else [Phase.generate, Phase.shrink],
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_store_does_as_its_model_whatever_happens_in_whatever_order(new_desk: Any) -> None:
    run_machine(new_desk, examples=60, seeded=False)


def unfenced(transaction: Any, items: Any) -> Any:
    """Settle as if the lease were still held."""
    for item in items:
        item.lease.token = transaction.connection.execute(
            text("SELECT lease_token FROM lane WHERE destination_id = :owner AND stream = :name"),
            {"owner": item.lease.destination_id, "name": item.lease.stream},
        ).scalar_one()
    return settle(transaction, items)


def forgetful(transaction: Any, items: Any) -> Any:
    """Settle, and forget that the last of a lane leaves others owed."""
    done = settle(transaction, items)
    transaction.connection.execute(text("UPDATE lane SET state = 0 WHERE state = 1"))
    return done


@pytest.mark.parametrize("sabotaged", [unfenced, forgetful])
def test_a_store_that_breaks_a_promise_is_found_out(new_desk: Any, sabotaged: Any) -> None:
    with pytest.raises(AssertionError):
        run_machine(new_desk, sabotaged, examples=60, seeded=True)
