"""What our own code fails at of a provider's call is kept and answered as a success, whichever link it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from omnigate_sms import Sms, hook, incoming
from omnigate_sms.links import LINKS

import omnigate
from omnigate.testing import FakeHost, serve

from .conftest import PLAIN

pytestmark = pytest.mark.anyio

PAYLOADS = Path(__file__).parents[3] / "payloads/sms"
DESCRIBED = {
    "method": "POST",
    "query": {},
    "headers": {"content-type": "application/json"},
    "body": '{"from": "79161234567", "text": "Hello"}',
}


def text_of(kind: str) -> Mapping[str, Any]:
    """Return how a provider calls with a text; the described link's says what its description has."""
    if kind == "custom":
        return DESCRIBED
    calls = json.loads((PAYLOADS / f"{kind}.json").read_text())["calls"]
    return next(
        one
        for one in calls
        if one["said"] != "bad" and any("incoming" in said for said in one["said"])
    )


async def called(channel: Sms, host: FakeHost, call: Mapping[str, Any]) -> int:
    async with (
        serve(channel, host) as url,
        aiohttp.ClientSession() as session,
        session.request(
            call["method"],
            f"{url}/hook",
            params=call["query"],
            headers=call["headers"],
            data=call["body"].encode(),
        ) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("kind", sorted(LINKS))
async def test_a_text_that_our_code_fails_at_is_answered_and_taken_in_once_that_is_mended(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any, **named: Any) -> Any:
        raise ZeroDivisionError

    # That calls are proven is tested where the links are; here it matters what comes after it.
    monkeypatch.setattr(hook.Hook, "authenticate", lambda self, request: None)
    config = {"link": kind, "default_region": "RU", "sender": "Shop", kind: PLAIN[kind]}
    kept: list[omnigate.Request] = []
    async with FakeHost("texts", kind="sms") as host:
        put_updates = host.put_updates

        async def keeps(parse: Any, updates: Any, **more: Any) -> Any:
            kept.extend(updates)
            return await put_updates(parse, updates, **more)

        monkeypatch.setattr(host, "put_updates", keeps)
        channel = Sms(Sms.Config.model_validate(config), host)
        with monkeypatch.context() as broken:
            broken.setattr(incoming.Reading, "_message", fails)
            assert (await called(channel, host, text_of(kind))) < 300
        ((_, reason),) = host.store.quarantine
        assert reason == "taking it in raised ZeroDivisionError"
        assert host.store.items == []
        await channel.take_again(kept[0])
        assert [type(one) for one in host.store.items] == [omnigate.InboundMessage]


async def test_the_check_of_that_notices_a_hook_that_lets_mistakes_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def lets_through(self: hook.Hook, given: omnigate.Request) -> None:
        await self.keep(await self.read(given))

    monkeypatch.setattr(hook.Hook, "_take_in", lets_through)
    with pytest.raises(AssertionError, match="500 < 300"):
        await test_a_text_that_our_code_fails_at_is_answered_and_taken_in_once_that_is_mended(
            "kannel", monkeypatch
        )
