"""Every method answers what a client library of others understands."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest
from vkbottle import (
    API,
    DocMessagesUploader,
    PhotoMessageUploader,
    VKAPIError,
    VoiceMessageUploader,
)
from vkbottle_types.codegen.objects import UsersFields
from vkbottle_types.objects import MessagesSendUserIdsResponseItem

from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.emulators.vk.attachments import tiny_png, tiny_voice
from omnigate.emulators.vk.methods import METHODS
from tests.emulators.vk.oracles import parse_message, strangers

pytestmark = pytest.mark.anyio


async def test_every_method_is_called_and_understood_by_vkbottle(
    vk: VkEmulator, shop: Community, anna: Person, api: API
):
    await _messages(shop, anna, api)
    await _receivers(shop, anna, api)
    await _files(anna, api)
    assert {call.method for call in vk.calls} == METHODS.keys()
    assert [call.error for call in vk.calls if call.error is not None] == []


async def _messages(shop: Community, anna: Person, api: API) -> None:
    written = await anna.writes(shop, "Здравствуйте")
    first = await api.messages.send(peer_id=anna.id, random_id=1, message="Hello")
    assert first == anna.chat(shop).last.id
    keyboard = {
        "inline": True,
        "buttons": [[{"action": {"type": "callback", "label": "Yes", "payload": {"a": 1}}}]],
    }
    outcomes = await api.messages.send(
        peer_ids=[anna.id], random_id=2, message="Sure?", keyboard=json.dumps(keyboard)
    )
    (outcome,) = cast("list[MessagesSendUserIdsResponseItem]", outcomes)
    assert (outcome.peer_id, outcome.error) == (anna.id, None)
    cmid = outcome.conversation_message_id
    assert cmid is not None
    event_id = await anna.presses(shop, "Yes")
    assert isinstance(event_id, str)
    data = json.dumps({"type": "show_snackbar", "text": "Done"})
    assert await api.messages.send_message_event_answer(
        event_id=event_id, user_id=anna.id, peer_id=anna.id, event_data=data
    )
    assert anna.chat(shop).snackbars == ["Done"]
    assert await api.messages.edit(peer_id=anna.id, cmid=cmid, message="Sure!")
    assert await api.messages.send_reaction(peer_id=anna.id, cmid=written.cmid, reaction_id=3)
    assert written.reactions == {-shop.id: 3}
    assert await api.messages.delete_reaction(peer_id=anna.id, cmid=written.cmid)
    assert written.reactions == {}
    by_id = await api.messages.get_by_id(message_ids=[first])
    by_cmid = await api.messages.get_by_conversation_message_id(
        peer_id=anna.id, conversation_message_ids=[cmid]
    )
    assert [one.text for one in (*by_id.items, *by_cmid.items)] == ["Hello", "Sure!"]
    history = await api.messages.get_history(peer_id=anna.id, count=10)
    assert [one.text for one in history.items] == ["Sure!", "Hello", "Здравствуйте"]
    assert await api.messages.mark_as_read(peer_id=anna.id, up_to_cmid=written.cmid)
    assert anna.chat(shop).read == written.cmid
    assert await api.messages.set_activity(peer_id=anna.id, type="typing")
    assert anna.chat(shop).activity == "typing"
    allowed = await api.messages.is_messages_from_group_allowed(group_id=shop.id, user_id=anna.id)
    assert allowed.is_allowed is True
    (gone,) = await api.messages.delete(peer_id=anna.id, cmids=[cmid], delete_for_all=True)
    assert (gone.conversation_message_id, gone.response) == (cmid, True)
    assert anna.chat(shop).texts == ["Hello"]


async def _receivers(shop: Community, anna: Person, api: API) -> None:
    (person,) = await api.users.get(
        user_ids=[anna.id], fields=[UsersFields.PHOTO_200, UsersFields.CITY, UsersFields.SEX]
    )
    assert (person.first_name, person.city and person.city.title) == ("Anna", "Moscow")
    (group,) = (await api.groups.get_by_id()).groups or []
    assert (group.id, group.screen_name) == (shop.id, "shop")
    rights = await api.groups.get_token_permissions()
    assert {one.name for one in rights.permissions} == {"messages", "photos", "docs", "manage"}
    assert rights.mask == sum(one.setting for one in rights.permissions)
    added = await api.groups.add_callback_server(
        group_id=shop.id, url="http://127.0.0.1:9/vk", title="Omnigate", secret_key="s3cr3t"
    )
    mine = {"group_id": shop.id, "server_id": added.server_id}
    code = (await api.groups.get_callback_confirmation_code(group_id=shop.id)).code
    await api.groups.set_callback_settings(**mine, api_version="5.199", message_new=True)
    settings = await api.groups.get_callback_settings(**mine)
    assert settings.events is not None
    assert (settings.events.message_new, settings.events.message_edit) == (True, False)
    await api.groups.edit_callback_server(**mine, url="http://127.0.0.1:9/two", title="Two")
    assert (await api.groups.get_callback_confirmation_code(group_id=shop.id)).code != code
    (server,) = (await api.groups.get_callback_servers(group_id=shop.id)).items
    assert (server.id, server.url, server.title) == (
        added.server_id,
        "http://127.0.0.1:9/two",
        "Two",
    )
    await api.groups.delete_callback_server(**mine)
    assert (await api.groups.get_callback_servers(group_id=shop.id)).items == []
    await api.groups.set_long_poll_settings(
        group_id=shop.id, enabled=True, api_version="5.199", message_new=True
    )
    poll = await api.groups.get_long_poll_settings(group_id=shop.id)
    assert (poll.is_enabled, poll.events.message_new, poll.events.message_read) == (
        True,
        True,
        False,
    )
    session = await api.groups.get_long_poll_server(group_id=shop.id)
    assert session.ts == str(shop.long_poll.ts)


async def _files(anna: Person, api: API) -> None:
    photo = await PhotoMessageUploader(api).upload(tiny_png(7), peer_id=anna.id)
    doc = await DocMessagesUploader(api).upload(b"%PDF-1.4\n", peer_id=anna.id, title="offer.pdf")
    voice = await VoiceMessageUploader(api).upload(tiny_voice(), peer_id=anna.id, title="voice.ogg")
    assert await api.messages.send(
        peer_id=anna.id, random_id=3, attachment=",".join([photo, doc, voice])
    )


async def test_what_was_uploaded_is_what_the_customer_gets(shop: Community, anna: Person, api: API):
    await anna.writes(shop, "Hello")
    await _files(anna, api)
    got = anna.chat(shop).last.attachments
    assert [one.kind for one in got] == ["photo", "doc", "audio_message"]
    assert [one.data for one in got] == [tiny_png(7), b"%PDF-1.4\n", tiny_voice()]


async def test_a_refusal_reaches_vkbottle_as_its_own_error(shop: Community, anna: Person, api: API):
    with pytest.raises(VKAPIError[901]) as refused:
        await api.messages.send(peer_id=anna.id, random_id=1, message="Hello")
    assert refused.value.error_msg == "Can't send messages for users without permission"


async def test_what_is_sent_carries_no_field_that_vkbottle_does_not_know(
    shop: Community, anna: Person, api: API
):
    await anna.writes(shop, "Hello")
    raw = await api.request("messages.getHistory", {"peer_id": anna.id})
    (message,) = raw["response"]["items"]
    assert list(strangers(message, parse_message(message))) == []


async def test_nothing_is_answered_to_one_who_waits_for_another(vk: VkEmulator, shop: Community):
    """The waiting that every test here leans on does end when nothing comes."""
    with pytest.raises(TimeoutError):
        await vk.wait_for(lambda: shop.conversations, seconds=0.01)
    waiting = asyncio.create_task(vk.wait_for(lambda: shop.conversations, seconds=10))
    await vk.person().writes(shop, "Hello")
    assert await waiting
