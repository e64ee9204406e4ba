"""What nobody understood is kept once, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

from omnigate.store.quarantined import (
    Puzzle,
    Riddle,
    count_quarantined,
    drop_quarantined,
    explain_anew,
    keep,
    list_quarantined,
    next_quarantined,
)


def read(desk: Any, query: Any, *args: Any, **options: Any) -> Any:
    with desk.engine.begin() as connection:
        return query(connection, *args, **options)


def test_repetitions_are_kept_once_and_requests_without_a_body_are_told_apart(desk: Any) -> None:
    post = Puzzle("app", "junk", "{}", b"words")
    first, second = (Puzzle("app", "junk", "{}", b"", f"text={word}") for word in "ab")
    desk.run(keep, post, post, first)
    desk.run(keep, post, first, second, Puzzle("other", "junk", "{}", b"words"))
    assert read(desk, count_quarantined) == 4
    assert read(desk, count_quarantined, "other") == 1
    kept = read(desk, list_quarantined)
    assert "text=a" not in repr(kept), "what the address said may be secret"


def test_requests_are_walked_explained_and_forgotten(desk: Any) -> None:
    for number in range(5):
        desk.run(keep, Puzzle("app", "junk", "{}", b"%d" % number))
    numbers = read(desk, next_quarantined, "app", 0, 3)
    assert numbers == sorted(numbers)
    rest = read(desk, next_quarantined, None, numbers[-1], 3)
    assert len(numbers) + len(rest) == 5
    desk.run(explain_anew, Riddle(rest[0], "still junk"))
    assert desk.run(drop_quarantined, [*numbers, 999]) == [3]
    assert [row.reason for row in read(desk, list_quarantined)] == ["junk", "still junk"]
    assert read(desk, next_quarantined, "nobody", 0, 3) == []
