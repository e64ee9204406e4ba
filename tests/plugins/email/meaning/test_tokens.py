"""Tokens find their conversation through every mail server, and nobody can make one."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Mailbox
from omnigate_email.meaning.tokens import Tokens, is_conversation, recipients_of

from tests.seeds import draw_seed

from .mails import mail

PART = "msg_0688h2k9v1s7n3f0q4r5t6u7v8.0"
OURS = Tokens(b"secret of this channel")
OTHERS = Tokens(b"secret of another")
CONVERSATION = OURS.new_conversation("x")
TOKEN = OURS.of(CONVERSATION)


def test_a_token_is_short_and_has_no_case() -> None:
    assert len(TOKEN) == 32
    assert set(TOKEN) <= set(string.ascii_lowercase + "234567")
    assert OURS.conversation(TOKEN) == OURS.conversation(TOKEN.upper()) == CONVERSATION


def test_ids_are_the_same_for_the_same_and_cannot_be_told_without_the_secret() -> None:
    assert OURS.new_conversation("a", "b") == OURS.new_conversation("a", "b")
    different = [("a", "b"), ("ab",), ("a\0b",), ("ab", ""), ("", "ab"), ("b", "a")]
    assert len({OURS.new_conversation(*what) for what in different}) == len(different)
    assert OURS.new_conversation("a") != OTHERS.new_conversation("a")


def test_a_token_of_another_installation_is_none() -> None:
    assert OURS.conversation(OTHERS.of(CONVERSATION)) is None
    assert OURS.part(OTHERS.of_part(PART)) is None


def test_guessed_tokens_are_refused() -> None:
    chance = random.Random(draw_seed())
    letters = string.ascii_lowercase + "234567"
    for _ in range(2_000):
        guessed = CONVERSATION[:19] + "".join(chance.choices(letters, k=13))
        assert guessed == TOKEN or OURS.conversation(guessed) is None
    for index in range(len(TOKEN)):
        for letter in letters.replace(TOKEN[index], ""):
            changed = TOKEN[:index] + letter + TOKEN[index + 1 :]
            assert OURS.conversation(changed) is None


def test_without_a_seal_guessed_tokens_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: tokens whose seal says nothing let a guess in."""
    monkeypatch.setattr(Tokens, "_seal", lambda self, purpose, text: bytes(8))
    known = OURS.of(OTHERS.new_conversation("guessed"))
    assert OURS.conversation(known) is not None


@pytest.mark.parametrize("text", ["", "x", "a" * 20 + "=", "A" * 20, "a" * 19 + "b", "1" * 20])
def test_only_ids_that_were_made_here_have_tokens(text: str) -> None:
    assert not is_conversation(text)
    with pytest.raises(ValueError, match="20 characters"):
        OURS.of(text)


@given(st.text(max_size=60) | st.from_regex(r"[a-z2-7]{32}", fullmatch=True))
@settings(deadline=None, max_examples=200)
def test_a_text_of_any_form_is_no_token_and_no_error(text: str) -> None:
    assert OURS.conversation(text) is None
    assert OURS.part(text) is None
    assert OURS.conversation_in_id(text) is None
    assert OURS.conversation_in([text, f"support+{text}@shop.example"]) is None


@given(st.binary(min_size=12, max_size=12), st.booleans())
@settings(deadline=None, max_examples=200)
def test_every_id_comes_back_from_its_token(said: bytes, upper: bool) -> None:
    conversation = OURS.new_conversation(said.hex())
    token = OURS.of(conversation)
    assert OURS.conversation(token.upper() if upper else token) == conversation


class TestAddresses:
    """What a mail server makes of an address with a token."""

    @pytest.mark.parametrize(
        "address",
        [
            f"support+{TOKEN}@shop.example",
            f"Support+{TOKEN.upper()}@SHOP.example",
            f"support+crm+{TOKEN}@shop.example",
            f"bounce+{TOKEN}@shop.example",
            f"SRS0=h4sh=7Q=shop.example=support+{TOKEN}@relay.example",
            f"support+{TOKEN}=shop.example@relay.example",
        ],
    )
    def test_the_token_is_found(self, address: str) -> None:
        assert OURS.conversation_in([address]) == CONVERSATION

    @pytest.mark.parametrize(
        "address",
        [
            "support@shop.example",
            f"{TOKEN}@shop.example",
            f"a@{TOKEN}",
            f"x{TOKEN}@a",
            "",
            "@",
            "+@",
        ],
    )
    def test_elsewhere_there_is_none(self, address: str) -> None:
        assert OURS.conversation_in([address]) is None

    def test_another_delimiter_can_be_told(self) -> None:
        ours = Tokens(b"secret of this channel", delimiter="-")
        address = ours.plus_address("support@shop.example", TOKEN)
        assert address == f"support-{TOKEN}@shop.example"
        assert ours.conversation_in([address]) == CONVERSATION
        assert OURS.conversation_in([address]) is None

    def test_one_that_would_be_too_long_is_refused_with_the_room_there_is(self) -> None:
        assert OURS.plus_address(f"{'s' * 31}@shop.example", TOKEN)
        with pytest.raises(ValueError, match="at most 31 characters"):
            OURS.plus_address(f"{'s' * 32}@shop.example", TOKEN)

    def test_the_envelope_goes_before_what_the_mail_says(self) -> None:
        other = OURS.new_conversation("y")
        said = mail(
            {"Delivered-To": f"<support+{TOKEN}@shop.example>", "X-Original-To": "a@b, c@d"},
            to=[f"support+{OURS.of(other)}@shop.example"],
            cc=[Mailbox("boris@mail.example")],
        )
        every = recipients_of(said, ["support@shop.example"])
        assert [address.partition("@")[0][:9] for address in every] == [
            "support",
            "a",
            "c",
            "support+" + TOKEN[0],
            "support+" + OURS.of(other)[0],
            "boris",
        ]
        assert OURS.conversation_in(every) == CONVERSATION

    def test_a_mail_to_thousands_is_looked_at_within_bounds(self) -> None:
        said = mail(
            {"Delivered-To": ["a@b.example, " * 5_000] * 20},
            to=[f"p{n}@mail.example" for n in range(50_000)],
        )
        assert len(recipients_of(said)) <= 200


class TestParts:
    """What the envelope's sender of one mail is told by."""

    @pytest.mark.parametrize("part", [PART, PART[:-1] + "12", PART[:-1] + "1234"])
    def test_a_bounce_finds_its_mail(self, part: str) -> None:
        address = OURS.plus_address("bounce@shop.example", OURS.of_part(part))
        assert len(address.partition("@")[0]) <= 64
        detail = address.partition("@")[0].partition("+")[2]
        assert OURS.part(detail.upper()) == part
        assert OURS.conversation_in([address]) is None

    def test_a_token_of_another_part_does_not_do(self) -> None:
        token = OURS.of_part(PART)
        assert OURS.part(token.replace(".0.", ".1.")) is None

    @pytest.mark.parametrize("part", ["", "msg_1.0", PART[:-2], PART + "\n", "MSG" + PART[3:]])
    def test_only_parts_have_one(self, part: str) -> None:
        with pytest.raises(ValueError, match="msg_"):
            OURS.of_part(part)
