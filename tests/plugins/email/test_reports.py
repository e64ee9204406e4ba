"""Bounces, receipts and what else machines say of mails that were sent; mails that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.arriving import Arrival
from omnigate_email.reading.worker import Reader

import omnigate
from tests.plugins.email.desk import ADDRESS, ANNA, Desk, letter, open_desk

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reader")]

REPORT = """\
From: MAILER-DAEMON@mx.client.test
To: {to}
Subject: {subject}
Message-ID: <report{number}@mx.client.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

Sorry.

--b
Content-Type: message/{kind}

{fields}
--b
Content-Type: text/rfc822-headers

From: {to}
To: anna@client.test
Message-ID: {about}

--b--
"""
FAILED = """\
Reporting-MTA: dns; mx.client.test

Final-Recipient: rfc822; anna@client.test
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 No such user
"""
READ = """\
Final-Recipient: rfc822; anna@client.test
Original-Message-ID: {about}
Disposition: manual-action/MDN-sent-manually; displayed
"""


def report(about: str, fields: str, *, kind: str = "delivery-status", number: int = 1) -> bytes:
    """Return what a mail server writes about a mail of ours (RFC 3464, RFC 8098)."""
    text = REPORT.format(
        to=ADDRESS, subject="Undelivered", number=number, kind=kind, fields=fields, about=about
    )
    return text.replace("\n", "\r\n").encode()


async def sent(desk: Desk) -> EmailMessage:
    """Have Anna write, and answer her."""
    await desk.deliver(letter())
    return await desk.answer(desk.said()[0].conversation)


@pytest.mark.parametrize(
    ("fields", "kind", "state"),
    [
        (FAILED.format(action="failed", status="5.1.1"), "delivery-status", "failed"),
        (FAILED.format(action="delivered", status="2.0.0"), "delivery-status", "delivered"),
        (READ, "disposition-notification", "read"),
    ],
)
async def test_a_report_is_a_receipt_and_no_message(
    desk: Desk, fields: str, kind: str, state: str
) -> None:
    about = str((await sent(desk))["Message-ID"])
    await desk.deliver(report(about, fields.format(about=about), kind=kind), sender="")
    assert len(desk.said()) == 1
    receipt = desk.items[-1]
    assert isinstance(receipt, omnigate.Receipt)
    assert (receipt.message_id, receipt.state) == (about, state)
    assert receipt.any_conversation
    if state == "failed":
        assert "550 5.1.1 No such user" in (receipt.error or "")


def forwarded(report: bytes, *, inline: bool) -> bytes:
    """Return Anna's mail with a report in it: as an attached mail, or its parts beside hers."""
    if not inline:
        kind, inner = b"message/rfc822", report
    else:
        head, _, body = report.partition(b"\r\n\r\n")
        kind = next(one for one in head.split(b"\r\n") if one.startswith(b"Content-Type: "))
        kind, inner = kind.removeprefix(b"Content-Type: "), body
    head = letter("Что это значит?").partition(b"\r\n\r\n")[0]
    kept = [one for one in head.split(b"\r\n") if not one.startswith(b"Content-")]
    own = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return b"\r\n".join(
        (
            *kept,
            b'Content-Type: multipart/mixed; boundary="f"',
            b"",
            b"--f",
            own + "Что это значит?".encode(),
            b"--f",
            b"Content-Type: " + kind + b"\r\n",
            inner,
            b"--f--",
            b"",
        )
    )


@pytest.mark.parametrize("inline", [False, True], ids=["attached", "in its parts"])
@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (FAILED.format(action="failed", status="5.1.1"), "delivery-status"),
        (READ, "disposition-notification"),
    ],
)
async def test_a_report_that_a_customer_forwards_is_the_customer_s_message(
    desk: Desk, fields: str, kind: str, *, inline: bool
) -> None:
    about = str((await sent(desk))["Message-ID"])
    told = report(about, fields.format(about=about), kind=kind)
    await desk.deliver(forwarded(told, inline=inline))
    assert not [one for one in desk.items if isinstance(one, omnigate.Receipt)]
    said = desk.said()[-1]
    assert said.text is not None
    assert said.text.startswith("Что это значит?")
    assert not said.automatic


