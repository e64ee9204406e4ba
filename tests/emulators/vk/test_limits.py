"""Who may be written to, what a token may do, how often, and for how long."""

from __future__ import annotations

import json

import pytest

from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.emulators.vk.errors import WORDS
from tests.emulators.clock import Clock
from tests.emulators.vk.conftest import Ask
from tests.emulators.vk.refusals import BAD, GOOD, carousel, keyboard, refusal, text

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("deleted", 18),
        ("banned", 37),
        ("blacklisted", 900),
        ("silent", 901),
        ("denied", 901),
        ("closed", 902),
        ("late", 950),
    ],
)
async def test_who_may_not_be_written_to_is_not(
    change: str, code: int, shop: Community, anna: Person, ask: Ask, clock: Clock
):
    if change != "silent":
        await anna.writes(shop, "Hello")
    if change in ("deleted", "banned"):
        anna.account = change
    if change == "blacklisted":
        shop.block(anna)
    if change == "denied":
        await anna.denies(shop)
    if change == "closed":
        anna.closed_to_communities = True
    if change == "late":
        shop.reply_window_seconds, clock.now = 86400, clock.now + 86401
    body = await ask("messages.send", peer_id=anna.id, **GOOD)
    assert refusal(body) == (code, WORDS[code])
    (outcome,) = (await ask("messages.send", peer_ids=anna.id, **GOOD))["response"]
    assert outcome["error"] == {"code": code, "description": WORDS[code]}
    assert anna.chat(shop).texts == []


