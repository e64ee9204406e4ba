"""How events come: by callback and by poll, over failures and restarts, nothing lost or stored twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import omnigate
from omnigate.emulators.vk import VkEmulator
from omnigate.testing import MemoryStore
from tests.plugins.atwork import texts

from .conftest import Front, Shop, open_shop

pytestmark = pytest.mark.anyio


async def test_what_a_customer_writes_comes_in(shop: Shop) -> None:
    await shop.anna.starts(shop.community)
    await shop.anna.writes(shop.community, "Есть велосипед?")
    said = await shop.said(1)
    assert (said.text, said.conversation) == ("Есть велосипед?", str(shop.anna.id))
    assert said.sender.address == f"vk:{shop.anna.id}"


async def test_a_repeated_event_is_stored_once(shop: Shop) -> None:
    shop.community.journal.repeat(times=3, count=2)
    await shop.anna.writes(shop.community, "раз")
    await shop.anna.writes(shop.community, "два")
    await shop.anna.writes(shop.community, "три")
    await shop.said(2)
    assert texts(shop.items) == ["раз", "два", "три"]


@pytest.mark.parametrize("mode", ["poll", "callback"])
async def test_a_restart_in_the_middle_stores_everything_once(
    mode: str, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address stays: events that are due while a new one is confirmed would never be sent again."""
    # A restart may take as long as it likes here: the platform does not lose patience.
    monkeypatch.setattr("omnigate.emulators.vk.callback.FAILURES_IN_A_ROW", 10_000)
    store = MemoryStore()
    async with VkEmulator(speed=20) as vk:
        community, anna = vk.add_community(), vk.person()
        community.callback.parallel = 10
        for turn in range(3):
            async with open_shop(
                mode, vk=vk, community=community, anna=anna, store=store, front=front
            ) as shop:
                for number in range(40):
                    await anna.writes(community, f"{turn}.{number}")
                await shop.until(lambda turn=turn: len(texts(store.items)) > turn * 40 + 10)  # type: ignore[misc]
        async with open_shop(
            mode, vk=vk, community=community, anna=anna, store=store, front=front
        ) as shop:
            await shop.until(lambda: len(texts(store.items)) == 120)
    assert sorted(texts(store.items)) == sorted(  # type: ignore[type-var]
        f"{turn}.{number}" for turn in range(3) for number in range(40)
    )


async def test_what_cannot_be_stored_is_not_settled(shop: Shop) -> None:
    shop.host.store.failure = refusal = omnigate.StoreError("the disk is full")
    await shop.anna.writes(shop.community, "раз")
    await shop.until(lambda: refusal.__traceback__ is not None, "it is raised")
    if shop.channel.config.mode == "callback":
        (server,) = shop.community.callback.servers.values()
        await shop.until(lambda: server.attempts[-1].status == 503)
    assert not shop.items
    shop.host.store.failure = None
    assert (await shop.said()).text == "раз"


@pytest.mark.parametrize(
    "kind", ["type", "object", "missing", "null", "deep", "huge", "nested", "text", "list"]
)
async def test_a_poisoned_event_does_not_hold_up_those_behind_it(shop: Shop, kind: str) -> None:
    shop.community.journal.poison(kind)
    await shop.anna.writes(shop.community, "behind it")
    said = await shop.until(
        lambda: [one for one in shop.of(omnigate.InboundMessage) if one.text == "behind it"]
    )
    assert len(said) == 1
    assert len(shop.host.store.quarantine) <= 1


async def test_half_an_emoji_in_a_text_or_a_name_costs_nothing_beside_it(shop: Shop) -> None:
    name = rb'{"response":[{"id":%d,"first_name":"A\ud83d","last_name":"B"}]}' % shop.anna.id
    shop.vk.faults.add(method="users.get", body=name)
    await shop.anna.writes(shop.community, "half \ud83d")
    await shop.anna.writes(shop.community, "behind it")
    assert [(await shop.said(number)).text for number in (0, 1)] == ["half \ufffd", "behind it"]
    sender = (await shop.item(omnigate.ContactUpdated)).sender
    assert sender.display_name == "A\ufffd B"
    assert not shop.host.store.quarantine


async def test_five_thousand_events_behind_a_poisoned_one_are_stored_in_order() -> None:
    store = MemoryStore()
    async with open_shop(store=store) as shop:
        shop.community.journal.poison("nested")
        for number in range(5000):
            await shop.anna.writes(shop.community, str(number))
        await shop.until(lambda: len(texts(store.items)) == 5000)
        assert texts(store.items) == [str(number) for number in range(5000)]
        assert len(store.quarantine) == 1


# ---- long poll ------------------------------------------------------------------------------------


