"""What was said in Telegram, changed and taken back, as items of the model. No I/O."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_telegram.content import Content, content_of, display_name
from omnigate_telegram.model import DeletedBusinessMessages, Items, Said, Update
from omnigate_telegram.people import (
    answered_by,
    forwarded_from,
    moment,
    place_of,
    profile_of_chat,
    sender_of,
)
from omnigate_telegram.places import Place

_START: Final = re.compile(r"/start(?:group)?(?:@\w+)? ([A-Za-z0-9_-]{1,64})")


def message(update: Update) -> Items:
    """Return a message that came, from whomever; a group that moved."""
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


def _by_the_business(update: Update, said: Said, place: Place, content: Content) -> Items:
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


def _is_ours(said: Said, update: Update) -> bool:
    """Tell whether we wrote it ourselves, in the name of a business account."""
    return said.sender_business_bot is not None and said.sender_business_bot.id == update.bot_id


def edited(update: Update) -> Items:
    """Return what a message says now."""
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


def deleted(update: Update) -> Items:
    """Return each message that is gone."""
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


def _moved(update: Update, said: Said, before: int, after: int) -> omnigate.Inbound:
    return omnigate.ConversationMoved(
        external_id=update.number,
        conversation=Place(before).conversation,
        occurred_at=moment(said.date),
        to=Place(after).conversation,
    )
