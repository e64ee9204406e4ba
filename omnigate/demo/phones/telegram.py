"""Telegram on a phone: a private chat with the company's bot, on the emulated platform."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from omnigate.demo.phones.phone import (
    HERE,
    Action,
    Bubble,
    CannotDo,
    Card,
    Facts,
    File,
    Key,
    Phone,
    Place,
    Screen,
    at,
    picture_type,
)
from omnigate.emulators import telegram as platform
from omnigate.emulators.telegram.model import Chat

_COMPANY: Final = "Pedal & Pine"
_BOT: Final = "pedal_and_pine_bot"
_SHORT: Final = 80

_SECTION: Final = """\
[channels.telegram]
kind = "telegram"
token = {{ file = "{secret_file}" }}
mode = "poll"
reactions = true
api_url = "{url}"
allow_private = ["127.0.0.0/8"]
"""


@asynccontextmanager
async def opened() -> AsyncIterator[Phone]:
    """Run the platform with one bot and one customer."""
    async with platform.TelegramEmulator() as telegram:
        yield TelegramPhone(telegram)


class TelegramPhone(Phone):
    """Anna's phone."""

    facts = Facts(
        kind="telegram",
        title="Telegram",
        company=_COMPANY,
        customer="Anna Sokolova",
        start_label="Start",
        link=f"https://t.me/{_BOT}?start=",
        reactions=["👍", "❤", "🔥", "🎉", "😁"],
        can=["contact", "location", "edit", "delete", "react", "block"],
    )

    def __init__(self, telegram: platform.TelegramEmulator) -> None:
        self._telegram = telegram
        self._bot = telegram.add_bot(_BOT, _COMPANY)
        first_name, last_name = self.facts.customer.split()
        self._anna = telegram.person(
            first_name, last_name=last_name, username="anna_rides", language_code="en"
        )
        self._view = self._anna.chat(self._bot)
        self._chat = telegram.world.private_chat(self._bot, self._anna.user)
        self._pressed: platform.Press | None = None

    @property
    def section(self) -> str:
        return _SECTION.format(secret_file=self.secret_file, url=self._telegram.url)

    @property
    def secret(self) -> str:
        return self._bot.token

    def screen(self) -> Screen:
        answer = (self._pressed.answer if self._pressed else None) or {}
        return Screen(
            messages=[_bubble(seen, self._chat) for seen in self._view.messages],
            keyboard=[[_tapped(button) for button in row] for row in self._view.keyboard],
            typing="typing" in self._view.actions,
            started=self._chat.started,
            blocked=self._chat.blocked,
            flash=answer.get("text", ""),
        )

    async def changed(self, before: Screen, seconds: float) -> Screen:
        def other() -> Screen | None:
            now = self.screen()
            return now if now != before else None

        found = await self._telegram.world.changes.wait_until(other, seconds)
        return found or before

    def ring(self) -> None:
        self._telegram.world.changes.notify()

    async def sends(self, content: bytes, name: str, text: str) -> None:
        is_picture = picture_type(content) is not None
        kind, file_name = ("photo", "") if is_picture else ("document", name)
        try:
            await self._anna.sends(self._bot, kind, content, caption=text, file_name=file_name)
        except platform.CannotDo as error:
            raise CannotDo(str(error)) from None

    def content(self, message: int, index: int) -> bytes | None:
        seen = next((seen for seen in self._view.messages if seen.id == message), None)
        return seen.media if seen is not None and index == 0 else None

    async def act(self, action: Action) -> None:
        try:
            await super().act(action)
        except platform.CannotDo as error:
            raise CannotDo(str(error)) from None

    @property
    def touches(self) -> dict[str, Callable[[Action], Awaitable[object]]]:
        anna, bot = self._anna, self._bot
        return {
            "start": lambda action: anna.starts(bot, action.text),
            "write": lambda action: anna.writes(
                bot, action.text, reply_to=self._seen(action) if action.message else None
            ),
            "contact": lambda action: anna.shares_contact(bot),
            "location": lambda action: anna.shares_location(bot, *HERE),
            "edit": lambda action: anna.edits(self._seen(action), action.text),
            "delete": lambda action: anna.deletes(self._seen(action)),
            "react": lambda action: anna.reacts(self._seen(action), action.text),
            "press": self._press,
            "tap": self._tap,
            "block": lambda action: anna.unblocks(bot) if self._chat.blocked else anna.blocks(bot),
        }

    async def _press(self, action: Action) -> None:
        seen = self._seen(action)
        keys = [[_pressed(button) for button in row] for row in seen.buttons]
        self._pressed = await self._anna.presses(seen, at(keys, action.row, action.column).label)

    async def _tap(self, action: Action) -> None:
        await self._anna.taps(
            self._bot, at(self.screen().keyboard, action.row, action.column).label
        )

    def _seen(self, action: Action) -> platform.Seen:
        for seen in self._view.messages:
            if seen.id == action.message:
                return seen
        raise CannotDo("that message is not there any more")


def _bubble(seen: platform.Seen, chat: Chat) -> Bubble:
    body = seen.raw.body
    return Bubble(
        id=seen.id,
        mine=seen.mine,
        text=seen.text,
        sent_at=seen.raw.date,
        files=[] if seen.media is None else [_file(seen)],
        place=_place(body),
        card=_card(body),
        answers=_answered(seen, chat),
        buttons=[[_pressed(button) for button in row] for row in seen.buttons],
        reactions=seen.reactions,
        edited=seen.edited,
    )


def _file(seen: platform.Seen) -> File:
    is_picture = seen.media is not None and picture_type(seen.media) is not None
    return File(is_picture, seen.file_name or seen.kind)


def _place(body: dict[str, Any]) -> Place | None:
    if "location" not in body:
        return None
    where = body["location"]
    title = body.get("venue", {}).get("title", "")
    return Place(where["latitude"], where["longitude"], title)


def _card(body: dict[str, Any]) -> Card | None:
    if "contact" not in body:
        return None
    card = body["contact"]
    name = f"{card['first_name']} {card.get('last_name', '')}".strip()
    return Card(name, card["phone_number"])


def _answered(seen: platform.Seen, chat: Chat) -> str:
    answered = chat.messages.get(seen.reply_to or 0)
    if answered is None or answered.deleted:
        return ""
    words: str = answered.body.get("text", answered.body.get("caption", "")) or "…"
    return words[:_SHORT]


def _pressed(button: dict[str, Any]) -> Key:
    """Return a button under a message."""
    if "url" in button:
        return Key(button["text"], "link", link=button["url"])
    return Key(button["text"], "press")


def _tapped(button: dict[str, Any]) -> Key:
    """Return a button of the keyboard in place of the letters."""
    if button.get("request_contact"):
        return Key(button["text"], "contact")
    if button.get("request_location"):
        return Key(button["text"], "location")
    return Key(button["text"], "text")
