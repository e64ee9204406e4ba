"""Everybody on the emulated platform: communities, people and chats, and who may write to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.ground import Ground
from omnigate.emulators.vk.message import CHAT_PEERS
from omnigate.emulators.vk.multichat import MultiChat
from omnigate.emulators.vk.people import Person


class World(Ground):
    """Communities, people and chats. The same seed and clock give the same ids and tokens."""

    def __init__(self, seed: int, clock: Callable[[], float], speed: float) -> None:
        super().__init__(seed, clock, speed)
        self.communities: dict[int, Community] = {}
        self.people: dict[int, Person] = {}
        self.chats: dict[int, MultiChat] = {}

    def add_community(self, name: str = "Shop", screen_name: str | None = None) -> Community:
        """Found a community; messages and bot capabilities are switched on."""
        group_id = self.new_id()
        community = Community(self, group_id, name, screen_name or f"club{group_id}")
        self.communities[group_id] = community
        return community

    def add_person(self, first_name: str, last_name: str, **more: Any) -> Person:
        """Let somebody sign up."""
        person = Person(self, self.communities, self.new_id(), first_name, last_name, **more)
        self.people[person.id] = person
        return person

    def add_chat(
        self, community: Community, owner: Person, title: str, members: Iterable[Person] = ()
    ) -> MultiChat:
        """Open a chat of several people and invite a community to it."""
        peer_id = CHAT_PEERS + len(self.chats) + 1
        chat = MultiChat(self, self.communities, peer_id, title, owner, [owner, *members])
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

    def owner_of(self, token: str) -> Community | None:
        """Return whose an access token is."""
        return next((one for one in self.communities.values() if token in one.tokens), None)

    def check_peer(self, community: Community, peer_id: int) -> None:
        """Check that a community may write to a peer.

        Raises:
            Refused: as the platform refuses it
        """
        if peer_id > CHAT_PEERS:
            self.chat(peer_id).check_access(community)
        elif peer_id < 0:
            raise Refused(932)
        else:
            self._check_person(community, peer_id)

    def _check_person(self, community: Community, peer_id: int) -> None:
        person = self.people.get(peer_id)
        if person is None:
            raise Refused(936)  # which code somebody who does not exist gets is unverified
        if person.account == "deleted":
            raise Refused(18)
        if person.account == "banned":
            raise Refused(37)
        if peer_id in community.blacklist:
            raise Refused(900)
        if person.closed_to_communities:
            raise Refused(902)
        if peer_id not in community.allowed or not community.messages_enabled:
            raise Refused(901)
        if community.window_is_over(peer_id):
            raise Refused(950)
