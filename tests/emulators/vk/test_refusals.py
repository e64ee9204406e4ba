"""What is wrong is refused, with the platform's code and its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.emulators.vk import Community, Person, VkEmulator
from tests.emulators.vk.conftest import Ask
from tests.emulators.vk.refusals import (
    GOOD,
    SENDING,
    carousel,
    filled,
    keyboard,
    refusal,
    text,
)
from tests.emulators.vk.refused_calls import CALLS
from tests.emulators.vk.refused_markup import KEYBOARDS, TEMPLATES

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("arguments", "code", "words"), [row[1:] for row in SENDING], ids=[row[0] for row in SENDING]
)
async def test_messages_send_refuses(
    arguments: dict[str, Any], code: int, words: str, shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    body = await ask("messages.send", **filled(arguments, ANNA=anna.id))
    assert refusal(body)[0] == code
    assert refusal(body)[1].startswith(words)
    assert anna.chat(shop).texts == []


@pytest.mark.parametrize(
    ("given", "code", "words"), [row[1:] for row in KEYBOARDS], ids=[row[0] for row in KEYBOARDS]
)
async def test_a_keyboard_is_refused(
    given: str, code: int, words: str, shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    body = await ask("messages.send", peer_id=anna.id, **GOOD, keyboard=given)
    assert refusal(body) == (code, words)
    assert anna.chat(shop).texts == []


@pytest.mark.parametrize(
    ("given", "code", "words"), [row[1:] for row in TEMPLATES], ids=[row[0] for row in TEMPLATES]
)
async def test_a_carousel_is_refused(
    given: str, code: int, words: str, shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    body = await ask("messages.send", peer_id=anna.id, **GOOD, template=given)
    assert refusal(body) == (code, words)


@pytest.mark.parametrize(
    ("method", "arguments", "code", "words"),
    [row[1:] for row in CALLS],
    ids=[row[0] for row in CALLS],
)
async def test_a_call_is_refused(
    method: str,
    arguments: dict[str, Any],
    code: int,
    words: str,
    vk: VkEmulator,
    shop: Community,
    anna: Person,
    ask: Ask,
):
    await anna.writes(shop, "Hello")
    names = {"ANNA": anna.id, "SHOP": shop.id, "OTHER": vk.add_community("Other").id}
    body = await ask(method, **filled(arguments, **names))
    assert refusal(body) == (code, words)


async def test_the_largest_that_is_allowed_is_taken(shop: Community, anna: Person, ask: Ask):
    """The twin of the tables: a limit that is one too low would be seen here."""
    await anna.writes(shop, "Hello")
    link = {"action": {"type": "open_link", "link": "https://a.b", "label": "A", "payload": "{}"}}
    button = {**text("x" * 40, payload={"a": "x" * 247}), "color": "secondary"}
    largest: list[tuple[str, dict[str, Any]]] = [
        ("я" * 4096, {}),
        ("a", {"keyboard": keyboard(*[[button] * 5] * 8)}),
        ("a", {"keyboard": keyboard([button] * 5, [link] * 5, inline=True)}),
        ("a", {"keyboard": keyboard(*[[text()]] * 10, one_time=True)}),
        ("a", {"keyboard": keyboard(*[[text()]] * 6, inline=True)}),
        ("a", {"keyboard": keyboard()}),
        ("a", {"keyboard": keyboard([{"action": {"type": "location"}}])}),
        ("a", {"template": carousel(*[{"title": "x" * 80, "buttons": [text()] * 3}] * 10)}),
        ("a", {"payload": "x" * 1000}),
        ("", {"lat": -90, "long": 180}),
        ("", {"sticker_id": 9046}),
        (
            "Hello",
            {"format_data": '{"version":"1","items":[{"type":"bold","offset":0,"length":5}]}'},
        ),
        (
            "a",
            {
                "forward": json.dumps(
                    {"peer_id": anna.id, "conversation_message_ids": [1], "is_reply": 1}
                )
            },
        ),
        ("", {"forward_messages": 1}),
    ]
    for number, (message, more) in enumerate(largest, start=1):
        body = await ask(
            "messages.send", peer_id=anna.id, random_id=number, message=message, **more
        )
        assert "error" not in body, body
    last = anna.chat(shop).received
    assert len(last) == 14
    assert (last[-2].reply_to or last[-2]).text == "Hello"
    assert [one.text for one in last[-1].forwarded] == ["Hello"]
