"""A conversation that its platform calls otherwise from now on stays the same conversation."""

from __future__ import annotations

from typing import Any

from omnigate.model.inbound import ConversationMoved


def conversations(desk: Any) -> list[tuple[str, str]]:
    return [tuple(row) for row in desk.rows("SELECT id, external_id FROM conversation ORDER BY id")]


def moved(said: Any, key: str, before: str = "c-1", after: str = "c-2") -> Any:
    return said(key, before, item=ConversationMoved, to=after)


def test_what_is_said_under_the_new_id_goes_on_in_the_same_conversation(
    desk: Any, said: Any
) -> None:
    desk.put(said("1"))
    ((known, _),) = conversations(desk)
    desk.put(moved(said, "2"))
    assert conversations(desk) == [(known, "c-2")]
    first, second = desk.put(said("3", "c-2"), said("4", "c-2"))
    assert conversations(desk) == [(known, "c-2")]
    assert (first.sequence, second.sequence) == (3, 4)


def test_within_one_hand_over_too(desk: Any, said: Any) -> None:
    desk.put(said("1"), moved(said, "2"), said("3", "c-2"))
    assert [name for _, name in conversations(desk)] == ["c-2"]


def test_a_conversation_that_has_begun_under_the_new_id_stays_apart(desk: Any, said: Any) -> None:
    desk.put(said("1"), said("2", "c-2"))
    before = conversations(desk)
    desk.put(moved(said, "3"))
    assert conversations(desk) == before


def test_one_that_nobody_knows_is_not_begun(desk: Any, said: Any) -> None:
    desk.put(moved(said, "1"))
    assert conversations(desk) == []


def test_the_move_is_understood_when_it_is_told_from_both_sides(desk: Any, said: Any) -> None:
    desk.put(said("1"))
    desk.put(moved(said, "2"))
    desk.put(moved(said, "3"))
    desk.put(said("4", "c-2"))
    assert [name for _, name in conversations(desk)] == ["c-2"]


def test_who_still_writes_under_the_old_id_begins_another_conversation_with_it(
    desk: Any, said: Any
) -> None:
    desk.put(said("1"))
    desk.put(moved(said, "2"), said("3"))
    assert [name for _, name in conversations(desk)] == ["c-2", "c-1"]


def test_ids_can_go_round_within_one_hand_over(desk: Any, said: Any) -> None:
    desk.put(said("1", "c-1"), said("2", "c-2"))
    desk.put(moved(said, "3", "c-2", "c-3"), moved(said, "4", "c-1", "c-2"), said("5", "c-1"))
    assert [name for _, name in conversations(desk)] == ["c-2", "c-3", "c-1"]
