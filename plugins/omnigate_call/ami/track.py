"""One attempt as a manager interface tells of it.

Theory of operation. The switch does the work: it rings the first phone, whose channel has an id of ours,
and runs ``Dial`` on it when it is answered, which rings the second and brings the two together. So there is
nothing to do but to follow. The second channel is the one that ``DialBegin`` names as dialled by the first;
states, bridges and hang-ups are told by the unique id of a channel, now and then before ``DialBegin``: what
is told of channels that are linked with the first is therefore kept until it is known which is the second.
Facts are kept for each phone and looked at after each event (`_judge`), as for ARI: order does not matter,
and the first end is told once. Which of the two ended it ``Dial`` says before it hangs up (`_ender`).
When one leg ends the switch ends the other; what is left after an end is hung up all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

import omnigate
from omnigate_call.ami.linked import RINGING, UP, Listed, about, second_among
from omnigate_call.ami.session import ActionDenied, Unanswered
from omnigate_call.ami.wire import Block
from omnigate_call.driver import Attempt, Step
from omnigate_call.phone import (
    CUT_AGAIN_SECONDS,
    End,
    Happened,
    Phone,
    end_by,
    end_by_patience,
    end_of_longest_talk,
)

RING_GRACE_SECONDS: Final = 3.0
"""The switch gives up ringing by itself; so long after that we do."""
UP_GRACE_SECONDS: Final = 10.0
"""How long after the longest talk the switch may take to cut it off."""
GONE_GRACE_SECONDS: Final = 1.0
"""When one phone has gone because of the other, the other's end is waited for so long."""
EARLY_LIMIT: Final = 200
"""Events that are kept until it is known which channel is the second phone's."""

_BY_THE_FIRST: Final = "CANCEL"


