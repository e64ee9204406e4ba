"""What goes wrong when it is told to: refusals, silence, broken answers; before and after the effect."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from omnigate.emulators.faults import Faults
from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.emulators.vk.errors import WORDS
from tests.emulators.vk.conftest import Ask
from tests.emulators.vk.refusals import GOOD, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def talk(vk: VkEmulator, shop: Community, anna: Person) -> None:
    """Anna has written, so that she may be written to."""
    await anna.writes(shop, "Hello")


@pytest.mark.parametrize("code", [1, 6, 9, 10, 14, 17, 29, 3300])
@pytest.mark.usefixtures("talk")
async def test_a_refusal_comes_as_often_as_it_was_asked_for(
    code: int, vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    vk.faults.add(method="messages.send", error=code, times=2)
    bodies = [await ask("messages.send", peer_id=anna.id, **GOOD) for _ in range(3)]
    assert [refusal(one) for one in bodies[:2]] == [(code, WORDS[code])] * 2
    assert bodies[2]["response"] == anna.chat(shop).last.id
    assert anna.chat(shop).texts == ["Hello"]


@pytest.mark.usefixtures("talk")
async def test_a_fault_is_about_one_method_and_one_chat(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    ivan = vk.person("Ivan")
    await ivan.writes(shop, "Hello")
    vk.faults.add(method="messages.send", chat=anna.id, error=6)
    assert "response" in await ask("messages.send", peer_id=ivan.id, **GOOD)
    assert "response" in await ask("messages.setActivity", peer_id=anna.id, type="typing")
    assert refusal(await ask("messages.send", peer_ids=anna.id, **GOOD))[0] == 6
    assert vk.faults.pending == []


@pytest.mark.parametrize("how", [{"hang": "after"}, {"cut": "after"}, {"body": b'{"respon'}])
@pytest.mark.usefixtures("talk")
async def test_a_lost_answer_leaves_the_effect_and_random_id_protects_from_doing_it_twice(
    how: dict[str, Any], vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    vk.faults.add(method="messages.send", **how)
    asking = asyncio.create_task(ask("messages.send", peer_id=anna.id, **GOOD))
    await anna.chat(shop).wait_for(lambda chat: chat.texts == ["Hello"])
    await _gives_up(asking, how)
    again = await ask("messages.send", peer_id=anna.id, **GOOD)
    assert again["response"] == anna.chat(shop).last.id
    assert anna.chat(shop).texts == ["Hello"]


@pytest.mark.parametrize("how", [{"hang": "before"}, {"cut": "before"}, {"status": 502}])
@pytest.mark.usefixtures("talk")
async def test_a_call_that_did_not_arrive_has_no_effect(
    how: dict[str, Any], vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    fault = vk.faults.add(method="messages.send", **how)
    asking = asyncio.create_task(ask("messages.send", peer_id=anna.id, **GOOD))
    await vk.wait_for(lambda: fault.hits)
    await _gives_up(asking, how)
    assert anna.chat(shop).texts == []
    assert vk.calls_of("messages.send") == []


async def _gives_up(asking: asyncio.Task[Any], how: dict[str, Any]) -> None:
    """Wait in vain for an answer; one that hangs does so until the caller has had enough."""
    if "hang" in how:
        done, _ = await asyncio.wait({asking}, timeout=0.05)
        assert not done
        asking.cancel()
    failures = (asyncio.CancelledError, aiohttp.ClientError, json.JSONDecodeError, AssertionError)
    with pytest.raises(failures):
        await asking


@pytest.mark.usefixtures("talk")
async def test_a_slow_call_is_done_all_the_same(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    vk.faults.add(delay_seconds=0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert "response" in await ask("messages.send", peer_id=anna.id, **GOOD)
    assert loop.time() - began >= 0.05


async def test_long_poll_uploads_and_files_have_faults_too(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask, http: aiohttp.ClientSession
):
    shop.long_poll.enabled = True
    server = (await ask("groups.getLongPollServer", group_id=shop.id))["response"]["server"]
    upload = (await ask("photos.getMessagesUploadServer"))["response"]["upload_url"]
    message = await anna.sends(shop, "photo")
    url = message.attachments[0].body["sizes"][0]["url"]
    for method in ("a_check", "upload", "file"):
        vk.faults.add(method=method, status=503)
    async with http.get(server, params={"act": "a_check"}) as response:
        assert (response.status, response.content_type) == (503, "text/html")
    async with http.post(upload) as response:
        assert response.status == 503
    async with http.get(url) as response:
        assert response.status == 503
    async with http.get(url) as response:
        assert await response.read() == message.attachments[0].data


async def test_an_outage_cuts_everybody_off_and_loses_nothing(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask, http: aiohttp.ClientSession
):
    url = vk.url
    waiting = asyncio.create_task(http.get(await _poll(shop, ask)).__aenter__())
    await vk.wait_for(lambda: shop.long_poll.waiting)
    async with vk.outage():
        with pytest.raises(aiohttp.ClientError):
            await waiting
        with pytest.raises(aiohttp.ClientError):
            await ask("users.get")
        await anna.writes(shop, "Hello")
    assert vk.url == url
    async with http.get(await _poll(shop, ask, back=1)) as response:
        (update,) = (await response.json())["updates"]
    assert update["object"]["message"]["text"] == "Hello"


async def _poll(shop: Community, ask: Ask, back: int = 0) -> str:
    """Return the address of a long poll from now on, or from so many events ago."""
    settings = {"group_id": shop.id, "enabled": 1, "message_new": 1}
    await ask("groups.setLongPollSettings", **settings)
    opened = (await ask("groups.getLongPollServer", group_id=shop.id))["response"]
    ts = int(opened["ts"]) - back
    return f"{opened['server']}?act=a_check&key={opened['key']}&ts={ts}&wait=90"


async def test_nobody_who_hangs_holds_up_the_end(anyio_backend: str):
    async with aiohttp.ClientSession() as session:
        async with VkEmulator() as vk:
            fault = vk.faults.add(hang="before")
            hanging = asyncio.create_task(session.get(f"{vk.url}/method/users.get").__aenter__())
            await vk.wait_for(lambda: fault.hits)
        async with asyncio.timeout(5):
            with pytest.raises(aiohttp.ClientError):
                await hanging


def test_a_fault_tells_the_caller_what_the_platform_would():
    fault = Faults().add(error=429, description="Too many", retry_after=3, migrate_to=-5)
    assert fault.parameters == {"retry_after": 3, "migrate_to_chat_id": -5}
    assert fault.before


def test_a_fault_that_would_do_nothing_is_a_mistake():
    faults = Faults()
    with pytest.raises(ValueError, match="a fault does something"):
        faults.add(method="messages.send")
    with pytest.raises(ValueError, match="at least once"):
        faults.add(error=6, times=0)
    faults.add(error=6, times=2)
    faults.clear()
    assert faults.take("users.get") is None
    assert len(faults.past) == 1
