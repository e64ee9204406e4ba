"""The store against a small model of itself: what the daemon does to lanes, in any order.

Rules are what the daemon does; invariants are what must hold between any two of them. The model knows of
each lane what it owes, in order, whose it is and when it is due, without ever looking.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.inbound import ContactUpdated, InboundMessage, MessageEdited, Profile, Rating
from omnigate.store.clock import SetBack, set_back
from omnigate.store.destinations import Name, register
from omnigate.store.lanes import Claim, claim
from omnigate.store.leases import Waken, expire_leases, give_back, renew, void_leases, waken
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.owing import Lease
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.prune import (
    CHUNK,
    Ages,
    AttemptWalk,
    LaneWalk,
    prune,
    prune_attempts,
    prune_lanes,
)
from omnigate.store.schema import DUE, IDLE, LEASED
from omnigate.store.settling import Outcome, Settlement, settle
from omnigate.store.threads import ChannelKey

LEASE_MS = 60_000
KEPT_MS = 300_000
"""How long finished deliveries, dead letters, idle lanes and deduplication keys are kept."""
OUTCOMES: tuple[Outcome, ...] = ("delivered", "delivered", "retry", "dead")
KINDS = (InboundMessage, Rating, MessageEdited, ContactUpdated)
CHANNEL = ChannelKey("app", "http", 50)
APP, ORDERED, UNORDERED = "app", "ordered", "unordered"

Operations = dict[Callable[..., Any], Callable[..., Any]]
"""Operations of the store, and what is run in place of them."""


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
    failures: int = 0
    touched_at: int = 0
    gap: list[int] = field(default_factory=list)


@dataclass
class Work:
    """A lease as its holder sees it; it may have been lost without his knowing."""

    key: tuple[int, str]
    lease: Lease
    next: int = 0


class StoreMachine(RuleBasedStateMachine):
    """See the module."""

    new_desk: Callable[[], Any]
    broken: Operations = {}

    def __init__(self) -> None:
        super().__init__()
        self.desk = self.new_desk()
        self.numbers = {
            ORDERED: self.desk.add_backend(ORDERED),
            UNORDERED: self.desk.add_backend(UNORDERED, ordered=False),
            APP: self.desk.run(register, Name("channel", APP))[0].destination_id,
        }
        self.lanes: dict[tuple[int, str], LaneModel] = {}
        self.works: list[Work] = []
        self.seen: dict[str, tuple[Any, int]] = {}
        self.attempts: dict[int, int] = {}
        self.ended: list[tuple[str, int]] = []
        """What became of items, and when, as long as the store remembers it."""
        self.owed = self.settled = self.last_owed = 0

    def teardown(self) -> None:
        self.desk.close()

    def run(self, operation: Callable[..., Any], *items: Any) -> list[Any]:
        """Run an operation, or what stands in its place, and take in what is owed because of it."""
        results = self.desk.run(self.broken.get(operation, operation), *items)
        self._note_owed()
        return list(results)

    def _note_owed(self) -> None:
        new = self.desk.rows(
            "SELECT id, destination_id, stream FROM outbox WHERE id > :last ORDER BY id",
            last=self.last_owed,
        )
        for row in new:
            model = self.lanes.setdefault((row.destination_id, row.stream), LaneModel())
            model.owed.append(row.id)
            model.touched_at = self.desk.now
            if model.state == IDLE:
                model.state, model.run_at = DUE, self.desk.now
            self.attempts[row.id] = 0
            self.last_owed = row.id
        self.owed += len(new)

    def _some_are(self, state: int) -> bool:
        return any(model.state == state for model in self.lanes.values())

    # What comes in

    @initialize()
    def there_is_something_to_do(self) -> None:
        self.take_in([(number, InboundMessage, number) for number in range(3)])
        self.the_crm_writes([0, 1])

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 3), st.sampled_from(KINDS), st.integers(0, 60)),
            min_size=1,
            max_size=6,
        )
    )
    def take_in(self, batch: list[tuple[int, Any, int]]) -> None:
        items = [self._item(*wanted) for wanted in batch]
        answers = self.desk.put(*items)
        self._note_owed()
        for item, answer in zip(items, answers, strict=True):
            known = self.seen.get(item.external_id)
            assert answer.duplicate == (known is not None)
            if known is None:
                self.seen[item.external_id] = (answer, self.desk.now)
            else:
                first, _ = known
                assert (answer.event_id, answer.sequence) == (first.event_id, first.sequence)

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

    @rule(conversations=st.lists(st.integers(0, 3), min_size=1, max_size=3))
    def the_crm_writes(self, conversations: list[int]) -> None:
        self.run(enqueue, *(self._outgoing(number) for number in conversations))

    def _outgoing(self, conversation: int) -> Outgoing:
        moment = datetime.fromtimestamp(self.desk.now / 1000, UTC)
        said = Message(id=ids.message_id(), direction="outbound", state="queued", created_at=moment)
        return Outgoing(
            channel=CHANNEL,
            destination_id=self.numbers[APP],
            said=said,
            parts=[PartContent(text="hello")],
            address=Address(f"app:{conversation}"),
            external_id=f"c-{conversation}",
        )

    # What is worked on

    @rule(seconds=st.one_of(st.integers(1, 90), st.just(400)))
    def time_passes(self, seconds: int) -> None:
        self.desk.now += seconds * 1000

    @precondition(lambda self: self._some_are(DUE))
    @rule(
        name=st.sampled_from((APP, ORDERED, UNORDERED)),
        lanes=st.integers(1, 5),
        retrying=st.integers(0, 3),
        depth=st.integers(1, 3),
        elders=st.integers(0, 1),
    )
    def claim(self, name: str, lanes: int, retrying: int, depth: int, elders: int) -> None:
        destination = self.numbers[name]
        depth = 1 if name == APP else depth
        wanted = Claim(destination, lanes, retrying, depth, LEASE_MS, elders)
        (claimed,) = self.run(claim, wanted)
        due = [
            model
            for (owner, _), model in self.lanes.items()
            if owner == destination and model.state == DUE and model.run_at <= self.desk.now
        ]
        fresh = sum(not model.retrying for model in due)
        taken = min(lanes, fresh)
        assert len(claimed.leases) == taken + min(lanes - taken, retrying, len(due) - fresh)
        for lease in claimed.leases:
            self._check_lease((destination, lease.stream), lease, depth)

    def _check_lease(self, key: tuple[int, str], lease: Lease, depth: int) -> None:
        model = self.lanes[key]
        assert model.state == DUE
        assert model.run_at <= self.desk.now
        assert [item.id for item in lease.items] == model.owed[:depth], "the oldest first"
        assert [item.attempts for item in lease.items] == [
            self.attempts[item.id] for item in lease.items
        ]
        assert (lease.pending, lease.failures) == (len(model.owed), model.failures)
        assert lease.gap == model.gap
        assert lease.token > model.token
        model.state, model.token = LEASED, lease.token
        model.lease_until = self.desk.now + LEASE_MS
        self.works.append(Work(key, lease))

    def _is_held(self, work: Work) -> bool:
        model = self.lanes.get(work.key, LaneModel())
        return model.state == LEASED and model.token == work.lease.token

    @precondition(lambda self: self.works)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        chosen = data.draw(
            st.lists(
                st.sampled_from(self.works), min_size=1, max_size=3, unique_by=lambda work: work.key
            )
        )
        self._settle(
            chosen,
            [
                self._settlement(
                    work,
                    data.draw(st.sampled_from(OUTCOMES)),
                    counts=data.draw(st.booleans()),
                    blames_item=data.draw(st.booleans()),
                )
                for work in chosen
            ],
        )

    @precondition(lambda self: self._some_are(DUE))
    @rule(name=st.sampled_from((APP, ORDERED, UNORDERED)))
    def all_that_is_due_is_delivered(self, name: str) -> None:
        self.claim(name, 100, 100, 3, 0)
        while chosen := [work for work in self.works if self._is_held(work)]:
            one_each = list({work.key: work for work in chosen}.values())
            self._settle(one_each, [self._settlement(work, "delivered") for work in one_each])
            self.claim(name, 100, 100, 3, 0)

    @precondition(lambda self: self._some_are(DUE))
    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
    def all_destinations_answer_at_once(self, outcomes: list[Outcome]) -> None:
        for name in self.numbers:
            self.claim(name, 5, 5, 1, 0)
        one_each = list({work.key: work for work in self.works if self._is_held(work)}.values())
        said = itertools.cycle(outcomes)
        self._settle(one_each, [self._settlement(work, next(said)) for work in one_each])

    @precondition(lambda self: any(work.next == 0 for work in self.works))
    @rule(data=st.data(), then=st.sampled_from(("settles", "gives back")))
    def a_worker_freezes_and_another_takes_over(self, data: st.DataObject, then: str) -> None:
        work = data.draw(st.sampled_from([work for work in self.works if work.next == 0]))
        self.desk.now += LEASE_MS + 1
        self.old_leases_expire()
        destination = work.key[0]
        name = next(name for name, number in self.numbers.items() if number == destination)
        self.claim(name, 100, 100, 1, 0)
        if then == "settles":
            self._settle([work], [self._settlement(work, "delivered")])
        else:
            self._give_back(work)

    def _settle(self, chosen: list[Work], settlements: list[Settlement]) -> None:
        valid = self.run(settle, *settlements)
        for work, settlement, held in zip(chosen, settlements, valid, strict=True):
            assert held == self._is_held(work)
            work.next += 1
            if held:
                self._apply(work.key, settlement)
            if settlement.last or not held:
                self.works.remove(work)

    def _settlement(
        self, work: Work, outcome: Outcome, *, counts: bool = True, blames_item: bool = False
    ) -> Settlement:
        item = work.lease.items[work.next]
        if item.job is not None:
            message = item.job.part.message
            if outcome == "delivered":  # whoever sends through a channel has stored that before
                self.run(settle_part, PartResult(message, 0, "sent"))
            else:
                item.tried = PartResult(message, 0, "failed" if outcome == "dead" else "queued")
        return Settlement(
            work.lease,
            item,
            outcome,
            last=work.next == len(work.lease.items) - 1 or outcome != "delivered",
            run_at=self.desk.now + 30_000 if outcome == "retry" else None,
            error="" if outcome == "delivered" else "no",
            reason="attempts",
            counts=counts,
            blames_item=blames_item and outcome == "retry",
        )

    def _apply(self, key: tuple[int, str], done: Settlement) -> None:
        model = self.lanes[key]
        assert model.owed[0] == done.item.id
        model.touched_at = self.desk.now
        if done.outcome == "retry":
            model.retrying, model.run_at = True, done.run_at or 0
            model.failures += done.blames_item
            self.attempts[done.item.id] += done.counts
        else:
            model.owed.pop(0)
            self.settled += 1
            self.ended.append((done.outcome, self.desk.now))
            model.retrying, model.failures = False, 0
            if done.last:
                model.run_at = self.desk.now
        if done.outcome == "delivered":
            model.gap = []
        if done.outcome == "dead" and done.item.sequence is not None:
            model.gap = [*model.gap, done.item.sequence]
        if done.last:
            model.state = DUE if model.owed else IDLE
        if model.state == IDLE and key[0] == self.numbers[UNORDERED]:
            del self.lanes[key]  # it was for one item alone

    @precondition(lambda self: any(work.next == 0 for work in self.works))
    @rule(data=st.data())
    def work_is_given_back_untried(self, data: st.DataObject) -> None:
        self._give_back(data.draw(st.sampled_from([work for work in self.works if work.next == 0])))

    def _give_back(self, work: Work) -> None:
        held = self._is_held(work)
        self.run(give_back, work.lease)
        self.works.remove(work)
        if held:
            self.lanes[work.key].state = DUE

    @precondition(lambda self: self.works)
    @rule()
    def leases_are_renewed(self) -> None:
        until = self.desk.now + LEASE_MS
        (renewed,) = self.run(renew, [(work.lease, until) for work in self.works])
        for work, held in zip(self.works, renewed, strict=True):
            assert held == self._is_held(work)
            if held:
                self.lanes[work.key].lease_until = until

    # What happens besides

    @precondition(lambda self: self._some_are(LEASED))
    @rule()
    def the_daemon_restarts(self) -> None:
        self.run(void_leases, None)
        for model in self.lanes.values():
            self._void(model, model.state == LEASED)

    @precondition(lambda self: self._some_are(LEASED))
    @rule()
    def old_leases_expire(self) -> None:
        self.run(expire_leases, None)
        for model in self.lanes.values():
            self._void(model, model.state == LEASED and model.lease_until < self.desk.now)

    def _void(self, model: LaneModel, ends: bool) -> None:
        if ends:
            model.state, model.token = DUE, model.token + 1

    @precondition(lambda self: any(model.retrying for model in self.lanes.values()))
    @rule(name=st.sampled_from((APP, ORDERED, UNORDERED)))
    def the_destination_works_again(self, name: str) -> None:
        destination = self.numbers[name]
        self.run(waken, Waken(destination, 500))
        for (owner, _), model in self.lanes.items():
            if owner == destination and model.state == DUE and model.retrying:
                model.run_at, model.retrying = self.desk.now, False

    @rule(seconds=st.integers(1, 500))
    def the_clock_is_set_back(self, seconds: int) -> None:
        self.desk.now -= seconds * 1000
        self.run(set_back, SetBack(seconds * 1000, LEASE_MS))
        now = self.desk.now
        for model in self.lanes.values():
            if model.state != IDLE and model.run_at > now:
                model.run_at = max(now, model.run_at - seconds * 1000)
            if model.state == LEASED:
                model.lease_until = min(model.lease_until, now + LEASE_MS)

    @precondition(lambda self: self.ended)
    @rule()
    def what_is_done_with_is_forgotten(self) -> None:
        ages = Ages(*(KEPT_MS for _ in Ages._fields))
        assert CHUNK not in self.run(prune, ages)[0].values()
        assert self.run(prune_attempts, AttemptWalk(KEPT_MS))[0].after is None
        assert self.run(prune_lanes, LaneWalk(KEPT_MS)) == [None]
        horizon = self.desk.now - KEPT_MS
        self.ended = [(outcome, at) for outcome, at in self.ended if at >= horizon]
        self.seen = {key: (it, at) for key, (it, at) in self.seen.items() if at >= horizon}
        for key, model in list(self.lanes.items()):
            if model.state == IDLE and model.touched_at < horizon:
                del self.lanes[key]
                # Nobody holds on to a lease for the week that a lane must be idle.
                self.works = [work for work in self.works if work.key != key]

    # What always holds

    @invariant()
    def lanes_are_as_the_model_says(self) -> None:
        rows = {
            (row.destination_id, row.stream): row for row in self.desk.rows("SELECT * FROM lane")
        }
        assert rows.keys() == self.lanes.keys()
        for key, model in self.lanes.items():
            row = rows[key]
            assert (row.state, row.pending) == (model.state, len(model.owed)), key
            assert model.state != IDLE or not model.owed
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
    def nothing_owed_is_lost_and_nothing_ends_twice(self) -> None:
        ((pending, done, dead),) = self.desk.rows(
            "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM delivery_done),"
            " (SELECT count(*) FROM dead)"
        )
        assert pending == self.owed - self.settled
        ended = [outcome for outcome, _ in self.ended]
        assert (done, dead) == (ended.count("delivered"), ended.count("dead"))

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
