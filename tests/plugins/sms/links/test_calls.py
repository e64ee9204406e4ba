"""What providers call with, and what it says: a table for each link, and rubbish for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms.link import Incoming, Report, Said
from omnigate_sms.links import LINKS

import omnigate
from omnigate.testing import FakeHost
from omnigate.testing.junk import JUNK

from .conftest import make

PAYLOADS = Path(__file__).parents[3] / "payloads/sms"
ARRIVED_AT = 1_795_345_000.0
FORM = "application/x-www-form-urlencoded"


def table() -> Iterator[Any]:
    for path in sorted(PAYLOADS.glob("*.json")):
        for call in json.loads(path.read_text())["calls"]:
            yield pytest.param(path.stem, call, id=f"{path.stem}: {call['id']}")


def request_of(call: Mapping[str, Any]) -> omnigate.Request:
    return omnigate.Request(
        method=call["method"],
        path="/hook",
        query=call["query"],
        headers=call["headers"],
        body=call["body"].encode(),
        received_at_seconds=ARRIVED_AT,
    )


def told(said: Said) -> dict[str, Any]:
    """Return what is said as the tables write it."""
    at = said.occurred_at.isoformat()
    if isinstance(said, Report):
        return {
            "report": said.external_id,
            "state": said.state,
            "error": said.error,
            "reference": said.reference,
            "at": at,
        }
    piece = said.segment
    return {
        "incoming": said.external_id,
        "source": said.source,
        "destination": said.destination,
        "text": said.text,
        "data": said.data.hex() if said.data is not None else None,
        "encoding": said.encoding,
        "segment": [piece.reference, piece.width_bits, piece.total, piece.number]
        if piece
        else None,
        "at": at,
    }


@pytest.mark.parametrize(("kind", "call"), list(table()))
def test_a_call_says_what_the_table_has(kind, call):
    link = make(kind, FakeHost("sms"))
    if call["said"] == "bad":
        with pytest.raises(omnigate.BadPayload):
            link.parse(request_of(call))
        return
    found = [told(said) for said in link.parse(request_of(call))]
    defaults = {"encoding": "gsm7", "at": datetime.fromtimestamp(ARRIVED_AT).astimezone()}
    assert len(found) == len(call["said"])
    for said, expected in zip(found, call["said"], strict=True):
        if "at" not in expected:
            said.pop("at")
        wanted = {name: expected.get(name, defaults.get(name)) for name in said}
        assert said == wanted


def test_every_link_but_the_described_one_has_a_table():
    assert {path.stem for path in PAYLOADS.glob("*.json")} == LINKS.keys() - {"custom"}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    [
        *("id", "status", "state", "part", "text", "from"),
        *("to", "MessageSid", "MessageStatus", "Body", "From", "ErrorCode"),
        *("NumMedia", "messageId", "msisdn", "concat", "concat-total", "concat-part"),
        *("concat-ref", "type", "data", "phone", "mes", "ts"),
        *("at", "charset", "binary", "coding", "message_status", "message_id"),
        *("timestamp", "sig", "bodySHA256", "token"),
    ]
)
FIELDS = st.dictionaries(NAMES, st.text(max_size=30), max_size=8)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(JUNK),
    st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3), max_size=8).map(
        lambda document: json.dumps(document).encode()
    ),
    FIELDS.map(lambda form: "&".join(f"{k}={v}" for k, v in form.items()).encode()),
)


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(sorted(LINKS)),
    method=st.sampled_from(["GET", "POST"]),
    query=FIELDS,
    body=BODIES,
    content_type=st.sampled_from(["", FORM, "application/json", "text/plain; charset=zzz"]),
)
def test_rubbish_is_either_understood_or_told_to_be_rubbish(
    kind, method, query, body, content_type
):
    link = make(kind, FakeHost("sms"))
    request = omnigate.Request(
        method=method,
        path="/hook",
        query=query,
        headers={"content-type": content_type},
        body=body,
        received_at_seconds=ARRIVED_AT,
    )
    with pytest.raises(omnigate.Unauthorized):
        link.authenticate(request)
    try:
        said = link.parse(request)
    except omnigate.BadPayload:
        return
    assert all(one.occurred_at.tzinfo is not None for one in said)
    pieces = [one.segment for one in said if isinstance(one, Incoming) and one.segment]
    assert all(1 <= piece.number <= piece.total for piece in pieces)
