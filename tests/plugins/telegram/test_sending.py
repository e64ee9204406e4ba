"""What goes out, as the customer sees it; and what every refusal of the platform means."""

from __future__ import annotations

import pytest

import omnigate

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


async def test_a_text_arrives_as_it_is(desk: Shop) -> None:
    sent = await desk.channel.send(desk.part("<b>5 < 6 & *7*</b> 🚲"))
    seen = await desk.anna.chat(desk.bot).wait_for_text("<b>5 < 6 & *7*</b> 🚲")
    assert sent.external_id == f"{desk.anna.id}:{seen.id}"


async def test_an_answer_points_at_what_it_answers_even_when_that_is_gone(desk: Shop) -> None:
    asked = await desk.anna.writes(desk.bot, "Сколько?")
    await desk.channel.send(desk.part("Сто", reply_to=f"{desk.anna.id}:{asked.id}"))
    assert (await desk.anna.chat(desk.bot).wait_for_text("Сто")).reply_to == asked.id
    await desk.channel.send(desk.part("Двести", reply_to=f"{desk.anna.id}:999999"))
    assert (await desk.anna.chat(desk.bot).wait_for_text("Двести")).reply_to is None


@pytest.mark.parametrize(
    ("kind", "mime", "method", "seen_as"),
    [
        ("image", "image/png", "sendPhoto", "photo"),
        ("file", "application/pdf", "sendDocument", "document"),
        ("voice", "audio/ogg", "sendVoice", "voice"),
        ("audio", "audio/mpeg", "sendAudio", "audio"),
        ("video", "video/mp4", "sendVideo", "video"),
    ],
)
async def test_a_file_arrives_as_what_it_is(
    desk: Shop, kind: str, mime: str, method: str, seen_as: str
) -> None:
    content = PNG if kind == "image" else b"OggS and so on" * 100
    file = await desk.file(content, kind, mime, "note.bin")
    await desk.channel.send(desk.part("смотри", attachments=[file]))
    seen = await desk.anna.chat(desk.bot).wait_for_text("смотри")
    assert (seen.kind, seen.media) == (seen_as, content)
    assert desk.bot.made(method)


async def test_an_album_is_one_part_and_is_deleted_as_one(desk: Shop) -> None:
    files = [await desk.file(PNG + bytes([number]), "image", "image/png") for number in range(3)]
    sent = await desk.channel.send(desk.part("три", attachments=files))
    chat = desk.anna.chat(desk.bot)
    await chat.wait_for(lambda view: len(view.received) == 3)
    assert len({seen.album for seen in chat.received}) == 1
    assert chat.received[0].text == "три"
    await desk.channel.change(desk.change("delete", sent.external_id))
    await chat.wait_for(lambda view: not view.received)


async def test_buttons_under_a_message_and_in_place_of_the_letters(desk: Shop) -> None:
    rows = [
        [omnigate.Button(label="Да", value="yes"), omnigate.Button(label="Нет")],
        [omnigate.Button(label="Сайт", kind="url", value="https://shop.example.org")],
    ]
    await desk.channel.send(desk.part("Ну?", buttons=rows))
    seen = await desk.anna.chat(desk.bot).wait_for_text("Ну?")
    assert seen.labels == ["Да", "Нет", "Сайт"]
    typed = [
        [omnigate.Button(label="Мой номер", kind="contact")],
        [omnigate.Button(label="Я здесь", kind="location"), rows[1][0]],
    ]
    await desk.channel.send(desk.part("Куда?", buttons=typed))
    chat = desk.anna.chat(desk.bot)
    await chat.wait_for_text("Куда?\nСайт: https://shop.example.org")
    assert [[button["text"] for button in row] for row in chat.keyboard] == [
        ["Мой номер"],
        ["Я здесь"],
    ]


async def test_a_value_that_telegram_cannot_carry_is_refused_before_it_is_sent(desk: Shop) -> None:
    long = [[omnigate.Button(label="Да", value="ж" * 33)]]
    with pytest.raises(omnigate.Refused, match="64 bytes"):
        await desk.channel.send(desk.part(buttons=long))
    assert not desk.bot.made("sendMessage")


async def test_a_point_on_the_map_and_a_place_with_a_name(desk: Shop) -> None:
    point = omnigate.Location(latitude=55.75, longitude=37.62)
    await desk.channel.send(desk.part(None, location=point))
    place = point.model_copy(update={"title": "Магазин", "address": "Ленина, 1"})
    await desk.channel.send(desk.part(None, location=place))
    chat = desk.anna.chat(desk.bot)
    await chat.wait_for(lambda view: len(view.received) == 2)
    assert [seen.kind for seen in chat.received] == ["location", "venue"]


