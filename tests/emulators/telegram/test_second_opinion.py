"""Another emulator, written by others, sees the same small conversation in the same way.

It covers little (no files, no faults, no ``is_bot`` in getMe, no result of deleteMessage), so only that
is compared: what the bot is told, what it may do, and what comes of it.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from omnigate.emulators.telegram import Person, TelegramEmulator

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
MODULE = ROOT / "node_modules" / "telegram-test-api"
START = """
const TelegramServer = require(process.argv[1]);
new TelegramServer({port: Number(process.argv[2]), host: '127.0.0.1'}).start().then(() => console.log('up'));
"""
TOKEN = "7000000001:AAsecond"
ANNA = {"id": 5550001, "first_name": "Анна", "is_bot": False}
BUTTONS = {"inline_keyboard": [[{"text": "Да", "callback_data": "q1:yes"}]]}

needs_the_other = pytest.mark.skipif(
    shutil.which("node") is None or not MODULE.is_dir(),
    reason="not run: node or its module telegram-test-api is not installed (npm install)",
)

Told = list[object]


class Other:
    """The customer's side of the other emulator."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url

    async def starts(self, payload: str) -> None:
        command = {"type": "bot_command", "offset": 0, "length": 6}
        await self._says("sendCommand", text=f"/start {payload}", entities=[command])

    async def writes(self, text: str) -> None:
        await self._says("sendMessage", text=text)

    async def presses(self, sent: dict[str, Any]) -> None:
        query = {"botToken": TOKEN, "from": ANNA, "message": sent, "data": "q1:yes"}
        await self._post("sendCallback", query)

    async def texts(self) -> list[str]:
        found = await self._post("getUpdates", {"token": TOKEN, "chatId": ANNA["id"]})
        return [update["message"]["text"] for update in found["result"]]

    async def _says(self, path: str, **fields: Any) -> None:
        chat = {"id": ANNA["id"], "type": "private", "first_name": "Анна"}
        message = {"botToken": TOKEN, "date": 1_760_000_000, "from": ANNA, "chat": chat}
        await self._post(path, message | fields)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(f"{self.url}/{path}", json=body) as answer:
            found: dict[str, Any] = await answer.json()
            return found


class Ours:
    """The same customer here."""

    def __init__(self, telegram: TelegramEmulator) -> None:
        self.url = telegram.url
        self._bot = telegram.add_bot("shop_bot")
        self.token = self._bot.token
        self._anna: Person = telegram.person("Анна")

    async def starts(self, payload: str) -> None:
        await self._anna.starts(self._bot, payload)

    async def writes(self, text: str) -> None:
        await self._anna.writes(self._bot, text)

    async def presses(self, sent: dict[str, Any]) -> None:
        await self._anna.presses(self._anna.chat(self._bot).last, "Да")

    async def texts(self) -> list[str]:
        return self._anna.chat(self._bot).texts


@asynccontextmanager
async def _other(session: aiohttp.ClientSession) -> AsyncIterator[Other]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "node", "-e", START, str(MODULE), str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"up\n"
        yield Other(session, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        await process.wait()


async def _converse(session: aiohttp.ClientSession, them: Other | Ours, token: str) -> Told:
    """Let a bot and a customer talk; return what the bot was told and the customer saw."""

    async def call(method: str, **arguments: Any) -> Any:
        async with session.post(f"{them.url}/bot{token}/{method}", json=arguments) as answer:
            body = await answer.json()
            assert body["ok"], body
            return body["result"]

    told: Told = []
    offset = 1
    await them.starts("w_1")
    await them.writes("Сколько стоит чайник?")
    for update in await call("getUpdates", offset=offset):
        told.append(_message(update["message"]))
        offset = update["update_id"] + 1
    sent = await call(
        "sendMessage", chat_id=ANNA["id"], text="10 рублей. Берёте?", reply_markup=BUTTONS
    )
    told.append({"sent": sent["text"], "under it": sent["reply_markup"], **_chat(sent)})
    told.append(await them.texts())
    await them.presses(sent)
    (pressed,) = await call("getUpdates", offset=offset)
    query = pressed["callback_query"]
    told.append({"pressed": query["data"], "by": query["from"]["first_name"]})
    told.append({"id is a text": isinstance(query["id"], str)})
    await call("answerCallbackQuery", callback_query_id=query["id"])
    edit = {"chat_id": ANNA["id"], "message_id": sent["message_id"]}
    await call("editMessageText", **edit, text="Уже 12")
    await call("deleteMessage", **edit)
    return told


def _message(message: dict[str, Any]) -> dict[str, object]:
    return {
        "text": message["text"],
        "entities": message.get("entities", []),
        "from": (message["from"]["id"], message["from"]["is_bot"]),
        "numbered": isinstance(message["message_id"], int) and isinstance(message["date"], int),
        **_chat(message),
    }


def _chat(message: dict[str, Any]) -> dict[str, object]:
    return {"chat": (message["chat"]["id"], message["chat"]["type"])}


@needs_the_other
async def test_both_tell_the_same_conversation(anyio_backend: str) -> None:
    async with aiohttp.ClientSession() as session, TelegramEmulator(speed=100) as telegram:
        ours = Ours(telegram)
        here = await _converse(session, ours, ours.token)
        async with _other(session) as other:
            there = await _converse(session, other, TOKEN)

    assert here == there
    assert len(here) == 6
