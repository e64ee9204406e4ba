"""Bodies of delivery receipts, as operators write them and as nobody should."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import receipts


def naive(*parts: int) -> datetime:
    """Return a moment by an operator's clock, of which nobody knows the time zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - as said


# The form of SMPP 3.4, appendix B, with the values of the sheet.
WHOLE = (
    "id:00AB0001 sub:001 dlvrd:001 submit date:2611212200 done date:2611212201 "
    "stat:DELIVRD err:000 text:Hello wor"
)


def test_a_whole_receipt_is_read():
    assert receipts.read(WHOLE) == receipts.Body(
        id="00AB0001",
        stat="DELIVRD",
        err="000",
        submitted_at=naive(2026, 11, 21, 22, 0),
        done_at=naive(2026, 11, 21, 22, 1),
        text="Hello wor",
    )
    assert receipts.read(WHOLE).state == "delivered"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ID:7 STAT:undeliv ERR:0a1 TEXT:x", {"id": "7", "stat": "UNDELIV", "err": "0a1"}),
        ("id:7 submit_date:261121220059", {"submitted_at": naive(2026, 11, 21, 22, 0, 59)}),
        ("id:7 done_date:2611212201", {"done_at": naive(2026, 11, 21, 22, 1)}),
        ("id:7 done date:261121", {"done_at": None}),
        ("id:7 done date:9999999999", {"done_at": None}),
        ("id:7 done date:٢٦١١٢١٢٢٠١", {"done_at": None}),
        ("stat:EXPIRED", {"id": None, "stat": "EXPIRED", "text": None}),
        ("id: stat:EXPIRED", {"id": None, "stat": "EXPIRED"}),
        ("id: 7 stat: EXPIRED", {"id": "7", "stat": "EXPIRED"}),
        ("id:7 err: text:", {"id": "7", "err": None, "text": ""}),
        ("id:7 mcc:250 mnc:01 stat:DELIVRD operator:x", {"id": "7", "stat": "DELIVRD"}),
        ("id:6f1c-aa:9 stat:DELIVRD", {"id": "6f1c-aa:9", "stat": "DELIVRD"}),
        ("id:7 stat:DELIVRD text:stat:REJECTD id:8", {"id": "7", "stat": "DELIVRD"}),
        ("id:7 id:8", {"id": "7"}),
        ("id:7\nstat:DELIVRD", {"id": "7", "stat": "DELIVRD"}),
        ("paid:7 id:8", {"id": "8"}),
        ("", {"id": None, "stat": None}),
        ("Hello", {"id": None, "stat": None}),
    ],
)
def test_variants_are_read(body, expected):
    read = receipts.read(body)
    assert {name: getattr(read, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("ENROUTE", "sent"),
        ("ACCEPTD", "sent"),
        ("DELIVRD", "delivered"),
        ("EXPIRED", "failed"),
        ("DELETED", "failed"),
        ("UNDELIV", "failed"),
        ("REJECTD", "failed"),
        ("UNKNOWN", "unknown"),
        ("WHATEVR", "unknown"),
    ],
)
def test_the_operators_word_is_a_state(word, state):
    assert receipts.read(f"id:1 stat:{word}").state == state


def test_the_numbers_of_the_tlv_mean_what_the_words_mean():
    assert {number: receipts.BY_WORD[word] for number, word in enumerate(receipts.WORDS)} == (
        receipts.BY_NUMBER
    )


def test_without_a_word_there_is_no_state():
    assert receipts.read("id:1 err:000").state is None


fields = st.sampled_from(
    [
        "id:",
        "stat:",
        "err:",
        "submit date:",
        "done_date:",
        "text:",
        "DELIVRD",
        "2611212200",
        " ",
        ":",
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=300), st.lists(fields, max_size=40).map("".join)))
def test_any_body_is_read(body):
    read = receipts.read(body)
    assert read.state in {None, "sent", "delivered", "failed", "unknown"}
    assert read.text is None or body.endswith(read.text)


@settings(deadline=None, max_examples=200)
@given(
    st.from_regex(r"\A[A-Za-z0-9-]{1,64}\Z"),
    st.sampled_from(sorted(receipts.BY_WORD)),
    st.datetimes(naive(2000, 1, 1), naive(2099, 12, 31)),
    st.text(max_size=20),
    st.sampled_from([str.lower, str.upper, str]),
)
def test_what_is_written_by_the_form_is_read_again(identity, stat, done_at, text, spell):
    names = [spell(name) for name in ("id", "done date", "stat", "text")]
    body = "{}:{} {}:{} {}:{} {}:{}".format(
        names[0], identity, names[1], f"{done_at:%y%m%d%H%M%S}", names[2], stat, names[3], text
    )
    read = receipts.read(body)
    assert (read.id, read.stat, read.text) == (identity, stat, text)
    assert read.done_at == done_at.replace(microsecond=0)


def test_a_huge_body_costs_little():
    assert receipts.read("id:7 " + "a " * 1_000_000).id == "7"
