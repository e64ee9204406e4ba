"""Everything there is on the platform, and the clock and the dice it uses.

The numbers that ids start at are the emulator's own, in the ranges the platform uses (groups negative,
supergroups ``-100…``; fact sheet, section 1).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from string import ascii_letters, digits
from typing import Any

from omnigate.emulators.faults import Faults
from omnigate.emulators.telegram.changes import Changes
from omnigate.emulators.telegram.files import FileStore
from omnigate.emulators.telegram.model import Bot, BusinessConnection, Chat, ChatType, User
from omnigate.emulators.telegram.updates import UpdateQueue

_SUPERGROUPS = -1_000_000_000_000


class World:
    """Everything the platform knows."""

    def __init__(self, random: Random, clock: Callable[[], float], *, local: bool) -> None:
        self.random = random
        self.clock = clock
        self.local = local
        self.started_at = clock()
        self.files = FileStore(random, clock, local=local)
        self.faults = Faults()
        self.changes = Changes()
        self.users: dict[int, User] = {}
        self.bots: dict[str, Bot] = {}
        """By token."""
        self.groups: dict[int, Chat] = {}
        self._next_user = 5_550_001
        self._next_bot = 7_000_000_001
        self._next_group = 4_000_001

    def now(self) -> int:
        """Return the time as messages carry it."""
        return int(self.clock())

    def secret(self, length: int) -> str:
        """Return letters and digits from the seeded dice."""
        return "".join(self.random.choices(ascii_letters + digits, k=length))

    def number(self) -> str:
        """Return a long number from the seeded dice, as ids of presses and albums are."""
        return str(self.random.randrange(10**17, 10**18))

    def add_user(self, user: User | None = None, **fields: Any) -> User:
        """Register a person."""
        made = user or User(self._next_user, **fields)
        self._next_user += 1
        self.users[made.id] = made
        return made

    def add_bot(self, username: str, first_name: str, *, reads_groups: bool) -> Bot:
        """Register a bot with a token of the platform's form."""
        user = User(self._next_bot, first_name, username=username, is_bot=True)
        self._next_bot += 1
        token = f"{user.id}:AA{self.secret(33)}"
        bot = Bot(user, token, UpdateQueue(self.random, self.clock), reads_groups)
        self.users[user.id] = user
        self.bots[token] = bot
        return bot

    def add_group(self, kind: ChatType, title: str, username: str, *, is_forum: bool) -> Chat:
        """Register a group, a supergroup or a channel."""
        number = self._next_group
        self._next_group += 1
        chat_id = -number if kind == "group" else _SUPERGROUPS - number
        chat = Chat(chat_id, kind, title, username, is_forum=is_forum)
        chat.next_message_id = self.random.randrange(1, 1000)
        self.groups[chat.id] = chat
        return chat

    def private_chat(self, bot: Bot, user: User) -> Chat:
        """Return the chat of a person with a bot, made when first asked for."""
        if user.id not in bot.chats:
            chat = Chat(user.id, "private", person=user, bot=bot)
            chat.next_message_id = self.random.randrange(1, 1000)
            bot.chats[user.id] = chat
        return bot.chats[user.id]

    def business_chat(self, connection: BusinessConnection, user: User) -> Chat:
        """Return the chat of a person with a business account, as its bot sees it."""
        key = (connection.id, user.id)
        chats = connection.bot.business_chats
        if key not in chats:
            chat = Chat(
                user.id, "private", person=user, bot=connection.bot, business_id=connection.id
            )
            chat.next_message_id = self.random.randrange(1, 1000)
            chats[key] = chat
        return chats[key]
