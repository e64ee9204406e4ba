"""What happens in Telegram beside messages, as items of the model: presses, reactions, comings and goings.

What nobody knows here becomes a message with a readable word. No I/O.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_telegram.model import (
    BusinessConnection,
    CallbackQuery,
    Chat,
    Items,
    MembershipChange,
    Raw,
    ReactionChange,
    Said,
    Update,
    User,
)
from omnigate_telegram.people import moment, place_of, profile_of, profile_of_chat
from omnigate_telegram.places import Place

_AWAY: Final = frozenset({"kicked", "left"})


def button(update: Update) -> Items:
    """Return the press of an inline button."""
    query = CallbackQuery.model_validate(update.given)
    place, message, label = Place(query.sender.id), None, None
    if query.message is not None:
        # An old message is there by name only: no text, date 0.
        said = Said.model_validate({"date": 0, **query.message})
        place = place_of(said)
        message = place.message(said.message_id)
        label = _label(query.message, query.data)
    return [
        omnigate.ButtonPressed(
            external_id=update.number,
            conversation=place.conversation,
            occurred_at=datetime.now(UTC),  # the platform does not say
            sender=profile_of(query.sender),
            message_id=message,
            payload=query.data or query.game_short_name or "",
            label=label,
        )
    ]


def _label(message: Raw, data: str | None) -> str | None:
    """Return the words on the button that bears this payload."""
    for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
        for button in row:
            if button.get("callback_data") == data:
                return str(button.get("text"))
    return None


def reaction(update: Update) -> Items:
    """Return what somebody thinks of a message now."""
    change = ReactionChange.model_validate(update.given)
    if change.user is None and change.actor_chat is None:
        raise omnigate.BadPayload("a reaction of nobody")
    place = Place(change.chat.id)
    return [
        omnigate.Reaction(
            external_id=update.number,
            conversation=place.conversation,
            occurred_at=moment(change.date),
            sender=profile_of(change.user)
            if change.user
            else profile_of_chat(change.actor_chat or change.chat),
            message_id=place.message(change.message_id),
            emoji=[_emoji(one) for one in change.new_reaction],
        )
    ]


def _emoji(reaction: Raw) -> str:
    """Return an emoji as it is; another kind of reaction by its name."""
    if reaction.get("type") == "emoji":
        return str(reaction["emoji"])
    if reaction.get("type") == "custom_emoji":
        return f"custom:{reaction['custom_emoji_id']}"
    return str(reaction.get("type", "unknown"))


def membership(update: Update) -> Items:
    """Return that the customer blocked or unblocked the bot; in a group, that it came or went."""
    change = MembershipChange.model_validate(update.given)
    conversation, when = Place(change.chat.id).conversation, moment(change.date)
    is_away = change.new_chat_member.status in _AWAY
    if change.chat.type == "private":
        if is_away:
            return [
                omnigate.ContactBlocked(
                    external_id=update.number,
                    conversation=conversation,
                    occurred_at=when,
                    sender=profile_of(change.sender),
                    reason="the customer blocked the bot",
                )
            ]
        return [
            omnigate.ContactUnblocked(
                external_id=update.number,
                conversation=conversation,
                occurred_at=when,
                sender=profile_of(change.sender),
            )
        ]
    text = "[the bot was removed]" if is_away else "[the bot is a member]"
    return [_told(update, conversation, when, profile_of(change.sender), text, change.chat.title)]


def connected(update: Update) -> Items:
    """Return a word about a business account that was connected, or is no longer."""
    connection = BusinessConnection.model_validate(update.given)
    text = "[business account connected]"
    if not connection.is_enabled:
        text = "[business account disconnected]"
    conversation = Place(connection.user_chat_id).conversation
    return [
        _told(
            update, conversation, moment(connection.date), profile_of(connection.user), text, None
        )
    ]


def unknown(update: Update) -> Items:
    """Return a message with a readable word for a kind of update that nobody knows here."""
    given = update.given if isinstance(update.given, dict) else {}
    who = given.get("from") or given.get("user")
    chat = given.get("chat")
    if not isinstance(who, dict) and not isinstance(chat, dict):
        raise omnigate.BadPayload(f"{update.kind}: it is said neither who it is from nor where")
    sender = (
        profile_of(User.model_validate(who))
        if isinstance(who, dict)
        else profile_of_chat(Chat.model_validate(chat))
    )
    place = Place(int(chat["id"] if isinstance(chat, dict) else sender.address.path))
    when = given.get("date")
    text = f"[{update.kind.replace('_', ' ')}]"
    return [
        _told(
            update,
            place.conversation,
            moment(when) if isinstance(when, int) else datetime.now(UTC),
            sender,
            text,
            None,
        )
    ]


def _told(
    update: Update,
    conversation: str,
    when: datetime,
    sender: omnigate.Profile,
    text: str,
    subject: str | None,
) -> omnigate.InboundMessage:
    """Return something that the platform tells and nobody said."""
    return omnigate.InboundMessage(
        external_id=update.number,
        conversation=conversation,
        occurred_at=when,
        sender=sender,
        subject=subject,
        text=text,
        automatic=True,
        extensions={update.kind: update.given},
    )