async def test_what_a_person_sends_as_a_report_of_a_server_is_none(desk: Desk) -> None:
    """A customer has the id of our mail; servers write without a sender, or in a name of theirs."""
    about = str((await sent(desk))["Message-ID"])
    told = report(about, FAILED.format(action="failed", status="5.1.1"))
    await desk.deliver(told.replace(b"MAILER-DAEMON@", b"anna@"))
    assert not [one for one in desk.items if isinstance(one, omnigate.Receipt)]
    assert len(desk.said()) == 2


async def test_a_delay_is_nothing_to_tell(desk: Desk) -> None:
    """The other server tries on; a customer did not write either."""
    about = str((await sent(desk))["Message-ID"])
    delayed = FAILED.format(action="delayed", status="4.4.1")
    await desk.deliver(report(about, delayed), sender="")
    assert len(desk.items) == 1


async def test_a_report_about_a_mail_that_is_not_ours_changes_nothing(desk: Desk) -> None:
    """Nobody can have a message fail that was not sent to them: the id has a token in it."""
    about = str((await sent(desk))["Message-ID"])
    local, _, domain = about.strip("<>").rpartition("@")
    forged = f"<{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}>"
    failed = FAILED.format(action="failed", status="5.1.1")
    await desk.deliver(report(forged, failed), sender="")
    assert not [one for one in desk.items if isinstance(one, omnigate.Receipt)]
    assert desk.said()[-1].automatic


@pytest.mark.parametrize(
    ("copied", "failed", "told"),
    [
        (["boris@client.test"], ["boris@client.test"], 0),
        (["boris@почта.test"], ["Boris@xn--80a1acny.test"], 0),
        (["boris@client.test"], ["boris@client.test", ANNA], 1),
        (["boris@client.test"], ["anna.new@client.test"], 1),
        ([ANNA], [ANNA], 1),
    ],
    ids=["a copy", "a copy, in punycode", "both", "an address behind hers", "her own copy"],
)
@pytest.mark.parametrize(("action", "status"), [("failed", "5.1.1"), ("delivered", "2.0.0")])
async def test_what_becomes_of_a_copy_says_nothing_of_the_message(
    desk: Desk, copied: list[str], failed: list[str], told: int, action: str, status: str
) -> None:
    """The customer has got it; a report tells of whom it is."""
    await desk.deliver(letter())
    extensions = {"mail": {"cc": copied}}
    answer = await desk.answer(desk.said()[0].conversation, extensions=extensions)
    known = omnigate.Message.model_validate(
        {
            "id": "msg_06g60000000000000000000001",
            "direction": "outbound",
            "state": "sent",
            "created_at": "2026-11-22T07:00:00Z",
            "extensions": extensions,
        }
    )
    desk.host.store._messages[desk.host.name, known.id] = known
    group = FAILED.format(action=action, status=status).partition("\n\n")[2]
    groups = "\n".join(group.replace(ANNA, one) for one in failed)
    await desk.deliver(report(str(answer["Message-ID"]), f"Reporting-MTA: dns; mx\n\n{groups}"))
    assert len(desk.said()) == 1
    assert len([one for one in desk.items if isinstance(one, omnigate.Receipt)]) == told


async def test_a_bounce_to_the_address_of_its_own_finds_its_mail() -> None:
    """Whatever the other server says in it, the token of the envelope's sender is enough."""
    async with open_desk(plus_addresses=True, bounce_tokens=True) as desk:
        await desk.deliver(letter())
        conversation = desk.said()[0].conversation
        await desk.answer(conversation)
        where = desk.sink.arrived[-1].mail_from
        assert where.startswith("support+")
        known = omnigate.Message.model_validate(
            {
                "id": "msg_06g60000000000000000000001",
                "direction": "outbound",
                "state": "sent",
                "created_at": "2026-11-22T07:00:00Z",
                "parts": [{"index": 0, "state": "sent", "external_id": "<its@id>"}],
            }
        )
        desk.host.store._messages[desk.host.name, known.id] = known
        raw = letter(
            "Нет такого адреса", author="MAILER-DAEMON@old.test", subject="Undelivered mail"
        )
        await desk.deliver(raw, where, sender="")
        receipt = desk.items[-1]
        assert isinstance(receipt, omnigate.Receipt)
        assert (receipt.message_id, receipt.state) == ("<its@id>", "failed")


