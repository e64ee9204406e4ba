"""The default alphabet of GSM, judged by a second implementation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import gsm
from smpplib.gsm import gsm_encode  # type: ignore[import-untyped]  # it ships no types

BASIC = "".join(gsm.decode(bytes([octet])) for octet in range(0x80) if octet != gsm.ESCAPE)
EXTENDED = "\f^{}\\[~]|€"
texts = st.text(st.sampled_from(BASIC + EXTENDED))


@settings(deadline=None, max_examples=200)
@given(texts)
def test_what_is_encoded_is_read_again(text):
    assert gsm.is_gsm(text)
    assert gsm.decode(gsm.encode(text)) == text


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from((BASIC + EXTENDED).replace("§", "").replace("\f", ""))))
def test_a_second_encoder_writes_the_same_septets(text):
    # That encoder's table lacks the section sign and the form feed.
    assert gsm.encode(text) == gsm_encode(text)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_octets_are_read(data):
    text = gsm.decode(data)
    assert len(text) <= len(data)
    assert "\x1b" not in text


def test_the_alphabet_has_127_characters_and_ten_more_behind_the_escape():
    assert len(set(BASIC)) == 127
    assert all(len(gsm.encode(character)) == 1 for character in BASIC)
    assert all(len(gsm.encode(character)) == 2 for character in EXTENDED)


@pytest.mark.parametrize(
    ("octet", "character"),
    [
        (0x00, "@"),
        (0x02, "$"),
        (0x09, "Ç"),
        (0x0A, "\n"),
        (0x0D, "\r"),
        (0x10, "Δ"),
        (0x11, "_"),
        (0x1A, "Ξ"),
        (0x1F, "É"),
        (0x24, "¤"),
        (0x40, "¡"),
        (0x5B, "Ä"),
        (0x5F, "§"),
        (0x60, "¿"),
        (0x7F, "à"),
    ],
)
def test_the_odd_places_of_the_alphabet(octet, character):
    """The characters that a wrong table has elsewhere (TS 23.038, table of section 6.2.1)."""
    assert gsm.encode(character) == bytes([octet])
    assert gsm.decode(bytes([octet])) == character


@pytest.mark.parametrize("character", ["`", "ж", "\x1b", "\t", "ç", "🙂", "–", "«"])
def test_what_the_alphabet_lacks_is_refused(character):
    assert not gsm.is_gsm(f"a{character}b")
    with pytest.raises(UnicodeEncodeError) as caught:
        gsm.encode(f"a{character}b")
    assert caught.value.start == 1


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"\x1b\x65", "€"),
        (b"\x1b\x41", "A"),
        (b"\x1b\x1b\x65", " e"),
        (b"a\x1b", "a "),
        (b"\x1b", " "),
        (b"\x80a\xff", "\N{REPLACEMENT CHARACTER}a\N{REPLACEMENT CHARACTER}"),
        (b"\x1b\x90", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_escapes_of_careless_senders_are_read_as_phones_read_them(octets, text):
    assert gsm.decode(octets) == text
