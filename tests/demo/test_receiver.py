"""The demo's CRM verifies what it gets, and shows it to whoever watches."""

import asyncio
import json
import time

import aiohttp
import pytest
from aiohttp import web

from omnigate.demo.receiver import Delivery, Receiver
from omnigate.signing import Signer, new_secret
from omnigate.testing.server import serve_app

pytestmark = pytest.mark.anyio

SECRET = new_secret()


@pytest.fixture
async def crm():
    receiver = Receiver(SECRET)
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    async with serve_app(app) as address, aiohttp.ClientSession() as http:

        async def post(webhook_id, sequence, secret=SECRET):
            body = json.dumps({"id": webhook_id, "sequence": sequence}).encode()
            headers = Signer([secret]).headers(webhook_id, int(time.time()), body)
            async with http.post(f"{address}/hook", data=body, headers=headers) as answer:
                return answer.status

        yield receiver, post


async def watched(receiver: Receiver, count: int, after: int = 0) -> list[Delivery]:
    found: list[Delivery] = []
    async with asyncio.timeout(5):
        async for delivery in receiver.watch(after):
            found.append(delivery)
            if len(found) == count:
                return found
    return found


async def test_a_proven_webhook_is_taken_and_shown_with_its_headers(crm):
    receiver, post = crm
    assert await post("evt_1", 1) == 204
    (delivery,) = await watched(receiver, 1)
    assert delivery.verified
    assert delivery.body == {"id": "evt_1", "sequence": 1}
    assert delivery.headers["webhook-id"] == "evt_1"
    assert "webhook-signature" in delivery.headers
    assert "host" not in delivery.headers


async def test_a_forged_webhook_is_refused_and_its_body_is_not_shown(crm):
    receiver, post = crm
    assert await post("evt_1", 1, secret=new_secret()) == 401
    (delivery,) = await watched(receiver, 1)
    assert not delivery.verified
    assert delivery.body is None
    assert delivery.problem is not None
    assert "signature" in delivery.problem


async def test_a_repetition_is_taken_again_and_marked(crm):
    receiver, post = crm
    assert [await post("evt_1", 1), await post("evt_1", 1)] == [204, 204]
    first, second = await watched(receiver, 2)
    assert (first.repeated, second.repeated) == (False, True)


async def test_a_page_that_comes_back_gets_only_what_it_has_not_seen(crm):
    receiver, post = crm
    for number in (1, 2, 3):
        await post(f"evt_{number}", number)
    assert [delivery.number for delivery in await watched(receiver, 1, after=2)] == [3]


async def test_fleeting_events_reach_those_who_watch_and_are_not_kept(crm):
    receiver, post = crm
    watching = asyncio.create_task(watched(receiver, 1))
    await asyncio.sleep(0)
    await post("evt_1", None)
    assert [delivery.body["id"] for delivery in await watching] == ["evt_1"]
    await post("evt_2", 1)
    assert [delivery.body["id"] for delivery in await watched(receiver, 1)] == ["evt_2"]


async def test_closing_ends_every_stream(crm):
    receiver, _ = crm
    watching = asyncio.create_task(watched(receiver, 1))
    await asyncio.sleep(0)
    receiver.close()
    assert await watching == []
