"""A batch does exactly what its items would do one at a time, each in its own transaction, in their order.

Hundreds of items of many tasks come in one transaction, over few conversations at times. What an operation
keeps in memory for that must never be older than what it has written itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from omnigate.model.address import Address
from omnigate.model.attachment import AttachmentRef
from omnigate.model.call import CallUpdate, CallWanted
from omnigate.model.context import Context
from omnigate.model.inbound import (
    ButtonPressed,
    ContactBlocked,
    ContactUnblocked,
    ContactUpdated,
    ConversationClosed,
    ConversationMoved,
    EchoMessage,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Profile,
    Rating,
    Reaction,
    Receipt,
)
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.callends import (
    Cancellation,
    Held,
    Resolution,
    cancel_calls,
    hold_calls,
    resolve_calls,
)
from omnigate.store.callrequests import Asked, request_calls
from omnigate.store.cancelling import Cancellation as CancelledMessage
from omnigate.store.cancelling import cancel_messages
from omnigate.store.changes import ChangeContent, Changing, enqueue_changes
from omnigate.store.consents import ConsentSaid, set_consents
from omnigate.store.contacts import Edit, Merge, edit, merge
from omnigate.store.conversations import StatusChange, Transfer, change_status, transfer
from omnigate.store.dead import DeadDrop, drop_dead
from omnigate.store.dials import Claim as DialClaim
from omnigate.store.dials import DialOutcome, begin_dials, settle_dials
from omnigate.store.idempotency import IdempotencyKey
from omnigate.store.ingest import Intake, ingest
from omnigate.store.leases import give_back
from omnigate.store.outbound import Outgoing, enqueue
from omnigate.store.owing import Lease
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.record import OPERATIONS as RECORD_OPERATIONS
from omnigate.store.requeue import DeadReplay, replay_dead
from omnigate.store.resolving import Resolution as MessageResolution
from omnigate.store.resolving import resolve_messages
from omnigate.store.settling import Outcome, Settlement, settle
from omnigate.store.unqueue import empty_lanes
from tests.seeds import draw_seed
from tests.store.conftest import BEGIN, at
from tests.store.test_lanes_machine import stale
from tests.store.twins import Operation
from tests.store.world import APP, BOT, HOUR, NUMBERS, PHONE, World, dead, make_world, outgoing_to

EXAMPLES = int(os.environ.get("OMNIGATE_TEST_BATCHES") or 5)
"""How many batches of an operation are tried."""


@pytest.fixture(scope="module")
def world(new_desk: Callable[[], Any]) -> World:
    return make_world(new_desk())


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


MOMENTS = st.integers(0, 3).map(lambda hours: at(BEGIN + hours * 3_600_000))
ADDRESSES = ("app:1", "app:2", "app:9", "telegram:3", f"tel:{NUMBERS[0]}", "user:7", "user:8")
PROFILES = st.builds(
    Profile,
    address=some(*ADDRESSES),
    display_name=maybe(some("Ann", "Bert")),
    phone=maybe(some("1", "2")),
    username=maybe(some("u1", "u2")),
    verified=st.booleans(),
    also=st.lists(some(*ADDRESSES), max_size=2),
)
NAMES = some("c-1", "c-2", "c-3", "c-4", "b-3", "b-4")
MESSAGES = some("m-1", "m-2", "m-3", "m-8", "m-9", "e-1", "out-1")
OUT = some("out-1", "out-2", "out-9", "s-1", "s-2")
STATES = some("sent", "delivered", "read", "failed")
CONTEXTS = st.builds(
    Context, page=some("/a", "/b"), custom=st.dictionaries(some("x", "y"), some(1))
)


def inbound(world: World) -> st.SearchStrategy[Any]:
    """Return what channels may hand in: about few things, so that items meet."""
    fields = {
        "external_id": st.integers(0, 40).map(lambda number: f"x-{number}"),
        "conversation": NAMES,
        "occurred_at": MOMENTS,
    }
    files = st.lists(
        st.builds(AttachmentRef, id=st.just(world.file))
        | st.builds(AttachmentRef, url=st.just("https://files.example/1")),
        max_size=2,
    )

    def of(kind: type[Any], **more: Any) -> st.SearchStrategy[Any]:
        return st.builds(kind, **{**fields, **more})

    said = of(
        InboundMessage,
        sender=PROFILES,
        text=some("hello", "and more", f"see {world.token}"),
        subject=maybe(some("s1", "s2")),
        message_id=maybe(MESSAGES),
        reply_to=maybe(MESSAGES),
        attachments=files,
        handover=maybe(st.just(world.token)),
        context=maybe(CONTEXTS),
        automatic=st.booleans(),
    )
    return st.one_of(
        said,
        of(MessageEdited, message_id=MESSAGES, text=some("other", "words"), attachments=files),
        of(MessageDeleted, message_id=MESSAGES),
        of(
            EchoMessage,
            recipient=PROFILES,
            text=st.just("by hand"),
            subject=maybe(some("s1", "s2")),
            message_id=maybe(MESSAGES),
            attachments=files,
        ),
        of(Reaction, sender=PROFILES, message_id=MESSAGES, emoji=some([], ["+"])),
        of(ButtonPressed, sender=PROFILES, message_id=maybe(MESSAGES), payload=st.just("p")),
        of(ContactBlocked, sender=PROFILES),
        of(ContactUnblocked, sender=PROFILES),
        of(ContactUpdated, sender=PROFILES, context=maybe(CONTEXTS)),
        of(ConversationClosed),
        of(Rating, sender=PROFILES, score=some(1, 5)),
        of(ConversationMoved, to=NAMES),
        of(
            Receipt,
            message_id=OUT,
            state=STATES,
            part=maybe(st.sampled_from(world.sent).map(lambda sent: f"{sent}.0")),
            error=maybe(st.just("why")),
            any_conversation=st.booleans(),
        ),
        of(
            CallUpdate,
            conversation=some(*NUMBERS),
            call=st.sampled_from(world.calls),
            attempt=st.integers(1, 2),
            state=maybe(
                some(
                    "agent_ringing",
                    "agent_answered",
                    "customer_ringing",
                    "customer_answered",
                    "bridged",
                    "completed",
                    "customer_no_answer",
                    "failed",
                    "unknown",
                )
            ),
            talk_seconds=maybe(some(1, 60)),
            provider_ids=st.dictionaries(some("call", "agent"), some("1", "2")),
            retry_at=maybe(st.just(at(BEGIN + 9 * 3_600_000))),
            recording=maybe(st.builds(AttachmentRef, url=st.just("https://files.example/2"))),
        ),
    )


def intakes(world: World) -> st.SearchStrategy[Any]:
    """Return hand-overs: each of a channel that may hand in such a thing."""

    def intake(channel: Any, items: list[Any], cursor: str | None, notes: Any) -> Intake:
        channel = PHONE if any(isinstance(item, CallUpdate) for item in items) else channel
        return Intake(channel, items, cursor, notes=notes)

    return st.builds(
        intake,
        some(APP, APP, BOT),
        st.lists(inbound(world), min_size=1, max_size=2),
        maybe(some("1", "2")),
        st.dictionaries(some("k1", "k2"), maybe(some("v1", "v2")), max_size=1),
    )


def part_results(world: World) -> st.SearchStrategy[Any]:
    def result(
        message: str, index: int, state: Any, name: str | None, pieces: list[str]
    ) -> PartResult:
        if message == world.sent[2] and index == 1:
            return PartResult(message, 1, state, action="edit")
        if state != "sent":
            return PartResult(message, index, state, error="why")
        return PartResult(message, index, "sent", name, segments=pieces)

    parts = [(0, 1), (1, 0), (2, 1), (3, 0), (4, 0)]
    return st.sampled_from(parts).flatmap(
        lambda part: st.builds(
            result,
            st.just(world.sent[part[0]]),
            st.just(part[1]),
            some("sent", "sent", "failed", "unknown", "queued"),
            maybe(some("out-1", "out-7", "out-8")),
            st.lists(some("s-1", "s-7", "s-8"), max_size=2, unique=True),
        )
    )


def settlements(world: World) -> st.SearchStrategy[Any]:
    def settled(lease: Lease, outcome: Outcome, **more: Any) -> Settlement:
        item = lease.items[0]
        if item.job is not None and outcome == "retry":
            back = PartResult(item.job.part.message, item.job.part.index, "queued", error="down")
            item = replace(item, tried=back)
        return Settlement(lease, item, outcome, last=True, **more)

    return st.builds(
        settled,
        st.sampled_from(world.leases),
        some("delivered", "retry", "dead", "dead"),
        error=some("", "400"),
        counts=st.booleans(),
        blames_item=st.booleans(),
        run_at=maybe(st.just(world.desk.now + HOUR)),
        reason=st.just("attempts"),
    )


def outgoing(world: World) -> st.SearchStrategy[Any]:
    def message(place: str | None, address: str, key: str | None, **more: Any) -> Outgoing:
        wanted = outgoing_to(world.desk, APP, world.destinations["app"], place)
        named = None if key is None else IdempotencyKey("crm", key, key)
        if place is None:
            more |= {"address": Address(address), "external_id": f"begun by {address}"}
        return replace(wanted, key=named, **more)

    return st.builds(
        message,
        maybe(some(*world.conversations[:2])),
        some("app:1", "app:2", "app:9", "user:7"),
        maybe(some("k-1", "k-2")),
        notices=maybe(some("known", "consent")),
        force=st.booleans(),
        contact_id=maybe(some(*world.contacts)),
    )


def changes(world: World) -> st.SearchStrategy[Any]:
    def change(number: int, action: Any, steps: int, key: str | None) -> Changing:
        content = [ChangeContent("out-1", text=f"step {step}") for step in range(steps)]
        named = None if key is None else IdempotencyKey("crm", key, key)
        place, app = world.conversations[number // 2], world.destinations["app"]
        return Changing(world.sent[number], place, APP, app, action, content, named)

    return st.builds(
        change, some(0, 2), some("edit", "delete"), st.integers(0, 2), maybe(some("k-1", "k-2"))
    )


def calls_wanted(world: World) -> st.SearchStrategy[Any]:
    def wish(number: str, place: str | None, name: str | None, key: str | None) -> Asked:
        wanted = CallWanted(number=number, from_conversation=place, name=name)
        named = None if key is None else IdempotencyKey("crm", key, key)
        until = at(world.desk.now + HOUR)
        return Asked(PHONE, wanted, Address(f"tel:{number}"), until, key=named)

    return st.builds(
        wish,
        some(*NUMBERS, "+79161234563"),
        maybe(some(*world.conversations[:3])),
        maybe(some("Ann", "Bert")),
        maybe(some("k-1", "k-2")),
    )


def call_id(world: World) -> st.SearchStrategy[str]:
    return some(*world.calls)


def owed(world: World) -> st.SearchStrategy[Any]:
    numbers = [row.id for row in world.desk.rows("SELECT id FROM outbox")]
    return st.lists(some(*numbers), min_size=1, max_size=4, unique=True)


def dead_letters(world: World) -> st.SearchStrategy[Any]:
    numbers = [row.outbox_id for row in world.desk.rows("SELECT outbox_id FROM dead")]
    return st.lists(some(*numbers), min_size=1, max_size=2, unique=True)


def contact_id(world: World) -> st.SearchStrategy[str]:
    return some(*world.contacts)


def place(world: World) -> st.SearchStrategy[str]:
    return some(*world.conversations)


Items = Callable[[World], st.SearchStrategy[Any]]

OPERATIONS: dict[Operation, Items] = {
    ingest: intakes,
    settle_part: part_results,
    settle: settlements,
    enqueue: outgoing,
    enqueue_changes: changes,
    abandon: lambda world: st.builds(Abandonment, owed(world), some("cancelled", "expired")),
    cancel_messages: lambda world: st.builds(CancelledMessage, some(*world.sent)),
    resolve_messages: lambda world: st.builds(
        MessageResolution, some(*world.sent), some("sent", "delivered", "failed")
    ),
    replay_dead: lambda world: st.builds(
        DeadReplay, dead_letters(world), st.just(list(world.destinations.values()))
    ),
    drop_dead: lambda world: st.builds(DeadDrop, dead_letters(world)),
    give_back: lambda world: some(*world.leases),
    request_calls: calls_wanted,
    begin_dials: lambda world: st.builds(DialClaim, st.just("phone"), st.integers(1, 2)),
    settle_dials: lambda world: st.builds(
        DialOutcome,
        call_id=call_id(world),
        attempt=st.integers(0, 2),
        came=some("taken", "refused", "not_begun", "unknown"),
        provider_ids=st.dictionaries(some("call", "agent"), some("1", "2")),
        code=some("", "limit_reached"),
        error=maybe(st.just("why")),
        is_news=st.booleans(),
    ),
    cancel_calls: lambda world: st.builds(Cancellation, call_id(world), maybe(place(world))),
    resolve_calls: lambda world: st.builds(
        Resolution, call_id(world), some("completed", "failed", "again")
    ),
    hold_calls: lambda world: st.builds(Held, call_id(world), st.just("why")),
    change_status: lambda world: st.builds(
        StatusChange, place(world), some("open", "closed"), some("api", "system")
    ),
    transfer: lambda world: st.builds(Transfer, place(world), some("helper", "crm")),
    merge: lambda world: st.builds(
        Merge, contact_id(world), contact_id(world), force=st.booleans()
    ),
    unmerge: lambda world: st.sampled_from(world.merges).map(lambda it: Unmerge(*it, "api")),
    edit: lambda world: st.builds(
        Edit,
        contact_id(world),
        st.dictionaries(some("display_name", "phone"), maybe(some("x", "y")), max_size=2),
    ),
    set_consents: lambda world: st.builds(
        ConsentSaid,
        contact_id(world),
        some(*ADDRESSES),
        maybe(some("granted", "refused")),
        maybe(st.just("a form")),
    ),
    keep: lambda world: st.builds(
        Puzzle, some("app", "bot"), some("why", "how"), st.just("{}"), some(b"1", b"2")
    ),
    empty_lanes: lambda world: some(
        *((lease.destination_id, lease.stream) for lease in world.leases)
    ),
}

TRIED: dict[Operation, int] = {ingest: 10, settle_part: 2, settle: 2, enqueue: 2}
"""How many times as many for those in which most comes together."""
ONE_EACH: dict[Operation, Callable[[Any], Any]] = {
    settle: lambda item: (item.lease.destination_id, item.lease.stream),
    settle_part: lambda item: item.message_id,
}
"""Of what no two items of a batch are: a lane is worked on by one, and parts are sent one after another."""


@pytest.mark.timeout(900)  # what it finds it makes short, and that may take minutes
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_a_batch_does_what_its_items_do_one_at_a_time(world: World, operation: Operation) -> None:
    batches = st.lists(
        OPERATIONS[operation](world), min_size=2, max_size=6, unique_by=ONE_EACH.get(operation)
    )

    @hypothesis.seed(draw_seed())
    @hypothesis.settings(
        max_examples=TRIED.get(operation, 1) * EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(items=batches, alone=st.integers(0, 4), remembers=st.booleans())
    def run(items: list[Any], alone: int, *, remembers: bool) -> None:
        before = min(alone, len(items) - 2)
        assert not world.twins.differences(operation, items, before=before, remembers=remembers)

    run()


def test_it_would_be_seen_that_lanes_are_written_as_they_were_before_a_report(world: World) -> None:
    (reports,) = (lease for lease in world.leases if lease.stream == RECORD_OPERATIONS)
    dies = next(
        lease for lease in world.leases if lease.destination_id == world.destinations["log"]
    )
    told = Settlement(reports, reports.items[0], "delivered", last=True)
    assert world.twins.differences(settle, [told, dead(dies)]) == []
    assert world.twins.differences(settle, [told, dead(dies)], broken=stale)


@pytest.mark.parametrize("operation", [enqueue, transfer, change_status, ingest])
def test_it_would_be_seen_that_a_batch_is_not_worked_off_in_order(
    world: World, operation: Operation
) -> None:
    def backwards(transaction: Any, items: Any) -> Any:
        return operation(transaction, items[::-1])[::-1]

    place = world.conversations[1]
    batches: dict[Operation, list[Any]] = {
        enqueue: [outgoing_to(world.desk, APP, world.destinations["app"], place) for _ in "12"],
        transfer: [Transfer(place, "helper"), Transfer(place, "crm")],
        change_status: [StatusChange(place, "closed", "api"), StatusChange(place, "open", "api")],
        ingest: [
            Intake(APP, [Rating(**about, sender=Profile(address=Address("app:2")), score=score)])
            for score, about in enumerate(
                (
                    {"external_id": name, "conversation": "c-2", "occurred_at": at(BEGIN)}
                    for name in ("x-1", "x-2")
                ),
                start=1,
            )
        ],
    }
    assert world.twins.differences(operation, batches[operation]) == []
    assert world.twins.differences(operation, batches[operation], broken=backwards)