async def test_edits_reactions_and_typing(desk: Shop) -> None:
    sent = await desk.channel.send(desk.part("Сто рублей"))
    chat = desk.anna.chat(desk.bot)
    for _ in range(2):  # the second changes nothing, which is no failure
        await desk.channel.change(desk.change("edit", sent.external_id, text="Двести рублей"))
    assert (await chat.wait_for_text("Двести рублей")).edited
    asked = await desk.anna.writes(desk.bot, "Дорого")
    place = f"{desk.anna.id}:{asked.id}"
    await desk.channel.change(desk.change("react", place, emoji=["👍"]))
    await chat.wait_for(lambda view: view.last.reactions == ["👍"])
    await desk.channel.change(desk.change("react", place))
    await chat.wait_for(lambda view: view.last.reactions == [])
    await desk.channel.signal(str(desk.anna.id), omnigate.AgentTyping())
    await chat.wait_for(lambda view: view.actions == ["typing"])


async def test_a_caption_is_edited_as_one(desk: Shop) -> None:
    file = await desk.file(PNG, "image", "image/png")
    sent = await desk.channel.send(desk.part("до", attachments=[file]))
    await desk.channel.change(
        desk.change("edit", sent.external_id, text="после", attachments=[file])
    )
    assert (await desk.anna.chat(desk.bot).wait_for_text("после")).kind == "photo"


async def test_what_is_deleted_already_is_deleted(desk: Shop) -> None:
    sent = await desk.channel.send(desk.part("x"))
    for _ in range(2):
        await desk.channel.change(desk.change("delete", sent.external_id))
    assert not desk.anna.chat(desk.bot).received


async def test_whoever_blocked_the_bot_is_told_of_and_not_written_to_again(desk: Shop) -> None:
    await desk.anna.blocks(desk.bot)
    with pytest.raises(omnigate.Refused) as refused:
        await desk.channel.send(desk.part())
    assert refused.value.code == "recipient_blocked"
    blocked = await desk.item(omnigate.ContactBlocked)
    assert blocked.sender.address == f"telegram:{desk.anna.id}"


async def test_too_many_messages_make_the_chat_wait_and_then_the_bot(desk: Shop) -> None:
    desk.telegram.faults.add(method="sendMessage", error=429, retry_after=7, times=3)
    with pytest.raises(omnigate.RetryLater) as later:
        await desk.channel.send(desk.part())
    assert later.value.after_seconds == 7
    with pytest.raises(omnigate.RetryLater):
        await desk.channel.send(desk.part())
    boris = desk.telegram.person("Борис")
    await boris.starts(desk.bot)
    with pytest.raises(omnigate.DestinationUnavailable) as whole:
        await desk.channel.send(desk.part(conversation=str(boris.id)))
    assert whole.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 502}, omnigate.DestinationUnavailable),
        ({"error": 500}, omnigate.DestinationUnavailable),
        ({"cut": "after"}, omnigate.Uncertain),
        ({"body": b'{"ok":tr'}, omnigate.Uncertain),
        ({"error": 400, "description": "Bad Request: chat not found"}, omnigate.Refused),
        ({"error": 401}, omnigate.CredentialsRejected),
    ],
    ids=["proxy", "server", "cut", "half", "refused", "revoked"],
)
async def test_failures_say_what_happened_and_never_the_token(
    desk: Shop, fault: dict[str, object], error: type[Exception]
) -> None:
    desk.telegram.faults.add(method="sendMessage", **fault)  # type: ignore[arg-type]
    with pytest.raises(error) as raised:
        await desk.channel.send(desk.part())
    assert desk.bot.token not in f"{raised.value} {raised.value!r}"
    assert not any(desk.bot.token in str(line) for line in desk.host.log_lines)


async def test_nobody_there_is_surely_not_sent() -> None:
    async with open_shop(running=False, api_url="http://127.0.0.1:9") as shop:
        with pytest.raises(omnigate.DestinationUnavailable) as raised:
            await shop.channel.send(shop.part())
        assert shop.bot.token not in str(raised.value)


async def test_a_group_that_has_become_larger_is_followed(desk: Shop) -> None:
    group = desk.telegram.group()
    await group.adds(desk.bot)
    before = group.id
    group = await group.migrates()
    sent = await desk.channel.send(desk.part(conversation=str(before)))
    moved = await desk.item(omnigate.ConversationMoved)
    assert (moved.conversation, moved.to) == (str(before), str(group.id))
    assert sent.external_id.startswith(f"{group.id}:")