class Track:
    """One attempt; `run` follows it until nothing of it is left on the switch."""

    def __init__(
        self,
        attempt: Attempt,
        name: str,
        hang_up: Callable[[str], Awaitable[bool]],
        tell: Callable[[Step], None],
    ) -> None:
        """``hang_up`` has a channel hung up, and returns False where the switch has none of this name."""
        self.attempt = attempt
        self._hang_up = hang_up
        self._tell = tell
        first, second = attempt.legs
        self.first = Phone(first, name)
        self.second = Phone(second, "")
        self._news: asyncio.Queue[Callable[[], None] | None] = asyncio.Queue()
        self._early: list[tuple[Block, datetime]] = []
        """What was told of channels of which it was not known yet whose they are, and when."""
        self._bridges: dict[str, str] = {}
        self._dialled = ""
        """What ``Dial`` said of the second phone when it gave up; empty while it has not."""
        self._gone_at = 0.0
        """When the first of the two was gone, by the loop's clock."""
        self._end: End | None = None
        self._is_taken_back = False
        self._bridged_at: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether the switch is known to have, or to have had, this attempt."""
        return self.first.known_at is not None

    def begun(self) -> None:
        """Note that the switch is about to be asked for the first phone."""
        self.first.asked_at = _now()

    def hear(self, event: Block) -> None:
        """Hear an event, of this attempt or of another."""
        at = datetime.now(UTC)
        self._news.put_nowait(lambda: self._note(event, at))

    def concerns(self, event: Block) -> bool:
        """Tell whether an event is about this attempt."""
        names = {event.get("uniqueid"), event.get("destuniqueid"), event.get("linkedid")}
        return self.first.name in names or (bool(self.second.name) and self.second.name in names)

    def failed(self, error: str) -> None:
        """Hear that the switch could not even ring the first phone."""

        def note() -> None:
            # What has a channel ends with it, and tells why.
            if not self.is_known:
                self.first.asked_at = None
                self._finish(End("failed", datetime.now(UTC), self.first.leg, error=error))

        self._news.put_nowait(note)

    def hang_up(self) -> None:
        """End the attempt, whatever it is doing."""
        self._is_taken_back = True
        self._news.put_nowait(None)

    async def run(self) -> None:
        """Follow the attempt to its end."""
        while not self._is_over():
            try:
                async with asyncio.timeout(self._until_next()):
                    note = await self._news.get()
            except TimeoutError:
                note = None
            if note is not None:
                note()
            if self._end is None:
                self._judge()
            if self._end is not None:
                await self._clear()

    def compare(self, look: Listed) -> None:
        """Hear what the switch has now."""
        self._news.put_nowait(lambda: self._compare(look))

    def pick_up(self, look: Listed) -> None:
        """Carry on with an attempt of an earlier run of the daemon."""
        now = _now()
        self.first.asked_at, self.first.known_at = now, 0.0
        self.first.is_ringing = self.attempt.state == f"{self.first.leg}_ringing"
        if self.attempt.is_bridged:
            self._bridged_at = now
        self.compare(look)

    # What is known

    def _note(self, event: Block, at: datetime) -> None:
        kind = event.get("event")
        if kind == "DialBegin" and event.get("uniqueid") == self.first.name:
            self._second_is(event.get("destuniqueid", ""))
            return
        phone = self._phone(about(event))
        if phone is None:
            if not self.second.name and len(self._early) < EARLY_LIMIT:
                self._early.append((event, at))
        elif kind == "DialEnd":
            self._note_dialled(phone, event.get("dialstatus", ""))
        elif phone.gone is None:
            phone.has_shown(_now())
            if kind == "Newstate":
                self._note_state(phone, event.get("channelstate", ""), at)
            elif kind == "BridgeEnter":
                self._note_bridge(phone, event.get("bridgeuniqueid", ""), at)
            elif kind == "Hangup":
                self._note_gone(phone, event, at)

    def _note_state(self, phone: Phone, state: str, at: datetime) -> None:
        is_agent = phone.leg == "agent"
        if state in RINGING and not phone.is_ringing and not phone.is_up:
            phone.is_ringing = True
            self._step("agent_ringing" if is_agent else "customer_ringing", at, phone)
        elif state in UP and not phone.is_up:
            phone.is_up = True
            self._step("agent_answered" if is_agent else "customer_answered", at, phone)

    def _note_dialled(self, phone: Phone, status: str) -> None:
        phone.is_busy = status == "BUSY"
        if phone is self.second and status != "ANSWER":
            self._dialled = status

    def _note_bridge(self, phone: Phone, bridge: str, at: datetime) -> None:
        self._note_state(phone, "Up", at)
        self._bridges[phone.leg] = bridge
        both = {self._bridges.get(each.leg) for each in (self.first, self.second)}
        if self._bridged_at is None and bridge and both == {bridge}:
            self._bridged_at = _now()
            self._step("bridged", at)

    def _note_gone(self, phone: Phone, event: Block, at: datetime) -> None:
        text = event.get("cause", "")
        cause = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None
        gone = Happened(
            what="gone",
            name=phone.name,
            at=at,
            cause=cause,
            cause_text=event.get("cause-txt") or None,
        )
        phone.gone = phone.ended_by(gone)
        self._gone_at = self._gone_at or _now()
        if self._end is not None:
            self._tell(phone.end_step(self.attempt, phone.gone))

    def _compare(self, look: Listed) -> None:
        at = datetime.now(UTC)
        self._second_is(second_among(look.channels, self.first.name))
        for phone in (self.first, self.second):
            here = look.channels.get(phone.name) if phone.name else None
            if here is not None:
                phone.has_shown(_now())
                self._note_state(phone, here.get("channelstate", ""), at)
                if here.get("bridgeid"):
                    self._note_bridge(phone, here["bridgeid"], at)
            elif (
                phone.gone is None and phone.known_at is not None and phone.known_at < look.began_at
            ):
                phone.gone = phone.lost(by_restart=look.by_restart)

    def _second_is(self, name: str) -> None:
        if name and not self.second.name:
            self.second.name = name
            self.second.has_shown(_now())
            early, self._early = self._early, []
            for event, at in early:
                if about(event) == name:
                    self._note(event, at)

    def _phone(self, name: str | None) -> Phone | None:
        return next(
            (each for each in (self.first, self.second) if name and each.name == name), None
        )

    # Its end

    def _judge(self) -> None:
        now = _now()
        gone = [phone for phone in (self.second, self.first) if phone.gone is not None]
        if gone:
            ender = self._ender()
            if ender.gone is not None or now >= self._gone_at + GONE_GRACE_SECONDS:
                self._finish(self._end_by(ender if ender.gone is not None else gone[0]))
        elif self._is_taken_back:
            state: omnigate.CallState = "completed" if self._bridged_at else "cancelled"
            self._finish(End(state, datetime.now(UTC)))
        elif self._bridged_at is not None:
            if now >= self._bridged_at + self.attempt.max_seconds + UP_GRACE_SECONDS:
                self._finish(end_of_longest_talk())
        else:
            for phone in (self.first, self.second):
                gives_up_at = self._gives_up_at(phone)
                if gives_up_at is not None and now >= gives_up_at:
                    self._finish(end_by_patience(phone))

    def _ender(self) -> Phone:
        """Return the phone whose end was the end of the other."""
        if self._dialled and not self._has_lost():
            return self.first if self._dialled == _BY_THE_FIRST else self.second
        return self.second if self.second.gone is not None else self.first

    def _has_lost(self) -> bool:
        """Tell whether an end was not told, but found out."""
        return any(
            each.gone is not None and each.gone.is_lost for each in (self.first, self.second)
        )

    def _end_by(self, phone: Phone) -> End:
        end = end_by(
            phone,
            have_talked=self._bridged_at is not None,
            is_taken_back=self._is_taken_back,
            # The switch rings the second phone and brings the two together by itself.
            may_have_talked=True,
        )
        is_second_unknown = phone is self.first and phone.is_up and not self.second.name
        if is_second_unknown and end.state in ("failed", "customer_rejected") and end.cause:
            why = f"the {self.second.leg}'s phone could not be rung, or the other hung up before"
            return end._replace(state="failed", error=why)
        return end

    def _gives_up_at(self, phone: Phone) -> float | None:
        if phone.asked_at is None or phone.is_up or phone.gone is not None:
            return None
        return phone.asked_at + self.attempt.ring_seconds + RING_GRACE_SECONDS

    def _finish(self, end: End) -> None:
        if self._end is None:
            self._end = end
            self._tell(end.step(self.attempt))

    async def _clear(self) -> None:
        """Have hung up what is left; what cannot be asked now is asked again."""
        for phone in (self.first, self.second):
            if not phone.name or not phone.is_to_be_cut(_now()):
                continue
            phone.cut_at = _now()
            try:
                is_there = await self._hang_up(phone.name)
            except (ActionDenied, Unanswered):
                continue
            if not is_there:  # unless its end is being told already
                self._news.put_nowait(partial(self._lose, phone))

    def _lose(self, phone: Phone) -> None:
        phone.gone = phone.gone or phone.lost()

    def _is_over(self) -> bool:
        return self._end is not None and not (self.first.may_live or self.second.may_live)

    def _until_next(self) -> float | None:
        if self._end is not None:
            return CUT_AGAIN_SECONDS
        if self.first.gone is not None or self.second.gone is not None:
            return max(0.0, self._gone_at + GONE_GRACE_SECONDS - _now())
        if self._bridged_at is not None:
            next_at = self._bridged_at + self.attempt.max_seconds + UP_GRACE_SECONDS
            return max(0.0, next_at - _now())
        moments = [self._gives_up_at(phone) for phone in (self.first, self.second)]
        next_at = min((each for each in moments if each is not None), default=0.0)
        return max(0.0, next_at - _now()) if next_at else None

    def _step(self, state: omnigate.CallState, at: datetime, phone: Phone | None = None) -> None:
        self._tell(
            Step(
                call_id=self.attempt.call_id,
                attempt=self.attempt.number,
                state=state,
                at=at,
                provider_ids={phone.leg: phone.name} if phone is not None else {},
            )
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
