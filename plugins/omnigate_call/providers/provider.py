"""What all providers have in common: asking under a rate, being called, and not waiting for ever.

A provider tells of a call by calling our hook. What it never tells of - a hook that was not reached, an
event that is lost - would leave a call open for ever, so each is asked about once it must be over.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Final

from yarl import URL

import omnigate
from omnigate_call.driver import Attempt, Desk, Driver, Step
from omnigate_call.lasting import lasts_seconds
from omnigate_call.providers.config import ProviderConfig, UnsignedConfig
from omnigate_call.providers.hooks import TOKEN, admit_from, admit_token
from omnigate_call.providers.tries import Tries, Try

LOOK_SECONDS: Final = 30.0
"""How often attempts are looked through for those that must be over."""
LOOKS_TO_FORGET: Final = 120
ANSWER_LIMIT_BYTES: Final = 1024 * 1024
"""Some list the calls of the account where they are asked about one."""
SAME_NUMBER_SECONDS: Final = 30.0


class HttpProvider(Driver):
    """A provider that is asked over HTTP and calls our hook."""

    Config: ClassVar[type[ProviderConfig]]
    unverified: ClassVar[Sequence[str]] = ()
    """What was never compared with the provider's own documents or servers, a sentence each."""
    names_calls: ClassVar[bool] = True
    """The provider says to which of our attempts an event belongs; by the numbers alone when not."""

    config: ProviderConfig

    def __init__(self, config: ProviderConfig, desk: Desk) -> None:
        super().__init__(config, desk)
        self.tries = Tries(desk.host, self.kind)
        self._limiter: omnigate.Limiter | None = None

    async def dial(self, attempt: Attempt) -> Mapping[str, str]:
        """Begin an attempt; see `omnigate.CallChannel.dial`. Nothing is asked twice."""
        if not self.names_calls:
            await self._only_one(attempt)
        if self._limiter is None:
            burst = max(1, int(self.config.rate_per_second))
            self._limiter = self.host.limiter(self.config.rate_per_second, burst=burst)
        await self._limiter.acquire()
        return await self._dial(attempt)

    async def _only_one(self, attempt: Attempt) -> None:
        """Raise `omnigate.RetryLater` while another call to the number is under way.

        Events of the two could not be told apart.
        """
        for other in await self.desk.attempts():
            if other.customer == attempt.customer and other.call_id != attempt.call_id:
                raise omnigate.RetryLater(
                    "another call to this number is under way", after_seconds=SAME_NUMBER_SECONDS
                )

    async def hang_up(self, attempt: Attempt) -> None:
        """End an attempt; see `Driver.hang_up`."""
        try:
            await self._hang_up(attempt)
        except omnigate.NoAnswer as error:
            raise omnigate.DestinationUnavailable(str(error)) from None
        state: omnigate.CallState = "completed" if attempt.is_bridged else "cancelled"
        await self.desk.tell(step_of(Try.of(attempt), state, at=datetime.now(UTC)))

    async def follow_up(self, attempt: Attempt) -> Step | None:
        """Ask what became of an attempt; see `omnigate.CallChannel.follow_up`."""
        try:
            return await self._look_up(attempt)
        except omnigate.NoAnswer as error:
            raise omnigate.DestinationUnavailable(str(error)) from None

    async def check(self) -> omnigate.Health:
        """Ask the provider whether our credentials are good; no side effects."""
        try:
            health = await self._check()
        except (omnigate.DestinationUnavailable, omnigate.NoAnswer) as error:
            return omnigate.Health("down", str(error))
        weak = self.weakness()
        if health.state != "up" or weak is None:
            return health
        if self.config.callback_networks:
            return omnigate.Health("up", f"{health.message}; {weak}")
        remedy = f"name the addresses that it calls from in {self.kind}.callback_networks"
        return omnigate.Health("degraded", f"{health.message}; weak: {weak}", remedy)

    def weakness(self) -> str | None:
        """Return in words why calls of the provider are less than proven; None when they are signed.

        It is shown as weak until the networks are named that the calls come from.
        """
        return None

    def callback(self, **query: str) -> str:
        """Return the address that the provider is to call, with what it is to bring back."""
        base = self.config.callback_url or self.host.public_url("hook")
        return str(URL(base).update_query(query)) if query else base

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is the provider's, and from where it may be."""
        admit_from(self.config.callback_networks, request)
        self._prove(request)

    # ---- what must be over ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Settle what must be over and was never told to be, for ever."""
        # No connection is held: whether the provider answers shows with each call.
        self.host.status("up")
        looks = 0
        while True:
            try:
                if looks % LOOKS_TO_FORGET == 0:
                    await self.tries.forget_old()
                await self.settle_overdue(datetime.now(UTC))
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                self.host.log.warning("calls that must be over wait", reason=str(error))
            looks += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def settle_overdue(self, now: datetime) -> None:
        """Ask about attempts that must be over; what cannot be asked about is ended here."""
        for attempt in await self.desk.attempts():
            age_seconds = (now - attempt.begun_at).total_seconds()
            # What is in doubt the daemon asks about itself, and an operator decides.
            if attempt.state != "unknown" and age_seconds > lasts_seconds(attempt):
                await self._settle(attempt, now)

    async def _settle(self, attempt: Attempt, now: datetime) -> None:
        try:
            step = await self.follow_up(attempt)
        except (omnigate.RetryLater, omnigate.DestinationUnavailable, omnigate.NotReady) as error:
            self.host.log.info(
                "a call cannot be asked about", call=attempt.call_id, reason=str(error)
            )
            return
        except (omnigate.Uncertain, omnigate.Refused, omnigate.CredentialsRejected) as error:
            self.host.log.info("a call is not known", call=attempt.call_id, reason=str(error))
            step = None
        if step is None:
            state: omnigate.CallState = "completed" if attempt.is_bridged else "failed"
            silent = step_of(Try.of(attempt), state, at=now, error=self._silence())
            step = replace(silent, is_final=True)
        # What told of it may only have been lost, and it goes on: the daemon ends what lasts too long.
        await self.desk.tell(step)

    def _silence(self) -> str:
        return f"{self.kind} told nothing more of the call, so it is taken to be over; do its calls reach us?"

    # ---- what each provider knows ---------------------------------------------------------------------

    @abstractmethod
    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        """As `dial`, once it may ask."""

    async def _hang_up(self, attempt: Attempt) -> None:
        """Have the provider end an attempt; may also raise `omnigate.NoAnswer`."""
        raise omnigate.Refused(
            "not_supported",
            f"{self.kind} cannot take back a call that it has begun; it ends by itself",
        )

    async def _look_up(self, attempt: Attempt) -> Step | None:
        """As `follow_up`; may also raise `omnigate.NoAnswer`."""
        raise omnigate.Uncertain(f"{self.kind} cannot be asked what became of a call")

    @abstractmethod
    async def _check(self) -> omnigate.Health:
        """As `check`; may also raise `omnigate.NoAnswer`."""

    @abstractmethod
    def _prove(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is proven to be the provider's."""

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | list[tuple[str, str]] | None = None,
        url: str,
    ) -> omnigate.Answer:
        """Ask the provider; ``query`` goes as it is written, since it may be signed."""
        where = URL(f"{url.rstrip('/')}{path}{'?' if query else ''}{query}", encoded=True)
        seconds = self.config.timeout_seconds
        return await omnigate.ask_once(
            self.host.http,
            method,
            where,
            seconds=seconds,
            headers=headers,
            data=data,
            answer_limit_bytes=ANSWER_LIMIT_BYTES,
        )


