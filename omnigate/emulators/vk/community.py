"""A community: its tokens, its conversations, and what it tells its receivers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from omnigate.emulators.vk.callback import Callback
from omnigate.emulators.vk.conversation import Conversation
from omnigate.emulators.vk.ground import Ground
from omnigate.emulators.vk.journal import Journal
from omnigate.emulators.vk.long_poll import LongPoll
from omnigate.emulators.vk.message import CHAT_PEERS, Message

RIGHTS: Final[Mapping[str, int]] = {
    "stories": 1,
    "photos": 4,
    "app_widget": 64,
    "messages": 4096,
    "docs": 131072,
    "manage": 262144,
}
"""Rights of a community token and their bits."""
_USUAL: Final = frozenset({"messages", "photos", "docs", "manage"})


class Account(Protocol):
    """Somebody, as far as a community has to do with them."""

    @property
    def id(self) -> int:
        """The number of the account."""

    def client_info(self) -> dict[str, Any]:
        """Return what the person's client can show."""


class Community:
    """One community with messages, seen from the platform's side."""

    def __init__(self, ground: Ground, group_id: int, name: str, screen_name: str) -> None:
        self.ground = ground
        self.id = group_id
        self.name = name
        self.screen_name = screen_name
        self.messages_enabled = True
        self.bots_enabled = True
        """Bot capabilities; without them keyboards are refused with error 912."""
        self.reply_window_seconds: float | None = None
        """After so long a silence of the customer error 950."""
        self.tokens: dict[str, frozenset[str]] = {}
        self.allowed: set[int] = set()
        """People who may be written to: they wrote, or allowed it."""
        self.blacklist: set[int] = set()
        self.members: set[int] = set()
        self.conversations: dict[int, Conversation] = {}
        self.callback_events: dict[str, tuple[int, int, float]] = {}
        """Presses that wait for an answer: person, peer, when."""
        self.sent: dict[tuple[int, int], tuple[float, Message]] = {}
        """What was sent by peer and random_id, and when."""
        self._last_message_id = 0
        self.journal = Journal(group_id, ground.random)
        self.long_poll = LongPoll(ground.random, ground.clock, ground.bell, ground.speed)
        self.callback = Callback(group_id, ground.random, ground.clock, ground.bell, ground.speed)
        self.journal.to(self.callback.receive)
        self.journal.to(self.long_poll.receive)
        self.token = self.issue_token()

    def issue_token(self, rights: Iterable[str] = _USUAL) -> str:
        """Return a new access token with the rights."""
        token = f"vk1.a.{self.ground.random.getrandbits(320):080x}"
        self.tokens[token] = frozenset(rights)
        return token

    def revoke_token(self, token: str) -> None:
        """Take a token away: it gets error 5 from now on."""
        self.tokens.pop(token, None)

    def conversation(self, peer_id: int) -> Conversation:
        """Return the conversation with a peer, which may be empty."""
        if peer_id not in self.conversations:
            self.conversations[peer_id] = Conversation(peer_id, self.ground)
        return self.conversations[peer_id]

    def add(self, peer_id: int, from_id: int, **content: Any) -> Message:
        """Put a message into a conversation; nobody is told yet."""
        conversation = self.conversation(peer_id)
        self._last_message_id += 1
        # in chats of several people a community gets no id of its own for a message (unverified)
        message_id = 0 if peer_id > CHAT_PEERS else self._last_message_id
        message = Message(
            message_id, conversation.next_cmid(), peer_id, from_id, self.ground.now(), **content
        )
        conversation.messages.append(message)
        self.ground.bell.ring()
        return message

    def say(self, message: Message, kind: str) -> None:
        """Tell the receivers about a message: ``message_reply`` or ``message_edit``.

        That the object is the message itself, without a wrapper, is unverified.
        """
        self.journal.publish(kind, message.to_json(cropped=True))

    def tell(self, person: Account, message: Message) -> None:
        """Tell the receivers about a new message of a person."""
        body = {"message": message.to_json(cropped=True), "client_info": person.client_info()}
        self.journal.publish("message_new", body)

    def answer_as(self, admin: Account, customer: Account, text: str, **content: Any) -> Message:
        """Let an administrator answer a customer in the platform's own window."""
        message = self.add(
            customer.id, -self.id, out=True, text=text, admin_author_id=admin.id, **content
        )
        self.say(message, "message_reply")
        return message

    def block(self, person: Account, admin: Account | None = None, comment: str = "") -> None:
        """Put a person on the blacklist."""
        self.blacklist.add(person.id)
        body = {"admin_id": admin.id if admin else 1, "user_id": person.id, "unblock_date": 0}
        self.journal.publish("user_block", body | {"reason": 0, "comment": comment})

    def unblock(self, person: Account, admin: Account | None = None) -> None:
        """Take a person off the blacklist."""
        self.blacklist.discard(person.id)
        body = {"admin_id": admin.id if admin else 1, "user_id": person.id, "by_end_date": 0}
        self.journal.publish("user_unblock", body)

    def window_is_over(self, peer_id: int) -> bool:
        """Tell whether the customer has been silent for too long to be written to."""
        if self.reply_window_seconds is None:
            return False
        written = [one.date for one in self.conversation(peer_id).messages if not one.out]
        return not written or self.ground.clock() - written[-1] > self.reply_window_seconds
