"""What every channel that calls people must keep, as a test class to inherit.

Give it a configuration by which somebody would be called at once, at any hour::

    class TestExamplePbx(CallChannelConformance):
        channel_class = ExamplePbx

        def config(self, platform_url): ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, TypeVar, get_args

import pytest

import omnigate
from omnigate.testing.channels import ChannelConformance
from omnigate.testing.hosts import FakeHost
from omnigate.testing.memory import MemoryStore
from omnigate.testing.receiver import loopback_receiver

ResultT = TypeVar("ResultT")

MOST_WISHES: Final = 200
"""More calls to one number within a moment than any channel should allow."""
LONGEST_QUIET_SECONDS: Final = 7 * 24 * 3600.0
STRANGERS: Final = (
    (404, "text/html", b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"),
    (404, "text/plain", b""),
    (404, "application/json", b'{"message":"no Route matched with those values"}'),
    (502, "text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    (200, "text/html", b"<html><body>Log in to the network</body></html>"),
)
"""What answers in a platform's place: proxies and gateways that do not find it, networks to log in to."""


class CallChannelConformance(ChannelConformance):
    """The promises of a `CallChannel`, as far as they can be tried without its platform."""

    channel_class: ClassVar[type[omnigate.CallChannel]]

    numbers: ClassVar[Sequence[str]] = ("+79161234567", "+79161234568")
    """Two numbers that may be called."""
    provider_ids: ClassVar[Mapping[str, str]] = {}
    """What `dial` would have returned, for a channel that asks after a call and ends it by that."""
    nobodys: ClassVar[Sequence[str]] = (
        "",
        "112",
        "+7",
        "not a number",
        "+79161234567&PJSIP/boss",
        "+79161234567@evil.example.org",
        "+79161234567,,1,Dial(PJSIP/boss)",
        "sip:+79161234567",
        "+7916123\r\n4567",
        "+" + "7" * 400,
    )
    """What is no number of a customer, or more than one."""

    def wanted(self, number: str) -> omnigate.CallWanted:
        """Return a wish that the channel follows at once."""
        return omnigate.CallWanted(number=number, consent=True, ip="192.0.2.7")

    async def test_a_wish_is_admitted_with_a_number_and_an_end(self) -> None:
        async with self.channel() as (channel, _):
            admission = await _calling(channel).admit(self.wanted(self.numbers[0]))
            assert isinstance(admission, omnigate.Admission)
            assert admission.customer == omnigate.tel(self.numbers[0])
            assert admission.expires_at > datetime.now(UTC)
            if admission.callback_at is not None:
                assert admission.expires_at > admission.callback_at

    async def test_a_wish_for_later_is_not_for_earlier(self) -> None:
        later = datetime.now(UTC) + timedelta(hours=2)
        async with self.channel() as (channel, _):
            wanted = self.wanted(self.numbers[0]).model_copy(update={"callback_at": later})
            admission = await _calling(channel).admit(wanted)
            assert admission.callback_at is not None
            # To the second: a channel may keep no finer times.
            assert admission.callback_at >= later - timedelta(seconds=1)
            assert admission.expires_at > admission.callback_at

    async def test_what_is_no_number_is_refused_and_never_dialled(self) -> None:
        """With a code for the CRM; a dial string cannot be smuggled in."""
        async with self.channel() as (channel, host):
            for number in self.nobodys:
                try:
                    admission = await _calling(channel).admit(self.wanted(number))
                except omnigate.Refused as error:
                    assert error.code.replace("_", "").isalnum()
                    self._assert_no_secret(host, str(error))
                else:
                    digits = admission.customer.path.removeprefix("+")
                    assert digits.isdecimal(), f"{number!r} became {admission.customer!r}"
                    assert admission.customer.path in number, f"{number!r} is more than a number"

    async def test_there_is_a_limit_for_a_number_that_outlives_a_restart(self) -> None:
        """Each call costs money, and a page is open to all the world."""
        store = MemoryStore()
        async with self.channel(store=store) as (channel, _):
            refused = await self._until_refused(_calling(channel))
        async with self.channel(store=store) as (channel, _):
            with pytest.raises(omnigate.Refused) as again:
                await _calling(channel).admit(self.wanted(self.numbers[0]))
            assert again.value.code == refused.code

    async def _until_refused(self, channel: omnigate.CallChannel) -> omnigate.Refused:
        for _ in range(MOST_WISHES):
            try:
                await channel.admit(self.wanted(self.numbers[0]))
            except omnigate.Refused as error:
                return error
        raise AssertionError(f"{MOST_WISHES} calls to one number are admitted")

    async def test_dialling_while_the_platform_is_down_is_surely_not_dialled(self) -> None:
        """So that it is tried again; nothing about it is uncertain."""
        async with self.channel() as (channel, host):
            with pytest.raises(omnigate.OmnigateError) as raised:
                await self._patiently(
                    channel, _calling(channel).dial(host.begin_call(self.numbers[0]))
                )
            assert not isinstance(raised.value, omnigate.Uncertain)
            self._assert_no_secret(host, f"{raised.value!r} {raised.value}")

    async def test_while_the_platform_is_down_nobody_says_that_it_never_dialled(self) -> None:
        """What that would allow is a second call."""
        async with self.channel() as (channel, host):
            call = self._begun(host)
            with pytest.raises(omnigate.OmnigateError) as raised:
                await self._patiently(channel, _calling(channel).follow_up(call))
            self._assert_no_secret(host, f"{raised.value!r} {raised.value}")

    async def test_hanging_up_while_the_platform_is_down_raises_what_happened(self) -> None:
        async with self.channel() as (channel, host):
            try:
                await self._patiently(channel, _calling(channel).hang_up(self._begun(host)))
            except omnigate.OmnigateError as error:
                self._assert_no_secret(host, f"{error!r} {error}")

    async def test_an_answer_that_is_not_the_platforms_says_nothing_of_a_call(self) -> None:
        """A proxy's 404 is none of the platform's: somebody would be called a second time."""
        for status, mime, body in STRANGERS:
            async with loopback_receiver() as stranger:
                stranger.answer(status, body, {"content-type": mime})
                address = stranger.url.removesuffix("/hook")
                async with self.channel(address) as (channel, host):
                    call = self._begun(host)
                    try:
                        said = await self._patiently(channel, _calling(channel).follow_up(call))
                    except omnigate.OmnigateError as error:
                        self._assert_no_secret(host, f"{error!r} {error}")
                    else:
                        pytest.fail(f"{status} {body[:60]!r} made follow_up return {said!r}")

    async def test_it_says_what_it_offers_and_how_many_calls_it_takes(self) -> None:
        async with self.channel() as (channel, _):
            offer = _calling(channel).offer()
            assert isinstance(offer, omnigate.CallOffer)
            for region in (offer.region, *offer.regions):
                assert len(region) == 2
                assert region.isupper()
            assert not (offer.is_open and offer.opens_at)
            capacity = _calling(channel).capacity()
            assert capacity is None or capacity >= 0

    async def test_it_says_for_how_long_nothing_need_be_heard_of_a_call(self) -> None:
        """So that none stays open for ever of which its platform tells nothing more."""
        async with self.channel() as (channel, host):
            for state in get_args(omnigate.CallState):
                call = self._begun(host).model_copy(update={"state": state})
                assert 1 <= _calling(channel).quiet_seconds(call) <= LONGEST_QUIET_SECONDS

    async def test_it_says_how_long_a_call_lasts_and_that_it_is_asked_about_before(self) -> None:
        async with self.channel() as (channel, host):
            calling = _calling(channel)
            for state in get_args(omnigate.CallState):
                call = self._begun(host).model_copy(update={"state": state})
                longest_seconds = calling.longest_seconds(call)
                assert calling.quiet_seconds(call) < longest_seconds <= LONGEST_QUIET_SECONDS

    def _begun(self, host: FakeHost) -> omnigate.Call:
        return host.begin_call(self.numbers[0], provider_ids=dict(self.provider_ids))

    async def _patiently(self, channel: omnigate.Channel, work: Awaitable[ResultT]) -> ResultT:
        """Wait as long as the daemon would."""
        return await asyncio.wait_for(work, channel.capabilities.send_seconds)


def _calling(channel: omnigate.Channel) -> omnigate.CallChannel:
    assert isinstance(channel, omnigate.CallChannel)
    return channel
