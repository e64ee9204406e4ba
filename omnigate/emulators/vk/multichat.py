"""Chats of several people that a community was invited to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.conversation import ChatView
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.ground import Ground
from omnigate.emulators.vk.message import Message
from omnigate.emulators.vk.people import Person


class MultiChat:
    """One chat with a peer number above two thousand million."""

    def __init__(
        self,
        ground: Ground,
        known: Mapping[int, Community],
        peer_id: int,
        title: str,
        owner: Person,
        members: list[Person],
    ) -> None:
        self._ground = ground
        self._known = known
        self.peer_id = peer_id
        self.title = title
        self.owner = owner
        self.members = {person.id: person for person in members}
        self.communities: dict[int, str] = {}
        """State of each community that ever was in it: ``in``, ``left`` or ``kicked``."""
        self.disabled = False

    def view(self, community: Community) -> ChatView:
        """Return what the members see of what they and a community write."""
        return ChatView(community.conversation(self.peer_id), self._ground)

    def check_access(self, community: Community) -> None:
        """Check that a community may write here.

        Raises:
            Refused: as the platform refuses it
        """
        if self.disabled:
            raise Refused(945)
        state = self.communities.get(community.id)
        if state == "left":
            raise Refused(922)
        if state != "in":
            raise Refused(917)

    def invite_community(self, community: Community) -> Message:
        """Let the owner invite a community; it hears of that and of what comes after."""
        self.communities[community.id] = "in"
        action = {"type": "chat_invite_user", "member_id": -community.id}
        return self._act(self.owner, action, community)

    def kick_community(self, community: Community) -> None:
        """Let the owner throw a community out."""
        action = {"type": "chat_kick_user", "member_id": -community.id}
        self._act(self.owner, action, community)
        self.communities[community.id] = "kicked"

    def join(self, person: Person) -> None:
        """Let a person come in by a link."""
        self.members[person.id] = person
        self._act(person, {"type": "chat_invite_user_by_link"})

    def leave(self, person: Person) -> None:
        """Let a person go."""
        self._act(person, {"type": "chat_kick_user", "member_id": person.id})
        self.members.pop(person.id, None)

    def rename(self, title: str) -> None:
        """Let the owner give the chat another title."""
        self.title = title
        self._act(self.owner, {"type": "chat_title_update", "text": title})

    def write(self, person: Person, text: str, **content: Any) -> list[Message]:
        """Let a member write; gives the message as each community has it.

        Raises:
            LookupError: the person is not in the chat
        """
        if person.id not in self.members:
            raise LookupError(f"{person.first_name} is not in the chat {self.title!r}")
        return [self._put(community, person, text=text, **content) for community in self._present()]

    def _act(
        self, person: Person, action: dict[str, Any], only: Community | None = None
    ) -> Message:
        hearing = [only] if only is not None else self._present()
        return [self._put(one, person, action=action) for one in hearing][-1]

    def _put(self, community: Community, person: Person, **content: Any) -> Message:
        message = community.add(self.peer_id, person.id, **content)
        community.tell(person, message)
        return message

    def _present(self) -> list[Community]:
        states = self.communities.items()
        return [self._known[one] for one, state in states if state == "in"]
