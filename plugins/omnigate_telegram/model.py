"""What the Bot API sends, as far as it is understood here; everything else about it is left as it is.

Source: Bot API 10.1, sections "Available types" and "Getting updates".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import Field

import omnigate

Raw = dict[str, Any]
Items = Sequence[omnigate.Inbound]


class Update(NamedTuple):
    """One update: its number, its kind and what stands under it."""

    number: str
    kind: str
    given: Any
    bot_id: int
    """Our own, whose echoes say nothing new."""


class User(omnigate.Payload):
    """A person or a bot."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None


class Chat(omnigate.Payload):
    """Where something was said."""

    id: int
    type: str
    """``private``, ``group``, ``supergroup``, ``channel``, or what nobody knows yet."""
    title: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class Entity(omnigate.Payload):
    """A stretch of a text that means something; counted in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    user: User | None = None
    language: str | None = None
    custom_emoji_id: str | None = None


class Said(omnigate.Payload):
    """A message, but for what it carries: that is looked up in the raw one by `content`."""

    message_id: int
    date: int
    chat: Chat
    sender: User | None = Field(None, alias="from")
    sender_chat: Chat | None = None
    sender_business_bot: User | None = None
    edit_date: int | None = None
    message_thread_id: int | None = None
    is_topic_message: bool = False
    business_connection_id: str | None = None
    reply_to_message: Raw | None = None
    media_group_id: str | None = None
    forward_origin: Raw | None = None
    author_signature: str | None = None


class File(omnigate.Payload):
    """Any kind of file."""

    file_id: str
    file_unique_id: str = ""
    file_name: str | None = None
    mime_type: str | None = None
    file_size: int | None = None
    width: int | None = None
    height: int | None = None
    length: int | None = None
    """Side of a round video."""
    duration: float | None = None
    emoji: str | None = None
    set_name: str | None = None
    is_animated: bool = False
    is_video: bool = False


class Point(omnigate.Payload):
    """A place on the map."""

    latitude: float
    longitude: float
    horizontal_accuracy: float | None = None


class Venue(omnigate.Payload):
    """A place with a name."""

    location: Point
    title: str
    address: str | None = None


class Card(omnigate.Payload):
    """A contact card."""

    phone_number: str
    first_name: str = ""
    last_name: str | None = None
    user_id: int | None = None


class CallbackQuery(omnigate.Payload):
    """Somebody pressed an inline button."""

    id: str
    sender: User = Field(alias="from")
    message: Raw | None = None
    data: str | None = None
    game_short_name: str | None = None


class Member(omnigate.Payload):
    """How somebody stands to a chat."""

    status: str


class MembershipChange(omnigate.Payload):
    """The bot was let in, thrown out, blocked or unblocked."""

    chat: Chat
    sender: User = Field(alias="from")
    date: int
    old_chat_member: Member
    new_chat_member: Member


class ReactionChange(omnigate.Payload):
    """Somebody's reactions to one message."""

    chat: Chat
    message_id: int
    date: int
    user: User | None = None
    actor_chat: Chat | None = None
    new_reaction: list[Raw] = []


class DeletedBusinessMessages(omnigate.Payload):
    """Messages that were deleted in the chat of a connected business account."""

    business_connection_id: str
    chat: Chat
    message_ids: list[int]


class BusinessConnection(omnigate.Payload):
    """A business account was connected to the bot, or is no longer."""

    id: str
    user: User
    user_chat_id: int
    date: int
    is_enabled: bool
