"""A customer's story: every page costs the same, however long the life was."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from omnigate import ids
from omnigate.model.facts import Message
from omnigate.store.schema import event, event_body, message
from omnigate.store.timeline import TOLD, Page, read_story

SHORT, LONG = 300, 30_000
LIMIT = 50


def live(desk: Any, count: int) -> None:
    """Have the company send so many messages, each told by three events, and the customer react to a few."""
    (thread,) = desk.rows("SELECT id, contact_id FROM conversation")
    (last,) = desk.rows("SELECT max(position) AS position FROM event")
    messages: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for number in range(count):
        said = Message(
            id=ids.message_id(),
            direction="outbound",
            state="read",
            created_at="2026-11-22T10:00:00Z",
            text=str(number),
        )
        messages.append(
            {
                "id": said.id,
                "channel": "app",
                "conversation_id": thread.id,
                "direction": "outbound",
                "state": "read",
                "content": said.model_dump_json(),
                "created_at": desk.now,
            }
        )
        types = ["message.sent", "message.delivered", "message.read"]
        types += ["reaction.changed"] if number % 100 == 0 else []
        for kind in types:
            at = last.position + len(events) + 1
            row = {"position": at, "id": ids.event_id(), "type": kind, "channel": "app"}
            row |= {"conversation_id": thread.id, "contact_id": thread.contact_id, "sequence": at}
            events.append({**row, "occurred_at": desk.now, "recorded_at": desk.now})
    body = '{"type":"reaction.changed","timestamp":"","channel":null,"data":{"reaction":{}}}'
    with desk.engine.begin() as connection:
        connection.execute(insert(message), messages)
        connection.execute(insert(event), events)
        texts = [{"position": row["position"], "body": body, "media": False} for row in events]
        connection.execute(insert(event_body), texts)
        connection.exec_driver_sql("UPDATE conversation SET next_sequence = 1000000")


def page(desk: Any, after: str | None = None, *, newest_first: bool = True) -> tuple[Page, int]:
    """Return a page and what it cost, in hundreds of steps of the database's machine."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    (thread,) = desk.rows("SELECT contact_id FROM conversation")
    with desk.engine.begin() as connection:
        raw = connection.connection.driver_connection
        raw.set_progress_handler(step, 100)
        found = read_story(
            connection,
            thread.contact_id,
            channels=None,
            after=after,
            newest_first=newest_first,
            limit=LIMIT,
            max_bytes=1 << 20,
        )
        raw.set_progress_handler(None, 0)
    return found, steps


@pytest.fixture
def lives(new_desk: Any, said: Any) -> tuple[Any, Any]:
    """A short life and a long one, each in a store of its own."""
    found = []
    for count in (SHORT, LONG):
        desk = new_desk()
        desk.put(said("first"))
        live(desk, count)
        found.append(desk)
    return found[0], found[1]


def test_a_page_of_a_long_life_costs_no_more_than_one_of_a_short_one(lives: Any) -> None:
    short, long = lives
    least = page(short)[1]
    (half,) = long.rows(f"SELECT id FROM message ORDER BY id LIMIT 1 OFFSET {LONG // 2}")
    place = half.id.partition("_")[2]
    for newest_first in (True, False):
        for after in (None, place):
            found, cost = page(long, after, newest_first=newest_first)
            assert len(found.entries) == LIMIT
            assert cost < 2 * least


def test_the_check_sees_a_page_that_goes_through_the_whole_log(lives: Any) -> None:
    """The sabotage twin: without its index the story of what is no message is searched for."""
    short, long = lives
    for desk in lives:
        with desk.engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX ix_event_no_message")
    assert page(long)[1] > 10 * page(short)[1]


def test_what_is_told_beside_messages_is_in_the_index() -> None:
    assert not [known for known in TOLD if known.value.startswith("message.")]
