"""A conversation between a community and a peer, and what a customer sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.ground import Ground
from omnigate.emulators.vk.message import Message

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the press of a callback button led to."""

    event_id: str
    data: dict[str, Any] | None
    """``{"type": "show_snackbar", "text": …}`` and the like; none only ends the waiting."""


class Conversation:
    """Messages in order; the numbers are those of the conversation."""

    def __init__(self, peer_id: int, ground: Ground) -> None:
        self.peer_id = peer_id
        self.messages: list[Message] = []
        self.answers: list[Answer] = []
        self.read_by_community = 0
        """Highest number that the community has marked as read."""
        self.read_by_customer = 0
        self.activities: list[str] = []
        """Every activity that the community ever showed."""
        self._activity: tuple[str, float] | None = None
        self._last_cmid = 0
        self._ground = ground

    def next_cmid(self) -> int:
        """Count one message more."""
        self._last_cmid += 1
        return self._last_cmid

    def find(self, *, cmid: int | None = None, message_id: int | None = None) -> Message | None:
        """Return a message that is still there, by its number or its id."""
        for message in reversed(self.messages):
            if message.deleted:
                continue
            if cmid is not None and message.cmid == cmid:
                return message
            if message_id and message.id == message_id:
                return message
        return None

    def show_activity(self, kind: str) -> None:
        """Let the customer see that the community types, for some seconds or until it writes."""
        self.activities.append(kind)
        self._activity = (kind, self._ground.clock() + limits.ACTIVITY_SECONDS)
        self._ground.bell.ring()

    def end_activity(self) -> None:
        """Let the customer see that nobody types any more."""
        self._activity = None

    @property
    def activity(self) -> str | None:
        """Return what the community is seen to do now."""
        if self._activity is None or self._activity[1] < self._ground.clock():
            return None
        return self._activity[0]


class ChatView:
    """What a customer sees of a conversation now. It changes; look again or wait."""

    def __init__(self, conversation: Conversation, ground: Ground) -> None:
        self._conversation = conversation
        self._ground = ground

    @property
    def messages(self) -> list[Message]:
        """Return the messages of both sides that were not deleted, oldest first."""
        return [message for message in self._conversation.messages if not message.deleted]

    @property
    def received(self) -> list[Message]:
        """Return the messages of the community."""
        return [message for message in self.messages if message.out]

    @property
    def texts(self) -> list[str]:
        """Return the texts of the messages of the community."""
        return [message.text for message in self.received]

    @property
    def last(self) -> Message:
        """Return the newest message of the community.

        Raises:
            LookupError: there is none
        """
        if not (received := self.received):
            raise LookupError("the community has written nothing here")
        return received[-1]

    @property
    def keyboard(self) -> dict[str, Any] | None:
        """Return the keyboard under the line for writing, if there is one."""
        used = False
        for message in reversed(self.messages):
            keyboard = message.keyboard
            if keyboard is not None and not keyboard["inline"]:
                gone = not keyboard["buttons"] or (keyboard["one_time"] and used)
                return None if gone else keyboard
            used = used or (not message.out and message.payload is not None)
        return None

    @property
    def activity(self) -> str | None:
        """Return what the community is seen to do: ``typing``, ``photo`` …"""
        return self._conversation.activity

    @property
    def activities(self) -> list[str]:
        """Return everything that the community was ever seen to do."""
        return list(self._conversation.activities)

    @property
    def answers(self) -> list[Answer]:
        """Return what presses of callback buttons led to."""
        return list(self._conversation.answers)

    @property
    def snackbars(self) -> list[str]:
        """Return the texts that flashed up after a press."""
        given = (answer.data for answer in self._conversation.answers)
        return [one["text"] for one in given if one and one["type"] == "show_snackbar"]

    @property
    def read(self) -> int:
        """Return the number of the customer's last message that the community has read."""
        return self._conversation.read_by_community

    async def wait_for(self, look: Callable[[ChatView], _T], seconds: float = 10.0) -> _T:
        """Return what ``look`` gives of this view as soon as it is true.

        Raises:
            TimeoutError: it was not true within the seconds; the texts that are there are named
        """
        try:
            return await self._ground.bell.wait_for(lambda: look(self), seconds)
        except TimeoutError:
            raise TimeoutError(f"not seen within {seconds:g} s; there is: {self.texts}") from None
