"""Cutting texts into segments: where, how many, and nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import gsm, segments
from smpplib.gsm import make_parts  # type: ignore[import-untyped]  # it ships no types


def repeated(letters: str) -> st.SearchStrategy[str]:
    """Return texts long enough to be cut, of a few letters whose sizes do not fit the cut."""
    some = st.text(st.sampled_from(letters), min_size=1, max_size=9)
    return st.builds(lambda said, times: (said * times)[:900], some, st.integers(1, 300))


any_text = st.one_of(st.text(max_size=500), repeated("ab€[]~й🙂"), repeated("ab€[]~"))
widths = st.sampled_from([8, 16])


def joined(cuts: list[segments.Cut]) -> str:
    data = b"".join(cut.data for cut in cuts)
    return gsm.decode(data) if cuts[0].encoding == "gsm7" else data.decode("utf-16-be")


@settings(deadline=None, max_examples=200)
@given(any_text, st.integers(0, 2**32), widths)
def test_a_text_is_whole_again_when_joined_and_each_piece_can_be_read_alone(text, reference, width):
    cuts = segments.cut(text, reference, width)
    assert joined(cuts) == text
    assert "".join(joined([cut]) for cut in cuts) == text


@settings(deadline=None, max_examples=200)
@given(any_text, st.integers(0, 2**32), widths)
def test_no_segment_has_more_than_140_octets(text, reference, width):
    for cut in segments.cut(text, reference, width):
        if cut.encoding == "ucs2":
            assert len(cut.udh) + len(cut.data) <= 140
        else:
            # Septets begin at the next multiple of seven bits after the header.
            header_septets = -(-len(cut.udh) * 8 // 7)
            assert header_septets + len(cut.data) <= 160


@settings(deadline=None, max_examples=200)
@given(any_text, widths)
def test_what_is_measured_is_what_is_cut(text, width):
    measured = segments.measure(text, width_bits=width)
    cuts = segments.cut(text, 1, width)
    unit = 1 if measured.encoding == "gsm7" else 2
    assert measured.encoding == cuts[0].encoding
    assert measured.segments == len(cuts) == cuts[-1].total
    assert measured.length == sum(len(cut.data) for cut in cuts) // unit
    assert measured.room >= 0


@settings(deadline=None, max_examples=200)
@given(any_text, widths)
def test_the_room_is_what_still_fits(text, width):
    measured = segments.measure(text, width_bits=width)
    filler = "a" if measured.encoding == "gsm7" else "ж"
    full = segments.measure(text + filler * measured.room, width_bits=width)
    assert (full.encoding, full.segments) == (measured.encoding, measured.segments)
    more = segments.measure(text + filler * (measured.room + 1), width_bits=width)
    assert more.segments > measured.segments


@settings(deadline=None, max_examples=200)
@given(any_text, st.text(max_size=3), widths)
def test_a_longer_text_never_needs_fewer_segments(text, more, width):
    longer = segments.measure(text + more, width_bits=width)
    assert longer.segments >= segments.measure(text, width_bits=width).segments


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("abcdefg @_"), max_size=900))
def test_a_second_cutter_cuts_plain_texts_alike(text):
    cuts = segments.cut(text, 7)
    parts, _, _ = make_parts(text)
    theirs = [part[6:] if len(parts) > 1 else part for part in parts]
    assert [cut.data for cut in cuts] == theirs


@pytest.mark.parametrize(
    ("text", "width", "encoding", "lengths"),
    [
        ("", 8, "gsm7", [0]),
        ("a" * 160, 8, "gsm7", [160]),
        ("a" * 161, 8, "gsm7", [153, 8]),
        ("a" * 306, 8, "gsm7", [153, 153]),
        ("a" * 161, 16, "gsm7", [152, 9]),
        ("€" * 80, 8, "gsm7", [160]),
        ("€" * 81, 8, "gsm7", [152, 10]),
        ("a" + "€" * 80, 8, "gsm7", [153, 8]),
        ("ж" * 70, 8, "ucs2", [140]),
        ("ж" * 71, 8, "ucs2", [134, 8]),
        ("ж" * 71, 16, "ucs2", [132, 10]),
        ("🙂" * 35, 8, "ucs2", [140]),
        ("🙂" * 36, 8, "ucs2", [132, 12]),
        ("ж" + "🙂" * 36, 8, "ucs2", [134, 12]),
    ],
)
def test_lengths_of_the_segments(text, width, encoding, lengths):
    cuts = segments.cut(text, 1, width)
    assert {cut.encoding for cut in cuts} == {encoding}
    assert [len(cut.data) for cut in cuts] == lengths


def test_headers_say_where_a_segment_belongs():
    narrow = segments.cut("ж" * 140, 0x1234AB)
    assert [cut.udh.hex() for cut in narrow] == ["050003ab0301", "050003ab0302", "050003ab0303"]
    wide = segments.cut("ж" * 132, 0x1234AB, 16)
    assert [cut.udh.hex() for cut in wide] == ["06080434ab0201", "06080434ab0202"]
    assert segments.cut("ж", 1)[0].udh == b""


def test_a_text_of_too_many_segments_is_refused():
    assert len(segments.cut("a" * 153 * 6, 1, 8, 6)) == 6
    with pytest.raises(segments.TooLong, match="needs 7 segments and may have 6"):
        segments.cut("a" * (153 * 6 + 1), 1, 8, 6)
    with pytest.raises(segments.TooLong, match="may have 255"):
        segments.cut("a" * (153 * 255 + 1), 1, 8, 1000)
