"""What a person sees of a chat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from omnigate.emulators.telegram.contents import file_of, kind_of
from omnigate.emulators.telegram.model import Chat, Message, User
from omnigate.emulators.telegram.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message on the screen."""

    id: int
    kind: str
    """``text``, ``photo``, ``voice``, …, ``service``."""
    mine: bool
    from_bot: bool
    text: str
    """The text, or the caption of a medium."""
    entities: list[dict[str, Any]]
    media: bytes | None
    file_name: str
    buttons: list[list[dict[str, Any]]]
    """The inline keyboard under it."""
    reply_to: int | None
    quote: str
    album: str
    thread_id: int | None
    edited: bool
    reactions: list[str]
    """Emoji under it, whoever put them there."""
    forwarded: bool
    raw: Message
    """The message itself, to press, to edit or to answer."""

    @property
    def labels(self) -> list[str]:
        """The texts of all its buttons."""
        return [button["text"] for row in self.buttons for button in row]


class ChatView:
    """A chat as one person sees it, at any moment."""

    def __init__(self, world: World, chat: Chat, viewer: User) -> None:
        self._world = world
        self._chat = chat
        self._viewer = viewer

    @property
    def messages(self) -> list[Seen]:
        """What is there now, in order; what was deleted is not."""
        return [
            _seen(message, self._viewer)
            for message in self._chat.messages.values()
            if not message.deleted
        ]

    @property
    def received(self) -> list[Seen]:
        """What came from others."""
        return [message for message in self.messages if not message.mine]

    @property
    def received_count(self) -> int:
        """How many came from others, cheap to ask in a burst of thousands."""
        return sum(
            message.sender is not self._viewer and not message.deleted
            for message in self._chat.messages.values()
        )

    @property
    def last(self) -> Seen:
        """The newest message; raises ``IndexError`` where there is none."""
        return self.messages[-1]

    @property
    def texts(self) -> list[str]:
        """What others wrote, text and captions alone."""
        return [message.text for message in self.received]

    @property
    def deleted(self) -> list[int]:
        """The ids of what was there and is deleted."""
        return [message.id for message in self._chat.messages.values() if message.deleted]

    @property
    def keyboard(self) -> list[list[dict[str, Any]]]:
        """The reply keyboard under the chat, no rows where there is none."""
        shown = self._chat.keyboard or {}
        return [
            [button if isinstance(button, dict) else {"text": button} for button in row]
            for row in shown.get("keyboard", [])
        ]

    @property
    def actions(self) -> list[str]:
        """What the bot is doing just now: ``typing``, …; each fades after five seconds."""
        now = self._world.clock()
        return [action.action for action in self._chat.actions if action.until > now]

    async def wait_for(self, predicate: Callable[[ChatView], T], seconds: float = 10.0) -> T:
        """Return what the predicate gives of this chat as soon as it is true.

        Raises:
            TimeoutError: it was not true in so many seconds
        """
        return await self._world.changes.wait_until(lambda: predicate(self), seconds)

    async def wait_for_text(self, text: str, seconds: float = 10.0) -> Seen:
        """Return the first message of others with this text, once there is one."""

        def found(view: ChatView) -> Seen | None:
            return next((seen for seen in view.received if seen.text == text), None)

        seen = await self.wait_for(found, seconds)
        if seen is None:
            raise TimeoutError(text)
        return seen


def _seen(message: Message, viewer: User) -> Seen:
    body = message.body
    file = file_of(body)
    keyboard = message.keyboard or {}
    return Seen(
        id=message.id,
        kind=kind_of(body),
        mine=message.sender is viewer,
        from_bot=message.by_bot,
        text=body.get("text", body.get("caption", "")),
        entities=body.get("entities", body.get("caption_entities", [])),
        media=None if file is None else file.content,
        file_name="" if file is None else file.name,
        buttons=keyboard.get("inline_keyboard", []),
        reply_to=None if message.reply_to is None else message.reply_to.id,
        quote=body.get("quote", {}).get("text", ""),
        album=body.get("media_group_id", ""),
        thread_id=message.thread_id,
        edited=message.edit_date is not None,
        reactions=[
            reaction.get("emoji", "")
            for reactions in message.reactions.values()
            for reaction in reactions
        ],
        forwarded="forward_origin" in body,
        raw=message,
    )
