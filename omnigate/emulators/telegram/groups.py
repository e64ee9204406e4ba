"""Groups, supergroups and channels, as whoever runs them handles them."""

from __future__ import annotations

from typing import Protocol

from omnigate.emulators.telegram.contents import text
from omnigate.emulators.telegram.delivery import change, post, tell_membership
from omnigate.emulators.telegram.model import Chat, Message, Status, User
from omnigate.emulators.telegram.texts import format_text
from omnigate.emulators.telegram.world import World


class Account(Protocol):
    """Whoever can be in a group: a bot or a person."""

    @property
    def user(self) -> User:
        """The account as the platform has it."""


class Group:
    """One of them, in the hands of its owner."""

    def __init__(self, world: World, chat: Chat, owner: User | None = None) -> None:
        self.chat = chat
        self._world = world
        self.owner = owner or world.add_user(first_name="Хозяин")
        chat.members[self.owner.id] = "creator"

    @property
    def id(self) -> int:
        """Negative, as the platform numbers them."""
        return self.chat.id

    async def adds(self, who: Account, status: Status = "member") -> None:
        """Let somebody in, a bot or a person, as a member or an administrator."""
        user = who.user
        before = self.chat.members.get(user.id, "left")
        self.chat.members[user.id] = status
        tell_membership(self._world, self.chat, self.owner, user, before, status)
        if self.chat.type != "channel" and before in ("left", "kicked"):
            post(self._world, self.chat, self.owner, {"new_chat_members": [user.as_json()]})

    async def promotes(self, who: Account) -> None:
        """Make somebody an administrator."""
        await self.adds(who, "administrator")

    async def removes(self, who: Account) -> None:
        """Throw somebody out."""
        user = who.user
        before = self.chat.members.get(user.id, "left")
        if self.chat.type != "channel":
            post(self._world, self.chat, self.owner, {"left_chat_member": user.as_json()})
        self.chat.members[user.id] = "kicked"
        tell_membership(self._world, self.chat, self.owner, user, before, "kicked")

    async def posts(self, words: str) -> Message:
        """Post into a channel in its own name."""
        return post(self._world, self.chat, None, text(format_text(words)))

    async def edits(self, message: Message, words: str) -> None:
        """Edit a post of a channel."""
        change(self._world, message, text(format_text(words)), message.keyboard)

    async def renames(self, title: str) -> None:
        """Give it another title."""
        self.chat.title = title
        post(self._world, self.chat, self.owner, {"new_chat_title": title})

    async def opens_topic(self, name: str) -> int:
        """Open a topic of a forum; return its thread."""
        topic = {"name": name, "icon_color": 7322096}
        made = post(self._world, self.chat, self.owner, {"forum_topic_created": topic})
        made.thread_id = made.id
        self.chat.topics[made.id] = name
        return made.id

    async def migrates(self) -> Group:
        """Become a supergroup under another id; the old one only says where it went."""
        new = self._world.add_group("supergroup", self.chat.title, "", is_forum=False)
        new.members = dict(self.chat.members)
        moved = Group(self._world, new, self.owner)
        post(self._world, self.chat, self.owner, {"migrate_to_chat_id": new.id})
        self.chat.migrated_to = new
        post(self._world, new, self.owner, {"migrate_from_chat_id": self.chat.id})
        return moved
