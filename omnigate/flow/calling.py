"""The desk for calls: wishes are taken in, taken back and decided about; channels dial (`dialling`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from omnigate.calling import CallChannel
from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    Overloaded,
    Refused,
    RetryLater,
    StoreError,
)
from omnigate.flow.contained import PluginMisbehaved, contained
from omnigate.flow.dialling import Dialler
from omnigate.flow.inbox import Inbox
from omnigate.flow.supervisor import ChannelRunner
from omnigate.model.address import tel
from omnigate.model.call import Call, CallWanted
from omnigate.model.wish import Admission, CallOffer
from omnigate.store.callends import (
    Cancellation,
    Cancelled,
    Resolution,
    Resolved,
    cancel_calls,
    resolve_calls,
)
from omnigate.store.callreads import calls_asked_in, open_calls, read_call
from omnigate.store.callrequests import Asked, CallAnswer, request_calls
from omnigate.store.idempotency import IdempotencyKey, read_answer
from omnigate.store.store import Store

ADMIT_SECONDS: Final = 10.0
"""How long a channel may take to decide about a wish."""

log = structlog.get_logger("calls")


def _never() -> None:
    return None


class CallDesk:
    """Takes in what somebody wants called, and has channels call when it is time."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        channels: Callable[[], Mapping[str, ChannelRunner]],
        doubted_until: Callable[[], int | None] = _never,
    ) -> None:
        """``doubted_until`` says until when the clock is in doubt, in milliseconds since 1970."""
        self._store = store
        self._inbox = inbox
        self._channels = channels
        self._dialler = Dialler(store, inbox, channels, doubted_until)
        self._asking: dict[tuple[str, str], asyncio.Future[None]] = {}
        """Keys of wishes that are being decided about."""

    def offer(self, channel: str) -> CallOffer | None:
        """Return what a channel that calls people offers now; None where there is no such channel."""
        found = self._channel(channel)
        if found is None:
            return None
        try:
            with contained:
                return found.offer()
        except Exception:
            log.exception("a channel does not say what it offers", channel=channel)
            return None

    async def request(
        self, channel: str, wanted: CallWanted, idempotency: IdempotencyKey | None = None
    ) -> Call:
        """Take in a wish; durable on return, once per key.

        Raises `Refused` (``no_channel``, ``not_found``, or the channel's own reason), `KeyReused`,
        `Overloaded` or `StoreError`.
        """
        if idempotency is None:
            return await self._take_in(channel, wanted, None)
        place = (idempotency.scope, idempotency.key)
        # The same wish at the same time is counted once by its channel: the second waits for the first.
        while (earlier := self._asking.get(place)) is not None:
            await asyncio.wait([earlier])
        self._asking[place] = done = asyncio.get_running_loop().create_future()
        try:
            return await self._take_in(channel, wanted, idempotency)
        finally:
            del self._asking[place]
            done.set_result(None)

    async def cancel(self, call_id: str, *, asked_in: str | None = None) -> Call | None:
        """Take back a call at whatever stage it is; None when there is no such call.

        With ``asked_in`` only one that was asked for in that conversation.
        """
        return (await self.take_back(call_id, asked_in=asked_in)).call

    async def take_back(self, call_id: str, *, asked_in: str | None = None) -> Cancelled:
        """Take back a call, and say what that came to."""
        return await self._store.writer.do(cancel_calls, Cancellation(call_id, asked_in))

    async def why_going_on(self, call_id: str, channel: str) -> Refused | None:
        """Return why a call that was taken back goes on: its platform cannot end it. None otherwise.

        Waits a moment for a platform that was not asked yet, so that who asks first hears it too. Answers
        at once where the call's channel is gone.
        """
        return await self._dialler.why_going_on(call_id, channel)

    async def resolve(self, resolution: Resolution) -> Resolved:
        """Decide about a call that is held as unknown."""
        return await self._store.writer.do(resolve_calls, resolution)

    async def open_calls(self, channel: str) -> Sequence[Call]:
        """Return the calls of a channel that have not ended."""
        return await self._store.read(open_calls, channel)

    async def asked_in(self, channel: str) -> Sequence[tuple[str, Call]]:
        """Return the calls asked for in conversations of a channel that have not ended."""
        return await self._store.read(calls_asked_in, channel)

    async def run(self) -> None:
        """Dial what is due, for ever."""
        told = self._dialler.committed
        self._store.writer.on_commit.append(told)
        try:
            await self._dialler.run()
        finally:
            self._store.writer.on_commit.remove(told)

    def stop(self) -> None:
        """Begin no more calls: the channels are about to end."""
        self._dialler.stop()

    async def drain(self, seconds: float) -> int:
        """Wait for the answers of platforms; return how many were not waited for.

        What is cut short is in doubt, and asked about at the next start.
        """
        return await self._dialler.drain(seconds)

    async def _take_in(
        self, channel: str, wanted: CallWanted, idempotency: IdempotencyKey | None
    ) -> Call:
        if idempotency is not None:
            answer = await self._store.read(read_answer, idempotency, CallAnswer)
            known = await self._store.read(read_call, answer.id) if answer else None
            if known is not None:
                return known.call
        self._inbox.admit(channel)
        found, runner = self._channel(channel), self._channels().get(channel)
        if found is None or runner is None:
            raise Refused("no_channel", f"there is no channel {channel!r} that calls people")
        try:
            admission = await _admission(found, channel, wanted)
        except Refused as error:
            self._inbox.figures.refused_a_call(channel, error.code)
            raise
        asked = Asked(
            channel=runner.key,
            wanted=wanted,
            customer=admission.customer,
            expires_at=admission.expires_at,
            callback_at=admission.callback_at,
            agent=admission.agent,
            key=idempotency,
        )
        return await self._store.writer.do(request_calls, asked)

    def _channel(self, name: str) -> CallChannel | None:
        runner = self._channels().get(name)
        found = runner.channel if runner is not None else None
        return found if isinstance(found, CallChannel) else None


async def _admission(channel: CallChannel, name: str, wanted: CallWanted) -> Admission:
    """Ask a channel about a wish; raises `Refused` where a rule is against it, else `Overloaded`."""
    try:
        async with asyncio.timeout(ADMIT_SECONDS):
            with contained:
                admission = await channel.admit(wanted)
        if not isinstance(admission, Admission):
            raise PluginMisbehaved(f"admit returned {admission!r:.200}")
        tel(admission.customer.path)  # raises ValueError for what no telephone can call
        return admission
    except (Refused, Overloaded, StoreError):
        raise
    except (RetryLater, DestinationUnavailable, NotReady, CredentialsRejected) as error:
        raise Overloaded(str(error)) from error
    except TimeoutError:
        raise Overloaded(f"{name} did not decide in time about a call") from None
    except Exception as error:
        log.exception("plugin raised", channel=name)
        raise Overloaded(f"{name} failed to decide about a call; see the log") from error
