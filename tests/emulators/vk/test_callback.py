"""The Callback API: confirmation, secrets, repeats, and what a receiver can ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from aiohttp import web
from vkbottle import API
from vkbottle.callback import BotCallback

from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.emulators.vk.callback import FAILURES_IN_A_ROW, RETRY_SECONDS, CallbackServer
from omnigate.testing.server import serve_app
from tests.emulators.clock import Clock
from tests.emulators.vk.oracles import parse_event
from tests.emulators.vk.receiving import Receiver

pytestmark = pytest.mark.anyio


def texts(receiver: Receiver) -> list[str]:
    return [one["object"]["message"]["text"] for one in receiver.got]


async def test_an_event_comes_with_secret_id_and_group(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    await anna.writes(shop, "Здравствуйте")
    await vk.wait_for(lambda: len(server.attempts) == 2)
    (body,) = receiver.got
    assert body.keys() == {"type", "event_id", "v", "group_id", "secret", "object"}
    assert (body["secret"], body["group_id"], body["v"]) == ("s3cr3t", shop.id, "5.199")
    assert parse_event(body).object.message.text == "Здравствуйте"  # type: ignore[attr-defined]
    assert receiver.retries == [None]


async def test_what_was_not_asked_for_does_not_come(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    await anna.joins(shop)
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: receiver.got)
    assert [one["type"] for one in receiver.got] == ["message_new"]


async def test_a_server_that_does_not_know_the_string_gets_nothing(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver
):
    receiver.code = "wrong"
    server = shop.callback.add(receiver.url, "Omnigate", "", 1)
    await vk.wait_for(lambda: server.status != "wait")
    assert server.status == "failed"
    server.subscription.on.add("message_new")
    await anna.writes(shop, "Lost")
    receiver.code = None
    assert await shop.callback.confirm(server)
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: receiver.got)
    assert texts(receiver) == ["Hello"]
    assert "secret" not in receiver.got[0]


async def test_the_string_changes_with_every_change_of_a_server(
    vk: VkEmulator, shop: Community, receiver: Receiver, server: CallbackServer, api: API
):
    code = shop.callback.code
    callback = BotCallback(receiver.url, "Other", "new", api, shop.id)
    await callback.edit_callback_server(server.id)
    assert await callback.get_callback_confirmation_code() == shop.callback.code != code
    await vk.wait_for(lambda: server.status == "ok")
    assert (server.title, server.secret_key) == ("Other", "new")


@pytest.mark.parametrize(
    "answer",
    [(200, "OK"), (200, '"ok"'), (200, ""), (201, "ok"), (500, "ok")],
    ids=["capitals", "quoted", "empty", "201", "500"],
)
async def test_anything_but_ok_is_repeated_with_a_counter(
    answer: tuple[int, str],
    vk: VkEmulator,
    shop: Community,
    anna: Person,
    receiver: Receiver,
    server: CallbackServer,
):
    receiver.script = [answer]
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: len(receiver.got) == 2)
    assert receiver.got[0] == receiver.got[1]
    assert receiver.retries == [None, "1"]
    await vk.wait_for(lambda: server.attempts[-1].body == "ok")
    assert shop.callback.waiting == 0


async def test_an_answer_that_does_not_come_is_a_failure(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    shop.callback.answer_seconds = 0.05
    receiver.script = [None]
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: len(server.attempts) == 3)
    assert [one.status for one in server.attempts] == [200, None, 200]
    assert texts(receiver) == ["Hello", "Hello"]


async def test_a_poisoned_event_does_not_stop_those_behind_it(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    receiver.script = [(500, "")]
    shop.journal.poison("object")
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: len(receiver.got) == 3)
    assert receiver.got[1]["object"]["message"]["text"] == "Hello"
    assert receiver.retries == [None, None, "1"]


@pytest.mark.parametrize("status", [410, 429, 503])
async def test_a_receiver_says_when_it_wants_the_repeat(
    status: int,
    vk: VkEmulator,
    shop: Community,
    anna: Person,
    receiver: Receiver,
    server: CallbackServer,
    clock: Clock,
):
    def after(seconds: float) -> str:
        return format_datetime(datetime.fromtimestamp(clock.now + seconds, UTC), usegmt=True)

    asked = shop.callback.asked_for
    assert asked(after(7200)) == 7200
    assert asked(after(3 * 3600)) is None  # below three hours ahead
    assert asked("120") is None  # a date it is, no number of seconds
    receiver.script, receiver.retry_after = [(status, "")], after(5)
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: len(receiver.got) == 2)
    assert receiver.retries == [None, "1"]


async def test_a_receiver_can_have_its_server_removed(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    receiver.script = [(200, "remove")]
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: not shop.callback.servers)
    await anna.writes(shop, "Again")
    assert len(receiver.got) == 1


async def test_after_many_failures_the_server_is_given_up_and_the_admins_are_told(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    server.failures = FAILURES_IN_A_ROW - 1
    receiver.script = [(500, "")]
    await anna.writes(shop, "Hello")
    await vk.wait_for(lambda: shop.callback.mails)
    assert (server.status, len(shop.callback.mails)) == ("failed", 1)
    assert await shop.callback.confirm(server)
    await anna.writes(shop, "Again")
    await vk.wait_for(lambda: "Again" in texts(receiver))


async def test_repeated_held_and_shuffled_events_come_as_they_are_told_to(
    vk: VkEmulator, shop: Community, anna: Person, receiver: Receiver, server: CallbackServer
):
    shop.journal.repeat(times=2)
    await anna.writes(shop, "Twice")
    shop.journal.hold()
    for number in range(5):
        await anna.writes(shop, str(number))
    await vk.wait_for(lambda: len(receiver.got) == 2)
    assert receiver.got[0]["event_id"] == receiver.got[1]["event_id"]
    shop.journal.release("reversed")
    await vk.wait_for(lambda: len(receiver.got) == 7)
    assert texts(receiver) == ["Twice", "Twice", "4", "3", "2", "1", "0"]


async def test_an_event_is_given_up_after_ten_repeats_and_can_be_sent_again(clock: Clock):
    async with VkEmulator(clock=clock, speed=1e6) as vk:
        shop = vk.add_community()
        receiver = Receiver(shop, script=[(500, "")] * (1 + len(RETRY_SECONDS)))
        app = web.Application()
        app.router.add_post("/vk", receiver.take)
        async with serve_app(app) as address:
            server = shop.callback.add(f"{address}/vk", "Omnigate", "", 1)
            await vk.wait_for(lambda: server.status == "ok")
            server.subscription.on.add("message_new")
            await vk.person().writes(shop, "Hello")
            await vk.wait_for(lambda: shop.callback.given_up)
            assert receiver.retries == [None, *map(str, range(1, 11))]
            shop.journal.again(shop.callback.given_up[0])
            await vk.wait_for(lambda: len(receiver.got) == 12)
        assert receiver.got[0] == receiver.got[11]
