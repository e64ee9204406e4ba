"""The queue as operators pick it out: by destination and conversation, up to what was there at first."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.store.hastening import Haste, count_waiting, hasten
from omnigate.store.queue import ITEMS, QueueFilter, list_items, list_lanes
from omnigate.store.replays import NewReplay, Step, Window, advance_replay, begin_replay
from omnigate.store.streams import Stream, lane_prefix, stream_of
from omnigate.store.subjects import is_known
from tests.store.test_dead import read, take

LAST = 2**63 - 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cnv_1", Stream("cnv_1")),
        ("cnv_1#replay", Stream("cnv_1")),
        ("cnv_1#4711", Stream("cnv_1")),
        ("replay-3#cnv_1", Stream("cnv_1", 3)),
        (lane_prefix(12) + "ctc_1", Stream("ctc_1", 12)),
        ("operations", Stream("operations")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_name_of_a_lane_says_whom_it_is_about(name: str, expected: Stream) -> None:
    assert stream_of(name) == expected


def conversation(desk: Any, external_id: str) -> str:
    query = "SELECT id FROM conversation WHERE external_id = :x"
    ((found,),) = desk.rows(query, x=external_id)
    return str(found)


def test_a_conversation_is_picked_out_with_all_that_is_replayed_of_it(desk: Any, said: Any) -> None:
    """Its live lane, lanes for single items, windows of history; and nothing of another one."""
    crm, bot = desk.add_backend("crm"), desk.add_backend("bot", ordered=False)
    desk.put(said("one", "c-1"), said("two", "c-1"), said("other", "c-2"))
    wanted = conversation(desk, "c-1")
    window = Window(0, 99)
    (number,) = desk.run(begin_replay, NewReplay(crm, window, 50, 5))
    desk.run(advance_replay, Step(number, 50))

    def found(**filters: Any) -> list[int]:
        picked = QueueFilter(**filters)
        items = [row.id for row in read(desk, list_items, picked, limit=500)]
        assert read(desk, ITEMS.following, picked, 0, LAST, 500) == items
        assert read(desk, ITEMS.count, picked, LAST) == len(items)
        lanes = read(desk, list_lanes, picked, limit=500)
        assert sum(known.pending for known in lanes) == len(items)
        return items

    mine = found(subject=wanted)
    assert len(mine) == 3 + 3 + 3, "the CRM's, the bot's, and the replay's for the CRM"
    assert len(found(to="bot", subject=wanted)) == 3
    both = found(subject=conversation(desk, "c-2"))
    assert set(mine).isdisjoint(both)
    assert sorted([*mine, *both]) == found()
    assert found(to="nobody") == []
    assert count_by_hand(desk, bot, wanted) == read(desk, count_waiting, bot, wanted) == 3
    assert read(desk, count_waiting, crm, wanted) == 2
    assert read(desk, count_waiting, crm) == 4
    take(desk, crm)
    assert read(desk, count_waiting, crm) == 0, "what is being worked on does not wait"


def count_by_hand(desk: Any, destination: int, subject: str) -> int:
    names = [
        row.stream
        for row in desk.rows("SELECT * FROM lane WHERE destination_id = :d", d=destination)
    ]
    return sum(stream_of(name).subject == subject for name in names)


def test_work_on_all_ends_with_what_was_there_at_first(desk: Any, said: Any) -> None:
    desk.add_backend("crm")
    desk.put(said("one"))
    last = read(desk, ITEMS.last)
    desk.put(said("two"))
    assert read(desk, ITEMS.last) > last
    assert read(desk, ITEMS.count, QueueFilter(), last) == 2
    assert max(read(desk, ITEMS.following, QueueFilter(), 0, last, 9)) == last
    assert read(desk, ITEMS.following, QueueFilter(), last, last, 9) == []
    assert read(desk, ITEMS.known, [last, 99]) == [last]


def test_only_what_is_about_the_conversation_is_hastened(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("one", "c-1"), said("two", "c-2"))
    later = desk.now + 3_600_000
    desk.rows("UPDATE lane SET run_at = :later, retrying = 1 RETURNING 1", later=later)
    wanted = conversation(desk, "c-1")
    assert desk.run(hasten, Haste([crm], desk.now, wanted)) == [1]
    ((stream,),) = desk.rows("SELECT stream FROM lane WHERE run_at = :now", now=desk.now)
    assert stream == wanted
    assert read(desk, is_known, wanted)
    assert not read(desk, is_known, wanted[:-1] + ("0" if wanted[-1] != "0" else "1"))
