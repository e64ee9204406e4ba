"""What an old call says goes; that there was one stays."""

from __future__ import annotations

from typing import Any

from omnigate.store.callfade import calls_in, calls_to_fade, empty_calls
from tests.store.calls import HOUR, answered, dial, now, request


def test_what_an_old_call_says_goes_and_its_ids_and_end_stay(desk: Any) -> None:
    ended = request(desk, name="Anna", note="asks about bikes")
    (begun,) = dial(desk)
    answered(desk, begun)
    waiting = request(desk, note="calls again")
    desk.now += HOUR
    conversations = [row.id for row in desk.rows("SELECT id FROM conversation")]
    with desk.engine.begin() as connection:
        assert calls_in(connection, conversations, "") == [ended.id, waiting.id]
        old = calls_to_fade(connection, desk.now)
    assert old == [ended.id]
    assert desk.run(empty_calls, old) == [1]
    blank, kept = now(desk, ended), now(desk, waiting)
    assert (blank.customer, blank.note, blank.legs) == ("", None, [])
    assert (blank.state, blank.talk_seconds) == ("completed", 60.0)
    assert kept.note == "calls again"
    (row,) = desk.rows(f"SELECT wanted FROM call WHERE id = '{ended.id}'")
    assert row.wanted == "{}"
    with desk.engine.begin() as connection:
        assert calls_to_fade(connection, desk.now) == []
