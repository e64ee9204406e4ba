"""A store in which something of everything has happened: people, messages, calls, tokens, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from omnigate import ids
from omnigate.handovertoken import digest_of, new_handover_token
from omnigate.model.address import Address
from omnigate.model.call import CallWanted
from omnigate.model.event import EventType
from omnigate.model.facts import Message
from omnigate.model.inbound import EchoMessage, InboundMessage, Profile, Receipt
from omnigate.store.attachments import add_uploaded
from omnigate.store.callrequests import Asked, request_calls
from omnigate.store.changes import ChangeContent, Changing, enqueue_changes
from omnigate.store.contacts import Merge, merge
from omnigate.store.destinations import Name, register
from omnigate.store.dials import Claim as Dial
from omnigate.store.dials import begin_dials
from omnigate.store.handovers import NewHandover, make_handovers
from omnigate.store.ingest import Intake, ingest
from omnigate.store.lanes import Claim, claim
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.owing import Lease
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.settling import Settlement, settle
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Target
from tests.store.conftest import BEGIN, at
from tests.store.twins import Twins

APP: Final = ChannelKey("app", "http", 50, 60_000)
BOT: Final = ChannelKey("bot", "telegram", 10)
PHONE: Final = ChannelKey("phone", "call", 30)
PLACES: Final = (APP, BOT, PHONE)
NUMBERS: Final = ("+79161234561", "+79161234562")
HOUR: Final = 3_600_000


@dataclass
class World:
    """What there is, by names that tests can draw from."""

    desk: Any
    twins: Twins
    destinations: dict[str, int]
    conversations: list[str]
    contacts: list[str]
    sent: list[str]
    """Messages to customers."""
    token: str
    file: str
    calls: list[str]
    merges: list[tuple[str, int]]
    """Contacts and the merges that they have part in."""
    leases: list[Lease] = field(default_factory=list)


def make_world(desk: Any) -> World:
    """Let a little of everything happen."""
    names = [Name("backend", name) for name in ("crm", "helper", "log")]
    names += [Name("channel", name) for name in ("app", "bot")]
    numbers = {known.name: desk.run(register, known)[0].destination_id for known in names}

    def route(channel: str | None, event_type: EventType, owner: str | None) -> Sequence[Target]:
        priority = next((known.priority for known in PLACES if known.name == channel), None)
        owner_id = numbers["helper" if owner == "helper" else "crm"]
        return [Target(owner_id, True, priority), Target(numbers["log"], False, priority)]

    desk._route = route  # as the daemon would be configured
    for number, channel, address in (
        (1, APP, "app:1"),
        (2, APP, "app:2"),
        (3, BOT, "telegram:3"),
        (4, BOT, f"tel:{NUMBERS[0]}"),
        (5, BOT, "telegram:5"),
    ):
        sender = Profile.model_validate({"address": address, "verified": number in (2, 3)})
        said = InboundMessage(
            external_id=f"before-{number}",
            conversation=f"c-{number % 4}" if channel is APP else f"b-{number}",
            occurred_at=at(BEGIN),
            sender=sender,
            text=f"hello {number}",
            message_id=f"m-{number}",
        )
        desk.run(ingest, Intake(channel, [said]))
    echo = EchoMessage(
        external_id="before-echo",
        conversation="c-2",
        occurred_at=at(BEGIN),
        recipient=Profile.model_validate({"address": "app:2"}),
        text="by hand",
        message_id="e-1",
    )
    desk.run(ingest, Intake(APP, [echo]))
    rows = desk.rows("SELECT id, external_id, contact_id FROM conversation ORDER BY id")
    conversations = [row.id for row in rows]
    contacts = [row.contact_id for row in rows]
    desk.now += HOUR
    desk.run(merge, Merge(contacts[0], contacts[4], by="api"))
    desk.run(merge, Merge(contacts[1], contacts[2], by="api", force=True))
    merges = [(row.loser, row.id) for row in desk.rows("SELECT loser, id FROM merge ORDER BY id")]
    desk.run(unmerge, Unmerge(*merges[0], "api"))
    sent = [write(desk, APP, numbers["app"], conversations[0], parts=2) for _ in range(2)]
    sent += [write(desk, APP, numbers["app"], conversations[1]) for _ in range(2)]
    sent += [write(desk, BOT, numbers["bot"], conversations[2], parts=1)]
    for name in ("app", "bot"):
        desk.run(claim, Claim(numbers[name], 9, 9, 1, HOUR))
    desk.run(settle_part, PartResult(sent[0], 0, "sent", "out-1"))
    desk.run(settle_part, PartResult(sent[2], 0, "sent", "out-2", segments=("s-1", "s-2")))
    token = new_handover_token()
    made = NewHandover(
        ids.handover_id(), digest_of(token), conversations[0], ["bot"], desk.now + 90 * HOUR
    )
    desk.run(make_handovers, made)
    (file,) = desk.run(
        add_uploaded,
        {"id": ids.attachment_id(), "channel": "app", "kind": "file", "mime": "text/plain"},
    )
    calls = [
        desk.run(
            request_calls,
            Asked(
                PHONE,
                CallWanted(number=number, from_conversation=origin, name="Ann"),
                Address(f"tel:{number}"),
                expires_at=at(desk.now + HOUR),
            ),
        )[0].id
        for number, origin in zip(NUMBERS, (conversations[0], conversations[2]), strict=True)
    ]
    desk.run(begin_dials, Dial("phone", 1))
    for number, name in enumerate(("out-7", "s-7")):
        early = Receipt(
            external_id=f"before-receipt-{number}",
            conversation="c-1",
            occurred_at=at(BEGIN),
            message_id=name,
            state="delivered",
            any_conversation=True,
        )
        desk.run(ingest, Intake(APP, [early]))
    steps = [ChangeContent("out-2", text="changed", becomes={"text": "changed", "state": "edited"})]
    desk.run(
        enqueue_changes, Changing(sent[2], conversations[1], APP, numbers["app"], "edit", steps)
    )
    leases: list[Lease] = []
    for owner in ("log", "crm", "log"):
        (claimed,) = desk.run(claim, Claim(numbers[owner], 4, 0, 2, 9 * HOUR))
        if not leases:  # these die, and what is told of that is owed to all others
            desk.run(settle, *(dead(lease) for lease in claimed.leases[:2]))
            claimed.leases[:2] = []
        leases += claimed.leases
    (more,) = desk.run(claim, Claim(numbers["crm"], 9, 0, 2, 9 * HOUR))
    desk.now += HOUR // 4
    return World(
        desk,
        Twins(desk, route),
        numbers,
        conversations,
        contacts,
        sent,
        token,
        file.id,
        calls,
        merges,
        [*leases, *more.leases],
    )


def dead(lease: Lease) -> Settlement:
    """Return that the first item of a lease is given up."""
    return Settlement(lease, lease.items[0], "dead", last=True, reason="attempts", error="400")


def write(
    desk: Any, channel: ChannelKey, destination: int, conversation: str, parts: int = 1
) -> str:
    """Queue a message in a conversation; return its id."""
    outgoing = outgoing_to(desk, channel, destination, conversation, parts)
    desk.run(enqueue, outgoing)
    return outgoing.said.id


def outgoing_to(
    desk: Any, channel: ChannelKey, destination: int, conversation: str | None, parts: int = 1
) -> Outgoing:
    """Return a message that is to be queued."""
    said = Message(
        id=ids.message_id(),
        direction="outbound",
        state="queued",
        created_at=at(desk.now),
        text="answer",
    )
    return Outgoing(
        channel=channel,
        destination_id=destination,
        said=said,
        parts=[PartContent(text=f"part {number}") for number in range(parts)],
        conversation_id=conversation,
    )
