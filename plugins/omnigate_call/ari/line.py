"""One attempt on an Asterisk: two phones, a bridge, and what is to be done next.

Theory of operation. A line hears what happened to its channels, in whatever order, and keeps the facts of
each phone. After each of them it looks at the facts and does what they ask for (`_advance`); so it does not
matter whether the answer to a request or the event that it caused comes first, what was missed while the
connection was lost, or whether it was another run of the daemon that began the attempt:

* the first phone is here (in our application), the second was not rung: make the bridge, ring the second;
* both are here: put both into the bridge; both are in it: they talk, and are recorded if wanted;
* an end - a phone is gone, was rung for too long, they talked for too long, somebody took the call back -
  is judged once (`_judge`) and told; from then on all that is left is hung up, again and again until the
  switch says that it is gone. One leg that ends does not end the other by itself.

The second phone is rung at most once, and only when it is stored that the first was answered. So whoever
picks the line up in a later run of the daemon knows whether it can have been rung: if it can, and is not
there, nobody knows whether it gave up, and it is not rung again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_call.ari.hands import RECORDING_FORMAT, RING_GRACE_SECONDS, Hands, not_rung
from omnigate_call.ari.look import Look
from omnigate_call.ari.rest import FAILED, UNANSWERED, Denied, Rest
from omnigate_call.driver import Attempt, Step
from omnigate_call.names import Names
from omnigate_call.phone import (
    CUT_AGAIN_SECONDS,
    End,
    Happened,
    Phone,
    end_by,
    end_by_patience,
    end_of_longest_talk,
)

LEFT_GRACE_SECONDS: Final = 1.0
"""A channel that leaves our application is most often being hung up: so long its cause is waited for."""
JOIN_SECONDS: Final = 10.0
RECORDING_SECONDS: Final = 20.0
"""How long after a call the news of its recording is waited for."""


class Line:
    """One attempt; `run` does all there is to do about it."""

    def __init__(
        self,
        attempt: Attempt,
        names: Names,
        rest: Rest,
        customer_endpoint: str,
        tell: Callable[[Step, Callable[[], None] | None], None],
    ) -> None:
        self.attempt = attempt
        self._hands = Hands(attempt, names, rest, customer_endpoint)
        self._tell = tell
        self.phones = {
            leg: Phone(leg, names.channel(attempt.call_id, attempt.number, leg))
            for leg in attempt.legs
        }
        self._news: asyncio.Queue[Happened | None] = asyncio.Queue()
        self._end: End | None = None
        self._ended_at = 0.0
        self._is_taken_back = False
        self._is_answer_stored = False
        """That the first phone was answered is stored: the second may be rung."""
        self._has_bridge = False
        self._joined_at: float | None = None
        """When the two were asked into the bridge."""
        self._bridged_at: float | None = None
        self._was_recorded = False
        """Recording was asked for."""
        self._awaits_recording = False
        self._trouble: str | None = None

    @property
    def first(self) -> Phone:
        """The phone that is rung first."""
        return self.phones[self.attempt.legs[0]]

    @property
    def second(self) -> Phone:
        """The phone that is rung when the first was answered."""
        return self.phones[self.attempt.legs[1]]

    @property
    def is_known(self) -> bool:
        """Whether the switch is known to have, or to have had, this attempt."""
        return self.first.known_at is not None

    def hear(self, happened: Happened) -> None:
        """Hear what happened to a channel or a recording of this attempt."""
        self._news.put_nowait(happened)

    def hang_up(self) -> None:
        """End the attempt, whatever it is doing."""
        self._is_taken_back = True
        self._news.put_nowait(None)

    async def begin(self) -> None:
        """Have the first phone rung; raises what is `FAILED`."""
        await self._hands.ring(self.first)

    async def run(self) -> None:
        """See to the attempt until nothing of it is left on the switch."""
        while not self._is_over():
            try:
                async with asyncio.timeout(self._until_next()):
                    happened = await self._news.get()
            except TimeoutError:
                happened = None
            if happened is not None:
                self._note(happened)
            try:
                await self._advance()
            except FAILED as error:
                self._trouble = str(error)

    # What is known

    def _note(self, happened: Happened) -> None:
        """Add what happened to the facts, and tell what is new."""
        if happened.name == self._hands.whole:
            self._note_recording(happened)
            return
        phone = next((each for each in self.phones.values() if each.name == happened.name), None)
        if phone is None or phone.gone is not None:
            return
        now = _now()
        phone.has_shown(now)
        if happened.what == "gone":
            phone.gone = phone.ended_by(happened)
            if self._end is not None and phone.gone.cause is not None:
                self._tell(phone.end_step(self.attempt, phone.gone), None)
        elif happened.what == "busy":
            phone.is_busy = True
        elif happened.what == "left":
            phone.left_at = phone.left_at or now
        elif happened.what == "ringing":
            if not phone.is_ringing and not phone.is_up:
                is_agent = phone.leg == "agent"
                self._step(
                    "agent_ringing" if is_agent else "customer_ringing", happened.at, phone=phone
                )
            phone.is_ringing = True
        else:
            self._note_up(phone, happened)

    def _note_up(self, phone: Phone, happened: Happened) -> None:
        if not phone.is_up:
            is_agent = phone.leg == "agent"
            self._step(
                "agent_answered" if is_agent else "customer_answered",
                happened.at,
                phone=phone,
                then=self._answer_is_stored if phone is self.first else None,
            )
        phone.is_up = True
        phone.is_here = phone.is_here or happened.what in ("here", "joined")
        if happened.what == "joined" and happened.bridge == self._hands.whole:
            phone.is_joined = True
            if self._bridged_at is None and all(each.is_joined for each in self.phones.values()):
                self._bridged_at = _now()
                self._step("bridged", happened.at)

    def _answer_is_stored(self) -> None:
        self._is_answer_stored = True
        self._news.put_nowait(None)

    def _note_recording(self, happened: Happened) -> None:
        self._awaits_recording = False
        if happened.what != "recorded":
            self._step(None, happened.at, key="recording failed", error="the recording failed")
            return
        recording = omnigate.AttachmentRef(
            kind="audio",
            mime="audio/wav",
            name=f"{self.attempt.call_id}.{RECORDING_FORMAT}",
            duration_seconds=happened.duration_seconds,
            ref={"recording": self._hands.whole},
        )
        self._step(None, happened.at, key="recording", recording=recording)

    # What is to be done

    async def _advance(self) -> None:
        """Do what the facts ask for."""
        if self._end is None:
            self._judge()
        if self._end is not None:
            await self._clear()
            return
        if self.first.is_here and self._is_answer_stored and self.second.asked_at is None:
            await self._ring_second()
        if self.first.is_here and self.second.is_here and self._joined_at is None:
            self._joined_at = _now()
            self._has_bridge = True
            await self._hands.make_bridge()
            await self._hands.let_hear_ringing(self.first, begins=False)
            await self._hands.join(self.first, self.second)
        if self._bridged_at is not None and self.attempt.is_recorded and not self._was_recorded:
            await self._record()

    async def _ring_second(self) -> None:
        """Make the bridge and have the second phone rung; what goes wrong ends the attempt."""
        try:
            self._has_bridge = True
            await self._hands.make_bridge()
            await self._hands.let_hear_ringing(self.first, begins=True)
            await self._hands.ring(self.second, originator=self.first)
        except Denied as error:
            self.second.asked_at = None
            why = not_rung(self.second.leg, self._hands.endpoint(self.second), error)
            self._finish(End("failed", datetime.now(UTC), self.second.leg, error=why))
        except UNANSWERED as error:
            self._finish(End("failed", datetime.now(UTC), self.second.leg, error=str(error)))
        if self._end is not None:
            await self._clear()

    async def _record(self) -> None:
        self._was_recorded = self._awaits_recording = True
        try:
            await self._hands.record()
        except Denied as error:
            self._awaits_recording = False
            why = f"it is not recorded: {error}; can the switch write its folder of recordings?"
            self._step(None, datetime.now(UTC), key="not recorded", error=why)

    # Its end

    def _judge(self) -> None:
        """Look whether it is over, and tell how."""
        now, at = _now(), datetime.now(UTC)
        gone = [phone for phone in self.phones.values() if phone.gone is not None]
        if gone:
            self._finish_by(min(gone, key=lambda phone: phone.gone.at if phone.gone else at))
        elif self._is_taken_back:
            self._finish(End("completed" if self._bridged_at is not None else "cancelled", at))
        elif self._bridged_at is not None:
            if now >= self._bridged_at + self.attempt.max_seconds:
                self._finish(end_of_longest_talk())
        elif self._joined_at is not None and now >= self._joined_at + JOIN_SECONDS:
            why = self._trouble or "the switch did not bring the two together"
            self._finish(End("failed", at, error=why))
        if self._end is None:
            self._judge_patience(now)

    def _judge_patience(self, now: float) -> None:
        for phone in self.phones.values():
            if phone.left_at is not None and now >= phone.left_at + LEFT_GRACE_SECONDS:
                self._finish_by(phone)
            elif (gives_up_at := self._gives_up_at(phone)) is not None and now >= gives_up_at:
                self._finish(end_by_patience(phone))

    def _gives_up_at(self, phone: Phone) -> float | None:
        if phone.asked_at is None or phone.is_up or phone.gone is not None:
            return None
        return phone.asked_at + self.attempt.ring_seconds + RING_GRACE_SECONDS

    def _finish_by(self, phone: Phone) -> None:
        # Nobody brings the two together but us; an earlier run may just have done so when it ended.
        may_have_talked = (
            self._joined_at is not None or self.attempt.state == f"{self.second.leg}_answered"
        )
        self._finish(
            end_by(
                phone,
                have_talked=self._bridged_at is not None,
                is_taken_back=self._is_taken_back,
                may_have_talked=may_have_talked,
            )
        )

    def _finish(self, end: End) -> None:
        """Tell the end, once."""
        if self._end is not None:
            return
        self._end, self._ended_at = end, _now()
        self._tell(end.step(self.attempt), None)
        for phone in self.phones.values():
            if phone.gone is not None and phone.gone.cause is not None and phone.leg != end.leg:
                self._tell(phone.end_step(self.attempt, phone.gone), None)

    async def _clear(self) -> None:
        """Have the switch hang up what is left."""
        for phone in self.phones.values():
            if phone.is_to_be_cut(_now()) and not await self._hands.hang_up(phone):
                self.hear(phone.lost())  # unless its end is being told already
        if self._has_bridge:
            await self._hands.drop_bridge()
            self._has_bridge = False
        if self._awaits_recording and _now() >= self._ended_at + CUT_AGAIN_SECONDS:
            await self._look_for_recording()

    async def _look_for_recording(self) -> None:
        """Look whether it is there though nobody told.

        What is told of a bridge may be lost with it: Asterisk 22.10 did not always say that a recording was
        finished when its bridge was removed at once.
        """
        if await self._hands.has_recording():
            name = self._hands.whole
            self._note_recording(Happened(what="recorded", name=name, at=datetime.now(UTC)))

    def _is_over(self) -> bool:
        if self._end is None or self._has_bridge:
            return False
        if any(phone.may_live for phone in self.phones.values()):
            return False
        return not self._awaits_recording or _now() >= self._ended_at + RECORDING_SECONDS

    def _until_next(self) -> float | None:
        """Return in how many seconds something is to be done even if nothing happens."""
        if self._end is not None:
            return CUT_AGAIN_SECONDS
        moments = [self._gives_up_at(phone) for phone in self.phones.values()]
        moments += [
            phone.left_at + LEFT_GRACE_SECONDS
            for phone in self.phones.values()
            if phone.left_at is not None
        ]
        if self._bridged_at is not None:
            moments.append(self._bridged_at + self.attempt.max_seconds)
        elif self._joined_at is not None:
            moments.append(self._joined_at + JOIN_SECONDS)
        next_at = min((each for each in moments if each is not None), default=None)
        return max(0.0, next_at - _now()) if next_at is not None else None

    # After the connection was lost, or the daemon was restarted

    def compare(self, look: Look) -> None:
        """Hear what the switch has of this attempt now."""
        for phone in self.phones.values():
            if phone.name in look.channels:
                for happened in look.seen(phone.name, self._hands.whole):
                    self.hear(happened)
            elif phone.known_at is not None and phone.known_at < look.began_at:
                self.hear(phone.lost(by_restart=look.has_restarted(self.attempt)))

    def pick_up(self, look: Look) -> None:
        """Carry on with an attempt of an earlier run of the daemon."""
        now, first_state = _now(), look.state_of(self.first.name)
        is_before = self.attempt.state in ("dialling", f"{self.first.leg}_ringing")
        was_rung = not is_before and first_state in (None, "Up")  # as far as anybody knows
        for phone in self.phones.values():
            if phone is self.first or phone.name in look.channels or was_rung:
                phone.asked_at, phone.known_at = now, 0.0
        self.first.is_ringing = self.attempt.state == f"{self.first.leg}_ringing"
        self._has_bridge = True
        if self.attempt.is_bridged:
            self._bridged_at = now
        if {phone.name for phone in self.phones.values()} <= look.joined:
            self._joined_at = now
        # While they talk it is asked for once more: an earlier run may have ended just before it did.
        self._awaits_recording = self.attempt.is_recorded and self._bridged_at is not None
        self.compare(look)

    def _step(
        self,
        state: omnigate.CallState | None,
        at: datetime,
        *,
        phone: Phone | None = None,
        key: str = "",
        error: str | None = None,
        recording: omnigate.AttachmentRef | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        self._tell(
            Step(
                call_id=self.attempt.call_id,
                attempt=self.attempt.number,
                state=state,
                at=at,
                key=key,
                error=error,
                recording=recording,
                provider_ids={phone.leg: phone.name} if phone is not None else {},
            ),
            then,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