async def test_an_expired_key_is_renewed_and_nothing_is_lost() -> None:
    async with open_shop() as shop:
        for number in range(3):
            shop.community.long_poll.expire_keys()
            await shop.anna.writes(shop.community, str(number))
        await shop.said(2)
        assert texts(shop.items) == ["0", "1", "2"]
        assert [state for state, _ in shop.host.states if state != "up"] == []


@pytest.mark.parametrize("code", [1, 3])
async def test_lost_history_is_told_of_and_what_comes_next_is_read(code: int) -> None:
    async with open_shop() as shop:
        shop.community.long_poll.fail(code)
        await shop.until(lambda: not shop.community.long_poll.failing)
        await shop.until(lambda: any("events lost" in str(one) for one in shop.host.log_lines))
        await shop.until(lambda: shop.community.long_poll.waiting)
        await shop.anna.writes(shop.community, "дальше")
        assert (await shop.said()).text == "дальше"


async def test_failures_in_a_row_make_no_tight_loop() -> None:
    async with open_shop() as shop:
        before = len(shop.vk.calls_of("groups.getLongPollServer"))
        shop.community.long_poll.fail(2, times=3)
        await shop.until(lambda: not shop.community.long_poll.failing)
        await shop.anna.writes(shop.community, "дальше")
        await shop.said()
        assert len(shop.vk.calls_of("groups.getLongPollServer")) - before <= 3


async def test_a_poll_that_falls_silent_is_begun_anew() -> None:
    async with open_shop(poll_seconds=1) as shop:
        sessions = len(shop.vk.calls_of("groups.getLongPollServer"))
        shop.community.long_poll.silent = True
        await shop.anna.writes(shop.community, "слышно?")
        await shop.until(
            lambda: len(shop.vk.calls_of("groups.getLongPollServer")) > sessions, "a new session"
        )
        assert shop.host.states[-1][0] == "down"
        shop.community.long_poll.silent = False
        assert (await shop.said()).text == "слышно?"
        await shop.receives()


async def test_an_outage_is_told_of_once_and_so_is_its_end() -> None:
    async with open_shop() as shop:
        async with shop.vk.outage():
            await shop.until(lambda: shop.host.states[-1][0] == "down", "down")
        await shop.anna.writes(shop.community, "снова тут")
        assert (await shop.said()).text == "снова тут"
        await shop.receives()
        assert shop.community.token not in str(shop.host.states)


async def test_the_long_poll_is_switched_on_with_the_events_that_are_wanted() -> None:
    async with open_shop() as shop:
        assert shop.community.long_poll.enabled
        assert {"message_new", "message_event"} <= shop.community.long_poll.subscription.on


# ---- callback -------------------------------------------------------------------------------------


async def test_the_server_is_confirmed_with_the_string_of_the_moment() -> None:
    async with open_shop("callback") as shop:
        (server,) = shop.community.callback.servers.values()
        assert server.status == "ok"
        assert server.url.endswith("/hook")
        shop.community.callback.change_code()
        async with asyncio.timeout(15):  # asked for once a second at most
            while not await shop.community.callback.confirm(server):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_a_second_server_is_never_made() -> None:
    async with open_shop("callback") as shop:
        for _ in range(3):
            (did,) = await shop.channel.setup()
            assert shop.host.public_url("hook") in did
        store = shop.host.store
        async with open_shop(
            "callback", vk=shop.vk, community=shop.community, store=store, running=False
        ) as moved:  # another address, the same installation
            moved.host.name = shop.host.name
            await moved.channel.setup()
        assert len(shop.community.callback.servers) == 1


async def test_servers_of_others_are_left_alone() -> None:
    async with VkEmulator(speed=20) as vk:
        community = vk.add_community()
        other = community.callback.add("https://other.example.org/vk", "other", "x", 1)
        async with open_shop("callback", vk=vk, community=community):
            assert len(community.callback.servers) == 2
            assert other.url == "https://other.example.org/vk"


async def test_a_server_that_vk_gave_up_is_set_anew() -> None:
    async with open_shop("callback") as shop:
        (server,) = shop.community.callback.servers.values()
        server.status = "failed"
        health = await shop.channel.check()
        assert health.state == "degraded"
        assert "'failed'" in health.message
        await shop.channel.setup()
        await shop.until(lambda: server.status == "ok")
        assert (await shop.channel.check()).state == "up"


async def test_events_that_somebody_switched_off_are_told_of_and_switched_on() -> None:
    async with open_shop("callback") as shop:
        (server,) = shop.community.callback.servers.values()
        server.subscription.on -= {"message_new", "message_read"}
        health = await shop.channel.check()
        assert (health.state, "message_new, message_read" in health.message) == ("degraded", True)
        await shop.channel.setup()
        await shop.until(lambda: server.status == "ok")
        assert (await shop.channel.check()).message == "shop, events by callback"


