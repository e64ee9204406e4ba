"""People: what a customer can do with a phone in the hand.

A person writes to a bot, in a group, or to a business account. What the phone would not let them do
raises ``CannotDo``: that is a mistake of the test, not a refusal of the platform.
Source: fact sheet, sections 2 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.contents import Body
from omnigate.emulators.telegram.delivery import (
    change,
    post,
    remove,
    tell_connection,
    tell_membership,
    tell_press,
    tell_reaction,
)
from omnigate.emulators.telegram.files import image_sides
from omnigate.emulators.telegram.groups import Group
from omnigate.emulators.telegram.limits import CALLBACK_LIFE_SECONDS, START_PAYLOAD_CHARS
from omnigate.emulators.telegram.samples import SAMPLES
from omnigate.emulators.telegram.texts import format_text
from omnigate.emulators.telegram.view import ChatView, Seen
from omnigate.emulators.telegram.world import (
    Bot,
    BusinessConnection,
    Chat,
    Message,
    Press,
    User,
    World,
)

Place = Bot | Group | BusinessConnection
Answerable = Message | Seen | None

_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]*")


class CannotDo(Exception):
    """No phone lets a person do this."""


class Person:
    """A customer."""

    def __init__(self, world: World, user: User) -> None:
        self.user = user
        self._world = world

    @property
    def id(self) -> int:
        """The number of the account."""
        return self.user.id

    def chat(self, place: Place) -> ChatView:
        """Return what this person sees of a chat."""
        return ChatView(self._world, self._open(place), self.user)

    async def starts(self, bot: Bot, payload: str = "") -> Message:
        """Press Start, maybe from a link with a payload; a blocked bot is let in again."""
        if len(payload) > START_PAYLOAD_CHARS or not _PAYLOAD.fullmatch(payload):
            raise CannotDo("a payload is up to 64 of A-Z, a-z, 0-9, _ and -")
        if self._open(bot).blocked:
            await self.unblocks(bot)
        return await self.writes(bot, f"/start {payload}".strip())

    async def writes(
        self,
        place: Place,
        words: str,
        *,
        entities: Sequence[dict[str, Any]] = (),
        reply_to: Answerable = None,
        quote: str = "",
        thread_id: int | None = None,
    ) -> Message:
        """Send a text; the platform marks commands and links in it itself."""
        formatted = format_text(words, entities=list(entities))
        if not formatted.text:
            raise CannotDo("an empty message")
        body = contents.text(formatted)
        if quote:
            body["quote"] = {"text": quote, "position": 0, "is_manual": True}
        return self._post(place, body, reply_to=reply_to, thread_id=thread_id)

    async def sends(
        self,
        place: Place,
        kind: str,
        content: bytes | None = None,
        *,
        caption: str = "",
        file_name: str = "",
        mime_type: str = "",
        size_bytes: int | None = None,
        reply_to: Answerable = None,
        **fields: Any,
    ) -> Message:
        """Send a medium: ``photo``, ``document``, ``video``, ``voice``, ``sticker``, …

        Without ``content`` it is a small sample. ``size_bytes`` lets it pass for a bigger file.
        """
        body = self.medium(
            kind,
            content,
            caption=caption,
            file_name=file_name,
            mime_type=mime_type,
            size_bytes=size_bytes,
            **fields,
        )
        return self._post(place, body, reply_to=reply_to)

    async def sends_album(self, place: Place, *items: Body) -> list[Message]:
        """Send several media as one album; make each with ``medium``."""
        group = self._world.number()
        return [self._post(place, item | {"media_group_id": group}) for item in items]

    def medium(
        self,
        kind: str,
        content: bytes | None = None,
        *,
        caption: str = "",
        file_name: str = "",
        mime_type: str = "",
        size_bytes: int | None = None,
        **fields: Any,
    ) -> Body:
        """Return a medium ready to be sent in an album."""
        sample = SAMPLES[kind]
        content = sample.content if content is None else content
        file = self._world.files.put(
            content,
            name=file_name or sample.name,
            mime_type=mime_type or sample.mime_type,
            size_bytes=size_bytes,
        )
        if kind == "photo":
            body = contents.photo(self._world.files, file, *(image_sides(content) or (1280, 960)))
        else:
            body = contents.medium(kind, file, **fields)
        return contents.with_caption(body, format_text(caption))

    async def shares_contact(
        self, place: Place, phone_number: str = "", first_name: str = "", **fields: Any
    ) -> Message:
        """Share one's own number, or somebody else's where one is given."""
        if phone_number:
            body = contents.contact(phone_number, first_name or "Борис", **fields)
        else:
            number = self.user.phone_number or f"+7900{self.user.id % 10_000_000:07d}"
            named = (self.user.first_name, self.user.last_name)
            body = contents.contact(number, *named, user_id=self.user.id)
        return self._post(place, body)

    async def shares_location(
        self, place: Place, latitude: float = 55.751244, longitude: float = 37.618423, **more: Any
    ) -> Message:
        """Share where one is."""
        return self._post(place, contents.location(latitude, longitude, **more))

    async def shares_venue(self, place: Place, title: str = "ГУМ") -> Message:
        """Share a place with a name."""
        body = contents.venue(55.754742, 37.621367, title, "Красная площадь, 3")
        return self._post(place, body)

    async def sends_poll(self, place: Place, question: str, options: Sequence[str]) -> Message:
        """Ask around."""
        return self._post(place, contents.poll(self._world.number(), question, list(options)))

    async def rolls_dice(self, place: Place, emoji: str = "🎲") -> Message:
        """Throw a die."""
        value = self._world.random.randint(1, contents.DICE[emoji])
        return self._post(place, contents.dice(emoji, value))

    async def forwards(self, place: Place, message: Answerable, *, hidden: bool = False) -> Message:
        """Send on what somebody wrote, by name or without."""
        source = _raw(message)
        author = source.sender or self.user
        origin: Body = {"type": "user", "sender_user": author.as_json(), "date": source.date}
        if hidden:
            origin = {
                "type": "hidden_user",
                "sender_user_name": author.first_name,
                "date": source.date,
            }
        return self._post(place, source.body | {"forward_origin": origin})

    async def sends_raw(self, place: Place, body: Body) -> Message:
        """Send fields of a Message as they are: what the emulator has no word for."""
        return self._post(place, body)

    async def edits(self, message: Answerable, words: str) -> Message:
        """Change the text of one's own message, or the caption of a medium."""
        own = self._own(message)
        formatted = format_text(words)
        kind = contents.kind_of(own.body)
        fields = formatted.fields() if kind == "text" else {}
        if kind != "text":
            bare = {n: v for n, v in own.body.items() if n not in ("caption", "caption_entities")}
            fields = contents.with_caption(bare, formatted)
        change(self._world, own, fields, own.keyboard)
        return own

    async def deletes(self, message: Answerable) -> None:
        """Delete a message; ordinary bots do not hear of it."""
        remove(self._world, _raw(message))

    async def presses(self, message: Answerable, label: str) -> Press:
        """Press an inline button; ``answer`` of what is returned comes to hold the bot's answer."""
        pressed = _raw(message)
        rows = (pressed.keyboard or {}).get("inline_keyboard", [])
        found = [button for row in rows for button in row if button["text"] == label]
        bot = next((bot for bot in self._world.bots.values() if pressed.is_of(bot)), None)
        if not found or "callback_data" not in found[0] or bot is None:
            raise CannotDo(f"there is no button {label!r} to press")
        press = Press(
            self._world.number(),
            self.user,
            pressed,
            found[0]["callback_data"],
            self._world.clock() + CALLBACK_LIFE_SECONDS,
        )
        bot.presses[press.id] = press
        tell_press(self._world, bot, press, str(abs(pressed.chat.id) * 7 + 1))
        return press

    async def sees_answer(self, press: Press, seconds: float = 10.0) -> dict[str, str]:
        """Wait until the bot has answered a press; raises ``TimeoutError``."""
        await self._world.changes.wait_until(lambda: press.answer is not None, seconds)
        return press.answer or {}

    async def taps(self, place: Place, label: str) -> Message:
        """Tap a button of the reply keyboard: it sends its text, one's number or one's place."""
        chat = self._open(place)
        rows = self.chat(place).keyboard
        found = [button for row in rows for button in row if button["text"] == label]
        if not found:
            raise CannotDo(f"there is no button {label!r} on the keyboard")
        if (chat.keyboard or {}).get("one_time_keyboard"):
            chat.keyboard = None
        if found[0].get("request_contact"):
            return await self.shares_contact(place)
        if found[0].get("request_location"):
            return await self.shares_location(place)
        return await self.writes(place, label)

    async def reacts(self, message: Answerable, emoji: str = "") -> None:
        """Put a reaction under a message, or take it away."""
        target = _raw(message)
        before = target.reactions.get(self.id, [])
        after = [{"type": "emoji", "emoji": emoji}] if emoji else []
        target.reactions[self.id] = after
        tell_reaction(self._world, target, self.user, before, after)

    async def blocks(self, bot: Bot) -> None:
        """Let a bot write no more."""
        chat = self._open(bot)
        chat.blocked = True
        tell_membership(self._world, chat, self.user, bot.user, "member", "kicked")
        self._world.changes.notify()

    async def unblocks(self, bot: Bot) -> None:
        """Let a bot write again."""
        chat = self._open(bot)
        chat.blocked = False
        tell_membership(self._world, chat, self.user, bot.user, "kicked", "member")
        self._world.changes.notify()

    async def joins(self, group: Group) -> None:
        """Enter a group by oneself."""
        before = group.chat.members.get(self.id, "left")
        group.chat.members[self.id] = "member"
        tell_membership(self._world, group.chat, self.user, self.user, before, "member")
        post(self._world, group.chat, self.user, {"new_chat_members": [self.user.as_json()]})

    async def leaves(self, group: Group) -> None:
        """Leave a group."""
        before = group.chat.members.get(self.id, "left")
        post(self._world, group.chat, self.user, {"left_chat_member": self.user.as_json()})
        group.chat.members[self.id] = "left"
        tell_membership(self._world, group.chat, self.user, self.user, before, "left")

    async def renames(self, **fields: Any) -> None:
        """Change one's ``first_name``, ``last_name``, ``username``; nobody is told."""
        for name, value in fields.items():
            setattr(self.user, name, value)

    async def deactivates(self) -> None:
        """Delete the account."""
        self.user.deactivated = True

    async def connects(self, bot: Bot, *, can_reply: bool = True) -> BusinessConnection:
        """Let a bot into one's own business account."""
        connection = BusinessConnection(
            self._world.secret(18),
            self.user,
            bot,
            user_chat_id=self.id,
            date=self._world.now(),
            can_reply=can_reply,
        )
        bot.connections[connection.id] = connection
        tell_connection(connection)
        return connection

    async def disconnects(self, connection: BusinessConnection) -> None:
        """Let the bot out again."""
        connection.is_enabled = False
        tell_connection(connection)

    async def answers(
        self, connection: BusinessConnection, customer: Person, words: str
    ) -> Message:
        """Write to a customer oneself, from one's own business account; its bot reads along."""
        if connection.owner is not self.user:
            raise CannotDo("somebody else's account")
        chat = self._world.business_chat(connection, customer.user)
        return post(self._world, chat, self.user, contents.text(format_text(words)))

    def _open(self, place: Place) -> Chat:
        match place:
            case Bot():
                return self._world.private_chat(place, self.user)
            case BusinessConnection():
                return self._world.business_chat(place, self.user)
        return place.chat

    def _post(
        self,
        place: Place,
        body: Body,
        *,
        reply_to: Answerable = None,
        thread_id: int | None = None,
    ) -> Message:
        chat = self._open(place)
        if self.user.deactivated:
            raise CannotDo("the account is deleted")
        if chat.blocked:
            raise CannotDo("the bot is blocked: unblock it first")
        if isinstance(place, Group) and not chat.has(self.id):
            raise CannotDo("not in this group")
        if chat.type == "channel":
            raise CannotDo("only a channel itself posts there")
        if isinstance(place, Bot):
            chat.started = True
        replied = None if reply_to is None else _raw(reply_to)
        return post(self._world, chat, self.user, body, reply_to=replied, thread_id=thread_id)

    def _own(self, message: Answerable) -> Message:
        own = _raw(message)
        if own.sender is not self.user:
            raise CannotDo("somebody else wrote that")
        return own


def _raw(message: Answerable) -> Message:
    if message is None:
        raise CannotDo("there is no such message")
    return message.raw if isinstance(message, Seen) else message
