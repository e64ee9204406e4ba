"""Ringing: what channels are told and asked about one call, and what their answers mean.

They are told to begin an attempt, asked what became of one in doubt, told to end a call. What that came to is
stored, or in doubt (`omnigate.flow.doubts`). When each is done is the dialler's: `omnigate.flow.dialling`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from omnigate import failpoints
from omnigate.calling import CallChannel
from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    Refused,
    RetryLater,
    StoreError,
    Uncertain,
)
from omnigate.flow.absence import Absence
from omnigate.flow.asking import ask
from omnigate.flow.doubts import HANG_UP, Doubts
from omnigate.flow.holding import hold_call, say_held
from omnigate.flow.inbox import Inbox
from omnigate.flow.patience import within
from omnigate.flow.supervisor import ChannelRunner
from omnigate.model.call import Call
from omnigate.store.callends import Held
from omnigate.store.callreads import CallFound
from omnigate.store.dials import DialOutcome, settle_dials
from omnigate.store.store import Store

PUT_OFF_SECONDS: Final = (5.0, 15.0, 30.0, 60.0)
"""How long what surely was not begun waits, unless the platform says; the last one from then on."""
LONGEST_PUT_OFF_SECONDS: Final = 3600.0
REJECTED_SECONDS: Final = 300.0
ASK_AGAIN_SECONDS: Final = (2.0, 5.0, 15.0, 30.0, 60.0)
"""How long to wait before a platform that could not be asked is asked again."""
DOUBT_SECONDS: Final = 900.0
"""After so long without an answer a call in doubt is held as unknown."""
HANG_UP_AGAIN_SECONDS: Final = (15.0, 60.0, 300.0)
"""How long a platform that was told to end a call has before it is told again."""
NOT_HUNG_UP_SECONDS: Final = (2.0, 5.0, 15.0, 60.0, 300.0)
"""How long to wait before it is told again where that failed: meanwhile the phone rings on."""
AWAY_SECONDS: Final = 2.0
"""How often a channel that is not at work yet, or not just now, is looked at while a call is to be ended."""
FAILED_SECONDS: Final = 5.0
"""After so long a call that could not be held is to be held again."""
PUT_OFF_IN_A_ROW: Final = 3
"""After so many tries in a row that a platform did not take, its channel is said to work badly."""
_MOST_IDS: Final = 20
_LONGEST_ID: Final = 1000
_CANNOT_END: Final = "not_supported"
"""The code of platforms that end no call which they have begun."""
_SURELY_NOT: Final = (RetryLater, DestinationUnavailable, NotReady, CredentialsRejected)

log = structlog.get_logger("calls")


class Ringing:
    """Speaks to channels about one call at a time."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        channels: Callable[[], Mapping[str, ChannelRunner]],
        at_work: Callable[[str], CallChannel | None],
        running: Callable[[str], CallChannel | None],
        doubts: Doubts,
        absence: Absence,
    ) -> None:
        """``at_work`` returns a channel that may begin something now, ``running`` one that can be
        asked about what it has begun, and end it.
        """
        self._store = store
        self._inbox = inbox
        self._channels = channels
        self._at_work = at_work
        self._running = running
        self._doubts = doubts
        self._absence = absence
        self._put_off: Counter[str] = Counter()
        """How many tries in a row the platform of each channel did not take."""
        self._ailing: dict[str, str] = {}
        """What channels were said to suffer from because of that."""

    async def dial(self, name: str, call: Call) -> None:
        """Have an attempt begun that was claimed, unless it was taken back, or its channel went, since."""
        channel = self._at_work(name)
        if channel is None or self._doubts.is_taken_back(call):
            await self._settle(name, _outcome(call, "not_begun"))
        elif (outcome := await self.tell(channel, name, call)) is not None:
            await self._settle(name, outcome)

    async def tell(self, channel: CallChannel, name: str, call: Call) -> DialOutcome | None:
        """Have the platform begin an attempt; None when nobody knows whether it did."""
        patience_seconds = channel.capabilities.send_seconds
        try:
            failpoints.reached("send")
            provider_ids = await within(patience_seconds, channel.dial, call)
            failpoints.reached("sent")
        except Refused as error:
            self._is_well(name)
            return _outcome(call, "refused", code=error.code, error=str(error))
        except _SURELY_NOT as error:
            is_news = not self._doubts.has_tried(call, "dial")
            due_at = self._store.now() + int(self._put_off_seconds(call, error) * 1000)
            log.info("a call is put off", call=call.id, channel=name, error=str(error))
            self._is_ailing(name, error)
            return _outcome(call, "not_begun", error=str(error), due_at=due_at, is_news=is_news)
        except Exception as error:
            # Whatever a plugin raises may come after the platform was told.
            self._doubts.doubt(call, _doubt(error, patience_seconds))
            if not isinstance(error, Uncertain | TimeoutError):
                log.exception("plugin raised", channel=name, call=call.id)
            return None
        self._doubts.take(call)
        self._is_well(name)
        return _outcome(call, "taken", provider_ids=_names(provider_ids))

    def _is_ailing(self, name: str, error: Exception) -> None:
        """Say that a channel works badly whose platform takes no calls, unless it says worse of itself.

        It is not ``down``, or nothing would be tried any more. That all lines are taken is no ailment.
        """
        if isinstance(error, RetryLater):
            return
        self._put_off[name] += 1
        runner = self._channels().get(name)
        is_plain = isinstance(error, CredentialsRejected)
        if runner is None or (self._put_off[name] < PUT_OFF_IN_A_ROW and not is_plain):
            return
        if runner.reported == "up" or self._is_said_to_ail(name, runner):
            message = f"calls are not begun: {error}"
            if self._ailing.get(name) != message:
                log.warning("the platform begins no calls", channel=name, error=str(error))
            self._ailing[name] = message
            runner.report("degraded", message)

    def _is_well(self, name: str) -> None:
        """Note that a platform answers: what was said of its channel is over."""
        self._put_off.pop(name, None)
        runner = self._channels().get(name)
        if runner is not None and self._is_said_to_ail(name, runner):
            runner.report("up")
        self._ailing.pop(name, None)

    def _is_said_to_ail(self, name: str, runner: ChannelRunner) -> bool:
        said = self._ailing.get(name)
        return said is not None and (runner.reported, runner.message) == ("degraded", said)

    async def follow_up(self, found: CallFound) -> None:
        """Ask what became of an attempt in doubt; hold it where nobody can tell for long."""
        call, name = found.call, found.channel
        for_seconds, why = self._doubts.of(call)
        outcome = await self._asked(name, call, why)
        if outcome is None and not self._doubts.is_taken(call) and for_seconds > DOUBT_SECONDS:
            why += "; the platform could not be asked since"
            outcome = _outcome(call, "unknown", error=why)
        if outcome is not None:
            await self._settle(name, outcome)
        elif not self._doubts.is_taken(call):
            self._doubts.rest(call, self._doubts.delay_seconds(call, "ask", ASK_AGAIN_SECONDS))

    async def _asked(self, name: str, call: Call, why: str) -> DialOutcome | None:
        """Ask what became of an attempt; None when that is stored, or is to be asked again."""
        channel, runner = self._running(name), self._channels().get(name)
        if channel is None or runner is None:
            return None
        heard = await ask(channel, runner.key, self._inbox, call)
        match heard.came:
            case "told":
                self._doubts.take(call)
            case "never begun":
                return _outcome(call, "not_begun", error=why)
            case "refused":
                return _outcome(call, "refused", code=heard.code, error=heard.why)
            case "cannot tell" | "forgotten":
                return _outcome(call, "unknown", error=f"{why}; {heard.why}")
        return None

    async def hang_up(self, found: CallFound) -> None:
        """Have a call ended that was taken back, or lasts too long."""
        call, channel = found.call, self._running(found.channel)
        if channel is None:  # nothing was tried: a phone that rings is not to ring on for that
            self._doubts.rest(call, AWAY_SECONDS)
            return
        schedule: Sequence[float] = HANG_UP_AGAIN_SECONDS
        try:
            await within(channel.capabilities.send_seconds, channel.hang_up, call)
        except Exception as error:  # it is tried again until the call has ended
            schedule = NOT_HUNG_UP_SECONDS
            if isinstance(error, Refused) and error.code == _CANNOT_END:
                self._doubts.let_go_on(call, error)
                log.warning(
                    "a call that was to be ended goes on: the platform cannot end it",
                    call=call.id,
                    channel=found.channel,
                    reason=error.reason,
                )
            else:
                log.warning("a call could not be ended", call=call.id, error=str(error))
        finally:
            self._doubts.rest(call, self._doubts.delay_seconds(call, HANG_UP, schedule))
            self._doubts.ask_to_end(call)

    async def hold(self, found: CallFound) -> None:
        """Hold a call whose channel is gone."""
        call, name = found.call, found.channel
        why = self._absence.look(name)
        if why is None:
            return
        try:
            error = f"{why}: nobody hears of the call; say how it ended, or bring the channel back"
            await hold_call(self._store, name, Held(call.id, error))
        except StoreError as error:
            log.warning(
                "a call of a channel that is gone is not held", call=call.id, error=str(error)
            )
            self._doubts.rest(call, FAILED_SECONDS)

    async def _settle(self, name: str, outcome: DialOutcome) -> None:
        try:
            call = await self._store.writer.do(settle_dials, outcome)
        except StoreError as error:
            # What the platform has taken it will tell of; anything else is asked about again.
            log.warning("what came of a call is not stored", call=outcome.call_id, error=str(error))
            return
        if call is not None and call.state == "unknown" and outcome.came == "unknown":
            say_held(call, name, outcome.error)

    def _put_off_seconds(self, call: Call, error: Exception) -> float:
        own = self._doubts.delay_seconds(call, "dial", PUT_OFF_SECONDS)
        hint: float | None = REJECTED_SECONDS if isinstance(error, CredentialsRejected) else None
        if isinstance(error, RetryLater):
            hint = error.after_seconds
        elif isinstance(error, DestinationUnavailable):
            hint = error.retry_after_seconds
        return min(max(own, hint or 0.0), LONGEST_PUT_OFF_SECONDS)


def _doubt(error: Exception, patience_seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"the platform did not answer within {patience_seconds:.0f} s"
    return str(error) if isinstance(error, Uncertain) else f"{type(error).__name__}: {error}"


def _outcome(call: Call, came: Any, **more: Any) -> DialOutcome:
    return DialOutcome(call_id=call.id, attempt=call.attempt, came=came, **more)


def _names(provider_ids: object) -> dict[str, str]:
    """Return what a platform calls a call, within bounds; nothing if a plugin returns nonsense."""
    if not isinstance(provider_ids, Mapping):
        log.error("dial returned no names", returned=type(provider_ids).__name__)
        return {}
    some = list(provider_ids.items())[:_MOST_IDS]
    return {str(key)[:_LONGEST_ID]: str(value)[:_LONGEST_ID] for key, value in some}
