"""Users, bots, chats and messages. Only state, no rules of the API.

Source: fact sheet, sections 1 and 3, for the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from omnigate.emulators.telegram.files import FileRef, FileStore
from omnigate.emulators.telegram.updates import UpdateQueue

ChatType = Literal["private", "group", "supergroup", "channel"]
Status = Literal["creator", "administrator", "member", "restricted", "left", "kicked"]
HERE: frozenset[str] = frozenset({"creator", "administrator", "member", "restricted"})


@dataclass(slots=True, eq=False)
class User:
    """An account, of a person or of a bot."""

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_bot: bool = False
    is_premium: bool = False
    phone_number: str = ""
    deactivated: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as messages show it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "is_bot": self.is_bot,
            "first_name": self.first_name,
        }
        for name in ("last_name", "username", "language_code"):
            if getattr(self, name):
                shown[name] = getattr(self, name)
        return shown | ({"is_premium": True} if self.is_premium else {})


@dataclass(slots=True, eq=False, repr=False)
class Message:
    """A message in a chat; ``body`` holds what kind it is, with files as ``FileRef``."""

    chat: Chat
    id: int
    date: int
    sender: User | None
    body: dict[str, Any]
    reply_to: Message | None = None
    keyboard: dict[str, Any] | None = None
    """Any keyboard that came with it; only inline ones are part of the message itself."""
    thread_id: int | None = None
    edit_date: int | None = None
    edits: list[dict[str, Any]] = field(default_factory=list)
    """The bodies that it had before."""
    deleted: bool = False
    reactions: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Message {self.id} in {self.chat!r}: {self.body!r:.80}>"

    def is_of(self, bot: Bot) -> bool:
        """Whether this bot sent it, under its own name or a business account's."""
        if "sender_business_bot" in self.body:
            return bool(self.body["sender_business_bot"]["id"] == bot.id)
        return self.sender is bot.user

    @property
    def by_bot(self) -> bool:
        """Whether any bot sent it."""
        return "sender_business_bot" in self.body or bool(self.sender and self.sender.is_bot)

    def as_json(self, files: FileStore, bot_id: int, *, nested: bool = True) -> dict[str, Any]:
        """Return the message as this bot reads it; the message replied to is one level deep."""
        shown: dict[str, Any] = {"message_id": self.id}
        if self.thread_id is not None:
            shown |= {"message_thread_id": self.thread_id, "is_topic_message": True}
        if self.sender is not None:
            shown["from"] = self.sender.as_json()
        else:
            shown["sender_chat"] = self.chat.as_json()
        shown |= {"chat": self.chat.as_json(), "date": self.date}
        if self.chat.business_id:
            shown["business_connection_id"] = self.chat.business_id
        if self.edit_date is not None:
            shown["edit_date"] = self.edit_date
        if nested and self.reply_to is not None and not self.reply_to.deleted:
            shown["reply_to_message"] = self.reply_to.as_json(files, bot_id, nested=False)
        shown |= _shown(self.body, files, bot_id)
        if self.keyboard is not None and "inline_keyboard" in self.keyboard:
            shown["reply_markup"] = self.keyboard
        return shown


@dataclass(frozen=True, slots=True)
class ChatAction:
    """What a bot is seen to be doing."""

    action: str
    until: float


@dataclass(slots=True, eq=False, repr=False)
class Chat:
    """A conversation. A private one belongs to one person and one bot."""

    id: int
    type: ChatType
    title: str = ""
    username: str = ""
    person: User | None = None
    bot: Bot | None = None
    """Private chats: whose they are."""
    business_id: str = ""
    """The business connection through which the bot sees it."""
    is_forum: bool = False
    next_message_id: int = 1
    messages: dict[int, Message] = field(default_factory=dict)
    members: dict[int, Status] = field(default_factory=dict)
    started: bool = False
    """Private chats: the person has pressed Start at some time."""
    blocked: bool = False
    """Private chats: the person has blocked the bot."""
    migrated_to: Chat | None = None
    actions: list[ChatAction] = field(default_factory=list)
    keyboard: dict[str, Any] | None = None
    """The reply keyboard that the person has on the screen."""
    topics: dict[int, str] = field(default_factory=dict)
    pinned: int | None = None

    def __repr__(self) -> str:
        return f"<Chat {self.id} {self.type}>"

    def as_json(self) -> dict[str, Any]:
        """Return it as messages show it."""
        shown: dict[str, Any] = {"id": self.id, "type": self.type}
        if self.person is not None:
            named = self.person.as_json()
            names = ("first_name", "last_name", "username")
            return shown | {name: named[name] for name in names if name in named}
        shown["title"] = self.title
        if self.username:
            shown["username"] = self.username
        return shown | ({"is_forum": True} if self.is_forum else {})

    def has(self, user_id: int) -> bool:
        """Whether this account is in the group now."""
        return self.members.get(user_id) in HERE


@dataclass(slots=True, eq=False)
class BusinessConnection:
    """A person's business account that lets a bot read and answer its chats."""

    id: str
    owner: User
    bot: Bot
    user_chat_id: int
    date: int
    is_enabled: bool = True
    can_reply: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it as the platform tells it."""
        return {
            "id": self.id,
            "user": self.owner.as_json(),
            "user_chat_id": self.user_chat_id,
            "date": self.date,
            "rights": {"can_reply": True, "can_read_messages": True} if self.can_reply else {},
            "is_enabled": self.is_enabled,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a bot made, as it was made and as it was answered."""

    method: str
    arguments: Mapping[str, str]
    files: Mapping[str, bytes]
    at: float
    status: int | None
    """None where no answer was sent."""
    answer: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Press:
    """A press of an inline button that waits for its answer."""

    id: str
    user: User
    message: Message
    data: str
    good_until: float
    answer: dict[str, str] | None = None


@dataclass(slots=True, eq=False, repr=False)
class Bot:
    """A bot as its owner got it from BotFather."""

    user: User
    token: str
    updates: UpdateQueue
    reads_groups: bool = False
    """Whether privacy mode is off: then it reads everything in its groups."""
    revoked: bool = False
    revoked_until: float = float("-inf")
    """After ``logOut`` the cloud does not let it in for ten minutes."""
    chats: dict[int, Chat] = field(default_factory=dict)
    """Private chats by the person's id."""
    connections: dict[str, BusinessConnection] = field(default_factory=dict)
    business_chats: dict[tuple[str, int], Chat] = field(default_factory=dict)
    presses: dict[str, Press] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Bot {self.id} @{self.username}>"  # never its token

    @property
    def id(self) -> int:
        """The number before the colon of the token."""
        return self.user.id

    @property
    def username(self) -> str:
        """Without the at sign."""
        return self.user.username

    def made(self, method: str) -> list[Call]:
        """Return the calls of one method, in order."""
        return [call for call in self.calls if call.method == method]


def _shown(value: Any, files: FileStore, bot_id: int) -> Any:
    match value:
        case FileRef():
            return files.describe(value, bot_id)
        case dict():
            return {name: _shown(inner, files, bot_id) for name, inner in value.items()}
        case list():
            return [_shown(inner, files, bot_id) for inner in value]
    return value
