"""Why a segment was not taken: in the operator's words and ours, and when it may be."""

from __future__ import annotations

from typing import Final

import omnigate
from omnigate_sms.smpp import statuses, tlv
from omnigate_sms.smpp.pdu import Pdu
from omnigate_sms.smpp.progress import Progress

WORDS_LIMIT: Final = 256
"""Octets of an operator's own words that are shown."""


class Later(Exception):
    """A segment was surely not taken, and may be later."""

    def __init__(self, error: omnigate.RetryLater | omnigate.DestinationUnavailable) -> None:
        super().__init__(str(error))
        self.error = error

    def half_sent(self, progress: Progress) -> omnigate.RetryLater:
        """Return what to raise when a part of the text is away: this text waits, not the others."""
        after = (
            self.error.after_seconds
            if isinstance(self.error, omnigate.RetryLater)
            else self.error.retry_after_seconds
        )
        return omnigate.RetryLater(
            f"{progress}: {self.error}",
            after_seconds=after,
            status=self.error.status,
        )


def words_of(answer: Pdu) -> str:
    """Return what a refusal says, the operator's own words included, and what to do."""
    words = statuses.words(answer.status)
    added = tlv.value(answer.parameters, tlv.ADDITIONAL_STATUS_INFO) or b""
    told = added.split(b"\0")[0][:WORDS_LIMIT].decode("latin-1").strip()
    told = "".join(one if one.isprintable() else "?" for one in told)
    said = f"{words}: {told}" if told else words
    return f"{said}; {statuses.advice(answer.status)}"


def too_fast(words: str, left_seconds: float, status: int | None = None) -> omnigate.RetryLater:
    """Return that it is not this text's turn before the pause is over."""
    return omnigate.RetryLater(words, after_seconds=left_seconds, status=status)
