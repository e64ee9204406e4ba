"""Which mail a machine wrote, and which a person, however much it looks like the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.meaning.automatic import is_machine, why_automatic

from .mails import mail

MACHINES: list[tuple[str, dict[str, Any]]] = [
    # RFC 3834 section 5: any value but "no", with comments and parameters.
    ("Auto-Submitted", {"headers": {"Auto-Submitted": "auto-replied"}}),
    ("Auto-Submitted", {"headers": {"Auto-Submitted": "auto-generated"}}),
    ("Auto-Submitted", {"headers": {"Auto-Submitted": "Auto-Replied (vacation)"}}),
    ("Auto-Submitted", {"headers": {"Auto-Submitted": "auto-notified; owner-email=x@y.example"}}),
    ("Auto-Submitted", {"headers": {"Auto-Submitted": ["no", "auto-replied"]}}),
    ("Precedence: bulk", {"headers": {"Precedence": "bulk"}}),
    ("Precedence: list", {"headers": {"Precedence": "List"}}),
    ("Precedence: junk", {"headers": {"Precedence": "junk"}}),
    ("Precedence: auto_reply", {"headers": {"Precedence": "auto_reply"}}),
    ("list-id is set", {"headers": {"List-Id": "<news.shop.example>"}}),
    ("list-unsubscribe is set", {"headers": {"List-Unsubscribe": "<mailto:off@news.example>"}}),
    ("X-Auto-Response-Suppress", {"headers": {"X-Auto-Response-Suppress": "All"}}),
    ("X-Auto-Response-Suppress", {"headers": {"X-Auto-Response-Suppress": "DR, OOF, AutoReply"}}),
    ("x-autoreply is set", {"headers": {"X-Autoreply": "yes"}}),
    ("x-autorespond is set", {"headers": {"X-Autorespond": "x"}}),
    ("x-loop is set", {"headers": {"X-Loop": "support@other.example"}}),
    ("x-failed-recipients is set", {"headers": {"X-Failed-Recipients": "anna@mail.example"}}),
    ("Return-Path is empty", {"headers": {"Return-Path": "<>"}}),
    ("the sender of the envelope is empty", {"envelope_sender": ""}),
    ("the sender of the envelope is empty", {"envelope_sender": "<>"}),
    *(
        ("the sender's name is a machine's", {"author": f"{name}@mail.example"})
        for name in (
            "mailer-daemon",
            "MAILER-DAEMON",
            "postmaster",
            "no-reply",
            "noreply",
            "donotreply",
            "do-not-reply",
            "no_reply",
            "noreply+4711",
            "no-reply-orders",
        )
    ),
    ("it is a report", {"headers": {"Content-Type": "multipart/report; report-type=x"}}),
    *(
        ("the subject is an automatic answer's", {"subject": subject})
        for subject in (
            "Автоответ",
            "Автоответ: Заказ 1042",
            "АВТООТВЕТ - в отпуске",
            "Автоматический ответ: Заказ",
            "Out of office",
            "Out of Office AutoReply: Order",
            "Out of the office until 5 May",
            "Autoreply: order",
            "Automatic reply: Order",
            "Вне офиса",
            "Вне офиса до 5 мая",
            "  Вне офиса: Заказ",
        )
    ),
]

PERSONS: list[tuple[str, dict[str, Any]]] = [
    ("a plain mail", {}),
    ("Auto-Submitted says no", {"headers": {"Auto-Submitted": "no"}}),
    ("Auto-Submitted says no, with a comment", {"headers": {"Auto-Submitted": "No (by hand)"}}),
    ("a usual precedence", {"headers": {"Precedence": "first-class"}}),
    ("no receipts wanted", {"headers": {"X-Auto-Response-Suppress": "DR, RN, NRN"}}),
    ("nothing suppressed", {"headers": {"X-Auto-Response-Suppress": "None"}}),
    ("no automatic answer", {"headers": {"X-Autoreply": "no"}}),
    ("a return path", {"headers": {"Return-Path": "<anna@mail.example>"}}),
    ("an envelope", {"envelope_sender": "anna@mail.example"}),
    ("no author at all", {"author": None}),
    *(
        (name, {"author": f"{name}@mail.example"})
        for name in (
            "reply",
            "norman",
            "noreplacement",
            "post",
            "anna.noreply",
            "daemon",
            "no",
            "donot",
        )
    ),
    *(
        (subject, {"subject": subject})
        for subject in (
            "Автоответчик не работает",
            "Автоматический ответчик сломался",
            "Не приходит автоответ с сайта",
            "Re: Автоответ: ваше обращение 1042",
            "RE: Out of office",
            "Out of office chairs, how many?",
            "Вне офиса можно работать?",
            "Автоматический ответ на мою заявку так и не пришёл",
            "",
        )
    ),
    ("an answer to a list's mail", {"headers": {"In-Reply-To": "<news@list.example>"}}),
    ("a mail with a calendar", {"headers": {"Content-Type": "multipart/mixed; boundary=x"}}),
    ("an empty list header", {"headers": {"List-Id": " "}}),
]


@pytest.mark.parametrize(("sign", "fields"), MACHINES, ids=lambda value: str(value)[:60])
def test_every_sign_of_a_machine_is_enough(sign: str, fields: dict[str, Any]) -> None:
    assert _why(fields) == sign


@pytest.mark.parametrize(("name", "fields"), PERSONS, ids=[name for name, _ in PERSONS])
def test_people_are_not_taken_for_machines(name: str, fields: dict[str, Any]) -> None:
    assert _why(fields) is None, name


def test_the_reason_repeats_nothing_of_the_mail() -> None:
    reason = _why({"headers": {"Auto-Submitted": "auto-replied <script>\x1b[2J"}})
    assert reason == "Auto-Submitted"


@given(
    st.dictionaries(
        st.sampled_from(["auto-submitted", "precedence", "x-loop", "return-path", "list-id"]),
        st.lists(st.text(max_size=80), max_size=3),
    ),
    st.text(max_size=80),
    st.text(max_size=80),
)
@settings(deadline=None, max_examples=200)
def test_nothing_makes_it_raise(headers: dict[str, list[str]], subject: str, address: str) -> None:
    reason = why_automatic(mail(dict(headers), subject=subject, author=address))
    assert reason is None or len(reason) < 60
    assert is_machine(address) in (True, False)


def _why(fields: dict[str, Any]) -> str | None:
    fields = dict(fields)
    sender = fields.pop("envelope_sender", None)
    return why_automatic(mail(fields.pop("headers", None), **fields), envelope_sender=sender)
