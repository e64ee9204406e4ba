"""Guards against correspondence between machines: when an automatic answer may go out, and what a loop is.

What a flood of mails from one address may do, and what not. ``From`` is anybody's to write, so a flood alone
proves nothing about whom it names. It stops our automatic answers to that address, for an hour. What the CRM
receives it never touches: each mail is stored and told as any other is. What the company itself answers is
stopped only when as many mails have gone to the address as came, and then in two ways:

- Mails are *proven* that answer a mail of ours in a conversation with their sender, by a token nobody else
  has seen, or that the sender's domain vouches for. A flood of those is a loop: nothing goes there any more.
- A flood of others stops answers only in conversations in which nothing proven has come. So a machine that
  writes anew each time is not answered for ever either, and a customer whose name is forged is.

Two Omnigates that answer everything answer each other's mails: theirs are proven from the third on.

Nothing is kept here: every decision takes the notes that the channel has kept and the time, and returns
the notes to keep, which the channel stores in the transaction of what it decides about. So a restart
forgets no counter. Source: RFC 3834 section 2 (which mails get no automatic answer, and how often one may
go out), read 2026-11-22.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from omnigate_email.mail import Mail
from omnigate_email.meaning.loopnotes import (
    CHANNEL_KEY,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    PEER_PREFIX,
    SENT_PREFIX,
    Peer,
    counts,
    peer_key,
    recent,
    seconds,
    sent_times,
    short,
    since,
    written,
)

LONGEST_MARK_VALUE: Final = 1000

_MOST_CONVERSATIONS: Final = 50
"""Of one peer, within a day, that are remembered as acknowledged; a peer with more gets no more answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many automatic answers go out, and from how many mails on a peer is taken for a machine."""

    answers_per_sender_per_hour: int = 5
    answers_per_hour: int = 100
    """Of the whole channel."""
    mails_of_a_peer: int = 10
    """More of one peer within the window, and the two of us may be in a loop."""
    window_seconds: int = 600
    quiet_seconds: int = 3600
    """So long after the last sign of a loop nothing is answered automatically."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and the notes to keep with it."""

    yes: bool
    why: str | None
    """Why not, for the operator; for `Guard.received`, what was noticed."""
    notes: Mapping[str, str | None]


class Guard:
    """Decides about automatic answers, by the notes of one channel."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Take the limits, or those that suit a support mailbox."""
        self._limits = limits or Limits()

    def keys(self, peer: str) -> Sequence[str]:
        """Return the keys of the notes that decisions about a peer are made by."""
        return (peer_key(peer), CHANNEL_KEY)

    def received(
        self, peer: str, *, now: datetime, notes: Mapping[str, str], is_proven: bool = False
    ) -> Decision:
        """Count a mail of a peer, machine's or not, and say ``yes`` when it is one of a loop for sure.

        ``peer`` is the sender's address. After too many mails, proven or not, nothing is answered
        automatically until the peer has been quiet for an hour: people may go on writing.
        """
        limits, moment, key = self._limits, seconds(now), peer_key(peer)
        state = Peer.of(notes.get(key))
        state = replace(state, arrived=self._with_one_more(state.arrived, moment))
        until = moment + limits.quiet_seconds
        if len(state.arrived) > limits.mails_of_a_peer:
            state = replace(state, loop_until=until)
        is_loop = False
        if is_proven:
            state = replace(state, proven=self._with_one_more(state.proven, moment))
            is_loop = len(state.proven) > limits.mails_of_a_peer
        if is_loop:
            state = replace(state, proven_loop_until=until)
        why = (
            f"more than {limits.mails_of_a_peer} mails within {limits.window_seconds} s: a loop"
            if is_loop
            else None
        )
        return Decision(is_loop, why, {key: state.note(moment)})

    def _with_one_more(self, times: Sequence[int], moment: int) -> Sequence[int]:
        kept = since(times, moment - self._limits.window_seconds, moment)
        return [*kept, moment][-(self._limits.mails_of_a_peer + 1) :]

    def is_looping(
        self, peer: str, *, now: datetime, notes: Mapping[str, str], in_proven: bool = False
    ) -> bool:
        """Tell whether the correspondence with a peer counts as a loop now.

        In a conversation in which something proven has come (``in_proven``), only what is proven counts.
        """
        state = Peer.of(notes.get(peer_key(peer)))
        until = state.proven_loop_until if in_proven else state.loop_until
        return until > seconds(now)

    def sent_within(self, note: str | None, now: datetime) -> list[int]:
        """Return when mails went to a peer within the window, by the note that is kept of it."""
        moment = seconds(now)
        return sent_times(note, moment - self._limits.window_seconds, moment)

    def may_answer(
        self, peer: str, conversation: str, *, now: datetime, notes: Mapping[str, str]
    ) -> Decision:
        """Say whether an automatic answer may go to a peer now, and count it if so.

        At most one a day for each peer and conversation, and so many an hour for the peer and for all.
        Store the returned notes before the answer goes out: at worst one answer less is sent.
        """
        moment, key = seconds(now), peer_key(peer)
        state, sent = Peer.of(notes.get(key)), counts(notes.get(CHANNEL_KEY), moment)
        answered = since(state.answered, moment - HOUR_SECONDS, moment)
        conversations = recent(state.conversations, moment)
        name = short(conversation)
        if why := self._why_not(state, moment, answered, conversations, name, sent):
            return Decision(False, why, {})
        peer_note = replace(
            state, answered=[*answered, moment], conversations={**conversations, name: moment}
        ).note(moment)
        minute = moment // MINUTE_SECONDS
        sent[minute] = sent.get(minute, 0) + 1
        return Decision(True, None, {key: peer_note, CHANNEL_KEY: written(list(sent.items()))})

    def _why_not(
        self,
        state: Peer,
        moment: int,
        answered: Sequence[int],
        conversations: Mapping[str, int],
        name: str,
        sent: Mapping[int, int],
    ) -> str | None:
        limits = self._limits
        if state.loop_until > moment:
            return "the correspondence with the sender is a loop"
        if name in conversations:
            return "the sender was answered automatically in this conversation within 24 hours"
        if len(conversations) >= _MOST_CONVERSATIONS:
            return f"the sender has begun {_MOST_CONVERSATIONS} conversations within 24 hours"
        if len(answered) >= limits.answers_per_sender_per_hour:
            return f"the sender had {limits.answers_per_sender_per_hour} automatic answers within an hour"
        if sum(sent.values()) >= limits.answers_per_hour:
            return (
                f"the channel has sent {limits.answers_per_hour} automatic answers within an hour"
            )
        return None

    def outdated(self, notes: Mapping[str, str], *, now: datetime) -> Mapping[str, None]:
        """Return, to be taken away, the notes of peers that say nothing any more."""
        moment = seconds(now)
        return {
            key: None
            for key, value in notes.items()
            if (key.startswith(PEER_PREFIX) and Peer.of(value).note(moment) is None)
            or (key.startswith(SENT_PREFIX) and not self.sent_within(value, now))
        }


def loop_mark(secret: bytes) -> str:
    """Return what ``X-Loop`` of this installation's automatic mails says."""
    seal = hmac.digest(secret, b"x-loop", "sha256")[:15]
    return f"omnigate-{base64.b32encode(seal).decode().lower()}"


def is_own(mail: Mail, mark: str) -> bool:
    """Tell whether a mail is one of our automatic mails that has come back: it is dropped."""
    return any(
        mark in value[:LONGEST_MARK_VALUE].lower() for value in mail.headers.get("x-loop", ())
    )
