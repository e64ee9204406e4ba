"""The parts without I/O: tokens, limits, types of files, masks, forms, context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omnigate_webchat import frames
from omnigate_webchat.filetype import kind_of, mime_of
from omnigate_webchat.limits import Buckets, network_of
from omnigate_webchat.peek import masked
from omnigate_webchat.phone import e164
from omnigate_webchat.tokens import Pass, Seal, VisitorClaims
from omnigate_webchat.visitor import VisitorContext, Visits

import omnigate

KEY = b"k" * 32


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_token_says_what_was_sealed_until_it_expires():
    clock = Clock()
    seal = Seal(KEY, Pass, 300, clock)
    token = seal.seal(Pass(visitor="abc", user="42", name="Анна"))
    opened = seal.open(token)
    assert opened is not None
    assert (opened.visitor, opened.conversation, opened.name) == ("abc", "user:42", "Анна")
    assert seal.seconds_left(opened) == 300
    clock.now += 300
    assert seal.open(token) is None


@given(st.integers(min_value=0), st.characters())
def test_a_token_changed_anywhere_opens_nothing(place: int, sign: str):
    seal = Seal(KEY, VisitorClaims, 300)
    token = seal.seal(VisitorClaims(visitor="abc"))
    place %= len(token)
    forged = token[:place] + sign + token[place + 1 :]
    assert forged == token or seal.open(forged) is None


@given(st.text())
def test_any_text_is_a_wrong_token_and_no_error(text: str):
    assert Seal(KEY, Pass, 300).open(text) is None


def test_each_kind_of_token_needs_its_own_key():
    token = Seal(KEY, VisitorClaims, 300).seal(VisitorClaims(visitor="abc"))
    assert Seal(b"x" * 32, VisitorClaims, 300).open(token) is None


def test_a_bucket_refills_with_time_and_tells_how_long_to_wait():
    clock = Clock()
    buckets = Buckets(2, per_seconds=10, clock=clock)
    assert [buckets.wait_seconds("a") for _ in range(3)] == [0, 0, 5]
    assert buckets.wait_seconds("b") == 0
    clock.now += 4
    assert buckets.wait_seconds("a") == pytest.approx(1)
    clock.now += 1
    assert buckets.wait_seconds("a") == 0
    clock.now += 1000
    assert buckets.wait_seconds("a", cost=2) == 0
    assert buckets.wait_seconds("a", cost=3) > 0


def test_buckets_hold_a_bounded_number_of_keys():
    buckets = Buckets(1, per_seconds=10)
    for number in range(25_000):
        buckets.wait_seconds(str(number))
    assert len(buckets._levels) == 20_000


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("/run/socket", "/run/socket"),
    ],
)
def test_a_household_counts_as_one(remote: str | None, network: str):
    assert network_of(remote) == network


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"\0\0\0\x18ftypM4A ", "audio/mp4"),
        ("Привет".encode(), "text/plain"),
        (("a" + "я" * 300).encode(), "text/plain"),
        (("a" + "я" * 300).encode()[:512], None),
        (b"\xef\xbb\xbfwith mark\r\n", "text/plain"),
        ("👩‍👩‍👧".encode(), "text/plain"),
        (b"<svg/>", "text/plain"),
        (b"a\0b", None),
        (b"\x1b[31mred", None),
        (b"\xff\xfe\xfd", None),
        (b"", None),
    ],
)
def test_a_file_is_told_by_its_first_bytes(head: bytes, mime: str | None):
    assert mime_of(head) == mime


def test_kinds_follow_the_type():
    kinds = [kind_of(mime) for mime in ("image/png", "video/mp4", "audio/ogg", "application/pdf")]
    assert kinds == ["image", "video", "audio", "file"]


@pytest.mark.parametrize(
    ("draft", "shown"),
    [
        ("4111111111111111", "••••••••••••1111"),
        ("card 4111-1111-1111-1111!", "card ••••-••••-••••-1111!"),
        ("call 8 916 123-45-67", "call 8 916 123-45-67"),
        ("order 123456789012", "order 123456789012"),
        ("hash 12345678901234567890", "hash 12345678901234567890"),
    ],
)
def test_only_numbers_that_look_like_cards_are_masked(draft: str, shown: str):
    assert masked(draft) == shown


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8 (916) 123-45-67", "+79161234567"),
        ("+44 20 7946 0958", "+442079460958"),
        ("12", None),
        ("", None),
        ("not a number", None),
        ("+" * 41, None),
    ],
)
def test_phones_become_international(text: str, number: str | None):
    assert e164(text, "RU") == number


@given(st.text() | st.binary())
def test_any_text_is_a_command_or_a_bad_frame(text: str | bytes):
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    with pytest.raises(frames.BadFrame):
        frames.parse_command(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*VisitorContext.model_fields, "other"]), json_values))
def test_a_context_of_any_values_is_taken_as_far_as_it_goes(told: dict[str, object]):
    facts = VisitorContext.model_validate(told).facts()
    assert isinstance(facts, omnigate.Context)
    Visits().learn("abc", facts)


def test_visits_take_a_bounded_amount_of_memory():
    visits = Visits(limit_bytes=10_000)
    for number in range(100):
        visits.learn(str(number), omnigate.Context(title="x" * 900))
    assert visits._size_bytes <= 10_000
    assert sum(len(kept.body) for kept in visits._kept.values()) == visits._size_bytes
    assert not visits.knows("0")
    assert visits.knows("99")


def test_what_did_not_reach_the_host_is_told_again():
    visits = Visits()
    visits.learn("abc", omnigate.Context(page="https://a.example"))
    assert visits.take_news("abc") is not None
    assert visits.take_news("abc") is None
    visits.give_back("abc")
    assert visits.take_news("abc") is not None
    visits.learn("abc", omnigate.Context(page="https://a.example"))
    assert visits.take_news("abc") is None, "the same again is no news"
