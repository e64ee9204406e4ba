"""Texts of messages: their entities, given or found, and their limits.

Source: fact sheet, sections 3 and 5; ``get_formatted_text`` and ``get_text_entity`` of the
published server. Offsets and lengths are UTF-16 units everywhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from omnigate.emulators.telegram.arguments import Arguments
from omnigate.emulators.telegram.errors import Refused, bad_request
from omnigate.emulators.telegram.fields import integer_field, object_field, text_field
from omnigate.emulators.telegram.limits import (
    CAPTION_UNITS,
    RAW_TEXT_BYTES,
    TEXT_UNITS,
    utf16_units,
)
from omnigate.emulators.telegram.markup import read_markup

PLAIN_TYPES = frozenset(
    {
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
    }
)
FOUND_TYPES = frozenset(
    {
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bank_card_number",
    }
)
"""The server finds these itself and drops what a bot says about them."""

_FOUND = (
    ("url", re.compile(r"(?:https?|tg)://[^\s<>\"]+[^\s<>\".,;:!?)]")),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("bot_command", re.compile(r"(?<![\w/@])/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<![\w@])@[a-zA-Z0-9_]{4,32}(?!\w)")),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d])\w{1,256}")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{3,8}(?!\w)")),
    ("phone_number", re.compile(r"(?<![\w+])\+\d[\d ()-]{8,18}\d(?!\w)")),
    (
        "url",
        re.compile(
            r"(?<![\w@./])(?:[a-zA-Z0-9-]+\.)+(?:com|org|net|ru|рф|example)\b(?:/[^\s<>\"]*)?"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class FormattedText:
    """A plain text and what is marked in it."""

    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)

    def fields(self, text: str = "text", entities: str = "entities") -> dict[str, Any]:
        """Return the fields of a message: nothing for an empty text."""
        if not self.text:
            return {}
        return {text: self.text, **({entities: self.entities} if self.entities else {})}


def read_text(arguments: Arguments) -> FormattedText:
    """Read the text of a message.

    Raises:
        Refused: it is empty, too long, or its marks are wrong
    """
    if not arguments.text("text"):
        raise bad_request("Message text is empty")
    text = format_text(
        arguments.text("text"), arguments.text("parse_mode"), arguments.text("entities")
    )
    if not text.text:
        raise bad_request("Text must be non-empty")  # words unverified
    if utf16_units(text.text) > TEXT_UNITS:
        raise bad_request("Message is too long")  # words unverified
    return text


def read_caption(arguments: Arguments) -> FormattedText:
    """Read the caption of a medium, which may be empty; raises ``Refused`` as ``read_text``."""
    return check_caption(
        format_text(
            arguments.text("caption"),
            arguments.text("parse_mode"),
            arguments.text("caption_entities"),
        )
    )


def check_caption(caption: FormattedText) -> FormattedText:
    """Return the caption; raises ``Refused`` where it is too long."""
    if utf16_units(caption.text) > CAPTION_UNITS:
        raise bad_request("Message caption is too long")  # words unverified
    return caption


def format_text(text: str, mode: str = "", entities: str | list[Any] = "") -> FormattedText:
    """Read marks or entities, trim the text, and add what the server finds itself.

    Entities that are no JSON are ignored, as there.

    Raises:
        Refused: the text is beyond any limit, or a mark or an entity is wrong
    """
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise bad_request("strings must be encoded in UTF-8")
    if len(text.encode()) > RAW_TEXT_BYTES:
        raise bad_request("Text is too long")
    if text and mode and mode.lower() != "none":
        plain, marked = read_markup(text, mode)
    else:
        plain, marked = text, _read_entities(text, entities)
    plain, marked = _trim(plain, marked)
    return FormattedText(plain, _with_found(plain, marked))


def find_entities(text: str) -> list[dict[str, Any]]:
    """Return what the server marks in any text: commands, links, addresses, tags."""
    taken: list[tuple[int, int]] = []
    found: list[dict[str, Any]] = []
    for kind, pattern in _FOUND:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other < end for other, other_end in taken):
                continue
            taken.append((start, end))
            found.append(
                {"type": kind, "offset": utf16_units(text[:start]), "length": utf16_units(match[0])}
            )
    return sorted(found, key=lambda entity: entity["offset"])


def _read_entities(text: str, given: str | list[Any]) -> list[dict[str, Any]]:
    if isinstance(given, str):
        try:
            given = json.loads(given) if given else []
        except ValueError:
            return []
    if not isinstance(given, list):
        return []
    entities = [_read_entity(entity) for entity in given]
    kept = [entity for entity in entities if entity is not None and entity["length"] > 0]
    units = text.encode("utf-16-le")
    for entity in kept:
        _check_bounds(units, entity)
    return sorted(kept, key=lambda entity: (entity["offset"], -entity["length"]))


def _read_entity(given: Any) -> dict[str, Any] | None:
    try:
        if not isinstance(given, dict):
            raise bad_request("expected an Object")
        offset = integer_field(given, "offset", required=True)
        length = integer_field(given, "length", required=True)
        more = _entity_type(given)
    except Refused as refused:
        if "UTF-8" in refused.description:
            raise
        words = refused.description.removeprefix("Bad Request: ")
        shown = words if words.startswith("expected") else words[0].upper() + words[1:]
        raise bad_request(f"Can't parse MessageEntity: {shown}") from None
    return None if more is None else {**more, "offset": offset, "length": length}


def _entity_type(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return what an entity says beside its place, none for what the server finds itself."""
    kind = text_field(given, "type", required=True)
    plain = {"type": kind}
    if kind in PLAIN_TYPES:
        return plain
    if kind in FOUND_TYPES:
        return None
    match kind:
        case "":
            raise bad_request("Type is not specified")
        case "text_link":
            return plain | {"url": text_field(given, "url", required=True)}
        case "text_mention":
            return plain | {"user": object_field(given, "user")}
        case "custom_emoji":
            name = "custom_emoji_id"
            return plain | {name: text_field(given, name, required=True)}
        case "pre":
            language = text_field(given, "language")
            return plain | ({"language": language} if language else {})
        case "date_time":
            return plain | {
                name: given[name] for name in ("unix_time", "date_time_format") if name in given
            }
    raise bad_request("Unsupported type specified")


