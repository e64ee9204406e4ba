"""The suite for channels that call people passes one that keeps its promises, and finds those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import aiohttp
import pytest
from pydantic import Field, SecretStr

import omnigate
from omnigate.testing import CallChannelConformance

pytestmark = pytest.mark.anyio

MOST = 3


class Good(omnigate.CallChannel):
    kind = "goodcalls"
    summary = "A channel that keeps its promises."

    class Config(omnigate.ChannelConfig):
        token: SecretStr = Field(description="What the platform wants to see.")
        url: str = Field(description="Where the platform is.")

    config: Config

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        try:
            customer = omnigate.tel(wanted.number)
        except ValueError:
            raise omnigate.Refused("bad_number", "this is no number") from None
        count = int((await self.host.notes()).get(customer, "0"))
        if count >= MOST:
            raise omnigate.Refused("limit_reached", "called too often")
        await self.host.put(notes={customer: str(count + 1)})
        begins_at = wanted.callback_at or datetime.now(UTC)
        return omnigate.Admission(
            customer=customer,
            callback_at=wanted.callback_at,
            expires_at=begins_at + timedelta(hours=1),
        )

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        await self._tell("dial")
        return {}

    async def hang_up(self, call: omnigate.Call) -> None:
        await self._tell("hang up")

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        said = await self._tell("ask")
        if said == b'{"error":"no_such_call"}':
            return None
        raise omnigate.DestinationUnavailable("something else answers there")

    def offer(self) -> omnigate.CallOffer:
        return omnigate.CallOffer(is_open=True, region="RU")

    async def _tell(self, what: str) -> bytes:
        try:
            async with self.host.http.post(self.config.url, data=what) as answer:
                return await answer.read()
        except aiohttp.ClientError:
            raise omnigate.DestinationUnavailable("no connection") from None


class TestGood(CallChannelConformance):
    channel_class = Good
    provider_ids: ClassVar[Mapping[str, str]] = {"call": "r1"}

    def config(self, platform_url: str) -> Mapping[str, Any]:
        return {"token": "a-made-up-token", "url": platform_url}


class Smuggles(Good):
    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        digits = "".join(sign for sign in wanted.number if sign.isdigit())[:12] or "79161234567"
        return await super().admit(wanted.model_copy(update={"number": f"+{digits}"}))


class HasNoLimit(Good):
    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        await self.host.put(notes={f"tel:{wanted.number}": None})
        return await super().admit(wanted)


class Forgets(Good):
    def __init__(self, config: Any, host: Any) -> None:
        super().__init__(config, host)
        self._count = 0

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        self._count += 1
        if self._count > MOST:
            raise omnigate.Refused("limit_reached", "called too often")
        await self.host.put(notes={f"tel:{wanted.number}": None})
        return await super().admit(wanted)


class NeverSure(Good):
    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        raise omnigate.Uncertain("no connection")


class Guesses(Good):
    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        return None


class GuessesById(Good):
    """Asks by the platform's id alone, and takes silence for a no."""

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        if "call" not in call.provider_ids:
            raise omnigate.Uncertain("the id of the call was lost")
        return None


class TakesAnyNo(Good):
    """Takes a 404 for the platform's own, whoever says it."""

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        try:
            async with self.host.http.get(self.config.url) as answer:
                if answer.status == 404:
                    return None
        except aiohttp.ClientError:
            pass
        raise omnigate.DestinationUnavailable("it does not say")


class TakesAnyYes(Good):
    """Takes any good answer for an end."""

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        await self._tell("ask")
        return omnigate.CallUpdate(
            external_id=call.id,
            conversation=call.id,
            occurred_at=call.requested_at,
            call=call.id,
            attempt=call.attempt,
            state="failed",
        )


class HearsNothingForEver(Good):
    def quiet_seconds(self, call: omnigate.Call) -> float:
        return float("inf")


class EndsWhatWasNotAskedAbout(Good):
    def longest_seconds(self, call: omnigate.Call) -> float:
        return self.quiet_seconds(call)


class TakesLessThanNone(Good):
    def capacity(self) -> int:
        return -1


class Hurries(Good):
    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        return await super().admit(wanted.model_copy(update={"callback_at": None}))


class ShowsItsToken(Good):
    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        raise omnigate.RetryLater(f"{self.config.token.get_secret_value()} is refused")


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Smuggles, "test_what_is_no_number_is_refused_and_never_dialled"),
        (HasNoLimit, "test_there_is_a_limit_for_a_number_that_outlives_a_restart"),
        (Forgets, "test_there_is_a_limit_for_a_number_that_outlives_a_restart"),
        (NeverSure, "test_dialling_while_the_platform_is_down_is_surely_not_dialled"),
        (ShowsItsToken, "test_dialling_while_the_platform_is_down_is_surely_not_dialled"),
        (Guesses, "test_while_the_platform_is_down_nobody_says_that_it_never_dialled"),
        (GuessesById, "test_while_the_platform_is_down_nobody_says_that_it_never_dialled"),
        (TakesAnyNo, "test_an_answer_that_is_not_the_platforms_says_nothing_of_a_call"),
        (TakesAnyYes, "test_an_answer_that_is_not_the_platforms_says_nothing_of_a_call"),
        (HearsNothingForEver, "test_it_says_for_how_long_nothing_need_be_heard_of_a_call"),
        (
            EndsWhatWasNotAskedAbout,
            "test_it_says_how_long_a_call_lasts_and_that_it_is_asked_about_before",
        ),
        (TakesLessThanNone, "test_it_says_what_it_offers_and_how_many_calls_it_takes"),
        (Hurries, "test_a_wish_for_later_is_not_for_earlier"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_a_channel_that_breaks_a_promise_fails(broken: Any, promise: str) -> None:
    suite = type("Broken", (TestGood,), {"channel_class": broken})()
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await getattr(suite, promise)()
