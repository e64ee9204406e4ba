"""Mails through a real Postfix: they arrive as they were composed, and what bounces comes back."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest
from omnigate_email.accounts import SmtpConfig
from omnigate_email.mail import Mailbox
from omnigate_email.smtp.composing import Composed
from omnigate_email.smtp.submission import Submission

from omnigate.testing import FakeHost
from tests.plugins.email.postfix import OWN_DOMAIN, Postfix
from tests.plugins.email.sending.letters import composed, part, picture
from tests.plugins.email.sink import sink

pytestmark = pytest.mark.anyio


async def submit(postfix: Postfix, mail: Composed, sender: str | None = None) -> None:
    config = SmtpConfig(host="127.0.0.1", port=postfix.port, tls="none")
    async with FakeHost() as host:
        submission = Submission(config, host)
        assert (await submission.check()).state == "up"
        await submission.send(mail, sender=sender)
        await submission.close()


def without_trace(arrived: Any) -> bytes:
    """Return a mail from the field on that we wrote first."""
    content: bytes = arrived.content
    return content[content.index(b"From: ") :]


async def test_a_mail_arrives_as_it_was_composed_to_the_last_byte(postfix: Postfix) -> None:
    async with sink() as customer:
        anna = f"anna@smtp-{customer.port}.test"
        mail = composed(
            [picture(), picture(2, name="ведомость.xlsx", mime="application/vnd.ms-excel")],
            part_=part(text="Здравствуйте!\n.\n..\nFrom here on\n" + "длинная строка " * 200),
            subject="Ваш заказ № 17 — «срочно»" * 5,
            to=[Mailbox(anna, "Анна")],
        )
        await submit(postfix, mail)
        (arrived,) = await customer.wait_for()
    assert without_trace(arrived) == mail.content
    assert (arrived.mail_from, arrived.rcpt_tos) == ("support@example.com", [anna])


async def test_postfix_hands_mails_over_by_lmtp(postfix: Postfix) -> None:
    async with sink("lmtp") as customer:
        mail = composed(to=[Mailbox(f"anna@lmtp-{customer.port}.test")])
        await submit(postfix, mail)
        (arrived,) = await customer.wait_for()
    assert without_trace(arrived) == mail.content


async def test_letters_beyond_ascii_go_through_before_the_at_and_after_it(postfix: Postfix) -> None:
    async with sink() as customer:
        domain = f"smtp-{customer.port}.test"
        mail = composed(to=[Mailbox(f"анна@пример.{domain}", "Анна")])
        await submit(postfix, mail)
        (arrived,) = await customer.wait_for()
    assert arrived.rcpt_tos == [f"анна@xn--e1afmkfd.{domain}"]
    assert without_trace(arrived) == mail.content


async def test_mail_to_nobody_bounces_to_whoever_the_envelope_names(postfix: Postfix) -> None:
    async with sink() as company:
        sender = f"bounce+token@smtp-{company.port}.test"
        mail = composed(to=[Mailbox(f"nobody@{OWN_DOMAIN}")], message_id="<7.token@example.com>")
        await submit(postfix, mail, sender=sender)
        (arrived,) = await company.wait_for()
    assert (arrived.mail_from, arrived.rcpt_tos) == ("<>", [sender])
    bounce = email.message_from_bytes(arrived.content, policy=email.policy.default)
    assert bounce.get_content_type() == "multipart/report"
    assert b"Status: 5.1.1" in arrived.content
    assert b"Message-ID: <7.token@example.com>" in arrived.content


async def test_what_has_no_sender_does_not_bounce(postfix: Postfix) -> None:
    async with sink() as company:
        nobody, next_ = f"nobody@{OWN_DOMAIN}", f"next@smtp-{company.port}.test"
        await submit(postfix, composed(to=[Mailbox(nobody)]), sender="")
        await postfix.wait_until_empty()
        await submit(postfix, composed(to=[Mailbox(next_)]))
        arrived = await company.wait_for()
    assert [one.rcpt_tos for one in arrived] == [[next_]]
