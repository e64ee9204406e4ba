"""A position says after a restart what it said before, and never loses a mail from sight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.imap.fetched import Fetched
from omnigate_email.imap.positions import Position, begin

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def found(uid: int, key: str = "k", arrived_at: datetime = NOW) -> Fetched:
    return Fetched(
        folder="INBOX",
        uidvalidity=1,
        uid=uid,
        raw=b"",
        arrived_at=arrived_at,
        flags=(),
        size_bytes=1,
        key=key,
        message_id=None,
    )


def test_reading_begins_behind_what_is_there_unless_told_otherwise() -> None:
    assert begin(1, 5, "now", NOW).uid == 4
    assert begin(1, 1, "now", NOW).uid == 0
    assert begin(1, 5, "all", NOW).uid == 0
    since = begin(1, 5, date(2026, 1, 1), NOW)
    assert (since.uid, since.scan_from, since.scan_until) == (0, date(2026, 1, 1), 4)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["stored", "passed", "set_aside", "marked", "renumbered"]),
            st.integers(min_value=1, max_value=50),
        ),
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_note_says_what_the_position_was(steps: list[tuple[str, int]]) -> None:
    position = begin(1, 1, "now", NOW)
    for step, uid in steps:
        before = position
        if step == "stored":
            position = position.stored(found(uid, str(uid)), mark=True, today=NOW.date())
            assert uid in position.unmarked
            assert uid not in position.left
        elif step == "passed":
            position = position.passed(uid)
        elif step == "set_aside":
            position = position.set_aside(uid)
            assert uid in position.left
        elif step == "marked":
            position = position.marked((uid,))
            assert uid not in position.unmarked
        else:
            position = position.renumbered(before.uidvalidity + 1, uid)
            assert position.uid == 0
        if step != "renumbered":
            assert position.uid >= before.uid
        assert Position.read(position.model_dump_json()) == position
        assert len(position.model_dump_json()) < 100_000


def test_a_note_stays_short_however_much_could_not_be_marked() -> None:
    position = begin(1, 1, "now", NOW)
    for uid in range(1, 3000):
        position = position.stored(found(2**32 - uid, "k" * 32), mark=True, today=NOW.date())
    assert len(position.model_dump_json()) < 20_000
    assert position.unmarked[-1] == 2**32 - 2999


@pytest.mark.parametrize("note", ["", "{}", "null", '{"uid": 1}', "x" * 100])
def test_a_note_that_is_none_of_ours_is_told_of(note: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Position.read(note)


def test_a_server_whose_clock_is_far_ahead_does_not_hide_mails() -> None:
    far = found(1, arrived_at=NOW + timedelta(days=4000))
    position = begin(1, 1, "now", NOW).stored(far, mark=False, today=NOW.date())
    assert position.renumbered(2, 1).scan_from == NOW.date() - timedelta(days=1)


def test_when_a_folder_is_numbered_anew_only_what_is_not_known_is_new() -> None:
    position = begin(1, 10, "now", NOW).stored(found(10, "a"), mark=False, today=NOW.date())
    again = position.renumbered(2, 5)
    assert not again.is_new(found(3, "a"))
    assert again.is_new(found(3, "b"))
    assert not again.is_new(found(3, "c", NOW - timedelta(hours=1)))
    assert again.is_new(found(5, "d", NOW - timedelta(hours=1)))
    assert again.passed(4).finished(None).scan_from is None
    assert again.passed(3).finished(None).scan_from is not None


def test_a_second_renumbering_in_the_middle_of_the_first_goes_back_as_far() -> None:
    position = begin(1, 10, date(2020, 1, 1), NOW).renumbered(2, 5)
    assert position.scan_from == date(2020, 1, 1)
