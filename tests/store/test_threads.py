"""What envelopes show of a conversation is put together once, and anew whenever it changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omnigate.model.context import Context
from omnigate.store.threads import ChannelKey, Person, Thread

CHANGES: dict[str, Any] = {
    "external_id": "moved",
    "subject": "bicycles",
    "status": "closed",
    "context": Context(language="en").model_dump_json(),
}


def begun() -> Thread:
    return Thread("cnv_1", ChannelKey("app", "http"), "c1", Person("ctc_1"), "user:1")


@pytest.mark.parametrize("field", CHANGES)
def test_what_an_envelope_shows_of_a_conversation_is_never_old(field: str) -> None:
    thread = begun()
    before = thread.as_json()
    assert thread.as_json() is before, "not put together again"
    setattr(thread, field, CHANGES[field])
    fresh = replace(begun(), **{field: CHANGES[field]})
    assert thread.as_json() == fresh.as_json() != before