async def test_the_link_that_brings_a_customer_along(shop: Shop) -> None:
    link = await shop.until(lambda: shop.channel.handover_link("w_4hJq0bR2nVtQ"))
    assert link == "https://t.me/shop_bot?start=w_4hJq0bR2nVtQ"
    await shop.anna.starts(shop.bot, "w_4hJq0bR2nVtQ")
    said = await shop.said()
    assert said.handover == "w_4hJq0bR2nVtQ"
    assert said.context is not None
    assert said.context.custom == {"start": "w_4hJq0bR2nVtQ"}


@pytest.mark.parametrize("address", ["tel:+79161234567", "telegram:anna"])
async def test_an_address_that_is_no_user_is_refused(desk: Shop, address: str) -> None:
    with pytest.raises(omnigate.Refused):
        desk.channel.conversation_of(omnigate.Address(address))


async def test_what_only_telegram_knows_can_be_asked_for(desk: Shop) -> None:
    asked = {"telegram": {"parse_mode": "HTML", "disable_notification": True}}
    await desk.channel.send(desk.part("<b>жирно</b>", extensions=asked))
    seen = await desk.anna.chat(desk.bot).wait_for_text("жирно")
    assert seen.entities[0]["type"] == "bold"
    with pytest.raises(omnigate.Refused, match="chat_id"):
        await desk.channel.send(desk.part(extensions={"telegram": {"chat_id": 1}}))


async def test_a_group_that_threw_the_bot_out_has_not_blocked_anybody(desk: Shop) -> None:
    group = desk.telegram.group()
    await group.adds(desk.bot)
    await group.removes(desk.bot)
    with pytest.raises(omnigate.Refused) as refused:
        await desk.channel.send(desk.part(conversation=str(group.id)))
    assert refused.value.code == "not_a_member"
    assert not [one for one in desk.items if isinstance(one, omnigate.ContactBlocked)]


async def test_a_server_of_long_ago_that_lacks_a_method_does_not_stop_the_channel(
    desk: Shop,
) -> None:
    desk.telegram.faults.add(
        method="setMessageReaction", error=404, description="Not Found: method not found"
    )
    with pytest.raises(omnigate.Refused, match="method not found"):
        await desk.channel.change(desk.change("react", f"{desk.anna.id}:1", emoji=["👍"]))


async def test_in_a_business_chat_everything_goes_by_the_account(shop: Shop) -> None:
    owner = shop.telegram.person("Хозяин")
    await owner.starts(shop.bot)
    connection = await owner.connects(shop.bot)
    asked = await shop.anna.writes(connection, "Вы открыты?")
    said = await shop.until(
        lambda: next((one for one in shop.items if getattr(one, "text", "") == "Вы открыты?"), None)
    )
    assert said is not None
    place = said.conversation
    sent = await shop.channel.send(shop.part("Да", conversation=place))
    chat = shop.anna.chat(connection)
    await shop.channel.change(shop.change("edit", sent.external_id, text="Нет", conversation=place))
    await chat.wait_for_text("Нет")
    await shop.channel.signal(place, omnigate.AgentTyping())
    await chat.wait_for(lambda view: view.actions == ["typing"])
    (call,) = shop.bot.made("sendChatAction")
    assert call.arguments["business_connection_id"] == connection.id
    (known,) = [one.message_id for one in await shop.host.put(said)]
    assert known is not None
    await shop.channel.signal(place, omnigate.AgentRead(message_id=known))
    (read,) = shop.bot.made("readBusinessMessage")
    assert (read.status, int(read.arguments["message_id"])) == (200, asked.id)
    with pytest.raises(omnigate.Refused, match="cannot react"):
        await shop.channel.change(
            shop.change("react", f"{place}:{asked.id}", emoji=["👍"], conversation=place)
        )
    for _ in range(2):  # what is gone already is gone
        await shop.channel.change(shop.change("delete", sent.external_id, conversation=place))
    await chat.wait_for(lambda view: not view.received)
    assert not [one for one in shop.items if isinstance(one, omnigate.MessageEdited)]


async def test_reading_elsewhere_is_nobodys_business(desk: Shop) -> None:
    calls = len(desk.bot.calls)
    await desk.channel.signal(str(desk.anna.id), omnigate.AgentRead(message_id="msg_x"))
    assert len(desk.bot.calls) == calls