class UnsignedProvider(HttpProvider):
    """A provider that signs nothing: its calls are proven by what stands in the address they go to."""

    config: UnsignedConfig

    def weakness(self) -> str | None:
        """Return what proves calls, and that it is little."""
        proof = "the token in their address"
        if self.config.callback_networks:
            proof += " and where they come from"
        return f"its calls are not signed: they are proven only by {proof}"

    def callback(self, **query: str) -> str:
        """Return the address that the provider is to call, the token in it."""
        # unwrapped to stand in the address, which is never logged
        token = self.config.callback_token.get_secret_value()
        return super().callback(**{TOKEN: token, **query})

    def secrets(self) -> Sequence[str]:
        """Return the token, which stands in the address of each call."""
        return [
            self.config.callback_token.get_secret_value()
        ]  # unwrapped to be kept out of what is shown

    def _prove(self, request: omnigate.Request) -> None:
        admit_token(self.config.callback_token, request)


def step_of(
    tried: Try,
    state: omnigate.CallState | None,
    *,
    at: datetime,
    leg: omnigate.Leg | None = None,
    cause: int | None = None,
    cause_text: str | None = None,
    talk_seconds: float | None = None,
    provider_ids: Mapping[str, str] | None = None,
    recording: omnigate.AttachmentRef | None = None,
    error: str | None = None,
    key: str = "",
) -> Step:
    """Return a step of an attempt."""
    return Step(
        call_id=tried.call_id,
        attempt=tried.number,
        state=state,
        at=at,
        leg=leg,
        cause=cause,
        cause_text=cause_text,
        talk_seconds=talk_seconds,
        provider_ids=provider_ids or {},
        recording=recording,
        error=error,
        key=key,
    )


def answered(
    tried: Try, leg: omnigate.Leg, *, at: datetime, provider_ids: Mapping[str, str] | None = None
) -> list[Step]:
    """Return the steps of a phone that was answered: with the second one the two hear each other."""
    state: omnigate.CallState = "agent_answered" if leg == "agent" else "customer_answered"
    steps = [step_of(tried, state, at=at, leg=leg, provider_ids=provider_ids)]
    if leg == tried.legs[1]:
        steps.append(step_of(tried, "bridged", at=at))
    return steps


def ringing(
    tried: Try, leg: omnigate.Leg, *, at: datetime, provider_ids: Mapping[str, str] | None = None
) -> Step:
    """Return the step of a phone that rings."""
    state: omnigate.CallState = "agent_ringing" if leg == "agent" else "customer_ringing"
    return step_of(tried, state, at=at, leg=leg, provider_ids=provider_ids)
