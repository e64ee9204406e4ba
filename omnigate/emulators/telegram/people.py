"""People: what a customer can do with a phone in the hand.

A person writes to a bot, in a group, or to a business account. What the phone would not let them do
raises ``CannotDo``: that is a mistake of the test, not a refusal of the platform.
Source: fact sheet, sections 2 to 4.
"""

from __future__ import annotations

import re
from typing import Any, Final

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.authors import (
    Answerable,
    Author,
    CannotDo,
    Place,
    raw_message,
)
from omnigate.emulators.telegram.delivery import (
    post,
    tell_connection,
    tell_membership,
    tell_press,
    tell_reaction,
)
from omnigate.emulators.telegram.groups import Group
from omnigate.emulators.telegram.limits import CALLBACK_LIFE_SECONDS, START_PAYLOAD_CHARS
from omnigate.emulators.telegram.model import Bot, BusinessConnection, Message, Press
from omnigate.emulators.telegram.texts import format_text
from omnigate.emulators.telegram.view import ChatView

_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]*")


class Person(Author):
    """A customer."""

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

    async def presses(self, message: Answerable, label: str) -> Press:
        """Press an inline button; ``answer`` of what is returned comes to hold the bot's answer."""
        pressed = raw_message(message)
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
        target = raw_message(message)
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
