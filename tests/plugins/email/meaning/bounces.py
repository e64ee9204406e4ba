"""Bounces and receipts as servers and mail programs write them.

Composed after the forms of the programs, no real mail. Source of the forms: RFC 3464 appendix D, RFC 8098
section 9, RFC 5965 appendix B; Postfix 3.7 ``bounce(5)``; Exim 4.96 ``bounce_message_file``; Exchange and
Microsoft 365, Gmail, Yandex and qmail as their bounces look, 2026-11-22.
"""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

from omnigate_email.meaning.threads import message_id_for
from omnigate_email.meaning.tokens import Tokens

TOKENS = Tokens(b"secret of this channel")
PART = "msg_0688h2k9v1s7n3f0q4r5t6u7v8.0"
OWN = message_id_for(PART, TOKENS.of(TOKENS.new_conversation("bounces")), "shop.example")
EARLIER = message_id_for(PART[:-1] + "1", TOKENS.of(TOKENS.new_conversation("a")), "shop.example")
VERP = TOKENS.plus_address("bounce@shop.example", TOKENS.of_part(PART))


class Bounce(NamedTuple):
    """A mail, and what it says: states, by recipient."""

    id: str
    raw: bytes
    states: dict[str | None, str | None]
    error: str | None = None
    """What the first error has in it."""
    complaint: bool = False
    by_token: bool = False
    """It is told by the address alone."""


def _mail(text: str) -> bytes:
    filled = dedent(text).lstrip("\n").replace("OWN", OWN).replace("EARLIER", EARLIER)
    return filled.replace("VERP", VERP).replace("\n", "\r\n").encode()


def _report(kind: str, fields: str, original: str | None = None, **more: str) -> bytes:
    third = (
        f"--b\nContent-Type: message/rfc822\n\n{dedent(original).strip()}\n"
        if original is not None
        else ""
    )
    head = "".join(f"{name}: {value}\n" for name, value in more.items())
    return _mail(
        f"From: Mail Delivery System <MAILER-DAEMON@mx.example>\nTo: support@shop.example\n{head}"
        f"Subject: Report\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\nThis is the mail system.\n"
        f"--b\nContent-Type: message/{kind}\n\n{dedent(fields).strip()}\n\n{third}--b--\n"
    )


RETURNED = "From: support@shop.example\nTo: anna@mail.example\nMessage-ID: OWN\nSubject: x\n\nТекст"
POSTFIX = """
    Reporting-MTA: dns; mx.shop.example
    X-Postfix-Queue-ID: 4F1B2C3D4E
    X-Postfix-Sender: rfc822; support@shop.example
    Arrival-Date: Sun, 22 Nov 2026 12:00:00 +0300 (MSK)

    Final-Recipient: rfc822; anna@mail.example
    Original-Recipient: rfc822;Anna@mail.example
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; mail.example
    Diagnostic-Code: smtp; 550 5.1.1 <anna@mail.example>: Recipient address rejected:
        User unknown
"""


def _postfix(action: str, status: str) -> bytes:
    fields = POSTFIX.replace("failed", action).replace("Status: 5.1.1", f"Status: {status}")
    return _report("delivery-status", fields, RETURNED)


