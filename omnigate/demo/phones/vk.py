"""VK on a phone: a conversation with the company's community, on the emulated platform."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from omnigate.demo.phones.phone import (
    HERE,
    Action,
    Bubble,
    CannotDo,
    Facts,
    File,
    Key,
    Phone,
    Place,
    Screen,
    at,
    picture_type,
)
from omnigate.emulators import vk as platform

_COMPANY: Final = "Pedal & Pine"
_SCREEN_NAME: Final = "pedal_and_pine"
_SHORT: Final = 80
_EMOJI: Final = dict(enumerate("❤🔥😂👍💩❓😭😡👎👌😄🤔🙏😘😍🎉", start=1))
"""The platform numbers its reactions; which number is which is unverified."""
_OFFERED: Final = ["👍", "❤", "🔥", "🎉", "😂"]
_WORDS: Final = {"location": "Share location", "open_app": "Open", "vkpay": "Pay"}
"""What stands on a button that has no words of its own."""

_SECTION: Final = """\
[channels.vk]
kind = "vk"
token = {{ file = "{secret_file}" }}
group_id = {group_id}
mode = "poll"
api_url = "{url}"
allow_private = ["127.0.0.0/8"]
"""


@asynccontextmanager
async def opened() -> AsyncIterator[Phone]:
    """Run the platform with one community and one customer."""
    async with platform.VkEmulator() as vk:
        yield VkPhone(vk)


class VkPhone(Phone):
    """Ivan's phone."""

    facts = Facts(
        kind="vk",
        title="VK",
        company=_COMPANY,
        customer="Иван Петров",
        start_label="Начать",
        link=f"https://vk.me/{_SCREEN_NAME}?ref=",
        reactions=_OFFERED,
        can=["location", "edit", "react", "block", "type", "read"],
    )

    def __init__(self, vk: platform.VkEmulator) -> None:
        self._vk = vk
        self._community = vk.add_community(_COMPANY, _SCREEN_NAME)
        self._ivan = vk.person(*self.facts.customer.split())
        self._view = self._ivan.chat(self._community)
        self._answers_before = 0

    @property
    def section(self) -> str:
        return _SECTION.format(
            secret_file=self.secret_file, group_id=self._community.id, url=self._vk.url
        )

    @property
    def secret(self) -> str:
        return self._community.token

    def screen(self) -> Screen:
        messages = self._view.messages
        started = bool(messages)
        return Screen(
            messages=[_bubble(message, self._view.read) for message in messages],
            keyboard=_keys(self._view.keyboard),
            typing=self._view.activity == "typing",
            started=started,
            blocked=started and self._ivan.id not in self._community.allowed,
            flash=self._flash(),
        )

    async def changed(self, before: Screen, seconds: float) -> Screen:
        def other() -> Screen | None:
            now = self.screen()
            return now if now != before else None

        return await self._vk.wait_for(other, seconds) or before

    def ring(self) -> None:
        self._vk.world.bell.ring()

    async def sends(self, content: bytes, name: str, text: str) -> None:
        make = self._vk.world.make
        if picture_type(content):
            attachment = make.photo(self._ivan.id, content)
        else:
            attachment = make.doc(self._ivan.id, content, name)
        try:
            await self._ivan.sends(self._community, attachment, text=text)
        except PermissionError as error:
            raise CannotDo(str(error)) from None

    def content(self, message: int, index: int) -> bytes | None:
        found = next((one for one in self._view.messages if one.cmid == message), None)
        if found is None or index >= len(found.attachments):
            return None
        return found.attachments[index].data

    async def act(self, action: Action) -> None:
        try:
            await super().act(action)
        except PermissionError as error:
            raise CannotDo(str(error)) from None

    @property
    def touches(self) -> dict[str, Callable[[Action], Awaitable[object]]]:
        ivan, community = self._ivan, self._community
        return {
            "start": lambda action: ivan.starts(community, action.text),
            "write": lambda action: ivan.writes(
                community, action.text, reply_to=self._message(action) if action.message else None
            ),
            "location": lambda action: ivan.shares_location(community, *HERE),
            "edit": lambda action: ivan.edits(community, self._own(action), action.text),
            "react": lambda action: ivan.reacts(
                community, self._message(action), _number(action.text)
            ),
            "press": self._press,
            "tap": self._tap,
            "type": lambda action: ivan.types(community),
            "read": lambda action: ivan.reads(community),
            "block": lambda action: (
                ivan.allows(community) if self.screen().blocked else ivan.denies(community)
            ),
        }

    async def _press(self, action: Action) -> None:
        await self._use(self._message(action).keyboard, action)

    async def _tap(self, action: Action) -> None:
        await self._use(self._view.keyboard, action)

    async def _use(self, keyboard: dict[str, Any] | None, action: Action) -> None:
        """Do what a button does: most write something, with the button's payload."""
        key = at(_keys(keyboard), action.row, action.column)
        button = (keyboard or {})["buttons"][action.row][action.column]["action"]
        payload = button.get("payload")
        if key.does == "location":
            await self._ivan.shares_location(self._community, *HERE, payload=payload)
        elif key.does == "text":
            await self._ivan.writes(self._community, key.label, payload=payload)
        else:
            self._answers_before = len(self._view.answers)
            await self._ivan.presses(self._community, key.label)

    def _flash(self) -> str:
        given = [answer.data for answer in self._view.answers[self._answers_before :]]
        texts = [str(one.get("text", "")) for one in given if one]
        return texts[-1] if texts else ""

    def _message(self, action: Action) -> platform.Message:
        for message in self._view.messages:
            if message.cmid == action.message:
                return message
        raise CannotDo("that message is not there any more")

    def _own(self, action: Action) -> platform.Message:
        message = self._message(action)
        if message.out:
            raise CannotDo("somebody else wrote that")
        return message


def _bubble(message: platform.Message, read: int) -> Bubble:
    keyboard = message.keyboard if message.keyboard and message.keyboard["inline"] else None
    return Bubble(
        id=message.cmid,
        mine=not message.out,
        text=message.text,
        sent_at=message.date,
        files=[
            File(
                one.data is not None and picture_type(one.data) is not None,
                str(one.body.get("title") or one.kind),
            )
            for one in message.attachments
        ],
        place=_place(message.geo),
        answers=(message.reply_to.text or "…")[:_SHORT] if message.reply_to else "",
        buttons=_keys(keyboard),
        reactions=[_EMOJI.get(number, "★") for number in message.reactions.values()],
        edited=message.update_time is not None,
        read=not message.out and message.cmid <= read,
    )


def _place(geo: dict[str, Any] | None) -> Place | None:
    if geo is None:
        return None
    point = geo["coordinates"]
    return Place(float(point["latitude"]), float(point["longitude"]))


def _keys(keyboard: dict[str, Any] | None) -> list[list[Key]]:
    return [[_key(button) for button in row] for row in (keyboard or {"buttons": []})["buttons"]]


def _key(button: dict[str, Any]) -> Key:
    action, colour = button["action"], button.get("color", "")
    label = action.get("label") or _WORDS.get(action["type"], action["type"])
    match action["type"]:
        case "open_link":
            return Key(label, "link", link=action["link"])
        case "text" | "location" as does:
            return Key(label, does, colour=colour)
    return Key(label, "press", colour=colour)


def _number(emoji: str) -> int | None:
    """Return the platform's number of a reaction; none takes it off."""
    return next((number for number, one in _EMOJI.items() if one == emoji), None)
