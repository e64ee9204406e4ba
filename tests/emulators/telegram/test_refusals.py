"""Wrong calls are refused with the platform's own code and words; see `wrong_calls`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.emulators.telegram import Bot, Group, Person, TelegramEmulator
from omnigate.emulators.telegram.errors import NOT_MODIFIED
from tests.emulators.clock import Clock
from tests.emulators.telegram.conftest import Ask, asking
from tests.emulators.telegram.wrong_calls import WRONG

pytestmark = pytest.mark.anyio


def _name(case: tuple[str, dict[str, Any], int, str]) -> str:
    method, arguments, _, description = case
    return f"{method}-{description.partition(': ')[2][:50]}-{len(json.dumps(arguments))}"


@pytest.mark.parametrize("case", WRONG, ids=map(_name, WRONG))
async def test_wrong_call_is_refused_in_the_platforms_words(case, ask: Ask, anna: Person) -> None:
    method, arguments, code, description = case
    chat = anna.id if method[:3] in ("sen", "edi", "del", "set", "cre") or "Chat" in method else 0
    given = ({"chat_id": chat} if chat else {}) | arguments

    status, body = await ask(method, **given)

    assert (status, body) == (
        code,
        {"ok": False, "error_code": code, "description": description},
    )


async def test_table_is_red_for_an_emulator_that_accepts_everything(
    anna: Person, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accept(*_: object) -> dict[str, Any]:
        return {}

    monkeypatch.setattr(TelegramEmulator, "_execute", accept)
    for method, arguments, code, _ in WRONG:
        status, body = await ask(method, **({"chat_id": anna.id} | arguments))
        assert (status, body["ok"]) != (code, False)


async def test_same_edit_twice_is_no_edit(ask: Ask, anna: Person) -> None:
    _, sent = await ask("sendMessage", chat_id=anna.id, text="цена 10")
    edit = {"chat_id": anna.id, "message_id": sent["result"]["message_id"], "text": "цена 10"}

    status, body = await ask("editMessageText", **edit)

    assert (status, body["description"]) == (400, f"Bad Request: {NOT_MODIFIED}")


async def test_nobody_edits_what_others_wrote(ask: Ask, bot: Bot, anna: Person) -> None:
    message = await anna.writes(bot, "моё")
    edit = {"chat_id": anna.id, "message_id": message.id}

    status, body = await ask("editMessageText", **edit, text="твоё")

    assert (status, body["description"]) == (400, "Bad Request: message can't be edited")


async def test_text_is_edited_in_texts_and_captions_in_media(
    ask: Ask, bot: Bot, anna: Person
) -> None:
    _, text = await ask("sendMessage", chat_id=anna.id, text="текст")
    _, dice = await ask("sendDice", chat_id=anna.id)

    edited_dice = await ask(
        "editMessageText", chat_id=anna.id, message_id=dice["result"]["message_id"], text="1"
    )
    edited_text = await ask(
        "editMessageCaption", chat_id=anna.id, message_id=text["result"]["message_id"], caption="1"
    )

    assert edited_dice[1]["description"] == "Bad Request: there is no text in the message to edit"
    assert (
        edited_text[1]["description"] == "Bad Request: there is no caption in the message to edit"
    )


async def test_after_48_hours_nothing_is_deleted(
    ask: Ask, bot: Bot, anna: Person, clock: Clock
) -> None:
    _, sent = await ask("sendMessage", chat_id=anna.id, text="тайна")
    message_id = sent["result"]["message_id"]
    clock.now += 48 * 3600 + 1

    status, body = await ask("deleteMessage", chat_id=anna.id, message_id=message_id)

    assert (status, body["description"]) == (400, "Bad Request: message can't be deleted")


async def test_bot_that_is_blocked_or_unknown_is_told_apart(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    group = telegram.group()
    met, gone = telegram.person("Борис"), telegram.person("Вера")
    await group.adds(bot)
    await group.adds(met)
    await gone.starts(bot)
    await gone.deactivates()
    await anna.blocks(bot)

    async def said(person: Person) -> tuple[int, str]:
        status, body = await ask("sendMessage", chat_id=person.id, text="1")
        return status, body["description"]

    assert await said(anna) == (403, "Forbidden: bot was blocked by the user")
    assert await said(gone) == (403, "Forbidden: user is deactivated")
    assert await said(met) == (403, "Forbidden: bot can't initiate conversation with a user")
    assert await said(telegram.person("Гость")) == (400, "Bad Request: chat not found")
    await anna.unblocks(bot)
    assert (await ask("sendMessage", chat_id=anna.id, text="1"))[0] == 200


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
async def test_bot_out_of_a_group_is_told_how_it_left(
    kind, telegram: TelegramEmulator, ask: Ask, bot: Bot
) -> None:
    group = telegram.group(kind=kind)
    outside = await ask("sendMessage", chat_id=group.id, text="1")
    await group.adds(bot, "administrator")
    inside = await ask("sendMessage", chat_id=group.id, text="1")
    await group.removes(bot)
    thrown_out = await ask("sendMessage", chat_id=group.id, text="1")

    assert outside[1]["description"] == f"Forbidden: bot is not a member of the {kind} chat"
    assert inside[0] == 200
    assert thrown_out[1]["description"] == f"Forbidden: bot was kicked from the {kind} chat"


async def test_migrated_group_names_its_new_id(
    telegram: TelegramEmulator, ask: Ask, bot: Bot
) -> None:
    group = telegram.group()
    await group.adds(bot)
    moved: Group = await group.migrates()

    status, body = await ask("sendMessage", chat_id=group.id, text="1")

    assert (status, body["description"], body["parameters"]) == (
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": moved.id},
    )
    assert (await ask("sendMessage", chat_id=moved.id, text="1"))[0] == 200


async def test_number_is_asked_for_in_private_chats_only(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    group = telegram.group()
    await group.adds(bot)
    keyboard = {"keyboard": [[{"text": "Мой номер", "request_contact": True}]]}

    private = await ask("sendMessage", chat_id=anna.id, text="1", reply_markup=keyboard)
    public = await ask("sendMessage", chat_id=group.id, text="1", reply_markup=keyboard)

    assert private[0] == 200
    words = "Bad Request: phone number can be requested in private chats only"
    assert public[1]["description"] == words


async def test_tokens_are_told_apart(telegram: TelegramEmulator, bot: Bot) -> None:
    """A bad form leads nowhere; a good form of nobody, or of a revoked bot, is not let in."""
    said = {}
    for name, token in {
        "no form": "nonsense",
        "nobody's": f"{bot.id}:AA{'x' * 33}",
        "good": bot.token,
    }.items():
        async with asking(telegram, token) as ask:
            said[name] = await ask("getMe")
    telegram.revoke(bot)
    async with asking(telegram, bot.token) as ask:
        said["revoked"] = await ask("getMe")

    assert said["no form"] == (404, {"ok": False, "error_code": 404, "description": "Not Found"})
    refused = (401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    assert said["nobody's"] == said["revoked"] == refused
    assert said["good"][0] == 200


async def test_method_is_called_in_any_case(ask: Ask) -> None:
    assert (await ask("GETME"))[1]["result"] == (await ask("getme"))[1]["result"]
