"""Every event is what a client library of others takes for one of its type."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from vkbottle import API, BotPolling
from vkbottle_types.events import GroupEventType

from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.emulators.vk.attachments import KINDS
from omnigate.emulators.vk.generate import EVENTS, Generator, as_lines
from omnigate.emulators.vk.journal import POISON
from tests.emulators.vk.oracles import parse_event, strangers
from tests.seeds import draw_seed

pytestmark = pytest.mark.anyio

CLOSED_WORDS = {"article", "podcast", "video_playlist"}


def misunderstood(update: dict[str, Any]) -> list[str]:
    read = parse_event(update)
    found = strangers(update["object"], read.object, update["type"])  # type: ignore[attr-defined]
    return [one for one in found if not one.endswith(tuple(f"= {word}" for word in CLOSED_WORDS))]


@pytest.mark.parametrize("kind", EVENTS)
def test_vkbottle_understands_every_field_of(kind: str):
    generator = Generator(draw_seed())
    for _ in range(60):
        update = generator.update(kind)
        assert update["type"] == kind
        assert misunderstood(update) == []


def test_the_oracle_sees_a_field_that_is_wrong():
    update = Generator(1).update("message_new")
    message = update["object"]["message"]
    assert misunderstood(update) == []
    message["conversation_mesage_id"] = 1
    assert misunderstood(update) == ["message_new.message.conversation_mesage_id"]
    del message["conversation_mesage_id"], message["peer_id"]
    with pytest.raises(ValueError, match="peer_id"):
        misunderstood(update)


def test_the_same_seed_gives_the_same_updates_and_another_one_others():
    first, again, other = (list(as_lines(Generator(seed).updates(300))) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_a_long_run_shows_every_kind_of_event_and_every_attachment():
    generator = Generator(draw_seed())
    updates = [generator.update() for _ in range(3000)]
    assert Counter(one["type"] for one in updates).keys() == set(EVENTS)
    text = json.dumps(updates)
    assert [kind for kind in KINDS if f'"type": "{kind}"' not in text] == []
    seen = {name for one in updates for name in one["object"].get("message", ())}
    assert seen >= {"geo", "payload", "ref", "reply_message", "is_cropped", "action"}
    assert len({one["event_id"] for one in updates}) == 3000


def test_what_is_strange_is_sound_otherwise():
    updates = list(Generator(draw_seed(), strange=0.5).updates(1000))
    strange = [one for one in updates if "hologram" in json.dumps(one)]
    assert 300 < len(strange) < 700
    for update in strange:
        if update["type"] != "hologram_new":
            assert all("hologram" in one for one in misunderstood(update))


def test_poison_is_nothing_that_can_be_read(vk: VkEmulator, shop: Community):
    for kind in POISON:
        event = shop.journal.poison(kind)
        with pytest.raises((ValueError, KeyError, TypeError, AttributeError, RecursionError)):
            assert parse_event(event.raw).object.message.text  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="no poison is of kind 'honey'"):
        shop.journal.poison("honey")


async def test_a_message_has_every_field_of_the_documented_example(
    vk: VkEmulator, shop: Community, anna: Person
):
    anna.opens(shop, "w_4hJq0bR2nVtQ", "site")
    await anna.sends(shop, "photo", text="Здравствуйте")
    (event,) = shop.journal.events
    update = event.envelope("5.199", "abc")
    assert update.keys() == {"type", "event_id", "v", "group_id", "secret", "object"}
    message = update["object"]["message"]
    assert message.keys() >= {
        *("date", "from_id", "id", "out", "peer_id", "conversation_message_id", "random_id"),
        *("text", "attachments", "fwd_messages", "important", "is_hidden", "ref", "ref_source"),
    }
    photo = message["attachments"][0]["photo"]
    assert photo.keys() >= {"id", "owner_id", "access_key", "sizes"}
    assert photo["sizes"][0].keys() == {"type", "url", "width", "height"}
    assert update["object"]["client_info"].keys() == {
        *("button_actions", "keyboard", "inline_keyboard", "carousel", "lang_id")
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_a_customer_can_send(kind: str, vk: VkEmulator, shop: Community, anna: Person):
    await anna.sends(shop, kind, text="Look")
    (event,) = shop.journal.events
    update = event.envelope("5.199")
    assert misunderstood(update) == []
    (attachment,) = update["object"]["message"]["attachments"]
    assert attachment.keys() == {"type", kind}


async def test_everything_that_a_customer_does_reaches_vkbottle_by_long_poll(
    vk: VkEmulator, shop: Community, anna: Person, api: API
):
    switches = {"group_id": shop.id, "enabled": 1, **dict.fromkeys(EVENTS, 1)}
    await api.request("groups.setLongPollSettings", switches)
    polling = BotPolling(api, group_id=shop.id, wait=1)
    server = await polling.get_server()
    await _do_everything(vk, shop, anna)
    answer = await polling.get_event(server)
    assert answer["ts"] == str(shop.long_poll.ts)
    assert [one["type"] for one in answer["updates"]] == [one.type for one in shop.journal.events]
    assert {one["type"] for one in answer["updates"]} == set(EVENTS) - {
        "lead_forms_new",
        "market_order_new",
    }
    for update in answer["updates"]:
        assert misunderstood(update) == []
        assert GroupEventType(update["type"]).value == update["type"]
        assert (update["group_id"], update["v"]) == (shop.id, "5.199")
        assert "secret" not in update


async def _do_everything(vk: VkEmulator, shop: Community, anna: Person) -> None:
    admin = vk.person("Oleg")
    anna.opens(shop, "w_4hJq0bR2nVtQ", "site")
    first = await anna.starts(shop)
    assert (first.ref, first.ref_source, first.payload) == (
        "w_4hJq0bR2nVtQ",
        "site",
        '{"command":"start"}',
    )
    assert (await anna.writes(shop, "Again")).ref is None
    await anna.edits(shop, first, "Started")
    reply = shop.answer_as(admin, anna, "From the window")
    assert reply.to_json()["admin_author_id"] == admin.id
    keyboard = {
        "inline": True,
        "one_time": False,
        "buttons": [[{"action": {"type": "callback", "label": "Go", "payload": '{"a":1}'}}]],
    }
    shop.add(anna.id, -shop.id, out=True, text="?", keyboard=keyboard)
    await anna.presses(shop, "Go")
    await anna.types(shop)
    await anna.reads(shop)
    await anna.reacts(shop, reply, 4)
    await anna.joins(shop)
    await anna.leaves(shop)
    await anna.denies(shop)
    await anna.allows(shop, "from-the-widget")
    shop.block(anna, admin)
    shop.unblock(anna, admin)
