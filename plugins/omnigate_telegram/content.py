"""What a message carries: text, files, places, cards; and a readable word for everything else."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

import omnigate
from omnigate_telegram.model import Card, Entity, File, Point, Raw, User, Venue

_ENTITIES: Final = TypeAdapter(list[Entity])
_FILES: Final = TypeAdapter(list[File])


@dataclass(slots=True)
class Content:
    """What is said with one message, in the words of the model."""

    text: str | None = None
    attachments: list[omnigate.AttachmentRef] = field(default_factory=list)
    location: omnigate.Location | None = None
    card: omnigate.SharedContact | None = None
    extensions: Raw = field(default_factory=dict)
    automatic: bool = False
    """Nobody said it: the platform tells that something happened."""


def content_of(message: Raw, sender_id: int | None) -> Content:
    """Return what a message carries; what is not understood is kept raw behind a readable word."""
    content = Content()
    for key, read in _KINDS:
        if key not in message:
            continue
        try:
            read(content, message[key], sender_id)
        except (ValidationError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            content = _placeholder(key, message[key])
        break
    else:
        content = _anything_else(message)
    _add_words(content, message)
    return content


def _add_words(content: Content, message: Raw) -> None:
    """Add the text or the caption, with what its entities mean."""
    for words, marks in (("text", "entities"), ("caption", "caption_entities")):
        said = message.get(words)
        if isinstance(said, str):
            content.text = said
            if entities := _entities(said, message.get(marks)):
                content.extensions["entities"] = entities
    for key in ("quote", "external_reply", "via_bot", "story", "reply_to_story"):
        if key in message:
            content.extensions.setdefault(key, message[key])


def _entities(text: str, given: Any) -> list[Raw]:
    """Return the entities with the words they stand for; offsets are UTF-16 code units."""
    try:
        entities = _ENTITIES.validate_python(given or [])
    except ValidationError:
        return [{"type": "unknown", "raw": given}]
    units = text.encode("utf-16-le", "surrogatepass")
    return [
        {
            **entity.model_dump(exclude_none=True),
            "text": units[2 * entity.offset : 2 * (entity.offset + entity.length)].decode(
                "utf-16-le", "replace"
            ),
        }
        for entity in entities
        if entity.offset >= 0 and entity.length > 0 and 2 * entity.offset < len(units)
    ]


# ---- kinds ----------------------------------------------------------------------------------------


def _attachment(
    file: File, kind: Any, mime: str | None, name: str | None = None
) -> omnigate.AttachmentRef:
    mime = file.mime_type or mime
    suffix = mimetypes.guess_extension(mime or "") or ""
    return omnigate.AttachmentRef(
        kind=kind,
        mime=mime,
        size_bytes=_count(file.file_size),
        name=file.file_name or (f"{name}{suffix}" if name else None),
        width=_count(file.width if file.width is not None else file.length),
        height=_count(file.height if file.height is not None else file.length),
        duration_seconds=file.duration if file.duration is None or file.duration >= 0 else None,
        ref={"file_id": file.file_id},
    )


def _count(number: int | None) -> int | None:
    return number if number is None or 0 <= number < 2**53 else None


def _one(kind: str, mime: str | None, name: str | None = None) -> Callable[..., None]:
    def read(content: Content, given: Any, sender_id: int | None) -> None:
        content.attachments = [_attachment(File.model_validate(given), kind, mime, name)]

    return read


def _photo(content: Content, given: Any, sender_id: int | None) -> None:
    largest = max(
        _FILES.validate_python(given), key=lambda size: (size.width or 0) * (size.height or 0)
    )
    content.attachments = [_attachment(largest, "image", "image/jpeg", "photo")]


def _sticker(content: Content, given: Any, sender_id: int | None) -> None:
    file = File.model_validate(given)
    mime = "image/webp"
    if file.is_animated:
        mime = "application/x-tgsticker"
    elif file.is_video:
        mime = "video/webm"
    content.attachments = [_attachment(file, "sticker", mime)]
    content.extensions["sticker"] = {"emoji": file.emoji, "set_name": file.set_name}


def _contact(content: Content, given: Any, sender_id: int | None) -> None:
    card = Card.model_validate(given)
    content.card = omnigate.SharedContact(
        display_name=" ".join(filter(None, (card.first_name, card.last_name))) or None,
        phone=card.phone_number,
        address=None if card.user_id is None else omnigate.Address(f"telegram:{card.user_id}"),
        own=card.user_id is not None and card.user_id == sender_id,
    )


def _location(content: Content, given: Any, sender_id: int | None) -> None:
    content.location = _point(Point.model_validate(given))
    if isinstance(given, dict) and "live_period" in given:
        content.extensions["live_location"] = given


def _venue(content: Content, given: Any, sender_id: int | None) -> None:
    venue = Venue.model_validate(given)
    content.location = _point(venue.location, venue.title, venue.address)


def _point(point: Point, title: str | None = None, address: str | None = None) -> omnigate.Location:
    return omnigate.Location(
        latitude=point.latitude,
        longitude=point.longitude,
        accuracy_metres=point.horizontal_accuracy,
        title=title,
        address=address,
    )


def _poll(content: Content, given: Any, sender_id: int | None) -> None:
    options = "".join(f"\n- {option['text']}" for option in given["options"])
    content.text = f"[poll] {given['question']}{options}"
    content.extensions["poll"] = given


def _dice(content: Content, given: Any, sender_id: int | None) -> None:
    content.text = f"[dice] {given['emoji']} {given['value']}"
    content.extensions["dice"] = given


def _titled(key: str, title: str) -> Callable[..., None]:
    def read(content: Content, given: Any, sender_id: int | None) -> None:
        content.text = f"[{_word(key)}] {given[title]}"
        content.extensions[key] = given

    return read


def _people(key: str, word: str) -> Callable[..., None]:
    def read(content: Content, given: Any, sender_id: int | None) -> None:
        users = [
            User.model_validate(one) for one in (given if isinstance(given, list) else [given])
        ]
        names = ", ".join(display_name(user.first_name, user.last_name) or "?" for user in users)
        content.text = f"[{word}: {names}]"
        content.extensions[key] = given
        content.automatic = True

    return read


def _service(key: str) -> Callable[..., None]:
    def read(content: Content, given: Any, sender_id: int | None) -> None:
        content.text = f"[{_word(key)}: {given}]" if isinstance(given, str) else f"[{_word(key)}]"
        content.extensions[key] = given
        content.automatic = True

    return read


def _placeholder(key: str, given: Any) -> Content:
    return Content(text=f"[{_word(key)}]", extensions={key: given})


def _anything_else(message: Raw) -> Content:
    """Return what to show for a message of no known kind: a word for whatever it has that is unknown."""
    if "text" in message or "caption" in message:
        return Content()
    unknown = {key: value for key, value in message.items() if key not in _ENVELOPE}
    name = next(iter(unknown), "message")
    return Content(text=f"[{_word(name)}]", extensions=unknown)


def _word(key: str) -> str:
    return key.replace("_", " ")


def display_name(*names: str | None) -> str | None:
    """Return a person's name as one text, or None."""
    return " ".join(name for name in names if name) or None