def _check_bounds(units: bytes, entity: dict[str, Any]) -> None:
    """Refuse what lies outside the text or cuts a character in two. The words are unverified."""
    offset, end = entity["offset"], entity["offset"] + entity["length"]
    start = f"Entity beginning at UTF-16 offset {offset}"
    if offset < 0 or end * 2 > len(units):
        raise bad_request(
            f"{start} ends after the end of the text at UTF-16 offset {len(units) // 2}"
        )
    for at in (offset, end):
        if 2 * at < len(units) and 0xDC <= units[2 * at + 1] <= 0xDF:
            raise bad_request(
                f"{start} ends in a middle of a UTF-16 symbol at byte offset {2 * at}"
            )


def _trim(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Drop white space around the text, as the platform does (unverified in its details)."""
    left = len(text) - len(text.lstrip())
    trimmed = text.strip()
    if trimmed == text:
        return text, entities
    moved, length = [], utf16_units(trimmed)
    shift = utf16_units(text[:left])
    for entity in entities:
        start = max(entity["offset"] - shift, 0)
        end = min(entity["offset"] + entity["length"] - shift, length)
        if end > start:
            moved.append(entity | {"offset": start, "length": end - start})
    return trimmed, moved


def _with_found(text: str, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    closed = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in entities
        if entity["type"] in ("code", "pre", "text_link", "text_mention", "custom_emoji")
    ]
    found = [
        entity
        for entity in find_entities(text)
        if not any(
            start < entity["offset"] + entity["length"] and entity["offset"] < end
            for start, end in closed
        )
    ]
    return sorted(entities + found, key=lambda entity: (entity["offset"], -entity["length"]))