async def test_of_several_targets_each_has_its_own_outcome(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    stranger = vk.person("Ivan")
    body = await ask("messages.send", peer_ids=f"{anna.id},{stranger.id}", **GOOD)
    good, bad = body["response"]
    assert (good["peer_id"], good["conversation_message_id"]) == (anna.id, 2)
    assert (bad["peer_id"], bad["error"]["code"]) == (stranger.id, 901)


@pytest.mark.parametrize(
    ("state", "code"), [("left", 922), ("kicked", 917), ("disabled", 945), ("never", 917)]
)
async def test_a_chat_without_the_community_is_closed_to_it(
    state: str, code: int, vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    chat = vk.multichat(shop, anna, "Friends")
    good = await ask("messages.send", peer_id=chat.peer_id, **GOOD)
    assert good["response"] == 0  # a community gets no id for a message in a chat
    if state == "kicked":
        chat.kick_community(shop)
    elif state == "disabled":
        chat.disabled = True
    elif state == "never":
        del chat.communities[shop.id]
    else:
        chat.communities[shop.id] = state
    body = await ask("messages.send", peer_id=chat.peer_id, random_id=2, message="Hello")
    assert refusal(body) == (code, WORDS[code])


async def test_without_bot_capabilities_there_are_no_keyboards(
    shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    shop.bots_enabled = False
    body = await ask("messages.send", peer_id=anna.id, **GOOD, keyboard=keyboard([text()]))
    assert refusal(body) == (912, "This is a chat bot feature, change this status in settings")
    assert "response" in await ask("messages.send", peer_id=anna.id, **GOOD)


async def test_a_carousel_goes_without_an_inline_keyboard(shop: Community, anna: Person, ask: Ask):
    await anna.writes(shop, "Hello")
    both = {"template": carousel({"title": "A"}), "keyboard": keyboard([text()], inline=True)}
    body = await ask("messages.send", peer_id=anna.id, **GOOD, **both)
    assert refusal(body) == (100, BAD + "Only template or keyboard field should be specified")


@pytest.mark.parametrize(
    ("rights", "method"),
    [
        ((), "messages.send"),
        (("messages",), "photos.saveMessagesPhoto"),
        (("messages", "photos"), "docs.save"),
        (("messages", "photos", "docs"), "groups.setCallbackSettings"),
    ],
)
async def test_a_token_does_what_its_rights_allow(
    rights: tuple[str, ...], method: str, shop: Community, ask: Ask
):
    body = await ask(method, access_token=shop.issue_token(rights))
    words = "Access denied: no access to call this method. It cannot be called with current scopes."
    assert refusal(body) == (15, words)
    assert refusal(await ask(method))[0] == 100  # with all rights it comes to the arguments


async def test_a_revoked_token_is_as_good_as_none(shop: Community, ask: Ask):
    assert "response" in await ask("users.get")
    shop.revoke_token(shop.token)
    words = "User authorization failed: invalid access_token (4)."
    assert refusal(await ask("users.get")) == (5, words)


async def test_an_error_echoes_the_arguments_and_not_the_token(shop: Community, ask: Ask):
    body = await ask("messages.send", peer_id=5, message="secret words")
    echoed = {one["key"]: one["value"] for one in body["error"]["request_params"]}
    assert echoed["message"] == "secret words"
    assert echoed["method"] == "messages.send"
    assert shop.token not in json.dumps(body)


async def test_the_21st_call_of_a_second_is_one_too_many(vk: VkEmulator, ask: Ask, clock: Clock):
    vk.gate.limited = True
    bodies = [await ask("users.get") for _ in range(21)]
    assert [one for one in bodies if "error" in one] == bodies[20:]
    assert refusal(bodies[20]) == (6, "Too many requests per second")
    clock.now += 1
    assert "response" in await ask("users.get")


async def test_asking_for_long_poll_sessions_in_a_loop_hits_the_hidden_limit(
    vk: VkEmulator, shop: Community, ask: Ask, clock: Clock
):
    vk.gate.limited, shop.long_poll.enabled = True, True
    codes = []
    for _ in range(61):
        body = await ask("groups.getLongPollServer", group_id=shop.id)
        codes.append(body.get("error", {}).get("error_code"))
        clock.now += 0.5
    assert codes == [None] * 60 + [29]


async def test_the_same_random_id_is_sent_once_an_hour(
    shop: Community, anna: Person, ask: Ask, clock: Clock
):
    await anna.writes(shop, "Hello")
    first = await ask("messages.send", peer_id=anna.id, random_id=7, message="One")
    clock.now += 3599
    assert await ask("messages.send", peer_id=anna.id, random_id=7, message="Two") == first
    assert anna.chat(shop).texts == ["One"]
    clock.now += 2
    assert await ask("messages.send", peer_id=anna.id, random_id=7, message="Three") != first
    assert anna.chat(shop).texts == ["One", "Three"]


async def test_random_id_0_is_no_protection(shop: Community, anna: Person, ask: Ask):
    await anna.writes(shop, "Hello")
    for _ in range(2):
        await ask("messages.send", peer_id=anna.id, random_id=0, message="Twice")
    assert anna.chat(shop).texts == ["Twice", "Twice"]


async def test_a_day_later_a_message_stays_as_it_is(
    shop: Community, anna: Person, ask: Ask, clock: Clock
):
    await anna.writes(shop, "Hello")
    await ask("messages.send", peer_id=anna.id, **GOOD)
    clock.now += 86401
    late = await ask("messages.edit", peer_id=anna.id, cmid=2, message="Late")
    assert refusal(late) == (909, "Can't edit this message, because it's too old")
    gone = await ask("messages.delete", peer_id=anna.id, cmids=2, delete_for_all=1)
    assert refusal(gone) == (924, "Can't delete this message for everybody")
    assert anna.chat(shop).texts == ["Hello"]


async def test_a_press_is_answered_once_and_within_a_minute(
    shop: Community, anna: Person, ask: Ask, clock: Clock
):
    await anna.writes(shop, "Hello")
    button = {"action": {"type": "callback", "label": "Go", "payload": {"a": 1}}}
    await ask("messages.send", peer_id=anna.id, **GOOD, keyboard=keyboard([button], inline=True))
    who = {"user_id": anna.id, "peer_id": anna.id}
    event_id = await anna.presses(shop, "Go")
    method = "messages.sendMessageEventAnswer"
    bad = await ask(method, event_id=event_id, **who, event_data='{"type":"dance"}')
    assert refusal(bad) == (100, BAD + "event_data is invalid")
    assert (await ask(method, event_id=event_id, **who))["response"] == 1
    assert refusal(await ask(method, event_id=event_id, **who))[1].endswith("event_id is incorrect")
    event_id = await anna.presses(shop, "Go")
    clock.now += 61
    assert refusal(await ask(method, event_id=event_id, **who))[1].endswith("event_id is expired")


async def test_the_eleventh_callback_server_is_too_many(shop: Community, ask: Ask):
    server = {"group_id": shop.id, "url": "http://127.0.0.1:9/", "title": "One"}
    bodies = [await ask("groups.addCallbackServer", **server) for _ in range(11)]
    assert refusal(bodies[10]) == (2000, "Servers number limit is reached")
    assert [one for one in bodies[:10] if "error" in one] == []
