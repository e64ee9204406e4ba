"""A thread stays one conversation, whatever arrives first, and a stranger begins one of their own."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.meaning import threads
from omnigate_email.meaning.tokens import Tokens, is_conversation

from .mails import mail

ANNA, BORIS = "anna@mail.example", "boris@mail.example"
PART = "msg_0688h2k9v1s7n3f0q4r5t6u7v8.0"
OURS = Tokens(b"secret of this channel")
FIRST = mail(message_id="<m1@mail.example>")
ANSWER = mail(
    message_id="<m3@mail.example>",
    in_reply_to=["<m2@shop.example>"],
    references=["<m1@mail.example>", "<m2@shop.example>"],
)


class TestNewConversations:
    """What a mail that belongs to nothing known begins."""

    def test_an_answer_that_overtakes_the_first_mail_finds_the_same_conversation(self) -> None:
        begun = threads.new_conversation_id(ANSWER, OURS)
        assert begun == threads.new_conversation_id(FIRST, OURS)
        assert is_conversation(begun)

    def test_a_mail_that_is_read_twice_begins_one(self) -> None:
        assert threads.new_conversation_id(FIRST, OURS) == threads.new_conversation_id(FIRST, OURS)

    def test_a_stranger_in_somebody_s_thread_begins_their_own(self) -> None:
        """Or the company's answers to Anna would go to who wrote first with her mail's id."""
        stranger = mail(author=BORIS, references=["<m1@mail.example>"])
        assert threads.new_conversation_id(stranger, OURS) != threads.new_conversation_id(
            FIRST, OURS
        )

    def test_without_the_sender_a_stranger_would_be_in_it(self) -> None:
        """The twin: an id made of the thread's first id alone."""
        stranger = mail(author=BORIS, references=["<m1@mail.example>"])
        assert OURS.new_conversation("thread", threads.root_id(stranger) or "") == (
            OURS.new_conversation("thread", threads.root_id(FIRST) or "")
        )

    def test_a_sender_s_case_means_nothing(self) -> None:
        shouted = mail(author=ANNA.upper())
        assert threads.new_conversation_id(shouted, OURS) == threads.new_conversation_id(
            FIRST, OURS
        )

    def test_two_mails_of_a_sender_begin_two(self) -> None:
        other = mail(message_id="<m9@mail.example>")
        assert threads.new_conversation_id(other, OURS) != threads.new_conversation_id(FIRST, OURS)

    def test_mails_without_an_id_are_told_by_their_words(self) -> None:
        one, same, other = (mail(message_id=None, text=text) for text in ("a", "a", "b"))
        begun = threads.new_conversation_id(one, OURS)
        assert begun == threads.new_conversation_id(same, OURS)
        assert begun != threads.new_conversation_id(other, OURS)
        dated = mail(message_id=None, text="a", sent_at=datetime(2026, 11, 22, tzinfo=UTC))
        assert begun != threads.new_conversation_id(dated, OURS)

    def test_nobody_outside_can_tell_an_id(self) -> None:
        theirs = threads.new_conversation_id(FIRST, Tokens(b"guessed"))
        assert theirs != threads.new_conversation_id(FIRST, OURS)

    def test_writing_first_to_an_address_is_one_conversation(self) -> None:
        begun = threads.first_conversation_id(ANNA, OURS)
        assert begun == threads.first_conversation_id(ANNA.upper(), OURS)
        assert begun != threads.first_conversation_id(BORIS, OURS)


