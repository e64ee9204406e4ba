"""Everything that exists on the emulated platform, and the clock and dice that it runs by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from omnigate.emulators.changes import Changes
from omnigate.emulators.vk.attachments import Maker
from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.files import Shelf
from omnigate.emulators.vk.message import CHAT_PEERS
from omnigate.emulators.vk.multichat import MultiChat
from omnigate.emulators.vk.people import Person


class World:
    """Communities, people and chats. The same seed and clock give the same ids and tokens."""

    def __init__(self, seed: int, clock: Callable[[], float], speed: float) -> None:
        self.random = Random(seed)
        self.clock = clock
        """POSIX seconds."""
        self.speed = speed
        self.bell = Changes()
        self.shelf = Shelf(self.random)
        self.make = Maker(self.shelf, self.random, clock)
        self.communities: dict[int, Community] = {}
        self.people: dict[int, Person] = {}
        self.chats: dict[int, MultiChat] = {}
        self.tokens: dict[str, Community] = {}
        """Whose a token is or was."""
        self._last_id = 4000 + self.random.randrange(1000)

    def now(self) -> int:
        """Return the time in whole seconds, as the platform gives it."""
        return int(self.clock())

    def new_id(self) -> int:
        """Return an id that nobody has."""
        self._last_id += 1 + self.random.randrange(9)
        return self._last_id

    def add_community(self, name: str = "Shop", screen_name: str | None = None) -> Community:
        """Found a community; messages and bot capabilities are switched on."""
        group_id = self.new_id()
        community = Community(self, group_id, name, screen_name or f"club{group_id}")
        self.communities[group_id] = community
        return community

    def add_person(self, first_name: str, last_name: str, **more: Any) -> Person:
        """Let somebody sign up."""
        person = Person(self, self.new_id(), first_name, last_name, **more)
        self.people[person.id] = person
        return person

    def add_chat(
        self, community: Community, owner: Person, title: str, members: Iterable[Person] = ()
    ) -> MultiChat:
        """Open a chat of several people and invite a community to it."""
        peer_id = CHAT_PEERS + len(self.chats) + 1
        chat = MultiChat(self, peer_id, title, owner, [owner, *members])
        self.chats[peer_id] = chat
        chat.invite_community(community)
        return chat

    def chat(self, peer_id: int) -> MultiChat:
        """Return a chat of several people.

        Raises:
            Refused: 927, there is none
        """
        if peer_id not in self.chats:
            raise Refused(927)
        return self.chats[peer_id]

    def person_by_name(self, name: str) -> Person | None:
        """Return who has an id or a screen name: ``123``, ``id123``, ``durov``."""
        if name.isdecimal():
            return self.people.get(int(name))
        for person in self.people.values():
            if name in (person.screen_name, f"id{person.id}"):
                return person
        return None
