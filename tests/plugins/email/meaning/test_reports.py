"""Bounces and receipts say what became of the mail that they are about, and nothing of any other."""

from __future__ import annotations

import email
import random

import pytest
from flufl.bounce import all_failures
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Report
from omnigate_email.meaning.reports import outcomes
from omnigate_email.reading.parser import read

from tests.seeds import draw_seed

from .bounces import BOUNCES, NO_REPORTS, OWN, PART, TOKENS, VERP, Bounce
from .mails import mail

NOBODY = {"Return-Path": "<>"}


@pytest.mark.parametrize("bounce", BOUNCES, ids=lambda bounce: bounce.id)
def test_what_servers_say_is_understood(bounce: Bounce) -> None:
    found = outcomes(read(bounce.raw))
    assert {one.recipient: one.state for one in found} == bounce.states
    for one in found:
        assert one.message_id == (None if bounce.by_token else OWN)
        assert (one.error is not None) == (one.state == "failed")
        assert one.complaint is bounce.complaint
    if bounce.error:
        assert bounce.error in (found[0].error or "")


@pytest.mark.parametrize("bounce", BOUNCES, ids=lambda bounce: bounce.id)
def test_mailman_s_reader_of_bounces_agrees(bounce: Bounce) -> None:
    """Whatever flufl.bounce calls failed for good is failed here, and what it calls a delay is undecided."""
    delayed, failed = all_failures(email.message_from_bytes(bounce.raw))
    states = {one.recipient: one.state for one in outcomes(read(bounce.raw))}
    for address in failed:
        assert states.get(address.decode(), states.get(None)) == "failed"
    for address in delayed:
        assert states.get(address.decode(), states.get(None)) is None


def test_mailman_s_reader_knows_most_of_the_bounces() -> None:
    """Or its agreement would say nothing."""
    assert sum(any(all_failures(email.message_from_bytes(one.raw))) for one in BOUNCES) >= 10


@pytest.mark.parametrize("name", sorted(NO_REPORTS))
def test_other_mail_says_nothing_of_ours(name: str) -> None:
    assert not outcomes(read(NO_REPORTS[name]))


def test_a_bounce_is_told_by_the_address_it_went_to() -> None:
    (bounce,) = (one for one in BOUNCES if one.by_token)
    (found,) = outcomes(read(bounce.raw))
    assert TOKENS.part(found.token or "") == PART


def test_the_envelope_s_recipient_is_enough() -> None:
    bounce = mail(author="mailer-daemon@mx.example", subject="failure notice")
    assert not outcomes(bounce)
    (found,) = outcomes(bounce, envelope=[VERP.upper()])
    assert TOKENS.part(found.token or "") == PART


def test_words_that_say_nothing_are_a_bounce_at_the_address_that_only_bounces_go_to() -> None:
    """From a server, that is: an absence note comes there too, and a delay is none."""
    note = mail(NOBODY, to=[VERP], subject="Re: Заказ")
    assert not outcomes(note)
    said = mail(NOBODY, author="postmaster@mx.example", to=[VERP], subject="配信できません")
    assert [(one.state, TOKENS.part(one.token or "")) for one in outcomes(said)] == [
        ("failed", PART)
    ]
    delay = mail(NOBODY, author="postmaster@mx.example", to=[VERP], subject="Delayed mail")
    assert [one.state for one in outcomes(delay)] == [None]


def test_a_report_needs_a_server_that_sends_it() -> None:
    """No sender in the envelope, as far as that is known, or a server's name."""
    report = Report(type="delivery-status", fields=[{"action": "failed"}])
    person, server = "anna@mail.example", "MAILER-DAEMON@mx.example"
    for author, envelope_sender, counts in (
        (person, person, False),
        (person, None, False),
        (person, "", True),
        (server, "bounces@mx.example", True),
        (server, None, True),
        (None, None, False),
        (None, "", True),
    ):
        found = outcomes(mail(author=author, report=report), envelope_sender=envelope_sender)
        assert bool(found) is counts, (author, envelope_sender)
    assert not outcomes(mail(NOBODY, report=report), envelope_sender=person), "the envelope tells"


def test_what_a_postmaster_forwards_is_a_person_s_mail() -> None:
    text = f"Посмотрите, пожалуйста.\n\nMessage-ID: {OWN}"
    for subject, counts in (("Undeliverable: x", True), ("Fwd: Undeliverable: x", False)):
        report = Report(type="delivery-status", fields=[{"action": "failed"}])
        for one in (None, report):
            author = "postmaster@client.example"
            assert bool(outcomes(mail(author=author, subject=subject, text=text, report=one))) is (
                counts
            )


def test_a_parcel_s_delay_in_the_subject_is_no_delay_of_the_mail() -> None:
    bounce = mail(
        {"Return-Path": "<>"}, subject="Undeliverable: Задержка заказа", text=f"Message-ID: {OWN}"
    )
    assert [one.state for one in outcomes(bounce)] == ["failed"]


def test_thousands_of_recipients_are_few_outcomes() -> None:
    fields = [{"action": "failed", "final-recipient": f"rfc822; p{n}@x"} for n in range(5_000)]
    report = Report(type="delivery-status", fields=fields)
    assert len(outcomes(mail(NOBODY, report=report))) == 50
    failed = [", ".join(f"p{n}@x.example" for n in range(400))] * 20
    headers = {**NOBODY, "X-Failed-Recipients": failed}
    assert len(outcomes(mail(headers, text=f"Message-ID: {OWN}"))) == 50


def test_errors_are_short_and_of_one_line() -> None:
    report = Report(
        type="delivery-status",
        fields=[{"action": "failed", "diagnostic-code": "smtp; 550 " + "no\r\n " * 10_000}],
    )
    (found,) = outcomes(mail(NOBODY, report=report))
    assert found.error is not None
    assert len(found.error) <= 500
    assert len(found.error.splitlines()) == 1


def test_mutated_bounces_are_read_without_an_error() -> None:
    chance = random.Random(draw_seed())
    for _ in range(300):
        raw = bytearray(chance.choice(BOUNCES).raw)
        for _ in range(chance.randrange(1, 20)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        begin = chance.randrange(len(raw))
        del raw[begin : begin + chance.randrange(40)]
        for one in outcomes(read(bytes(raw))):
            assert one.state in ("sent", "delivered", "read", "failed", None)


values = st.text(max_size=60) | st.sampled_from(
    ["failed", "rfc822;", ";;", "manual-action; displayed", "abuse", "5.1.1", "<>", OWN]
)
names = st.sampled_from(
    [
        *("action", "status", "final-recipient", "original-recipient", "diagnostic-code"),
        *("disposition", "feedback-type", "original-message-id", "original-rcpt-to"),
    ]
)


@given(
    st.sampled_from(["delivery-status", "disposition-notification", "feedback-report", "x"]),
    st.lists(st.dictionaries(names, values), max_size=4),
    st.dictionaries(st.just("message-id"), st.lists(values, max_size=2)),
    st.text(max_size=80),
)
@settings(deadline=None, max_examples=200)
def test_fields_of_any_form_are_no_error(
    kind: str,
    fields: list[dict[str, str]],
    original: dict[str, list[str]],
    text: str,
) -> None:
    report = Report(type=kind, fields=fields, original_headers=original)
    headers = {**NOBODY, "Content-Type": "multipart/report"}
    for one in outcomes(mail(headers, report=report, text=text)):
        assert one.message_id is None or one.message_id.startswith("<")
        assert len(one.error or "") <= 500
        assert len(one.recipient or "") <= 500