async def test_our_own_automatic_mail_that_comes_back_is_dropped(desk: Desk) -> None:
    await desk.deliver(letter())
    sent = await desk.answer(desk.said()[0].conversation, automatic=True)
    assert sent["Auto-Submitted"] == "auto-replied"
    await desk.deliver(letter("Forwarded", message_id="<2@x.test>", X_Loop=str(sent["X-Loop"])))
    assert len(desk.items) == 1


# ---- what cannot be read --------------------------------------------------------------------------


async def test_a_mail_that_cannot_be_read_waits_in_quarantine_and_can_be_tried_again(
    desk: Desk,
) -> None:
    reader = desk.channel._reader
    assert reader is not None
    read = reader.read

    async def stall(raw: bytes) -> None:
        raise omnigate.BadPayload("the mail took longer than 30 s to read")

    reader.read = stall  # type: ignore[method-assign,assignment]  # a reader that cannot, this time
    asked = kept_requests(desk)
    raw = letter()
    await desk.deliver(raw, f"{ADDRESS.partition('@')[0]}+x@shop.test")
    assert desk.items == []
    ((kept, reason),) = desk.host.store.quarantine
    assert kept == raw
    assert "30 s" in reason
    reader.read = read  # type: ignore[method-assign]
    again = asked[0]
    assert again.body == kept
    await desk.channel.take_again(again)
    assert len(desk.said()) == 1
    await desk.deliver(raw, f"{ADDRESS.partition('@')[0]}+x@shop.test")
    assert len(desk.said()) == 1, "it is the same mail, however it came"


def kept_requests(desk: Desk) -> list[omnigate.Request]:
    """Return, as they come, the requests that the host is asked to keep; of each the real store keeps the
    path and the body."""
    put_updates = desk.host.put_updates
    asked: list[omnigate.Request] = []

    async def keep(parse: Any, updates: Any, **more: Any) -> Any:
        asked.extend(replace(one, query={}, headers={}) for one in updates)
        return await put_updates(parse, updates, **more)

    desk.host.put_updates = keep  # type: ignore[method-assign]  # the host of a real daemon
    return asked


@pytest.mark.parametrize("sender", ["", "bounces+x/,1=a@mx.test", "анна@почта.test"])
async def test_a_mail_out_of_quarantine_has_its_envelope_still(desk: Desk, sender: str) -> None:
    recipients = [ADDRESS, f"{ADDRESS.partition('@')[0]}+a,b/c@shop.test"]
    arrival = Arrival.brought(b"x", recipients, sender)
    request = replace(arrival.as_update(), query={}, headers={})
    again = Arrival.of_update(request)
    assert (again.recipients, again.sender, again.raw) == (recipients, sender, b"x")
    assert again.external_id(None) == arrival.external_id(None)


@given(st.lists(st.text(min_size=1, max_size=20), max_size=3), st.none() | st.text(max_size=20))
@settings(deadline=None, max_examples=100)
def test_any_envelope_comes_out_of_quarantine(recipients: list[str], sender: str | None) -> None:
    arrival = Arrival(raw=b"x", arrived_at=datetime.now(UTC), recipients=recipients, sender=sender)
    again = Arrival.of_update(arrival.as_update())
    assert (list(again.recipients), again.sender) == (recipients, sender)


async def test_a_report_out_of_quarantine_is_still_a_report(desk: Desk) -> None:
    """That nobody sent it, only the envelope says."""
    about = str((await sent(desk))["Message-ID"])
    told = report(about, FAILED.format(action="failed", status="5.1.1"))
    told = told.replace(b"MAILER-DAEMON@", b"bounces@")
    reader = desk.channel._reader
    assert reader is not None
    read = reader.read

    async def stall(raw: bytes) -> None:
        raise omnigate.BadPayload("the mail took longer than 30 s to read")

    reader.read = stall  # type: ignore[method-assign,assignment]  # a reader that cannot, this time
    asked = kept_requests(desk)
    await desk.deliver(told, sender="")
    reader.read = read  # type: ignore[method-assign]
    await desk.channel.take_again(asked[0])
    assert isinstance(desk.items[-1], omnigate.Receipt)


