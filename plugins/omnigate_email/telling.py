"""What a CRM is told of a mail: the message, or what the company's own people wrote."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

import omnigate
from omnigate_email.arriving import Arrival
from omnigate_email.mail import Mail, Mailbox
from omnigate_email.meaning import quoting
from omnigate_email.placing import Place, is_nobody, message_id_of
from omnigate_email.saving import Saved, with_own_ids

LONGEST_HTML: Final = 500_000
LONGEST_SUBJECT: Final = 1000
LONGEST_NAME: Final = 200
MOST_ADDRESSES: Final = 100
_MARK: Final = re.compile(r"\[cid:([^\]\s]{1,500})\]")
HTML_CUT: Final = "the HTML is left out: it is too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found out about a mail."""

    writer: Mailbox
    external_id: str
    automatic: str | None = None
    """The sign that a machine wrote it."""
    proof: str | None = None
    """What proves its sender."""
    is_proven: bool = False
    """Its sender is proven, or has got a mail of ours in this conversation."""
    is_repeated: bool = False
    """Its Message-ID was seen before."""
    is_loop: bool = False
    """More mails that surely are of its sender came than a person writes. Told, and nothing else."""
    handover: str | None = None
    answered: str | None = None
    """The id of the message that it answers, if that is one of this conversation."""
    saved: Saved = field(default_factory=Saved)


def message_of(
    mail: Mail, arrival: Arrival, place: Place, found: Findings, *, marker: str | None
) -> omnigate.InboundMessage:
    """Return what a customer wrote. Raises `BadPayload` when the model has no room for it."""
    whole = mail.text
    text = _newly_written(mail, found, marker)
    html = with_own_ids(mail.html, found.saved.by_content_id) if mail.html else None
    if html is not None and len(html) > LONGEST_HTML:
        html = None
    is_authors = mail.author is not None and mail.author.address == found.writer.address
    try:
        return omnigate.InboundMessage(
            external_id=found.external_id,
            conversation=place.conversation,
            occurred_at=arrival.arrived_at,
            sender=_profile(found.writer, verified=found.proof is not None and is_authors),
            text=text or None,
            full_text=whole if whole.strip() != text else None,
            html=html,
            subject=_subject(mail),
            attachments=list(found.saved.references),
            message_id=message_id_of(mail),
            reply_to=found.answered,
            handover=found.handover,
            automatic=found.automatic is not None,
            extensions={"mail": _particulars(mail, arrival, place, found)},
        )
    except ValidationError as error:
        raise omnigate.BadPayload(f"the mail does not fit: {omnigate.describe(error)}") from None


def echo_of(
    mail: Mail,
    arrival: Arrival,
    place: Place,
    found: Findings,
    customer: Mailbox,
    *,
    marker: str | None,
) -> omnigate.EchoMessage:
    """Return what one of the company's people wrote with another program. Raises `BadPayload`."""
    try:
        return omnigate.EchoMessage(
            external_id=found.external_id,
            conversation=place.conversation,
            occurred_at=arrival.arrived_at,
            recipient=_profile(customer),
            author=mail.author.name[:LONGEST_NAME] if mail.author and mail.author.name else None,
            text=_newly_written(mail, found, marker) or None,
            subject=_subject(mail),
            attachments=list(found.saved.references),
            message_id=message_id_of(mail),
        )
    except ValidationError as error:
        raise omnigate.BadPayload(f"the mail does not fit: {omnigate.describe(error)}") from None


def _newly_written(mail: Mail, found: Findings, marker: str | None) -> str:
    text = quoting.newly_written(mail.text, marker=marker)
    return _without_marks(text, found.saved.by_content_id)


def _without_marks(text: str, content_ids: Container[str]) -> str:
    """Leave out ``[cid:…]``, which Outlook puts where its HTML shows a picture that came along."""
    kept = []
    for line in text.split("\n"):
        rest = _MARK.sub(lambda mark: "" if mark[1] in content_ids else mark[0], line)
        if rest == line:
            kept.append(line)
        elif rest.strip():
            kept.append(rest.rstrip())
    return "\n".join(kept).strip()


def _subject(mail: Mail) -> str | None:
    return mail.subject[:LONGEST_SUBJECT] if mail.subject else None


def _profile(mailbox: Mailbox, *, verified: bool = False) -> omnigate.Profile:
    return omnigate.Profile(
        address=omnigate.mailto(mailbox.address),
        display_name=mailbox.name[:LONGEST_NAME] if mailbox.name else None,
        email=None if is_nobody(mailbox.address) else mailbox.address,
        verified=verified,
    )


def _particulars(mail: Mail, arrival: Arrival, place: Place, found: Findings) -> Mapping[str, Any]:
    """Return what only mail has; what does not apply is not there."""
    remarks = [*mail.remarks, *filter(None, (arrival.remark,)), *found.saved.remarks]
    if mail.html and len(mail.html) > LONGEST_HTML:
        remarks.append(HTML_CUT)
    author = mail.author
    told: dict[str, Any] = {
        "date": omnigate.rfc3339(mail.sent_at) if mail.sent_at else None,
        "to": _shown(mail.to),
        "cc": _shown(mail.cc),
        "from": _shown([author]) if author and author.address != found.writer.address else None,
        "reply_to": _shown(mail.reply_to),
        "folder": arrival.folder,
        "participant": None if place.is_with(found.writer.address) else "new",
        "authenticated": found.proof,
        "automatic": found.automatic,
        "proven": found.is_proven,
        "loop": found.is_loop,
        "repeated": found.is_repeated,
        "encrypted": mail.encrypted,
        "remarks": [one[:LONGEST_NAME] for one in remarks[:MOST_ADDRESSES]],
    }
    return {name: value for name, value in told.items() if value}


def _shown(mailboxes: Sequence[Mailbox]) -> list[dict[str, str | None]]:
    return [
        {"address": one.address[:500], "name": one.name[:LONGEST_NAME] if one.name else None}
        for one in mailboxes[:MOST_ADDRESSES]
    ]
