"""The vocabulary: clean text, addresses, times, and samples that keep to their schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from omnigate.model.address import Address, mailto, tel
from omnigate.model.event import DATA, EPHEMERAL, EventType, json_schema
from omnigate.model.inbound import InboundMessage
from omnigate.model.outbound import Content, OutboundMessage
from omnigate.model.samples import sample
from omnigate.model.text import ExternalId, Timestamp, clean_text, read_json, rfc3339

WHEN = "2026-11-21T10:00:00Z"


@given(st.text(st.characters()))
def test_clean_text_can_be_stored_and_forwarded_whatever_came_in(text: str) -> None:
    clean = clean_text(text)
    assert "\0" not in clean
    assert clean.encode().decode() == clean
    assert clean_text(clean) == clean


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_that_is_clean_is_left_alone(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("given_text", "clean"),
    [
        ("a\0b", "ab"),
        ("\ud83d\ude00", "😀"),
        ("x\ud83d", "x\ufffd"),
        ("\ude00x", "\ufffdx"),
        ("Ж\0", "Ж"),
    ],
)
def test_pairs_of_surrogates_are_joined_and_lone_ones_replaced(given_text: str, clean: str) -> None:
    message = InboundMessage.model_validate(
        {
            "external_id": "1",
            "conversation": "c",
            "occurred_at": WHEN,
            "sender": {"address": "app:1"},
            "text": given_text,
        }
    )
    assert message.text == clean


@pytest.mark.parametrize(
    "text", ["tel:+79161234567", "mailto:a@b.example", "user:42", "webchat:v-1", "x+y.z-1:анна"]
)
def test_an_address_is_a_scheme_and_a_path(text: str) -> None:
    address = Address(text)
    assert (address.scheme, address.path) == tuple(text.split(":", 1))
    assert address == text
    assert TypeAdapter(Address).validate_python(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        ":anna",
        "tel:",
        "Tel:+7",
        "1tel:x",
        "tel: 7",
        "tel:7\n8",
        "a:" + "x" * 481,
        "tel:\x7f",
        "a" * 33 + ":x",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scheme:path"):
        Address(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Address).validate_python(text)


def test_a_line_break_at_the_end_of_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme:path"):
        Address("tel:+79161234567\n")


def test_numbers_and_mailboxes_become_addresses_or_are_refused() -> None:
    assert tel("+79161234567") == "tel:+79161234567"
    assert mailto(" Anna.P@Example.ORG ") == "mailto:Anna.P@example.org"
    for number in ("79161234567", "+0123456", "+7 916", "+7916123456789012", ""):
        with pytest.raises(ValueError, match="phone number"):
            tel(number)
    for mailbox in ("anna", "@example.org", "anna@", ""):
        with pytest.raises(ValueError, match="mailbox"):
            mailto(mailbox)


def test_times_are_aware_and_kept_in_utc_to_the_millisecond() -> None:
    moscow = datetime(2026, 11, 21, 13, 0, 0, 123_999, timezone(timedelta(hours=3)))
    kept = TypeAdapter(Timestamp).validate_python(moscow)
    assert kept == datetime(2026, 11, 21, 10, 0, 0, 123_000, UTC)
    assert rfc3339(moscow) == "2026-11-21T10:00:00.123Z"
    with pytest.raises(ValidationError):
        TypeAdapter(Timestamp).validate_python("2026-11-21T10:00:00")


@pytest.mark.parametrize("external_id", ["", "\0", "x" * 501])
def test_an_external_id_is_neither_empty_nor_endless(external_id: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ExternalId).validate_python(external_id)


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_type_of_event_has_a_schema_that_its_sample_keeps_and_others_break(
    event_type: EventType,
) -> None:
    schema = json_schema(event_type)
    jsonschema_rs.meta.validate(schema)
    envelope: dict[str, Any] = json.loads(sample(event_type).model_dump_json())
    jsonschema_rs.validate(schema, envelope)
    assert list(envelope["data"]) == [DATA[event_type][0]]
    assert (envelope["sequence"] is None) >= (event_type in EPHEMERAL)
    mistakes: list[dict[str, Any]] = [
        {"type": "nonsense"},
        {"sequence": "1"},
        {"data": {}},
        {"contact": 1},
    ]
    for broken in mistakes:
        assert not jsonschema_rs.is_valid(schema, {**envelope, **broken}), broken
    assert jsonschema_rs.is_valid(schema, {**envelope, "new_field": 1}), "fields may be added"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": "  "},
        {"text": "x", "attachments": [{}]},
        {"text": "x", "attachments": [{"id": "att_" + "0" * 26, "url": "https://a.example"}]},
        {"text": "x", "attachments": [{"url": "file:///etc/passwd"}]},
        {
            "text": "x",
            "buttons": [[{"label": "go", "kind": "url", "value": "javascript:alert(1)"}]],
        },
        {"text": "x", "buttons": [[{"label": "go", "kind": "url"}]]},
        {"text": "x", "author": {"avatar_url": "javascript:1"}},
        {"text": "x" * 100_001},
        {"text": "x", "client_ref": "x" * 101},
        {"text": "x", "unknown": 1},
    ],
)
def test_what_says_nothing_or_may_do_harm_is_no_message(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Content.model_validate(content)


def test_a_mistake_never_shows_what_was_said() -> None:
    with pytest.raises(ValidationError) as caught:
        OutboundMessage.model_validate({"text": "the secret", "to": {"conversation": "the secret"}})
    assert "the secret" not in str(caught.value)


def test_json_of_somebody_elses_is_read_though_an_emoji_was_cut() -> None:
    assert read_json(b'{"a": "x\\ud83d", "b": "\\ud83d\\ude00"}') == {"a": "x\ufffd", "b": "😀"}
    assert read_json('{"a": "é\\u0000"}'.encode()) == {"a": "é\0"}
    for wrong in (b"", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(ValueError):  # noqa: PT011  # its words are those of whoever reads JSON
            read_json(wrong)
