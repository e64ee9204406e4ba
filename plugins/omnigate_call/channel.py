"""Calls: who is asked for is rung, once, and what becomes of it is told.

The driver knows how calls are placed; here is what a call is to Omnigate: who may be called, when, by
whom and how often, and whether there is another try after one that reached nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from pydantic import model_validator

import omnigate
from omnigate_call import begun
from omnigate_call.admitting import Admitting, masked
from omnigate_call.agents import Agent
from omnigate_call.choosing import Choosing
from omnigate_call.config import CallConfig
from omnigate_call.driver import Attempt, Driver, Step
from omnigate_call.incoming import Hook
from omnigate_call.lasting import longest
from omnigate_call.limits import Allowance
from omnigate_call.making import check_recording, make_driver
from omnigate_call.steps import is_end, update_of

RELOAD_SECONDS: Final = 60.0
"""How often what is under way is compared with what the daemon has: operators decide about calls too."""
DIAL_SECONDS: Final = 60.0
SETTLED_SECONDS: Final = 120.0
"""How much later than a call must be over the daemon looks for it."""

_NOT_BEGUN: Final = (
    omnigate.Refused,
    omnigate.RetryLater,
    omnigate.DestinationUnavailable,
    omnigate.CredentialsRejected,
    omnigate.NotReady,
)


class Calls(omnigate.CallChannel):
    """The company calls back whoever asks for it."""

    kind = "call"
    summary = "Calls: an agent and a customer are rung and brought together, by an Asterisk or a provider."
    capabilities = omnigate.Capabilities(on_uncertain="hold", send_seconds=DIAL_SECONDS)

    class Config(CallConfig):
        """Through whom calls are placed, who takes them, whom they may reach, when and how many."""

        @model_validator(mode="after")
        def _can_record(self) -> Self:
            check_recording(self)
            return self

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        omnigate.require_phonenumbers("call")
        self._allowance = Allowance(config.limits, host, self._now)
        self._admitting = Admitting(config, self._allowance)
        self._under_way = begun.UnderWay(config, host)
        self._choosing = Choosing(config, self._under_way)
        self._taken_back: set[str] = set()
        self._driver = self._make_driver()
        self._hook = Hook(self._driver, self)

    def _make_driver(self) -> Driver:
        return make_driver(self.config, self)

    def _now(self) -> datetime:
        return datetime.now(UTC)

    async def run(self) -> None:
        """Pick up what is under way, and hold the driver's connection."""
        await self._under_way.load()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reload())
            tasks.create_task(self._driver.run())

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            await self._compare()

    async def _compare(self) -> None:
        try:
            await self._under_way.load()
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self.host.log.warning("calls under way are not compared", reason=str(error))

    # ---- wishes -------------------------------------------------------------------------------------

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        """Decide about a wish and count it; see `omnigate.CallChannel.admit`. Refusals are logged."""
        try:
            return await self._admitting.admit(wanted, self._now())
        except omnigate.Refused as error:
            self.host.log.warning(
                "a call is refused",
                code=error.code,
                number=masked(wanted.number),
                source=wanted.source,
                ip=wanted.ip,
                site=wanted.site,
                today=self._allowance.count_refusal(error.code),
            )
            raise

    def offer(self) -> omnigate.CallOffer:
        """Return what a customer can be told before asking for a call."""
        now = self._now()
        opens_at = self.config.opening(now)
        everywhere = "*" in self.config.countries
        return omnigate.CallOffer(
            is_open=opens_at == now,
            opens_at=opens_at if opens_at != now else None,
            region=self.config.default_region,
            regions=()
            if everywhere
            else tuple(self.config.countries or [self.config.default_region]),
            consent=dict(self.config.consent),
        )

    def capacity(self) -> int:
        """Return how many calls there may be at once: as many as agents have lines, and no more than that.

        Calls of agents who are not configured any more, or have fewer lines by now, are the channel's, and
        keep no line of other agents.
        """
        return min(self.config.concurrency, self._choosing.lines)

    def quiet_seconds(self, call: omnigate.Call) -> float:
        """Return after how long the daemon is to look: what must be over, the driver has settled by then."""
        return longest(self.config.ring_seconds, self.config.max_call_seconds) + SETTLED_SECONDS

    def longest_seconds(self, call: omnigate.Call) -> float:
        """Return after how long the daemon is to end a call: it has asked about it by then."""
        return self.quiet_seconds(call) + SETTLED_SECONDS

    # ---- one attempt ----------------------------------------------------------------------------------

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        """Begin an attempt; see `omnigate.CallChannel.dial`. It is counted and noted before."""
        known = self._under_way.get(call.id, call.attempt)
        if known is not None:
            return known.provider_ids  # the same attempt is never dialled twice
        # The rules may not have been against it when it was asked for.
        number = self._admitting.number(call.customer)
        before = await begun.note_for(self.host, call.id)
        attempt, is_chosen = await self._choose(call, number, before)
        self._under_way.add(attempt)
        try:
            await self._allowance.take_attempt(begun.note_of(attempt, is_chosen=is_chosen))
        except omnigate.Refused:
            self._under_way.remove(call.id)
            raise
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._under_way.remove(call.id)
            raise omnigate.RetryLater(f"the call cannot be noted now: {error}") from None
        try:
            return await self._driver.dial(attempt)
        except _NOT_BEGUN:
            self._under_way.remove(call.id)
            self._allowance.give_back_attempt()
            raise

    async def _choose(
        self, call: omnigate.Call, number: str, before: begun.Note | None
    ) -> tuple[Attempt, bool]:
        """Return an attempt, and whether its agent was chosen; raises as `Choosing.attempt`."""
        try:
            return self._choosing.attempt(call, number, before, self._now())
        except omnigate.RetryLater:
            # A call may have ended elsewhere: operators decide about calls, too.
            await self._compare()
            return self._choosing.attempt(call, number, before, self._now())

    async def hang_up(self, call: omnigate.Call) -> None:
        """End a call at whatever stage it is; see `omnigate.CallChannel.hang_up`."""
        self._taken_back.add(call.id)
        attempt = await self._known(call)
        if attempt is not None:
            await self._driver.hang_up(attempt)
            return
        await self.tell(
            Step(call_id=call.id, attempt=call.attempt, state="cancelled", at=self._now())
        )

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        """Ask the platform what became of an attempt; see `omnigate.CallChannel.follow_up`.

        One that was never noted surely never came to the driver, unless that knows better.
        """
        noted = await self._known(call)
        attempt = noted or self._choosing.supposed(call, self._now())
        is_gone = attempt is None or attempt.agent_name not in self.config.agents
        # What the platform has named it is found by; anything else by whom it rang.
        if attempt is None or (is_gone and not call.provider_ids):
            raise omnigate.Uncertain("its agent is no longer configured")
        try:
            step = await self._driver.follow_up(attempt)
        except omnigate.Uncertain:
            if noted is not None or await self._is_noted(call):
                raise
            step = None
        if step is None:
            if call.state == "dialling":
                self._under_way.remove(call.id)
            return None
        if self._under_way.get(call.id, call.attempt) is None:
            self._under_way.add(attempt)
        update = self._update(step)
        self._heard(step)
        return update

    async def _is_noted(self, call: omnigate.Call) -> bool:
        note = await begun.note_for(self.host, call.id)
        return note is not None and note.attempt == call.attempt

    async def _known(self, call: omnigate.Call) -> Attempt | None:
        """Return an attempt that is under way, or was noted in an earlier run of the daemon."""
        known = self._under_way.get(call.id, call.attempt)
        if known is not None:
            return replace(
                known,
                state=call.state,
                is_bridged=call.bridged_at is not None,
                provider_ids=call.provider_ids,
            )
        note = await begun.note_for(self.host, call.id)
        return begun.attempt_of(self.config, call, note) if note is not None else None

    # ---- what the driver tells ------------------------------------------------------------------------

    async def tell(self, *steps: Step) -> None:
        """Have steps stored; see `omnigate_call.driver.Desk`."""
        for step in steps:
            self._under_way.heard(step.call_id, step.state, step.at)
        ends = [step for step in steps if is_end(step)]
        lasted = sum(
            self._under_way.seconds(step.call_id, step.at)
            for step in ends
            if self._under_way.get(step.call_id, step.attempt) is not None
        )
        notes = await self._allowance.take_seconds(lasted) if lasted else None
        try:
            await self.host.put(*[self._update(step) for step in steps], notes=notes)
        except BaseException:
            self._allowance.give_back_seconds(lasted)
            raise
        for step in ends:
            self._heard(step)

    @property
    def agents(self) -> Mapping[str, Agent]:
        """Who can be rung, by name."""
        return self.config.agents

    async def attempts(self) -> Sequence[Attempt]:
        """Return the attempts under way; see `omnigate_call.driver.Desk`."""
        return await self._under_way.known()

    def _update(self, step: Step) -> omnigate.CallUpdate:
        attempt = self._under_way.get(step.call_id, step.attempt)
        return update_of(
            step,
            agent=attempt.agent_name if attempt is not None else None,
            retry_at=self._retry_at(step),
        )

    def _heard(self, step: Step) -> None:
        """Forget an attempt that is over: its note stays until the call has ended, it names the agent."""
        self._under_way.heard(step.call_id, step.state, step.at)
        if is_end(step) and self._under_way.get(step.call_id, step.attempt) is not None:
            self._under_way.remove(step.call_id)
            self._taken_back.discard(step.call_id)

    def _retry_at(self, step: Step) -> datetime | None:
        """Return when a call is tried again after an end, in working hours; None when it is not."""
        delays = self.config.retry_after_seconds
        has_talked = step.call_id in self._under_way.bridged
        if step.state not in self.config.retry_on or step.attempt > len(delays) or has_talked:
            return None
        if step.is_final or step.call_id in self._taken_back:
            return None
        retry_at = self._now() + timedelta(seconds=delays[step.attempt - 1])
        return self.config.opening(retry_at)

    # ---- from providers -------------------------------------------------------------------------------

    def routes(self) -> Iterable[omnigate.Route]:
        """Serve what providers call; a switch calls nobody."""
        return self._hook.served()

    def talks_to(self) -> str | None:
        """Return the switch's host; None where a provider calls us."""
        return self._driver.talks_to()

    async def take_again(self, request: omnigate.Request) -> None:
        """Take in what was put in quarantine; see `omnigate.Channel.take_again`."""
        await self._hook.take_again(request)

    def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording; see `omnigate.Channel.fetch`."""
        return self._driver.fetch(attachment)

    # ---- for the operator -----------------------------------------------------------------------------

    async def check(self) -> omnigate.Health:
        """Ask the switch whether our credentials are good; no side effects."""
        try:
            return await self._driver.check()
        except omnigate.CredentialsRejected:
            raise
        except omnigate.OmnigateError as error:
            return omnigate.Health("down", str(error))
