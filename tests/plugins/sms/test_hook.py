"""Calls of a provider: taken either way, and what is not understood is kept without its secrets."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest

import omnigate
from omnigate.testing import serve
from tests.plugins.sms.conftest import SECRET, Shop, body

pytestmark = pytest.mark.anyio


PROOF = {"x-secret": SECRET}


async def called(
    shop: Shop, method: str = "POST", query: str = "", data: bytes | None = None
) -> int:
    """Return how a call of the provider is answered."""
    async with (
        serve(shop.channel, shop.host) as address,
        aiohttp.ClientSession() as session,
        session.request(method, f"{address}/hook{query}", data=data, headers=PROOF) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", ["/hook", "/hook/status"])
async def test_the_provider_may_call_both_ways_and_is_answered_as_it_wants(shop, method, path):
    async with serve(shop.channel, shop.host) as address, aiohttp.ClientSession() as session:
        said = body(said="Здравствуйте", external_id="1")
        async with session.request(method, address + path, data=said, headers=PROOF) as answer:
            assert (answer.status, await answer.text()) == (200, f"taken {method} {path}")
    assert shop.texts == ["Здравствуйте"]


async def test_what_is_not_understood_is_kept_and_can_be_taken_in_again(shop):
    assert await called(shop, data=b"junk") == 200
    ((kept, reason),) = shop.host.store.quarantine
    assert (kept, reason) == (b"junk", "not a text: JSONDecodeError")
    with pytest.raises(omnigate.BadPayload):
        await shop.channel.take_again(omnigate.Request.of(kept))
    await shop.channel.take_again(omnigate.Request.of(body(said="Здравствуйте")))
    assert shop.texts == ["Здравствуйте"]


async def test_of_a_call_whose_address_says_all_that_is_kept_but_no_secret(shop):
    """Quarantine keeps bodies and no queries; a provider that calls by GET has nothing but its query."""
    query = f"?from=79161234567&text=%D0%B6&token={SECRET}"
    assert await called(shop, "GET", query) == 200
    ((kept, _),) = shop.host.store.quarantine
    assert kept == b"from=79161234567&text=%D0%B6"


@pytest.mark.parametrize(("method", "data"), [("GET", None), ("POST", "ж".encode())])
async def test_a_call_is_taken_in_again_with_what_its_address_said(shop, monkeypatch, method, data):
    """Kannel has the numbers in its query, and the text below."""
    kept = []
    put_updates = shop.host.put_updates

    async def keeps(parse, updates):
        kept.extend(updates)
        return await put_updates(parse, updates)

    def is_not_understood(given):
        raise omnigate.BadPayload("no")

    monkeypatch.setattr(shop.host, "put_updates", keeps)
    monkeypatch.setattr(shop.link, "parse", is_not_understood)
    assert await called(shop, method, f"?from=79161234567&token={SECRET}", data) == 200
    (request,) = kept
    assert SECRET not in request.path + request.body.decode()
    parsed = []

    def reads(given):
        parsed.append(given)
        return []

    monkeypatch.setattr(shop.link, "parse", reads)
    # What the daemon keeps of a query are its names.
    await shop.channel.take_again(replace(request, query={}))
    assert parsed[0].query == {"from": "79161234567"}
    assert (parsed[0].method, parsed[0].path) == (method, "/hook")


async def test_a_link_that_breaks_over_a_call_quarantines_it(shop, monkeypatch):
    def breaks(request):
        raise ZeroDivisionError

    monkeypatch.setattr(shop.link, "parse", breaks)
    assert await called(shop, data=b"{}") == 200
    assert shop.host.store.quarantine == [(b"{}", "taking it in raised ZeroDivisionError")]