_KINDS: Final[Sequence[tuple[str, Callable[..., None]]]] = (
    ("live_photo", _one("video", "video/mp4", "live photo")),  # before photo, which it fills too
    ("photo", _photo),
    ("animation", _one("video", "video/mp4", "animation")),  # before document, which it fills too
    ("document", _one("file", None)),
    ("video", _one("video", "video/mp4", "video")),
    ("audio", _one("audio", "audio/mpeg", "audio")),
    ("voice", _one("voice", "audio/ogg", "voice")),
    ("video_note", _one("video", "video/mp4", "video note")),
    ("sticker", _sticker),
    ("contact", _contact),
    ("venue", _venue),  # before location, which it fills too
    ("location", _location),
    ("poll", _poll),
    ("dice", _dice),
    ("game", _titled("game", "title")),
    ("invoice", _titled("invoice", "title")),
    ("checklist", _titled("checklist", "title")),
    ("web_app_data", _titled("web_app_data", "button_text")),
    ("new_chat_members", _people("new_chat_members", "joined")),
    ("left_chat_member", _people("left_chat_member", "left")),
    *(
        (key, _service(key))
        for key in (
            "new_chat_title",
            "new_chat_photo",
            "delete_chat_photo",
            "group_chat_created",
            "supergroup_chat_created",
            "channel_chat_created",
            "pinned_message",
            "users_shared",
            "chat_shared",
            "write_access_allowed",
            "forum_topic_created",
            "forum_topic_edited",
            "forum_topic_closed",
            "forum_topic_reopened",
            "successful_payment",
            "connected_website",
            "message_auto_delete_timer_changed",
        )
    ),
)
"""What a message may carry, the more telling first."""

_ENVELOPE: Final = frozenset(
    {
        *("message_id", "date", "chat", "from", "sender_chat", "edit_date", "message_thread_id"),
        *("is_topic_message", "business_connection_id", "reply_to_message", "media_group_id"),
        *("forward_origin", "author_signature", "has_protected_content", "via_bot", "quote"),
        *("external_reply", "sender_business_bot", "sender_boost_count", "is_from_offline"),
        *("link_preview_options", "reply_markup", "effect_id", "is_automatic_forward", "entities"),
    }
)
"""What stands around the content of a message."""
