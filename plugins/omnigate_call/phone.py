"""The two phones of an attempt, and how it ends by what became of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import omnigate
from omnigate_call.driver import BUSY, Attempt, Step, ended

CUT_AGAIN_SECONDS: Final = 3.0
"""How long the switch has for hanging up, before it is asked again."""

What = Literal[
    "ringing", "busy", "up", "here", "left", "gone", "joined", "recorded", "not_recorded"
]
"""``here``: in our application, it can be bridged; ``left``: no longer; ``gone``: hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that happened to a channel, or to a recording."""

    what: What
    name: str
    """Of the channel or of the recording."""
    bridge: str | None = None
    at: datetime
    cause: int | None = None
    cause_text: str | None = None
    duration_seconds: float | None = None
    is_lost: bool = False
    """Nobody told: the switch no longer has it."""
    by_restart: bool = False
    """The switch was restarted meanwhile."""


TIMER_EXPIRED: Final = 102
"""Source: ITU-T Q.850 (05/2018), table 1: recovery on timer expiry."""


class End(NamedTuple):
    """How an attempt ended."""

    state: omnigate.CallState
    at: datetime
    leg: omnigate.Leg | None = None
    cause: int | None = None
    cause_text: str | None = None
    error: str | None = None
    is_final: bool = False
    """It is not to be tried again: the two may have talked."""

    def step(self, attempt: Attempt) -> Step:
        """Return it as it is told."""
        return Step(
            call_id=attempt.call_id,
            attempt=attempt.number,
            state=self.state,
            leg=self.leg,
            at=self.at,
            cause=self.cause,
            cause_text=self.cause_text,
            error=self.error,
            is_final=self.is_final,
        )


@dataclass(slots=True)
class Phone:
    """What is known of one of the two channels."""

    leg: omnigate.Leg
    name: str
    asked_at: float | None = None
    """When the switch was asked for it, by the loop's clock; None while it was not."""
    known_at: float | None = None
    """Since when the switch is known to have it; 0 if longer than this run of the daemon lasts."""
    is_ringing: bool = False
    is_busy: bool = False
    """The switch said so, though not yet that it is gone."""
    is_up: bool = False
    is_here: bool = False
    is_joined: bool = False
    left_at: float | None = None
    cut_at: float | None = None
    """When it was last asked to be hung up."""
    gone: Happened | None = None

    @property
    def may_live(self) -> bool:
        """Whether there may be such a channel on the switch."""
        return self.asked_at is not None and self.gone is None

    def has_shown(self, now: float) -> None:
        """Note that the switch has it; one that it had before is none the newer for it."""
        if self.asked_at is None:
            self.asked_at = now
        if self.known_at is None:
            self.known_at = now

    def is_to_be_cut(self, now: float) -> bool:
        """Tell whether it is to be hung up now: not a moment ago, or not to any avail."""
        return self.may_live and (self.cut_at is None or now >= self.cut_at + CUT_AGAIN_SECONDS)

    def lost(self, *, by_restart: bool = False) -> Happened:
        """Return that the switch no longer has it, though nobody told."""
        return Happened(
            what="gone",
            name=self.name,
            at=datetime.now(UTC),
            is_lost=True,
            by_restart=by_restart,
        )

    def ended_by(self, happened: Happened) -> Happened:
        """Return how it ended, with the cause that was told before where the end has none.

        A customer who is called through the dial plan (``Local/…``) ends with cause 0, whatever the phone
        behind it did: that only ``Dial`` tells. So did Asterisk 16.28 and 22.10.
        """
        if self.is_busy and not happened.cause and not happened.is_lost:
            return replace(happened, cause=BUSY, cause_text="User busy")
        return happened

    def end_step(self, attempt: Attempt, gone: Happened) -> Step:
        """Return with what cause it ended, where that did not end the attempt."""
        return Step(
            call_id=attempt.call_id,
            attempt=attempt.number,
            leg=self.leg,
            at=gone.at,
            cause=gone.cause,
            cause_text=gone.cause_text,
            key="end",
        )


def end_by(phone: Phone, *, have_talked: bool, is_taken_back: bool, may_have_talked: bool) -> End:
    """Return how an attempt ended whose first phone to go was this.

    ``may_have_talked``: they can have been brought together while nobody listened.
    """
    gone = phone.gone or Happened(what="gone", name=phone.name, at=datetime.now(UTC))
    state: omnigate.CallState
    error = None
    if gone.by_restart:
        state, error = "failed", "the switch was restarted"
    elif have_talked:
        state = "completed"
    elif is_taken_back:
        state = "cancelled"
    elif gone.is_lost:
        state, error = "failed", "the switch no longer has the call; how it ended is not known"
    elif phone.is_up and phone.leg == "agent":
        state, error = "failed", "the agent hung up before they heard each other"
    elif phone.is_up:
        state, error = "customer_rejected", "the customer hung up before they heard each other"
    else:
        state = ended(phone.leg, gone.cause, was_ringing=phone.is_ringing)
        error = not_reached(phone.leg) if state == "failed" else None
    is_final = gone.is_lost and state == "failed" and may_have_talked
    return End(state, gone.at, phone.leg, gone.cause, gone.cause_text, error, is_final)


def end_by_patience(phone: Phone) -> End:
    """Return how an attempt ended whose phone has rung for too long, or never did."""
    state = ended(phone.leg, None, was_ringing=phone.is_ringing)
    error = None if phone.is_ringing else not_reached(phone.leg)
    return End(state, datetime.now(UTC), phone.leg, error=error)


def end_of_longest_talk() -> End:
    """Return how an attempt ended whose two have talked for as long as they may; as the daemon says it."""
    return End(
        "completed",
        datetime.now(UTC),
        cause=TIMER_EXPIRED,
        cause_text="too_long",
        error="it was cut off after max_call_seconds",
    )


def not_reached(leg: omnigate.Leg) -> str:
    """Return what is said of a phone that never rang."""
    return f"the {leg}'s phone was not reached: it never rang"
