"""What links say, in the words of the model: texts, wishes to be left alone, receipts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import omnigate
from omnigate_sms import numbers
from omnigate_sms.link import Incoming, Report
from omnigate_sms.pieces import alone
from omnigate_sms.reassembly import LongText
from omnigate_sms.stopwords import Words

REPORTS: Final = "receipts"
"""Stands for the conversation of what no conversation is named of."""
LONGEST_ID: Final = 400
LONGEST_NAME: Final = 100
"""Characters of a sender's or of our own number that are kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How what comes in is read on one channel."""

    region: str
    words: Words
    are_verified: bool = False
    """The numbers that texts come from are proven to be their senders'."""

    def sender(self, source: str) -> omnigate.Address:
        """Return whose a text from there is."""
        return numbers.address_of(source, self.region)

    def text(self, said: Incoming) -> Sequence[omnigate.Inbound]:
        """Return a text that came in one."""
        data = said.data if said.text is None and said.encoding == "binary" else None
        extensions: dict[str, Any] = {"to": said.destination[:LONGEST_NAME]}
        if data is not None:
            extensions["data"] = base64.b64encode(data).decode()
        if said.segment is not None:
            # Not of a form that can be joined: handed on as it is.
            extensions |= {"parts": [said.segment.number], "total": said.segment.total}
        return self._message(
            external_id=_id_of(said),
            source=said.source,
            text=alone(said),
            occurred_at=said.occurred_at,
            extensions=extensions,
        )

    def long_text(self, said: LongText) -> Sequence[omnigate.Inbound]:
        """Return a text that came in pieces."""
        extensions: dict[str, Any] = {
            "to": said.whole.destination[:LONGEST_NAME],
            "parts": said.numbers,
            "total": said.whole.total,
            "truncated": said.is_truncated,
        }
        return self._message(
            external_id=said.external_id,
            source=said.whole.source,
            text=said.text,
            occurred_at=min(piece.occurred_at for piece in said.pieces),
            extensions=extensions,
        )

    def _message(
        self,
        *,
        external_id: str,
        source: str,
        text: str | None,
        occurred_at: datetime,
        extensions: dict[str, Any],
    ) -> Sequence[omnigate.Inbound]:
        address = self.sender(source)
        phone = address.path if address.scheme == "tel" else None
        sender = omnigate.Profile(
            address=address,
            phone=phone,
            verified=self.are_verified and phone is not None,
            display_name=None if phone else source.strip()[:LONGEST_NAME] or None,
        )
        of_it: dict[str, Any] = {
            "conversation": numbers.place_of(address),
            "occurred_at": occurred_at,
            "sender": sender,
        }
        message = omnigate.InboundMessage(
            external_id=external_id,
            text=text,
            handover=omnigate.find_handover_token(text),
            extensions={"sms": extensions},
            **of_it,
        )
        wish = self.words.wish(text)
        if wish == "stop":
            blocked = omnigate.ContactBlocked(
                external_id=f"{external_id}:stop", reason=(text or "").strip(), **of_it
            )
            return [message, blocked]
        if wish == "start":
            return [message, omnigate.ContactUnblocked(external_id=f"{external_id}:start", **of_it)]
        return [message]


def receipt(report: Report) -> omnigate.Receipt | None:
    """Return a report as a receipt; None for one that says nothing."""
    if report.state == "unknown":
        return None
    # What comes again later is another receipt, and changes nothing, for a state only ever rises. But it is
    # another text that it is about where an operator's ids have come round, at some within hours. One that
    # names our part says more than one before it that did not: that one may not have found its text.
    said = f"{report.external_id}\0{report.state}\0{report.occurred_at.isoformat()}"
    if report.reference is not None:
        said += f"\0{report.reference}"
    return omnigate.Receipt(
        external_id=f"receipt:{_digest(said)}",
        conversation=REPORTS,
        occurred_at=report.occurred_at,
        message_id=_short(report.external_id),
        part=report.reference,
        state=report.state,
        # Some operators give a code with a success, too: that is no error.
        error=report.error[:LONGEST_ID] if report.error and report.state == "failed" else None,
        any_conversation=True,
    )


def _id_of(said: Incoming) -> str:
    """Return the provider's id of a text; where there is none, what it says in this minute is one."""
    if said.external_id:
        return _short(said.external_id)
    content = said.text if said.text is not None else (said.data or b"").hex()
    minute = int(said.occurred_at.timestamp()) // 60
    return f"weak:{_digest(f'{said.source}|{said.destination}|{content}')}:{minute}"


def _short(external_id: str) -> str:
    """Return an id as it is, or what stands for one that is too long or has NUL in it."""
    is_kept = len(external_id) <= LONGEST_ID and "\0" not in external_id
    return external_id if is_kept else f"sha256:{_digest(external_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]
