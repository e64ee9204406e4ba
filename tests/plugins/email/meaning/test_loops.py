"""Automatic answers are few, and two machines that write to each other stop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.meaning.loopnotes import PREFIX, sent_key
from omnigate_email.meaning.loops import Decision, Guard, Limits, is_own, loop_mark

from .mails import mail

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ANNA = "anna@mail.example"


class Channel:
    """Keeps notes as a channel does."""

    def __init__(self, **limits: int) -> None:
        self.guard = Guard(Limits(**limits))
        self.notes: dict[str, str] = {}
        self.now = NOW

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def receives(self, peer: str = ANNA, *, is_proven: bool = True) -> Decision:
        seen = self.seen(peer)
        return self.keep(self.guard.received(peer, now=self.now, notes=seen, is_proven=is_proven))

    def is_looping(self, *, in_proven: bool, peer: str = ANNA) -> bool:
        seen = self.seen(peer)
        return self.guard.is_looping(peer, now=self.now, notes=seen, in_proven=in_proven)

    def answers(self, peer: str = ANNA, conversation: str = "a" * 20) -> Decision:
        seen = self.seen(peer)
        return self.keep(self.guard.may_answer(peer, conversation, now=self.now, notes=seen))

    def seen(self, peer: str) -> Mapping[str, str]:
        return {key: self.notes[key] for key in self.guard.keys(peer) if key in self.notes}

    def keep(self, decision: Decision) -> Decision:
        for key, value in decision.notes.items():
            assert key.startswith(PREFIX)
            assert len(key) <= 200
            if value is None:
                self.notes.pop(key, None)
            else:
                assert len(value) < 10_000
                self.notes[key] = value
        return decision


def test_a_sender_is_answered_once_a_day_in_a_conversation() -> None:
    channel = Channel()
    assert channel.answers().yes
    channel.passes(hours=23, minutes=59)
    refused = channel.answers()
    assert not refused.yes
    assert refused.why is not None
    assert "24 hours" in refused.why
    channel.passes(minutes=2)
    assert channel.answers().yes


def test_a_sender_is_answered_a_few_times_an_hour_in_all_their_conversations() -> None:
    channel = Channel(answers_per_sender_per_hour=3)
    yes = [channel.answers(conversation=f"c{n}").yes for n in range(6)]
    assert yes == [True, True, True, False, False, False]
    channel.passes(hours=1, seconds=1)
    assert channel.answers(conversation="c9").yes


def test_the_whole_channel_answers_so_often_an_hour() -> None:
    channel = Channel(answers_per_hour=10)
    yes = [channel.answers(f"p{n}@mail.example").yes for n in range(15)]
    assert yes == [True] * 10 + [False] * 5
    channel.passes(minutes=61)
    assert channel.answers("q@mail.example").yes


def test_a_refusal_costs_nothing() -> None:
    channel = Channel()
    channel.answers()
    kept = dict(channel.notes)
    assert not channel.answers().yes
    assert channel.notes == kept


def test_many_mails_of_a_peer_are_a_loop_until_it_has_been_quiet() -> None:
    channel = Channel(mails_of_a_peer=10, window_seconds=600, quiet_seconds=3600)
    found = []
    for _ in range(12):
        channel.passes(seconds=20)
        found.append(channel.receives().yes)
    assert found == [False] * 10 + [True] * 2
    assert not channel.answers().yes
    channel.passes(minutes=59)
    assert not channel.answers().yes
    channel.passes(minutes=2)
    assert channel.answers().yes


def test_a_flood_in_somebody_s_name_stops_automatic_answers_and_no_conversation_of_theirs() -> None:
    """Anybody can write a name into From."""
    channel = Channel(mails_of_a_peer=10)
    assert not any(channel.receives(is_proven=False).yes for _ in range(30))
    assert not channel.answers().yes
    assert channel.is_looping(in_proven=False)
    assert not channel.is_looping(in_proven=True)
    assert not channel.receives(is_proven=True).yes
    assert [channel.receives(is_proven=True).yes for _ in range(10)] == [False] * 9 + [True]
    assert channel.is_looping(in_proven=True)


def test_mails_of_a_busy_person_are_no_loop() -> None:
    channel = Channel()
    for _ in range(100):
        channel.passes(seconds=61)
        assert not channel.receives().yes


def test_a_peer_that_varies_its_address_is_one_peer() -> None:
    channel = Channel(mails_of_a_peer=3)
    found = [channel.receives(f"Support+{n}@Shop.Example").yes for n in range(5)]
    assert found == [False, False, False, True, True]


def test_one_peer_s_loop_leaves_others_alone() -> None:
    channel = Channel(mails_of_a_peer=2)
    for _ in range(5):
        channel.receives()
    assert not channel.answers().yes
    assert channel.answers("boris@mail.example").yes


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without guards: the twin"])
def test_two_installations_that_answer_each_other_stop(guarded: bool) -> None:
    """Even when neither marks its answers as automatic and every answer begins a conversation."""
    peers = {"a@one.example": Channel(), "b@two.example": Channel()}
    queue = [("a@one.example", "b@two.example")]
    sent = 0
    while queue and sent < 1000:
        sender, recipient = queue.pop()
        channel = peers[recipient]
        for each in peers.values():
            each.passes(seconds=1)
        channel.receives(sender)
        if channel.answers(sender, f"c{sent}").yes or not guarded:
            queue.append((recipient, sender))
            sent += 1
    assert (sent <= 11) is guarded


def test_a_restart_forgets_no_counter() -> None:
    first = Channel()
    first.answers()
    second = Channel()
    second.notes = json.loads(json.dumps(first.notes))
    assert not second.answers().yes


def test_a_clock_that_was_set_back_blocks_nobody_for_ever() -> None:
    channel = Channel(answers_per_sender_per_hour=1)
    channel.now = NOW + timedelta(days=400)
    channel.answers()
    channel.now = NOW
    assert channel.answers(conversation="other").yes


def test_notes_that_say_nothing_any_more_are_taken_away() -> None:
    channel = Channel()
    channel.receives()
    channel.answers("boris@mail.example")
    assert not channel.guard.outdated(channel.notes, now=channel.now)
    channel.passes(hours=2)
    outdated = channel.guard.outdated(channel.notes, now=channel.now)
    assert list(outdated) == [channel.guard.keys(ANNA)[0]]
    channel.passes(days=2)
    assert len(channel.guard.outdated(channel.notes, now=channel.now)) == 2


def test_what_was_sent_is_forgotten_after_the_window() -> None:
    guard, key = Guard(Limits(window_seconds=600)), sent_key(ANNA)
    note = json.dumps([int(NOW.timestamp())])
    for minutes, kept in ((9, 1), (11, 0)):
        now = NOW + timedelta(minutes=minutes)
        assert len(guard.sent_within(note, now)) == kept
        assert list(guard.outdated({key: note}, now=now)) == [key] * (1 - kept)


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["arrived", "proven", "answered", "conversations", "loop_until", "x"]
                ),
                inner,
            )
        ),
    ).map(json.dumps)
)
@settings(deadline=None, max_examples=200)
def test_a_note_of_any_form_is_no_error(note: str) -> None:
    guard = Guard()
    notes = dict.fromkeys(guard.keys(ANNA), note)
    guard.received(ANNA, now=NOW, notes=notes, is_proven=True)
    guard.is_looping(ANNA, now=NOW, notes=notes)
    guard.sent_within(note, NOW)
    guard.may_answer(ANNA, "c", now=NOW, notes=notes)
    guard.outdated(notes, now=NOW)


def test_our_own_automatic_mail_is_known_when_it_comes_back() -> None:
    mark = loop_mark(b"secret")
    assert mark == loop_mark(b"secret") != loop_mark(b"other")
    assert is_own(mail({"X-Loop": mark.upper()}), mark)
    assert is_own(mail({"X-Loop": ["support@other.example", f"x {mark}"]}), mark)
    assert not is_own(mail({"X-Loop": loop_mark(b"other")}), mark)
    assert not is_own(mail(), mark)
