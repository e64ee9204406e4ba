"""Long texts made whole: any order, twice, too late, too many, and over a loss of memory."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import gsm, pieces, reassembly, segments
from omnigate_sms.link import Incoming, Segment
from omnigate_sms.reassembly import LongText, Reassembly, Step

from tests.seeds import draw_seed

from .conftest import ANNA, AT, text

WAIT = timedelta(minutes=20)
LONG = "Добрый день! Где мой заказ? 🙂 " * 10


def cut(
    said: str, *, reference: int = 7, width: Any = 8, external_id: str | None = None
) -> Iterator[Incoming]:
    """Return a text as a link hands it in, octets in each piece."""
    for part in segments.cut(said, reference, width):
        yield Incoming(
            external_id=external_id and f"{external_id}-{part.number}",
            source=ANNA,
            destination="900",
            data=part.data,
            encoding=part.encoding,
            segment=Segment(
                reference=reference, width_bits=width, total=part.total, number=part.number
            ),
            occurred_at=AT,
        )


class Desk:
    """Pieces taken in, and the notes as a store would have them."""

    def __init__(self, notes: dict[str, str] | None = None) -> None:
        self.notes = notes if notes is not None else {}
        self.joined = Reassembly("smpp", WAIT)
        self.joined.restore(self.notes)
        self.out: list[LongText] = []

    def take(self, *said: Incoming, at: datetime = AT) -> Desk:
        for each in said:
            self.note(self.joined.take(each, at))
        return self

    def expire(self, at: datetime) -> Desk:
        self.note(self.joined.expire(at))
        return self

    def note(self, step: Step) -> None:
        self.out += step.out
        for key, value in step.notes.items():
            self.notes.pop(key, None)
            if value is not None:
                self.notes[key] = value

    def forget(self) -> Desk:
        """Lose the memory: what is noted is all there is."""
        again = Desk(self.notes)
        again.out = self.out
        return again

    @property
    def texts(self) -> list[str | None]:
        return [each.text for each in self.out]


@settings(deadline=None, max_examples=100)
@given(
    st.text(min_size=161, max_size=900),
    st.sampled_from([8, 16]),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_pieces_in_any_order_and_twice_over_restarts_are_one_text(said, width, chance, has_ids):
    came = list(cut(said, width=width, external_id="id" if has_ids else None)) * 2
    chance.shuffle(came)
    desk = Desk()
    for piece in came:
        desk = desk.take(piece)
        if chance.random() < 0.3:
            desk = desk.forget()
    assert desk.texts == [said]
    assert not desk.out[0].is_truncated
    assert [key for key in desk.notes if key.startswith(reassembly.OPEN)] == []


def test_every_order_of_few_pieces_is_one_text():
    came = list(cut("a" * 153 + "b" * 153 + "c" * 100))
    for order in itertools.permutations(came):
        assert Desk().take(*order).texts == ["a" * 153 + "b" * 153 + "c" * 100]


def test_octets_are_joined_before_they_are_read():
    """Source: a careless sender cuts a surrogate pair, or an escape and its character."""
    smile = "🙂".encode("utf-16-be").hex()
    desk = Desk().take(
        text(None, piece=(1, 2, 2), data=smile[4:]), text(None, piece=(1, 2, 1), data=smile[:4])
    )
    euro = gsm.encode("€").hex()
    desk.take(
        text(None, piece=(2, 2, 1), data=euro[:2], encoding="gsm7"),
        text(None, piece=(2, 2, 2), data=euro[2:], encoding="gsm7"),
    )
    assert desk.texts == ["🙂", "€"]


def test_pieces_of_different_encodings_are_read_apart():
    desk = Desk().take(
        text(None, piece=(1, 3, 1), data=gsm.encode("{").hex(), encoding="gsm7"),
        text(None, piece=(1, 3, 2), data="044f"),
        text("!", piece=(1, 3, 3)),
    )
    assert desk.texts == ["{я!"]


def test_texts_of_other_people_numbers_references_and_widths_are_others():
    desk = Desk().take(text("a", piece=(1, 2, 1)))
    desk.take(
        text("b", piece=(1, 2, 2), source="79160000000"),
        text("b", piece=(1, 2, 2), destination="901"),
        text("b", piece=(2, 2, 2)),
        text("b", piece=(1, 3, 2)),
        text("b", piece=(1, 2, 2, 16)),
    )
    assert desk.texts == []
    assert desk.take(text("b", piece=(1, 2, 2))).texts == ["ab"]


def test_after_its_time_a_text_goes_out_as_far_as_it_came():
    desk = Desk().take(text("b", piece=(1, 4, 2)), text("d", piece=(1, 4, 4), at_seconds=5))
    assert desk.expire(AT + WAIT - timedelta(seconds=1)).out == []
    desk = desk.forget().expire(AT + WAIT)
    assert desk.texts == ["b … d"]
    assert (desk.out[0].numbers, desk.out[0].is_truncated) == ([2, 4], True)
    assert desk.expire(AT + WAIT * 2).texts == ["b … d"]


def test_a_piece_that_comes_after_that_is_a_text_of_its_own_and_one_known_is_not():
    desk = Desk().take(text("a", piece=(1, 2, 1))).expire(AT + WAIT)
    late = AT + WAIT + timedelta(minutes=1)
    desk = desk.forget().take(text("a", piece=(1, 2, 1)), at=late)
    assert desk.joined.open_texts == 0
    desk.take(text("b", piece=(1, 2, 2)), at=late).expire(late + WAIT)
    assert desk.texts == ["a", "b"]


def test_what_a_provider_repeats_a_day_later_is_known_by_its_id():
    came = list(cut(LONG, external_id="id"))
    desk = Desk().take(*came).forget().take(*came, at=AT + timedelta(hours=24))
    assert desk.texts == [LONG]
    assert desk.joined.open_texts == 0


def test_the_same_words_without_an_id_are_said_again_after_an_hour():
    came = list(cut(LONG))
    desk = Desk().take(*came).take(*came, at=AT + timedelta(minutes=59))
    assert desk.texts == [LONG]
    desk.take(*came, at=AT + timedelta(minutes=61))
    assert desk.texts == [LONG, LONG]
    assert len({each.external_id for each in desk.out}) == 2


def test_a_reference_that_serves_again_ends_the_text_before_it():
    desk = Desk().take(text("a", piece=(1, 2, 1)), text("c", piece=(1, 2, 1)))
    assert desk.texts == ["a"]
    assert desk.take(text("d", piece=(1, 2, 2))).texts == ["a", "cd"]


def test_one_sender_cannot_have_more_than_a_few_texts_wait():
    desk = Desk().take(text("other", piece=(1, 2, 1), source="79160000000"))
    for reference in range(reassembly.MOST_OPEN_OF_ONE + 3):
        desk.take(text(str(reference), piece=(reference, 2, 1)))
    assert desk.texts == ["0", "1", "2"]
    assert desk.joined.open_texts == reassembly.MOST_OPEN_OF_ONE + 1


def test_neither_memory_nor_notes_grow_without_bound(monkeypatch):
    """Many senders begin texts that they never end: the oldest go out, none is lost."""
    monkeypatch.setattr(reassembly, "MOST_OPEN", 50)
    monkeypatch.setattr(reassembly, "MOST_DONE", 20)
    desk = Desk()
    for number in range(300):
        desk.take(text(str(number), piece=(1, 9, 1), source=str(number)))
    assert desk.joined.open_texts == 50
    assert desk.texts == [str(number) for number in range(250)]
    assert len(desk.notes) == 70


def test_many_pieces_of_few_texts_are_bounded_too(monkeypatch):
    monkeypatch.setattr(reassembly, "MOST_PIECES", 100)
    desk = Desk()
    for source, number in itertools.product(range(4), range(1, 61)):
        desk.take(text("x", piece=(1, 255, number), source=str(source)))
    assert sum(key.startswith(reassembly.OPEN) for key in desk.notes) <= 100
    assert sum(len(each.pieces) for each in desk.out) >= 140


def test_what_is_remembered_of_texts_that_are_done_is_forgotten_after_a_day():
    desk = Desk().take(*cut(LONG)).expire(AT + reassembly.DONE_FOR)
    assert desk.notes == {}


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        ((1, 1, 1), "alone"),
        ((1, 2, 0), "before the first"),
        ((1, 2, 3), "behind the last"),
        ((1, 0, 0), "of none"),
        ((1, 300, 1), "of too many"),
        ((1, 2, 1), "x" * (pieces.LONGEST_PIECE + 1)),
    ],
)
def test_what_cannot_be_a_piece_is_none(piece, said):
    assert not pieces.fits(text(said, piece=piece))


def test_a_piece_whose_id_has_no_end_is_none():
    """What is kept of pieces has bounds; the text itself is handed on."""
    said = text("x", piece=(1, 2, 1), external_id="x" * (pieces.LONGEST_PIECE + 1))
    assert not pieces.fits(said)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(2, 3),
            st.integers(1, 3),
            st.binary(max_size=4),
            st.sampled_from(["gsm7", "ucs2", "latin1", "ascii", "binary"]),
            st.sampled_from([None, "x", "\ud800"]),
        ).filter(lambda given: given[2] <= given[1]),
        max_size=30,
    )
)
def test_any_pieces_go_out_and_nothing_is_raised(came):
    desk = Desk()
    for reference, total, number, data, encoding, external_id in came:
        said = text(
            None,
            piece=(reference, total, number),
            data=data.hex(),
            encoding=encoding,
            external_id=external_id,
        )
        desk = desk.take(said).forget()
    desk.expire(AT + WAIT)
    assert desk.joined.open_texts == 0
    assert not [key for key in desk.notes if key.startswith(reassembly.OPEN)]
    assert sum(len(each.pieces) for each in desk.out) <= len(came)
    assert bool(desk.out) == bool(came)
    assert all(isinstance(each.text, str | None) for each in desk.out)


def test_a_store_that_forgets_pieces_is_found():
    """The sabotage twin: without notes a restart loses what had come."""
    desk = Desk()
    for piece in cut(LONG):
        desk = desk.take(piece)
        desk.notes.clear()
        desk = desk.forget()
    assert LONG not in desk.expire(AT + WAIT).texts


def test_random_streams_of_many_senders_lose_nothing():
    chance = random.Random(draw_seed())
    said = {str(source): f"{source} " + "жщ" * chance.randrange(70, 300) for source in range(40)}
    came = []
    for source, words in said.items():
        came += [
            Incoming(
                external_id=None,
                source=source,
                destination="900",
                data=part.data,
                encoding=part.encoding,
                segment=Segment(reference=1, width_bits=8, total=part.total, number=part.number),
                occurred_at=AT,
            )
            for part in segments.cut(words, 1)
        ]
    chance.shuffle(came)
    assert sorted(map(str, Desk().take(*came).texts)) == sorted(said.values())