class TestMatching:
    """What an answer brings back of ours."""

    CONVERSATION = threads.new_conversation_id(FIRST, OURS)
    TOKEN = OURS.of(CONVERSATION)
    OWN_ID = threads.message_id_for(PART, TOKEN, "shop.example")

    def test_a_token_in_an_address_goes_first(self) -> None:
        other = OURS.new_conversation("other")
        answer = mail(in_reply_to=[self.OWN_ID])
        recipients = [f"support+{OURS.of(other)}@shop.example"]
        assert threads.conversation_by_headers(answer, OURS, recipients) == other

    def test_a_message_id_of_ours_tells_its_conversation(self) -> None:
        """So a mail whose record has been retired is still answered in its conversation."""
        for answer in (mail(in_reply_to=[self.OWN_ID]), mail(references=["<x@y>", self.OWN_ID])):
            assert threads.conversation_by_headers(answer, OURS) == self.CONVERSATION

    @pytest.mark.parametrize(
        "forged",
        [
            f"<{PART}.{TOKEN[:-1]}a@shop.example>",
            f"<{PART}.{CONVERSATION}@shop.example>",
            "<m1@mail.example>",
            f"<{TOKEN}.x@shop.example>",
        ],
    )
    def test_a_forged_one_tells_none(self, forged: str) -> None:
        assert threads.conversation_by_headers(mail(in_reply_to=[forged]), OURS) is None

    def test_ids_are_looked_up_from_the_newest(self) -> None:
        assert threads.ids_to_look_up(ANSWER) == ("<m2@shop.example>", "<m1@mail.example>")

    def test_at_most_fifty_ids_are_looked_up_and_each_once(self) -> None:
        many = [f"<{n}@x>" for n in range(1_000)] * 3
        found = threads.ids_to_look_up(mail(in_reply_to=["<5@x>", "<5@x>"], references=many))
        assert len(found) == len(set(found)) == 50
        assert found[:3] == ("<5@x>", "<999@x>", "<998@x>")

    @pytest.mark.parametrize(
        "junk", ["", "x", "<>", "<a b@c>", "<a@b><c@d>", f"<{'a' * 300}@b>", "<é@b>", "<a@b>\r\n"]
    )
    def test_what_is_no_id_is_not_looked_up(self, junk: str) -> None:
        assert not threads.ids_to_look_up(mail(in_reply_to=[junk], references=[junk]))
        assert threads.root_id(mail(references=[junk])) == "<m1@mail.example>"

    def test_a_message_id_is_the_same_on_every_attempt(self) -> None:
        assert threads.message_id_for(PART, self.TOKEN, "Shop.Example") == self.OWN_ID
        assert len(self.OWN_ID) < 100
        for part, domain in (("a b", "x"), (PART, "магазин.рф"), (PART, "x>\r\nBcc: y"), ("", "x")):
            with pytest.raises(ValueError, match="Message-ID"):
                threads.message_id_for(part, self.TOKEN, domain)


class TestSubjects:
    """What subjects say of a thread."""

    @pytest.mark.parametrize(
        ("subject", "answer"),
        [
            ("Заказ 1042", "Re: Заказ 1042"),
            ("Re: Заказ 1042", "Re: Заказ 1042"),
            ("RE: re: Re[2]: Заказ", "Re: Заказ"),
            ("Ответ: Заказ", "Re: Заказ"),
            ("Отв: НА: Заказ", "Re: Заказ"),
            ("AW: Заказ", "Re: Заказ"),
            ("Fwd: Заказ", "Re: Fwd: Заказ"),
            ("Республика", "Re: Республика"),
            ("на складе: пусто", "Re: на складе: пусто"),
            ("  Заказ\r\n\t1042 ", "Re: Заказ 1042"),
            ("Заказ\r\nBcc: x@y.example", "Re: Заказ Bcc: x@y.example"),
            ("", "Re:"),
            (None, "Re:"),
            ("Re:", "Re:"),
        ],
    )
    def test_an_answer_has_one_re_and_the_same_words(
        self, subject: str | None, answer: str
    ) -> None:
        assert threads.reply_subject(subject) == answer
        assert threads.reply_subject(answer) == answer

    @given(st.text(max_size=600))
    @settings(deadline=None, max_examples=200)
    def test_a_subject_of_any_form_becomes_one_line(self, subject: str) -> None:
        answer = threads.reply_subject(subject)
        assert answer.startswith("Re:")
        assert len(answer) <= 400
        assert len(answer.splitlines()) == 1

    def test_a_tag_tells_its_conversation(self) -> None:
        conversation = threads.new_conversation_id(FIRST, OURS)
        tag = threads.subject_tag(conversation)
        assert threads.subject_token(f"Re: Заказ {tag}") == conversation
        assert threads.subject_token(f"RE: {tag.upper()} Заказ") == conversation

    @pytest.mark.parametrize("subject", [None, "", "Заказ [#12345]", "[#]", "[#" + "z" * 20 + "]"])
    def test_other_tags_tell_none(self, subject: str | None) -> None:
        assert threads.subject_token(subject) is None


class TestReferences:
    """The header that keeps a thread together in mail programs."""

    def test_the_first_and_the_last_nineteen_are_kept(self) -> None:
        every = [f"<{n}@x>" for n in range(100)]
        assert threads.references_for(every) == (every[0], *every[-19:])
        assert threads.references_for(every[:20]) == tuple(every[:20])
        assert threads.references_for(every[:3] * 2) == tuple(every[:3])
        assert threads.references_for([]) == ()

    @given(
        st.lists(st.text(max_size=40) | st.from_regex(r"<[a-z]{1,290}@[a-z]{1,5}>", fullmatch=True))
    )
    @settings(deadline=None, max_examples=200)
    def test_any_ids_make_a_header_that_reads_back_as_written(self, ids: list[str]) -> None:
        kept = threads.references_for(ids)
        folded = "References:" + "".join(f"\r\n {one}" for one in kept) + "\r\n\r\n"
        assert all(len(line) <= 998 for line in folded.split("\r\n"))
        message = email.message_from_string(folded, policy=SMTP)
        assert tuple(str(message.get("References", "")).split()) == kept
