"""What a message can hold, as the fields of a Message.

Source: fact sheet, section 3. Files are references, which become ids for whoever reads them.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram.files import FileRef, FileStore, StoredFile
from omnigate.emulators.telegram.texts import FormattedText

Body = dict[str, Any]

DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
MEDIA = (
    "document",
    "video",
    "animation",
    "audio",
    "voice",
    "video_note",
    "sticker",
    "photo",
)
_TYPES = {
    "video": "video/mp4",
    "animation": "video/mp4",
    "audio": "audio/mpeg",
    "voice": "audio/ogg",
}
_PREVIEW_SIDES = (90, 320, 800)


def text(words: FormattedText) -> Body:
    """Return a text message."""
    return words.fields()


def with_caption(body: Body, caption: FormattedText) -> Body:
    """Add a caption to a medium."""
    return body | caption.fields("caption", "caption_entities")


def photo(files: FileStore, file: StoredFile, width: int, height: int) -> Body:
    """Return a photo with its smaller sizes first, each a file of its own, as the platform does."""
    longest = max(width, height, 1)
    sizes = []
    for side in _PREVIEW_SIDES:
        if side < longest:
            across, down = max(width * side // longest, 1), max(height * side // longest, 1)
            preview = files.put(b"preview %d of %s" % (side, file.unique_id.encode()))
            sizes.append(FileRef(preview, "photo", {"width": across, "height": down}))
    sizes.append(FileRef(file, "photo", {"width": width, "height": height}))
    return {"photo": sizes}


def medium(kind: str, file: StoredFile, **fields: Any) -> Body:
    """Return any other medium; an animation is a document as well.

    ``fields`` are those of the kind: ``duration``, ``width``, ``emoji``, …
    """
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    match kind:
        case "video" | "animation":
            shown = {"width": 640, "height": 360, "duration": 3} | _named(kind, file) | given
        case "audio":
            shown = {"duration": 180} | _named(kind, file) | given
        case "voice":
            shown = {"duration": 4, "mime_type": _audible(file)} | given
        case "video_note":
            shown = {"length": 240, "duration": 5} | given
        case "sticker":
            base = {"type": "regular", "width": 512, "height": 512}
            shown = base | {"is_animated": False, "is_video": False} | given
        case _:
            shown = _named(kind, file) | given
    body: Body = {kind: FileRef(file, kind, shown)}
    if kind == "animation":
        body["document"] = FileRef(file, kind, _named(kind, file))
    return body


def contact(phone_number: str, first_name: str, last_name: str = "", **fields: Any) -> Body:
    """Return a contact; ``user_id`` and ``vcard`` where they are known."""
    shown: Body = {"phone_number": phone_number, "first_name": first_name}
    if last_name:
        shown["last_name"] = last_name
    return {"contact": shown | {name: value for name, value in fields.items() if value}}


def location(latitude: float, longitude: float, **fields: Any) -> Body:
    """Return a place on the map."""
    given = {name: value for name, value in fields.items() if value}
    return {"location": {"latitude": latitude, "longitude": longitude, **given}}


def venue(latitude: float, longitude: float, title: str, address: str) -> Body:
    """Return a place with a name; its location is set on the message as well."""
    place = location(latitude, longitude)
    return {"venue": {**place, "title": title, "address": address}, **place}


def poll(poll_id: str, question: str, options: list[str], *, anonymous: bool = True) -> Body:
    """Return a poll in which nobody has voted."""
    return {
        "poll": {
            "id": poll_id,
            "question": question,
            "options": [
                {"persistent_id": str(at), "text": option, "voter_count": 0}
                for at, option in enumerate(options)
            ],
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": anonymous,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": True,
            "members_only": False,
        }
    }


def dice(emoji: str, value: int) -> Body:
    """Return a thrown die."""
    return {"dice": {"emoji": emoji, "value": value}}


def kind_of(body: Body) -> str:
    """Return the main field of a message: ``text``, ``photo``, ``animation``, …"""
    for kind in ("venue", "animation", *MEDIA):
        if kind in body:
            return kind
    return next((kind for kind in body if kind in _OTHERS), "service")


def file_of(body: Body) -> StoredFile | None:
    """Return the file of a message, of a photo the largest."""
    found = body.get(kind_of(body))
    reference = found[-1] if isinstance(found, list) and found else found
    return reference.file if isinstance(reference, FileRef) else None


def _audible(file: StoredFile) -> str:
    return file.mime_type if file.mime_type.startswith("audio/") else _TYPES["voice"]


def _named(kind: str, file: StoredFile) -> Body:
    mime_type = file.mime_type or _TYPES.get(kind, "application/octet-stream")
    return {**({"file_name": file.name} if file.name else {}), "mime_type": mime_type}


_OTHERS = frozenset({"text", "contact", "location", "poll", "dice", "game", "story", "invoice"})