async def test_strangers_cannot_post_events() -> None:
    async with open_shop("callback") as shop:
        url = shop.host.public_url("hook")
        (server,) = shop.community.callback.servers.values()
        sound: dict[str, Any] = {
            "type": "message_deny",
            "event_id": "1",
            "group_id": shop.community.id,
            "object": {"user_id": 1},
            "secret": server.secret_key,
        }
        wrong: list[Any] = [
            {**sound, "secret": "guess"},
            {**sound, "secret": None},
            {**sound, "secret": ["x"]},
            {name: value for name, value in sound.items() if name != "secret"},
            {**sound, "group_id": shop.community.id + 1},
            {"type": "confirmation", "group_id": shop.community.id + 1},
            [sound],
            "nonsense",
        ]
        for body in wrong:
            async with shop.host.http.post(url, data=json.dumps(body)) as answer:
                assert answer.status == 401
        assert not shop.items
        async with shop.host.http.post(url, json=sound) as answer:
            assert (answer.status, await answer.text()) == (200, "ok")
        assert shop.items


async def test_a_server_entered_by_hand_is_left_alone_and_confirmed_with_the_string_given() -> None:
    async with VkEmulator(speed=20) as vk:
        community = vk.add_community()
        community.callback.code = "c0ffee00"
        by_hand: dict[str, Any] = {"confirmation": "c0ffee00", "secret": "byhand"}
        async with open_shop("callback", vk=vk, community=community, **by_hand) as shop:
            assert not community.callback.servers
            assert not vk.calls_of("groups.addCallbackServer")
            asked = {"type": "confirmation", "group_id": community.id}
            async with shop.host.http.post(shop.host.public_url("hook"), json=asked) as answer:
                assert await answer.text() == "c0ffee00"


async def test_a_token_that_may_not_manage_is_explained() -> None:
    async with VkEmulator(speed=20) as vk:
        community = vk.add_community()
        token = community.issue_token(["messages"])
        async with open_shop(
            "callback", vk=vk, community=community, running=False, token=token
        ) as shop:
            health = await shop.channel.check()
            assert health.state == "degraded"
            for word in ("photos", "docs", "manage"):
                assert word in health.message
            with pytest.raises(omnigate.NotReady, match="manage the community"):
                await shop.channel.setup()


# ---- both -----------------------------------------------------------------------------------------


async def test_from_callback_to_poll_and_back_nothing_is_lost(front: Front) -> None:
    store = MemoryStore()
    async with VkEmulator(speed=20) as vk:
        community, anna = vk.add_community(), vk.person()
        modes = ("callback", "poll", "callback", "poll", "poll", "callback")
        for number, mode in enumerate(modes):
            async with open_shop(
                mode, vk=vk, community=community, anna=anna, store=store, front=front
            ) as shop:
                await anna.writes(community, f"{number} there")
                await shop.until(lambda n=number: f"{n} there" in texts(store.items))  # type: ignore[misc]
                if number:
                    await shop.until(lambda n=number: f"{n - 1} between" in texts(store.items))  # type: ignore[misc]
            await anna.writes(community, f"{number} between")
    expected = [f"{n} {word}" for n in range(len(modes)) for word in ("there", "between")]
    assert sorted(filter(None, texts(store.items))) == [*sorted(expected)[:-2], "5 there"]


async def test_a_revoked_token_stops_the_channel() -> None:
    async with open_shop(running=False) as shop:
        shop.community.revoke_token(shop.community.token)
        with pytest.raises(omnigate.CredentialsRejected, match="access token") as refused:
            await shop.channel._receive()
        assert shop.channel.config.token.get_secret_value() not in str(refused.value)
        with pytest.raises(omnigate.CredentialsRejected):
            await shop.channel.check()


async def test_a_token_of_another_community_is_told_of() -> None:
    async with VkEmulator(speed=20) as vk:
        other = vk.add_community("Other")
        async with open_shop(vk=vk, running=False, group_id=other.id) as shop:
            with pytest.raises(omnigate.CredentialsRejected, match="group_id"):
                await shop.channel.check()


async def test_check_says_that_the_long_poll_is_off_and_setup_switches_it_on() -> None:
    async with open_shop(running=False) as shop:
        health = await shop.channel.check()
        assert (health.state, "switched off" in health.message) == ("degraded", True)
        await shop.channel.setup()
        health = await shop.channel.check()
        assert (health.state, health.message) == ("up", "shop, events by poll")
