"""What nobody understood is kept once, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

from omnigate.store.quarantined import (
    REQUESTS,
    Puzzle,
    QuarantineFilter,
    Riddle,
    drop_quarantined,
    explain_anew,
    keep,
    list_quarantined,
)

ALL = QuarantineFilter()
LAST = 999


def read(desk: Any, query: Any, *args: Any, **options: Any) -> Any:
    with desk.engine.begin() as connection:
        return query(connection, *args, **options)


def test_repetitions_are_kept_once_and_requests_without_a_body_are_told_apart(desk: Any) -> None:
    post = Puzzle("app", "junk", "{}", b"words")
    first, second = (Puzzle("app", "junk", "{}", b"", f"text={word}") for word in "ab")
    desk.run(keep, post, post, first)
    desk.run(keep, post, first, second, Puzzle("other", "junk", "{}", b"words"))
    assert read(desk, REQUESTS.count, ALL, LAST) == 4
    assert read(desk, REQUESTS.count, QuarantineFilter("other"), LAST) == 1
    kept = read(desk, list_quarantined, ALL)
    assert "text=a" not in repr(kept), "what the address said may be secret"


def test_requests_are_walked_explained_and_forgotten(desk: Any) -> None:
    for number in range(5):
        desk.run(keep, Puzzle("app", "junk", "{}", b"%d" % number))
    numbers = read(desk, REQUESTS.following, QuarantineFilter("app"), 0, LAST, 3)
    assert numbers == sorted(numbers)
    rest = read(desk, REQUESTS.following, ALL, numbers[-1], LAST, 3)
    assert len(numbers) + len(rest) == 5
    desk.run(explain_anew, Riddle(rest[0], "still junk"))
    assert desk.run(drop_quarantined, [*numbers, 999]) == [3]
    assert [row.reason for row in read(desk, list_quarantined, ALL)] == ["junk", "still junk"]
    assert read(desk, REQUESTS.following, QuarantineFilter("nobody"), 0, LAST, 3) == []
