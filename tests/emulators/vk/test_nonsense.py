"""Whatever is sent to it, the platform answers: it refuses nonsense and never breaks over it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnigate.emulators.vk import Community, Person, Refused, VkEmulator
from omnigate.emulators.vk.keyboards import read_keyboard, read_template
from omnigate.emulators.vk.methods import METHODS
from tests.emulators.vk.conftest import Ask
from tests.seeds import draw_seed

pytestmark = pytest.mark.anyio

WORDS = st.sampled_from(
    [
        *("buttons", "action", "type", "text", "label", "payload", "color", "inline", "one_time"),
        *("link", "elements", "carousel", "title", "open_link", "location", "https://a.b"),
        *("primary", "{}"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)
NONSENSE = [
    *("", " ", "0", "-1", "1,2,,x", "9" * 30, "1e3", "null", "{}", "[]", '{"type":[]}', "[" * 9000),
    *(
        '{"items":[{"type":[]}]}',
        '{"is_reply":1,"conversation_message_ids":[[1]]}',
        "\x00",
        "я" * 50,
    ),
    *(
        '{"peer_id":[],"message_ids":[1]}',
        "inf",
        "nan",
        "doc1",
        "photo_",
        "doc-1_2",
        "true",
        "2000000001",
    ),
]
NAMES = (
    *("peer_id", "peer_ids", "user_id", "chat_id", "domain", "random_id", "message", "attachment"),
    *("keyboard", "template", "payload", "forward", "reply_to", "forward_messages", "lat", "long"),
    *("sticker_id", "intent", "subscribe_id", "format_data", "cmid", "cmids", "message_id"),
    *("message_ids", "delete_for_all", "up_to_cmid", "type", "event_id", "event_data", "group_id"),
    *("server_id", "server_ids", "url", "title", "secret_key", "api_version", "enabled", "count"),
    *("offset", "rev", "user_ids", "fields", "photo", "server", "hash", "file", "reaction_id"),
    *("conversation_message_ids", "message_new", "group_ids"),
)


@given(JSON)
@example({"buttons": [[{"action": {"type": ["text"]}}]]})
@example({"buttons": [[{"action": {"type": "text", "label": "A", "payload": float("nan")}}]]})
@example({"type": "carousel", "elements": [{"title": "A", "action": {"type": ["open_link"]}}]})
@settings(max_examples=300, deadline=None)
def test_a_keyboard_is_taken_or_refused(given: Any):
    assert _code(lambda: read_keyboard(given, 1)) in (None, 911)
    assert _code(lambda: read_template(given)) in (None, 911)


def _code(read: Callable[[], dict[str, Any]]) -> int | None:
    try:
        json.dumps(read())
    except Refused as error:
        return error.code
    return None


async def test_every_method_answers_nonsense_in_the_platforms_form(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    await anna.sends(shop, "photo", text="Hello")
    chat = vk.multichat(shop, anna, "Friends")
    dice = random.Random(draw_seed())
    known = [str(anna.id), str(shop.id), str(chat.peer_id), "1", "Hello", "http://127.0.0.1:9/"]
    press = {"event_id": "x", "user_id": anna.id, "peer_id": anna.id, "event_data": '{"type":[]}'}
    assert "error" in await ask("messages.sendMessageEventAnswer", **press)
    for _ in range(600):
        names = dice.sample(NAMES, k=dice.randrange(1, 12))
        arguments = {name: dice.choice(NONSENSE + known * 4) for name in names}
        body = await ask(dice.choice(list(METHODS)), **arguments)
        assert len(body.keys() & {"response", "error"}) == 1, (arguments, body)


@pytest.mark.parametrize("path", ["/method/messages.send", "/wh1", "/upload/x", "/files/x/y", "/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_no_address_breaks(
    method: str, path: str, vk: VkEmulator, shop: Community, http: aiohttp.ClientSession
):
    for data, kind in ((b"{", "application/json"), (b"--x", "multipart/form-data; boundary=x")):
        headers = {"content-type": kind}
        async with http.request(method, vk.url + path, data=data, headers=headers) as response:
            assert response.status < 500
