"""Who wrote, where and when: people, chats and moments of Telegram in the words of the model."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import omnigate
from omnigate_telegram.content import display_name
from omnigate_telegram.model import Chat, Raw, Said, User
from omnigate_telegram.places import SCHEME, Place


def place_of(said: Said) -> Place:
    """Return where a message was said: a chat, a topic of it, a chat of a business account."""
    topic = said.message_thread_id if said.is_topic_message else None
    return Place(said.chat.id, topic, said.business_connection_id)


def sender_of(said: Said, card: omnigate.SharedContact | None) -> omnigate.Profile:
    """Return who said a message; with their own card, their number is proven."""
    if said.sender_chat is not None:  # an anonymous administrator, a channel
        return profile_of_chat(said.sender_chat)
    if said.sender is None:
        return profile_of_chat(said.chat)
    return profile_of(said.sender, card if card is not None and card.own else None)


def profile_of(user: User, own: omnigate.SharedContact | None = None) -> omnigate.Profile:
    """Return a person as a contact; ``own`` is a card of theirs."""
    number = _tel(own.phone) if own is not None else None
    return omnigate.Profile(
        address=omnigate.Address(f"{SCHEME}:{user.id}"),
        display_name=display_name(user.first_name, user.last_name),
        username=user.username,
        locale=user.language_code,
        phone=number.path if number is not None else None,
        verified=True,
        also=[number] if number is not None else [],
    )


def profile_of_chat(chat: Chat) -> omnigate.Profile:
    """Return a chat that speaks in its own name as a contact."""
    return omnigate.Profile(
        address=omnigate.Address(f"{SCHEME}:{chat.id}"),
        display_name=chat.title or display_name(chat.first_name, chat.last_name),
        username=chat.username,
        verified=True,
    )


def _tel(phone: str | None) -> omnigate.Address | None:
    """Return the number of a card; the platform writes it with or without the plus."""
    try:
        return omnigate.tel("+" + re.sub(r"[^0-9]", "", phone or ""))
    except ValueError:
        return None


def answered_by(said: Said, place: Place) -> str | None:
    """Return the message that one answers."""
    answered = said.reply_to_message
    if not answered or "forum_topic_created" in answered:  # every message of a topic answers that
        return None
    return place.message(int(answered["message_id"]))


def forwarded_from(origin: Raw | None) -> str | None:
    """Return whom a forwarded message is from, as far as the platform tells."""
    if not origin:
        return None
    if isinstance(user := origin.get("sender_user"), dict):
        return display_name(user.get("first_name"), user.get("last_name"))
    chat = origin.get("sender_chat") or origin.get("chat")
    if isinstance(chat, dict):
        return chat.get("title") or chat.get("username") or "a chat"
    return str(origin.get("sender_user_name") or origin.get("type") or "somebody")


def moment(seconds: int) -> datetime:
    """Return a time of the platform's; raises ``ValueError`` for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("a time that no calendar has") from None
