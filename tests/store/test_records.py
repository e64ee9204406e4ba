"""What is taken in: recorded once, as envelopes that their JSON Schemas accept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest

from omnigate.model import inbound
from omnigate.model.attachment import AttachmentRef, Location
from omnigate.model.context import Context
from omnigate.model.event import DATA, EventType, json_schema
from omnigate.model.facts import Message
from omnigate.store.conversations import StatusChange, Transfer, change_status, transfer
from omnigate.store.messages import list_messages

NASTY = 'quotes " and \\ and \u2028, <b>, "gap":[], emoji 👩‍👩‍👧 and \x01'

PROFILE = inbound.Profile.model_validate({"address": "app:c-1"})


def envelopes(desk: Any) -> list[dict[str, Any]]:
    rows = desk.rows("SELECT body FROM event_body ORDER BY position")
    return [json.loads(row.body) for row in rows]


def test_every_recorded_envelope_is_what_its_schema_says(desk: Any, said: Any) -> None:
    desk.add_backend("crm")
    proven = inbound.Profile.model_validate(
        {
            "address": "app:c-1",
            "display_name": NASTY,
            "email": "a@b.example",
            "also": ["user:7"],
            "verified": True,
        }
    )
    context = Context.model_validate(
        {"page": "https://shop.example/?q=1", "custom": {"plan": NASTY, "n": 3}}
    )
    file = AttachmentRef(
        kind="image", mime="image/png", name=NASTY, url="https://files.example/1.png"
    )
    desk.put(
        said(
            "m-1",
            text=NASTY,
            context=context,
            attachments=[file],
            sender=proven,
            subject=NASTY,
            extensions={"x": [1, None]},
        ),
        said("m-2", reply_to="m-1", button="pay", automatic=True),
        said("m-2", text="again"),
        said("e-1", item=inbound.MessageEdited, message_id="m-1", text="changed"),
        said("d-1", item=inbound.MessageDeleted, message_id="m-2"),
        said("r-1", item=inbound.Reaction, message_id="m-1", emoji=["👍"]),
        said("b-1", item=inbound.ButtonPressed, payload="p", label=NASTY, message_id="m-1"),
        said("x-1", item=inbound.ContactBlocked, reason=NASTY),
        said("x-2", item=inbound.ContactUnblocked),
        said("u-1", item=inbound.ContactUpdated, context=Context(language="ru")),
        said("s-1", item=inbound.Rating, score=5, comment=NASTY),
        inbound.EchoMessage.model_validate(
            {
                "external_id": "o-1",
                "conversation": "c-1",
                "occurred_at": "2026-11-21T10:00:00+03:00",
                "recipient": {"address": "app:c-1"},
                "text": NASTY,
                "author": "Ivan",
            }
        ),
    )
    (known,) = desk.rows("SELECT id FROM conversation")
    desk.run(change_status, StatusChange(known.id, "closed", "api"))
    desk.put(said("m-3"))
    desk.run(transfer, Transfer(known.id, "crm", None))
    found = envelopes(desk)
    for envelope in found:
        schema = json_schema(EventType(envelope["type"]))
        jsonschema_rs.validate(schema, envelope, validate_formats=True)
        assert list(envelope["data"]) == [DATA[EventType(envelope["type"])][0]]
    types = {envelope["type"] for envelope in found}
    assert len(types) >= 13, types
    numbers = [envelope["sequence"] for envelope in found if envelope["sequence"] is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    first = next(one for one in found if one["type"] == "message.received")
    assert first["data"]["message"]["text"] == NASTY
    assert first["conversation"]["context"]["custom"]["plan"] == NASTY
    assert first["data"]["message"]["attachments"][0]["url"].startswith("omnigate-media:")
    assert "files.example" not in json.dumps(found), (
        "a provider's address does not leave the daemon"
    )


def test_the_same_external_id_is_stored_once_within_a_batch_and_across(
    desk: Any, said: Any
) -> None:
    first, again = desk.put(said("m-1"), said("m-1", text="other"))
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.event_id == first.event_id
    (later,) = desk.put(said("m-1", conversation="c-2"))
    assert (later.duplicate, later.message_id) == (True, first.message_id)
    assert desk.rows("SELECT count(*) FROM message")[0][0] == 1


def test_a_message_may_come_with_its_edits_and_its_deletion_in_one_batch(
    desk: Any, said: Any
) -> None:
    """As a poll brings them after an outage; were it refused, nothing behind it would ever come."""
    file = AttachmentRef(kind="image", mime="image/png", url="https://files.example/1.png")
    desk.put(
        said("m-1", text="frist", attachments=[file]),
        said("e-1", item=inbound.MessageEdited, message_id="m-1", text="first"),
        said("e-2", item=inbound.MessageEdited, message_id="m-1", text="The first"),
        said("m-2", reply_to="m-1"),
        said("d-1", item=inbound.MessageDeleted, message_id="m-2"),
    )
    told = [
        (one["type"], one["data"]["message"]["text"], len(one["data"]["message"]["attachments"]))
        for one in envelopes(desk)
        if one["type"].startswith("message.")
    ]
    assert told == [
        ("message.received", "frist", 1),
        ("message.edited", "first", 1),
        ("message.edited", "The first", 1),
        ("message.received", "m-2", 0),
        ("message.deleted", None, 0),
    ]
    with desk.engine.begin() as connection:
        shown = [message for message, _ in list_messages(connection, limit=10)]
    assert [(one.state, one.text) for one in shown] == [("deleted", None), ("edited", "The first")]


def test_a_place_that_is_shared_live_is_where_it_was_last_seen(desk: Any, said: Any) -> None:
    here, there = (Location(latitude=latitude, longitude=37.6) for latitude in (55.7, 55.8))
    desk.put(
        said("m-1", text=None, location=here),
        said("e-1", item=inbound.MessageEdited, message_id="m-1", location=there),
        said("m-2", location=here),
        said("e-2", item=inbound.MessageEdited, message_id="m-2", text="changed"),
    )
    told = [one["data"]["message"] for one in envelopes(desk) if one["type"] == "message.edited"]
    assert [one["location"]["latitude"] for one in told] == [55.8, 55.7]
    assert [one["text"] for one in told] == [None, "changed"]


def test_a_batch_is_stored_whole_or_not_at_all(desk: Any, said: Any) -> None:
    class Strange(inbound.Inbound):
        pass

    with pytest.raises(TypeError, match="Strange"):
        desk.put(said("m-1"), said("z-1", item=Strange))
    for table in ("event", "message", "dedup", "conversation", "contact", "outbox"):
        assert desk.rows(f"SELECT count(*) FROM {table}")[0][0] == 0, table
    (stored,) = desk.put(said("m-1"))
    assert (stored.duplicate, stored.sequence) == (False, 2)


def test_people_proven_to_be_one_become_one_contact_and_their_events_go_on(
    desk: Any, said: Any
) -> None:
    desk.put(said("m-1", "c-1"), said("m-2", "c-2"))
    assert desk.rows("SELECT count(*) FROM contact WHERE merged_into IS NULL")[0][0] == 2
    proven = inbound.Profile.model_validate(
        {"address": "app:c-2", "also": ["app:c-1"], "verified": True}
    )
    desk.put(said("m-3", "c-2", sender=proven))
    merged = [one for one in envelopes(desk) if one["type"] == "contact.merged"]
    assert len(merged) == 1
    owners = desk.rows("SELECT DISTINCT contact_id FROM conversation")
    assert len(owners) == 1
    assert {
        row.address
        for row in desk.rows("SELECT address FROM address WHERE contact_id = :id", id=owners[0][0])
    } == {"app:c-1", "app:c-2"}


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(999, 2, 3, 4, 5, 6, 7_000, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC),
        datetime(2026, 11, 22, 3, 26, 10, 747_000, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC),
    ],
)
def test_a_message_stands_in_the_log_as_the_model_writes_it(
    desk: Any, said: Any, moment: datetime
) -> None:
    file = AttachmentRef(kind="image", mime="image/png", name="a.png", url="https://f.example/1")
    desk.put(
        said("m-1", text=NASTY, attachments=[file], extensions={"x": [1, None]}).model_copy(
            update={"occurred_at": moment}
        ),
        said("m-2", reply_to="m-1", location=Location(latitude=1.5, longitude=-2, title=NASTY)),
        said(
            "m-3",
            item=inbound.EchoMessage,
            recipient=PROFILE,
            author="Ann",
            text="from afar",
            subject="S",
        ),
    )
    rows = desk.rows(
        "SELECT body FROM event_body JOIN event USING (position) WHERE message_id IS NOT NULL"
    )
    texts = [row.body.partition('"data":{"message":')[2].removesuffix("}}") for row in rows]
    assert len(texts) == 3
    for text in texts:
        assert Message.model_validate_json(text).model_dump_json() == text
    assert Message.model_validate_json(texts[0]).created_at == moment
    first = json.loads(rows[0].body)
    assert first["timestamp"] == first["data"]["message"]["created_at"]


def test_a_conversation_that_the_company_began_is_about_what_it_wrote(desk: Any, said: Any) -> None:
    """What is answered in it, by the CRM too, has that subject."""
    echo = said("m-1", item=inbound.EchoMessage, recipient=PROFILE, text="hello", subject="Offer")
    desk.put(echo, said("m-2", subject="Re: Offer"))
    (row,) = desk.rows("SELECT subject FROM conversation")
    assert row.subject == "Offer"
