"""What providers call with, and what it says: a table for each of them, and rubbish for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_call.agents import Agent
from omnigate_call.driver import Attempt, Step
from omnigate_call.providers import PROVIDERS
from omnigate_call.providers.provider import HttpProvider
from omnigate_call.providers.tries import Try

import omnigate
from omnigate.testing import FakeHost
from omnigate.testing.junk import JUNK
from tests.plugins.call.providers.lines import AGENT, CUSTOMER, EXTENSION, KINDS, TABLES

pytestmark = pytest.mark.anyio

PAYLOADS = Path(__file__).parents[3] / "payloads/call"
ARRIVED_AT = 1_795_345_000.0
CALL = "cal_00000000000000000000000001"
FORM = "application/x-www-form-urlencoded"


def an_attempt(**more: Any) -> Attempt:
    """Return the attempt that the tables are about."""
    return Attempt(
        **{
            "call_id": CALL,
            "number": 1,
            "customer": CUSTOMER,
            "agent_name": "sales",
            "agent": Agent(extension=EXTENSION, number=AGENT),
            "caller_id": None,
            "is_agent_first": True,
            "ring_seconds": 30,
            "max_seconds": 3600,
            "is_recorded": False,
            "begun_at": datetime.fromtimestamp(ARRIVED_AT - 20, UTC),
            **more,
        }
    )


@dataclass
class PaperDesk:
    """A desk on which attempts lie and steps are put."""

    host: omnigate.ChannelHost
    under_way: list[Attempt] = field(default_factory=list)
    told: list[Step] = field(default_factory=list)

    @property
    def agents(self) -> Mapping[str, Agent]:
        return {"sales": Agent(extension=EXTENSION, number=AGENT)}

    async def tell(self, *steps: Step) -> None:
        self.told += steps

    async def attempts(self) -> Sequence[Attempt]:
        return self.under_way


def driver(kind: str, desk: PaperDesk) -> HttpProvider:
    made = PROVIDERS[kind]
    return made(made.Config.model_validate(TABLES[kind]), desk)


def table() -> Iterator[Any]:
    for path in sorted(PAYLOADS.glob("*.json")):
        if path.stem not in PROVIDERS:  # what switches have said lies there too
            continue
        for call in json.loads(path.read_text())["calls"]:
            yield pytest.param(path.stem, call, id=f"{path.stem}: {call['id']}")


def request_of(call: Mapping[str, Any]) -> omnigate.Request:
    return omnigate.Request(
        method=call["method"],
        path=call.get("path", "/hook"),
        query=call["query"],
        headers=call["headers"],
        body=call["body"].encode(),
        received_at_seconds=ARRIVED_AT,
    )


def shown(step: Step) -> dict[str, Any]:
    """Return a step as the tables write it: what is not there is not written."""
    assert (step.call_id, step.attempt) == (CALL, 1)
    said = {
        "state": step.state,
        "leg": step.leg,
        "cause": step.cause,
        "cause_text": step.cause_text,
        "talk_seconds": step.talk_seconds,
        "ids": dict(step.provider_ids),
        "recording": step.recording.ref if step.recording else None,
    }
    return {name: value for name, value in said.items() if value not in (None, {})}


@pytest.mark.parametrize(("kind", "call"), list(table()))
async def test_a_call_says_what_the_table_has(kind, call):
    desk = PaperDesk(FakeHost("calls", kind="call"), [an_attempt(**call.get("attempt", {}))])
    made = driver(kind, desk)
    for known in call.get("known", []):
        await made.tries.remember(known, Try(CALL, 1, is_agent_first=True))
    if call["steps"] == "bad":
        with pytest.raises(omnigate.BadPayload):
            await made.read(request_of(call))
        return
    assert [shown(step) for step in await made.read(request_of(call))] == call["steps"]


def test_every_provider_has_a_table():
    assert {path.stem for path in PAYLOADS.glob("*.json")} >= set(KINDS) - {"novofon_old"}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    [
        *("event", "call_id", "pbx_call_id", "caller_id", "destination", "internal", "disposition"),
        *("duration", "call_state", "entry_id", "command_id", "to", "from", "result", "talk_time"),
        *("entry_result", "end_time", "disconnect_reason", "recording_id", "timestamp", "status"),
        *("dst_num", "src_num", "call_record_link", "call_answer_timestamp", "event_type", "line"),
        *("external_id", "leg", "talk_seconds", "reason", "CallSid", "CallStatus", "try", "json"),
        *("RecordingSid", "RecordingDuration", "CallDuration", "call_id_with_rec", "zd_echo"),
    ]
)
VALUES = st.text(max_size=30) | st.sampled_from(
    [
        f"{CALL}.1.a",
        CUSTOMER,
        EXTENSION,
        "1",
        "2",
        "3",
        "NOTIFY_OUT_END",
        "NOTIFY_END",
        "completed",
        "answered",
        "Disconnected",
        "ended",
        "end",
        "over",
        "ringing",
        "agent",
        "customer",
        "9" * 30,
    ]
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=8)
DOCUMENTS = st.dictionaries(
    NAMES, SCALARS | VALUES | st.dictionaries(NAMES, SCALARS, max_size=2), max_size=8
).map(json.dumps)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(JUNK),
    DOCUMENTS.map(str.encode),
    DOCUMENTS.map(lambda text: f"json={text}".encode()),
    FIELDS.map(lambda form: "&".join(f"{k}={v}" for k, v in form.items()).encode()),
)


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(KINDS),
    method=st.sampled_from(["GET", "POST"]),
    query=FIELDS,
    body=BODIES,
    content_type=st.sampled_from(["", FORM, "application/json", "text/plain; charset=zzz"]),
    bridged=st.booleans(),
)
def test_rubbish_is_turned_away_and_read_without_harm(
    kind, method, query, body, content_type, bridged
):
    """Whatever comes: no proof, no entry; and behind the proof it is understood, or told to be rubbish."""
    request = omnigate.Request(
        method=method,
        path="/hook",
        query=query,
        headers={"content-type": content_type},
        body=body,
        received_at_seconds=ARRIVED_AT,
    )

    async def read() -> None:
        desk = PaperDesk(FakeHost("calls", kind="call"), [an_attempt(is_bridged=bridged)])
        made = driver(kind, desk)
        if not (method == "GET" and set(query) == {"zd_echo"}):
            with pytest.raises(omnigate.Unauthorized):
                made.authenticate(request)
        try:
            steps = await made.read(request)
        except omnigate.BadPayload:
            return
        assert all(step.at.tzinfo is not None and step.call_id == CALL for step in steps)

    asyncio.run(read())
