"""What goes out, as the customer sees it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from omnigate_vk.marks import random_id

import omnigate

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
VOICE = b"OggS" + bytes(24) + b"OpusHead\x01\x01" + bytes(100)


def seen(desk: Shop) -> Any:
    return desk.anna.chat(desk.community)


async def test_a_text_arrives_as_it_is(desk: Shop) -> None:
    sent = await desk.channel.send(desk.part("<b>5 < 6 & *7*</b> 🚲"))
    last = seen(desk).last
    assert last.text == "<b>5 < 6 & *7*</b> 🚲"
    assert sent.external_id == f"{desk.anna.id}:{last.cmid}"


async def test_an_answer_points_at_what_it_answers(desk: Shop) -> None:
    asked = await desk.anna.writes(desk.community, "Сколько?")
    await desk.channel.send(desk.part("Сто", reply_to=f"{desk.anna.id}:{asked.cmid}"))
    assert seen(desk).last.reply_to is asked


@pytest.mark.parametrize(
    ("kind", "mime", "content", "seen_as"),
    [
        ("image", "image/png", PNG, "photo"),
        ("image", "image/gif", b"GIF89a....", "doc"),
        ("file", "application/pdf", b"%PDF-1.4", "doc"),
        ("voice", "audio/ogg", VOICE, "audio_message"),
        ("voice", "audio/ogg", b"OggS but no Opus", "doc"),
        ("video", "video/mp4", b"mp4" * 100, "doc"),
    ],
    ids=["photo", "gif", "pdf", "voice", "other voice", "video"],
)
async def test_a_file_arrives_as_what_it_is(
    desk: Shop, kind: str, mime: str, content: bytes, seen_as: str
) -> None:
    file = await desk.file(content, kind, mime)
    await desk.channel.send(desk.part("смотри", attachments=[file]))
    (attached,) = seen(desk).last.attachments
    assert (attached.kind, attached.data, seen(desk).last.text) == (seen_as, content, "смотри")


async def test_several_files_are_one_message(desk: Shop) -> None:
    files = [await desk.file(PNG + bytes([number]), "image", "image/png") for number in range(3)]
    files.append(await desk.file(b"%PDF", "file", "application/pdf", "прайс.pdf"))
    await desk.channel.send(desk.part("четыре", attachments=files))
    attached = seen(desk).last.attachments
    assert [one.kind for one in attached] == ["photo", "photo", "photo", "doc"]
    assert attached[3].body["title"] == "прайс.pdf"


async def test_a_file_that_vk_does_not_take_is_refused_in_its_words(desk: Shop) -> None:
    file = await desk.file(b"MZ", "file", "application/x-msdownload", "setup.exe")
    with pytest.raises(omnigate.Refused, match="not allowed") as refused:
        await desk.channel.send(desk.part(attachments=[file]))
    assert refused.value.code == "file_refused"
    assert not seen(desk).received


@pytest.mark.parametrize("step", ["docs.getMessagesUploadServer", "upload", "docs.save"])
async def test_an_upload_that_is_cut_is_surely_not_sent_and_may_be_tried_again(
    desk: Shop, step: str
) -> None:
    file = await desk.file(b"%PDF", "file", "application/pdf", "a.pdf")
    part = desk.part(attachments=[file])
    desk.vk.faults.add(method=step, cut="after")
    with pytest.raises(omnigate.DestinationUnavailable):
        await desk.channel.send(part)
    await desk.channel.send(part)
    assert len(seen(desk).received) == 1


async def test_buttons_under_a_message(desk: Shop) -> None:
    rows = [
        [omnigate.Button(label="Да", value="yes"), omnigate.Button(label="Нет")],
        [omnigate.Button(label="Сайт", kind="url", value="https://shop.example.org")],
        [omnigate.Button(label="Где вы?", kind="location")],
    ]
    await desk.channel.send(desk.part("Ну?", buttons=rows))
    board = seen(desk).last.keyboard
    assert board["inline"]
    kinds = [[button["action"]["type"] for button in row] for row in board["buttons"]]
    assert kinds == [["text", "text"], ["open_link"], ["location"]]


async def test_many_buttons_stand_in_place_of_the_letters(desk: Shop) -> None:
    row = [omnigate.Button(label=str(number)) for number in range(12)]
    await desk.channel.send(desk.part("Ну?", buttons=[row]))
    board = seen(desk).keyboard
    assert [len(line) for line in board["buttons"]] == [5, 5, 2]
    assert board["one_time"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[{"label": "x" * 41}]], "more than 40"),
        ([[{"label": "Да", "value": "ж" * 255}]], "255 characters"),
        ([[{"label": str(n)}] for n in range(11)], "40 buttons in 10 rows"),
        ([[{"label": str(n)} for n in range(9)] for _ in range(5)], "40 buttons in 10 rows"),
    ],
    ids=["label", "payload", "rows", "buttons"],
)
async def test_buttons_that_vk_cannot_show_are_refused_before_they_are_sent(
    desk: Shop, rows: list[Any], words: str
) -> None:
    with pytest.raises(omnigate.Refused, match=words):
        await desk.channel.send(desk.part(buttons=rows))
    assert not desk.vk.calls_of("messages.send")


@pytest.mark.parametrize(
    "board",
    [
        "text",
        {"buttons": {}},
        {"buttons": [[]]},
        {"buttons": [[{"action": {"type": "text", "label": "a"}}] * 6]},
        {"inline": True, "one_time": True, "buttons": []},
        {"inline": True, "buttons": [[{"action": {"type": "text", "label": "a"}}]] * 7},
        {"buttons": [[{"action": {"type": "text", "label": "a"}, "color": "pink"}]]},
        {"buttons": [[{"action": {"type": "location"}, "color": "primary"}]]},
        {"buttons": [[{"label": "a"}]]},
    ],
)
async def test_a_keyboard_of_the_crms_own_is_checked_too(desk: Shop, board: Any) -> None:
    with pytest.raises(omnigate.Refused) as refused:
        await desk.channel.send(desk.part(extensions={"vk": {"keyboard": board}}))
    assert refused.value.code == "bad_buttons"
    assert not desk.vk.calls_of("messages.send")


async def test_a_carousel_and_a_payload_of_the_crms_own(desk: Shop) -> None:
    button = {"action": {"type": "text", "label": "Купить", "payload": '{"button":"buy"}'}}
    element = {"title": "Велосипед", "description": "Почти новый", "buttons": [button]}
    carousel = {"type": "carousel", "elements": [element, element]}
    given = {"template": carousel, "payload": {"order": 7}, "dont_parse_links": True}
    await desk.channel.send(desk.part("Вот", extensions={"vk": given}))
    last = seen(desk).last
    assert len(last.template["elements"]) == 2
    assert json.loads(last.payload)["order"] == 7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"peer_id": 1}, "peer_id"),
        ({"random_id": 1}, "random_id"),
        ({"payload": "text"}, "object"),
        ({"payload": {"long": "x" * 1000}}, "too long"),
    ],
)
async def test_extensions_that_would_break_a_promise_are_refused(
    desk: Shop, given: Any, words: str
) -> None:
    with pytest.raises(omnigate.Refused, match=words):
        await desk.channel.send(desk.part(extensions={"vk": given}))
    assert not desk.vk.calls_of("messages.send")


async def test_a_point_on_the_map_and_its_name(desk: Shop) -> None:
    point = omnigate.Location(latitude=55.75, longitude=37.62, title="ГУМ", address="Москва")
    await desk.channel.send(desk.part(None, location=point))
    last = seen(desk).last
    assert last.geo["coordinates"] == {"latitude": 55.75, "longitude": 37.62}
    assert last.text == "ГУМ, Москва"


async def test_edits_keep_the_files_that_stay(desk: Shop) -> None:
    file = await desk.file(PNG, "image", "image/png")
    sent = await desk.channel.send(desk.part("до", attachments=[file]))
    for _ in range(2):
        await desk.channel.change(
            desk.change("edit", sent.external_id, text="после", attachments=[file])
        )
    last = seen(desk).last
    assert (last.text, [one.kind for one in last.attachments]) == ("после", ["photo"])


async def test_an_edit_without_files_and_with_buttons(desk: Shop) -> None:
    sent = await desk.channel.send(desk.part("до"))
    rows = [[omnigate.Button(label="Да")]]
    await desk.channel.change(desk.change("edit", sent.external_id, text="после", buttons=rows))
    last = seen(desk).last
    assert (last.text, len(last.keyboard["buttons"])) == ("после", 1)


async def test_what_is_deleted_already_is_deleted(desk: Shop) -> None:
    sent = await desk.channel.send(desk.part("x"))
    for _ in range(2):
        await desk.channel.change(desk.change("delete", sent.external_id))
    assert not seen(desk).received


async def test_reactions(desk: Shop) -> None:
    asked = await desk.anna.writes(desk.community, "Дорого")
    place = f"{desk.anna.id}:{asked.cmid}"
    await desk.channel.change(desk.change("react", place, emoji=["❤️"]))
    assert asked.reactions == {-desk.community.id: 1}
    await desk.channel.change(desk.change("react", place, emoji=["vk:20"]))
    assert asked.reactions == {-desk.community.id: 20}
    await desk.channel.change(desk.change("react", place))
    assert asked.reactions == {}
    with pytest.raises(omnigate.Refused, match="it has ❤"):
        await desk.channel.change(desk.change("react", place, emoji=["🚲"]))


async def test_typing_and_reading_are_shown(desk: Shop) -> None:
    first = await desk.anna.writes(desk.community, "раз")
    (known,) = await desk.host.put(*desk.channel.parse(omnigate.Request.of(event_of(desk))))
    await desk.anna.writes(desk.community, "два")
    chat = str(desk.anna.id)
    await desk.channel.signal(chat, omnigate.AgentTyping())
    await desk.channel.signal(chat, omnigate.AgentTyping(active=False))
    assert seen(desk).activities == ["typing"]
    await desk.channel.signal(chat, omnigate.AgentRead(message_id=known.message_id))
    assert seen(desk).read == first.cmid
    await desk.channel.signal(chat, omnigate.AgentRead(message_id="msg_nobody"))
    assert seen(desk).read == first.cmid
    await desk.channel.signal(chat, omnigate.AgentRead())
    assert seen(desk).read == first.cmid + 1


def event_of(desk: Shop) -> bytes:
    return json.dumps(desk.community.journal.events[-1].envelope("5.199")).encode()


async def test_what_was_not_answered_is_sent_again_and_shown_once(desk: Shop) -> None:
    part = desk.part("Сто")
    for fault in ({"cut": "after"}, {"body": b'{"resp'}, {"body": b"[]"}):
        desk.vk.faults.add(method="messages.send", **fault)
        with pytest.raises(omnigate.Uncertain):
            await desk.channel.send(part)
    again = part.model_copy(update={"attempt": 4, "possible_duplicate": True})
    first, second = await desk.channel.send(again), await desk.channel.send(again)
    assert seen(desk).texts == ["Сто"]
    assert first == second
    assert desk.channel.capabilities.on_uncertain == "native"


async def test_a_resend_after_a_restart_is_shown_once_too(desk: Shop) -> None:
    await desk.channel.send(desk.part("Сто"))
    async with open_shop(
        vk=desk.vk, community=desk.community, anna=desk.anna, running=False
    ) as again:
        await again.channel.send(again.part("Сто"))
    assert seen(desk).texts == ["Сто"]


async def test_other_parts_of_the_same_words_are_all_shown(desk: Shop) -> None:
    for index in range(3):
        await desk.channel.send(desk.part("да", id=f"msg_00000000000000000000000001.{index}"))
    assert seen(desk).texts == ["да"] * 3


def test_numbers_of_parts_are_signed_32_bits_and_hardly_ever_alike() -> None:
    numbers = {random_id(f"msg_{number}.0") for number in range(20_000)}
    assert len(numbers) > 19_990
    assert all(-(2**31) <= number < 2**31 and number for number in numbers)
    assert min(numbers) < 0


async def test_twenty_calls_a_second_are_kept_to(desk: Shop) -> None:
    parts = [desk.part(str(number), id=f"msg_{number}.0") for number in range(45)]
    await asyncio.gather(*(desk.channel.send(part) for part in parts))
    assert not desk.vk.turned_away
    assert len(seen(desk).texts) == 45


@pytest.mark.parametrize("address", ["tel:+79161234567", "vk:anna", "vk:0"])
async def test_an_address_that_is_no_user_is_refused(desk: Shop, address: str) -> None:
    with pytest.raises(omnigate.Refused):
        desk.channel.conversation_of(omnigate.Address(address))
    assert desk.channel.conversation_of(omnigate.Address("vk:42")) == "42"