BOUNCES = [
    Bounce(
        "Postfix: user unknown",
        _postfix("failed", "5.1.1"),
        {"Anna@mail.example": "failed"},
        "550 5.1.1 <anna@mail.example>: Recipient address rejected: User unknown",
    ),
    Bounce(
        "Postfix: given up after days",
        _postfix("failed", "4.4.1"),
        {"Anna@mail.example": "failed"},
        "4.4.1",
    ),
    Bounce("Postfix: a delay", _postfix("delayed", "4.4.1"), {"Anna@mail.example": None}),
    Bounce(
        "Postfix: delivered", _postfix("delivered", "2.0.0"), {"Anna@mail.example": "delivered"}
    ),
    Bounce("Postfix: relayed", _postfix("relayed", "2.0.0"), {"Anna@mail.example": "sent"}),
    Bounce("a list: expanded", _postfix("expanded", "2.0.0"), {"Anna@mail.example": "sent"}),
    Bounce(
        "an action with a comment and other case",
        _postfix("FAILED (as told)", "5.0.0 (unknown)"),
        {"Anna@mail.example": "failed"},
    ),
    Bounce(
        "no action, a permanent status",
        _report(
            "delivery-status",
            "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@b.example\nStatus: 5.2.2",
            RETURNED,
        ),
        {"a@b.example": "failed"},
        "5.2.2",
    ),
    Bounce(
        "two recipients, two fates",
        _report(
            "delivery-status",
            """
            Reporting-MTA: dns; mx.example

            Final-Recipient: rfc822; <anna@mail.example>
            Action: failed
            Status: 5.2.2
            Diagnostic-Code: smtp; 552 5.2.2 mailbox full

            Final-Recipient: utf-8; борис@почта.example
            Action: delivered
            Status: 2.1.5
            """,
            RETURNED,
        ),
        {"anna@mail.example": "failed", "борис@почта.example": "delivered"},
        "552 5.2.2 mailbox full",
    ),
    Bounce(
        "Microsoft 365: the original in headers only",
        _mail(
            """
            From: Microsoft Outlook <postmaster@outlook.example>
            To: support@shop.example
            Subject: =?utf-8?B?0J3QtSDRg9C00LDQu9C+0YHRjCDQtNC+0YHRgtCw0LLQuNGC0Yw=?=: x
            Auto-Submitted: auto-replied
            In-Reply-To: OWN
            Content-Type: multipart/report; report-type=delivery-status; boundary="b"

            --b
            Content-Type: text/html; charset=utf-8

            <p>Ваше сообщение не доставлено anna@outlook.example.</p>
            --b
            Content-Type: message/delivery-status

            Reporting-MTA: dns;AM0PR01.outlook.example
            Received-From-MTA: dns;shop.example

            Final-Recipient: rfc822;anna@outlook.example
            Action: failed
            Status: 5.1.10
            Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found

            --b
            Content-Type: text/rfc822-headers

            References: EARLIER
            Message-ID: OWN
            --b--
            """
        ),
        {"anna@outlook.example": "failed"},
        "RESOLVER.ADR.RecipientNotFound; Recipient not found",
    ),
    Bounce(
        "Gmail: its own words and a standard part",
        _report(
            "delivery-status",
            """
            Reporting-MTA: dns; googlemail.example
            Arrival-Date: Sun, 22 Nov 2026 01:00:00 -0800 (PST)

            Final-Recipient: rfc822; nobody@gmail.example
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
             Please try double-checking the recipient's email address
            Last-Attempt-Date: Sun, 22 Nov 2026 01:00:01 -0800 (PST)
            """,
            RETURNED,
            **{"X-Failed-Recipients": "nobody@gmail.example", "Auto-Submitted": "auto-replied"},
        ),
        {"nobody@gmail.example": "failed"},
        "does not exist",
    ),
    Bounce(
        "Exim: no standard part",
        _mail(
            """
            Return-path: <>
            X-Failed-Recipients: anna@mail.example
            Auto-Submitted: auto-replied
            From: Mail Delivery System <Mailer-Daemon@mx.example>
            To: support@shop.example
            Subject: Mail delivery failed: returning message to sender

            This message was created automatically by mail delivery software.

            A message that you sent could not be delivered to one or more of its
            recipients. This is a permanent error. The following address(es) failed:

              anna@mail.example
                host mail.example [192.0.2.1]
                SMTP error from remote mail server after RCPT TO:<anna@mail.example>:
                550 No such user here

            ------ This is a copy of the message, including all the headers. ------

            Return-path: <support@shop.example>
            References: EARLIER
            From: support@shop.example
            Message-ID: OWN
            To: anna@mail.example

            Текст
            """
        ),
        {"anna@mail.example": "failed"},
        "550 No such user here",
    ),
    Bounce(
        "Exim: a delay",
        _mail(
            """
            Return-path: <>
            Auto-Submitted: auto-generated
            From: Mail Delivery System <Mailer-Daemon@mx.example>
            To: support@shop.example
            Subject: Warning: message 1q0abc-0001Xy-2Z delayed 24 hours

            A message that you sent has not yet been delivered.

            The message identifier is:     1q0abc-0001Xy-2Z
            Message-ID: OWN
            """
        ),
        {None: None},
    ),
    Bounce(
        "qmail",
        _mail(
            """
            Return-Path: <>
            From: MAILER-DAEMON@mx.example
            To: VERP
            Subject: failure notice

            Hi. This is the qmail-send program at mx.example.
            I'm afraid I wasn't able to deliver your message to the following addresses.

            <anna@mail.example>:
            192.0.2.1 does not like recipient.
            Remote host said: 554 5.7.1 rejected as spam
            Giving up on 192.0.2.1.

            --- Below this line is a copy of the message.

            Message-ID: OWN
            From: support@shop.example
            """
        ),
        {None: "failed"},
        "554 5.7.1 rejected as spam",
    ),
    Bounce(
        "Yandex: words only, told by the address",
        _mail(
            """
            Return-Path: <>
            From: mailer-daemon@yandex.example
            To: VERP
            Subject: =?utf-8?B?0J3QtdC00L7RgdGC0LDQstC70LXQvdC90L7QtSDRgdC+0L7QsdGJ0LXQvdC40LU=?=
            Content-Type: text/plain; charset=utf-8

            Это письмо отправлено почтовым сервером.
            К сожалению, мы не можем доставить ваше письмо: такого пользователя нет.
            """
        ),
        {None: "failed"},
        "Недоставленное сообщение",
        by_token=True,
    ),
    Bounce(
        "Outlook: read",
        _report(
            "disposition-notification",
            """
            Reporting-UA: mail.example; Microsoft Outlook 16.0
            Original-Recipient: rfc822;anna@mail.example
            Final-Recipient: RFC822; anna@mail.example
            Original-Message-ID: OWN
            Disposition: manual-action/MDN-sent-manually; displayed
            """,
        ),
        {"anna@mail.example": "read"},
    ),
    Bounce(
        "read, with a modifier",
        _report(
            "disposition-notification",
            """
            Final-Recipient: rfc822; anna@mail.example
            Original-Message-ID: OWN
            Disposition: automatic-action/MDN-sent-automatically;displayed/error
            """,
        ),
        {"anna@mail.example": "read"},
    ),
    Bounce(
        "deleted unread",
        _report(
            "disposition-notification",
            """
            Final-Recipient: rfc822;anna@mail.example
            Original-Message-ID: OWN
            Disposition: manual-action/MDN-sent-automatically; deleted
            """,
        ),
        {"anna@mail.example": "delivered"},
    ),
    Bounce(
        "the recipient's program says no more",
        _report(
            "disposition-notification",
            """
            Final-Recipient: rfc822;anna@mail.example
            Original-Message-ID: OWN
            Disposition: manual-action/MDN-sent-manually; denied
            """,
        ),
        {"anna@mail.example": None},
    ),
    Bounce(
        "called spam",
        _report(
            "feedback-report",
            """
            Feedback-Type: abuse
            User-Agent: Mail.Ru-FBL/1.0
            Version: 1
            Original-Rcpt-To: <anna@mail.example>
            """,
            RETURNED,
        ),
        {"anna@mail.example": "delivered"},
        complaint=True,
    ),
    Bounce(
        "called no spam after all",
        _report("feedback-report", "Feedback-Type: not-spam\nVersion: 1", RETURNED),
        {None: None},
    ),
]

NO_REPORTS = {
    "a customer's mail": _mail(
        "From: anna@mail.example\nTo: support@shop.example\nSubject: Заказ\n\nДа"
    ),
    "a customer who forwards a bounce": _mail(
        """
        From: anna@mail.example
        To: support@shop.example
        Subject: Fwd: Mail delivery failed

        Мне пришло вот это:
        Message-ID: OWN
        550 No such user here
        """
    ),
    "a customer whose parcel was not delivered": _mail(
        "From: anna@mail.example\nTo: support@shop.example\nSubject: Заказ не доставлен\n\nMessage-ID: OWN"
    ),
    "an absence note to the envelope's sender": _mail(
        """
        Return-Path: <>
        From: anna@mail.example
        To: VERP
        Subject: Автоответ: Заказ
        Auto-Submitted: auto-replied
        In-Reply-To: OWN

        Я в отпуске до 5 мая.
        """
    ),
    "a bounce about nobody knows what": _mail(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: support@shop.example\n"
        "Subject: failure notice\n\n550 no such user"
    ),
    "a report of another kind": _report("tlsrpt", "Message-ID: OWN", RETURNED),
    "a report on authentication": _report("feedback-report", "User-Agent: x\nVersion: 1", RETURNED),
}