async def test_a_truncated_mail_out_of_quarantine_is_known_by_its_key() -> None:
    arrival = Arrival(raw=b"x", arrived_at=datetime.now(UTC), folder="Входящие/2026", key="k" * 32)
    again = Arrival.of_update(arrival.as_update())
    assert (again.folder, again.key) == (arrival.folder, arrival.key)
    assert again.external_id("c") == arrival.external_id("c")


async def test_one_mail_to_two_customers_is_kept_for_both(desk: Desk) -> None:
    """Quarantine takes requests with equal bodies and queries for one."""
    asked = [Arrival.brought(b"x", [one], ANNA).as_update() for one in ("a@b.test", "c@b.test")]
    assert asked[0].query != asked[1].query


async def test_while_mails_cannot_be_read_they_wait_and_the_operator_hears_of_it(
    desk: Desk,
) -> None:
    """They are not at fault, so none goes into quarantine."""
    working = desk.channel._reader
    desk.channel._reader = Reader(command=["/no/such/program"])
    await desk.deliver(letter(), expect="451 4.3.0")
    state, words = desk.host.states[-1]
    assert state == "degraded"
    assert "/no/such/program" in words
    desk.channel._reader = working
    await desk.deliver(letter())
    assert len(desk.said()) == 1
    assert desk.host.states[-1][0] == "up"
    assert desk.host.store.quarantine == []


async def test_a_mistake_of_ours_costs_no_mail(desk: Desk) -> None:
    """A mail server that was told to come again would do so for days, and then give the mail back."""
    reader = desk.channel._reader
    assert reader is not None

    async def fail(raw: bytes) -> None:
        raise ZeroDivisionError

    reader.read = fail  # type: ignore[method-assign,assignment]  # a mistake
    raw = letter()
    await desk.deliver(raw)
    ((kept, reason),) = desk.host.store.quarantine
    assert kept == raw
    assert "ZeroDivisionError" in reason
    assert any("exception" in line for line in desk.host.log_lines)


async def test_a_mail_that_is_still_not_readable_stays(desk: Desk) -> None:
    reader = desk.channel._reader
    assert reader is not None

    async def stall(raw: bytes) -> None:
        raise omnigate.BadPayload("no")

    reader.read = stall  # type: ignore[method-assign,assignment]  # a reader that cannot
    with pytest.raises(omnigate.BadPayload):
        await desk.channel.take_again(omnigate.Request.of(b"x"))


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\r\n",
        b"\x00\xff\xfe",
        b"From: \r\nTo: \r\n\r\n",
        b"From: <>\r\nMessage-ID: " + b"x" * 5000 + b"\r\n\r\nx",
        b"From: =?utf-8?B?"
        + b"/" * 2000
        + b"?= <a b@c d>\r\nSubject: "
        + b"y" * 3000
        + b"\r\n\r\n",
        b"From: a@b.test\r\nMessage-ID: <\xff\xfe\xd0@\x00x>\r\nSubject: \xff\x00\xd0\r\n\r\n\xff\x00",
        b"From: a@b.test\r\nMessage-ID: <=?utf-8?q?=ED=A0=80?=@x>\r\nTo: \xed\xa0\x80@x\r\n\r\nx",
        b"Message-ID: <a\r\nReferences: " + b"<x@y> " * 3000 + b"\r\n\r\nx",
    ],
)
async def test_any_bytes_are_taken_one_way_or_the_other(desk: Desk, junk: bytes) -> None:
    await desk.deliver(junk)
    assert len(desk.items) + len(desk.host.store.quarantine) == 1
    await desk.deliver(letter())
    assert desk.said()[-1].sender.address == f"mailto:{ANNA}"
