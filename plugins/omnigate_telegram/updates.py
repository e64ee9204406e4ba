"""Updates of the Bot API as items of the model. Pure: no I/O, no clock.

Every update brings something or is refused with `BadPayload`; kinds that nobody knows yet become a
message with a readable word, and what they say is in its ``extensions``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

import omnigate
from omnigate_telegram.content import Content, content_of, display_name
from omnigate_telegram.model import (
    BusinessConnection,
    CallbackQuery,
    Chat,
    DeletedBusinessMessages,
    MembershipChange,
    Raw,
    ReactionChange,
    Said,
    User,
)
from omnigate_telegram.people import (
    answered_by,
    forwarded_from,
    moment,
    place_of,
    profile_of,
    profile_of_chat,
    sender_of,
)
from omnigate_telegram.places import Place

_START: Final = re.compile(r"/start(?:group)?(?:@\w+)? ([A-Za-z0-9_-]{1,64})")
_AWAY: Final = frozenset({"kicked", "left"})

Items = Sequence[omnigate.Inbound]


def update_of(body: bytes) -> Raw:
    """Return an update as JSON; raises `BadPayload` unless it is an object with an id."""
    try:
        update = omnigate.read_json(body)
    except ValueError as error:
        raise omnigate.BadPayload(f"not JSON: {error}") from None
    if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
        raise omnigate.BadPayload("not an update: it has no update_id")
    return update


def parse_update(update: Raw, bot_id: int) -> Items:
    """Return what an update says; ``bot_id`` is our own, whose echoes say nothing new.

    Raises `BadPayload` when it cannot be understood.
    """
    number = str(update["update_id"])
    kind = next((key for key in update if key != "update_id"), None)
    if kind is None:
        raise omnigate.BadPayload("an update without content")
    read = _KINDS.get(kind, _unknown)
    try:
        return read(_Update(number, kind, update[kind], bot_id))
    except ValidationError as error:
        raise omnigate.BadPayload(f"{kind}: {omnigate.describe(error)}") from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise omnigate.BadPayload(f"{kind}: {type(error).__name__}: {error}") from None


class _Update:
    """One update: its number, its kind and what stands under it."""

    __slots__ = ("bot_id", "given", "kind", "number")

    def __init__(self, number: str, kind: str, given: Any, bot_id: int) -> None:
        self.number = number
        self.kind = kind
        self.given = given
        self.bot_id = bot_id


# ---- messages -------------------------------------------------------------------------------------


def _message(update: _Update) -> Items:
    said = Said.model_validate(update.given)
    place = place_of(said)
    if "migrate_to_chat_id" in update.given:
        return [_moved(update, said, said.chat.id, int(update.given["migrate_to_chat_id"]))]
    if "migrate_from_chat_id" in update.given:
        return [_moved(update, said, int(update.given["migrate_from_chat_id"]), said.chat.id)]
    sender_id = said.sender.id if said.sender else None
    content = content_of(update.given, sender_id)
    if said.business_connection_id is not None and sender_id != said.chat.id:
        return _by_the_business(update, said, place, content)
    token = _START.fullmatch(content.text or "")
    return [
        omnigate.InboundMessage(
            external_id=update.number,
            conversation=place.conversation,
            occurred_at=moment(said.date),
            message_id=place.message(said.message_id),
            sender=sender_of(said, content.card),
            subject=None if said.chat.type == "private" else said.chat.title,
            text=content.text,
            attachments=content.attachments,
            location=content.location,
            shared_contact=content.card,
            reply_to=answered_by(said, place),
            forwarded_from=forwarded_from(said.forward_origin),
            album=said.media_group_id,
            handover=token[1] if token else None,
            context=omnigate.Context(custom={"start": token[1]}) if token else None,
            automatic=content.automatic,
            extensions=content.extensions,
        )
    ]


def _by_the_business(update: _Update, said: Said, place: Place, content: Content) -> Items:
    """Return what the owner of a connected account wrote themselves; what we sent for them is known."""
    if _is_ours(said, update):
        return []
    return [
        omnigate.EchoMessage(
            external_id=update.number,
            conversation=place.conversation,
            occurred_at=moment(said.date),
            message_id=place.message(said.message_id),
            recipient=profile_of_chat(said.chat),
            author=display_name(said.sender.first_name, said.sender.last_name)
            if said.sender
            else None,
            text=content.text,
            attachments=content.attachments,
        )
    ]


def _is_ours(said: Said, update: _Update) -> bool:
    """Tell whether we wrote it ourselves, in the name of a business account."""
    return said.sender_business_bot is not None and said.sender_business_bot.id == update.bot_id


def _edited(update: _Update) -> Items:
    said = Said.model_validate(update.given)
    if _is_ours(said, update):
        return []
    place = place_of(said)
    content = content_of(update.given, said.sender.id if said.sender else None)
    return [
        omnigate.MessageEdited(
            external_id=update.number,
            conversation=place.conversation,
            occurred_at=moment(said.edit_date or said.date),
            message_id=place.message(said.message_id),
            text=content.text,
            attachments=content.attachments,
            location=content.location,
        )
    ]


def _deleted(update: _Update) -> Items:
    gone = DeletedBusinessMessages.model_validate(update.given)
    place = Place(gone.chat.id, business=gone.business_connection_id)
    return [
        omnigate.MessageDeleted(
            external_id=f"{update.number}:{message_id}",
            conversation=place.conversation,
            occurred_at=datetime.now(UTC),  # the platform does not say
            message_id=place.message(message_id),
        )
        for message_id in gone.message_ids
    ]


def _moved(update: _Update, said: Said, before: int, after: int) -> omnigate.Inbound:
    return omnigate.ConversationMoved(
        external_id=update.number,
        conversation=Place(before).conversation,
        occurred_at=moment(said.date),
        to=Place(after).conversation,
    )


# ---- everything else ------------------------------------------------------------------------------


def _button(update: _Update) -> Items:
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


def _reaction(update: _Update) -> Items:
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


def _membership(update: _Update) -> Items:
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


def _connected(update: _Update) -> Items:
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


def _unknown(update: _Update) -> Items:
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
    update: _Update,
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


_KINDS: Final[Mapping[str, Callable[[_Update], Items]]] = {
    "message": _message,
    "edited_message": _edited,
    "channel_post": _message,
    "edited_channel_post": _edited,
    "business_message": _message,
    "edited_business_message": _edited,
    "deleted_business_messages": _deleted,
    "business_connection": _connected,
    "callback_query": _button,
    "message_reaction": _reaction,
    "my_chat_member": _membership,
}
