"""Methods that send files, from an upload, a ``file_id`` or an address.

Source: fact sheet, section 5; ``get_input_file``, ``get_input_media`` and
``process_send_media_group_query`` of the published server. What is wrong with the file itself is
found behind that server: those words are unverified.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.access import find_place
from omnigate.emulators.telegram.errors import Refused, bad_request
from omnigate.emulators.telegram.fields import integer_field, text_field
from omnigate.emulators.telegram.files import StoredFile, image_sides
from omnigate.emulators.telegram.limits import (
    ALBUM_ITEMS,
    LOCAL_UPLOAD_BYTES,
    PHOTO_BYTES,
    PHOTO_RATIO,
    PHOTO_SIDES,
    UPLOAD_BYTES,
    URL_FILE_BYTES,
    URL_PHOTO_BYTES,
)
from omnigate.emulators.telegram.methods.sending import place_message
from omnigate.emulators.telegram.query import Method, Query
from omnigate.emulators.telegram.texts import check_caption, format_text, read_caption

_ATTACH = "attach://"
_NUMBERS = ("duration", "width", "height", "length")
_WORDS = ("title", "performer", "emoji")
_VOICE_STARTS = (b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3")
_WITHOUT_CAPTION = ("sticker", "video_note")


async def read_body(query: Query, kind: str, media: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a medium as the fields of a message.

    Raises:
        Refused: there is no such file, or it is not fit to be one of this kind
    """
    file = await _find_file(query, kind, media)
    if kind == "photo":
        sides = _check_photo(file)
        return contents.photo(query.world.files, file, *sides)
    if (
        kind == "voice"
        and not file.content.startswith(_VOICE_STARTS)
        and b"ftyp" not in file.content[:12]
    ):
        kind = "document"  # unverified: the platform sends as a file what it cannot play
    return contents.medium(kind, file, **fields)


def _sender_of(kind: str) -> Method:
    async def send(query: Query) -> Any:
        arguments = query.arguments
        media = arguments.text(kind).strip()
        if not media and kind not in arguments.files:
            raise bad_request(f"There is no {kind.replace('_', ' ')} in the request")
        fields: dict[str, Any] = {
            name: arguments.integer(name, least=0) or None for name in _NUMBERS
        } | {name: arguments.text(name) for name in _WORDS}
        body = await read_body(query, kind, media or _ATTACH + kind, _of_kind(kind, fields))
        if kind not in _WITHOUT_CAPTION:
            body = contents.with_caption(body, read_caption(arguments))
        place = find_place(query.world, query.bot, arguments)
        return query.show(place_message(query, place, body))

    return send


def _of_kind(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Keep what a kind of medium has."""
    names = {
        "video": ("duration", "width", "height"),
        "animation": ("duration", "width", "height"),
        "audio": ("duration", "title", "performer"),
        "voice": ("duration",),
        "video_note": ("duration", "length"),
        "sticker": ("emoji",),
    }.get(kind, ())
    return {name: fields[name] for name in names if fields.get(name)}


async def send_media_group(query: Query) -> Any:
    """Send an album: two to ten, documents and audio only among themselves."""
    query.arguments.required("media")
    given = query.arguments.json("media", "media")
    if not isinstance(given, list):
        raise bad_request("Expected an Array of InputMedia")
    bodies = [await _album_item(query, item) for item in given]
    least, most = ALBUM_ITEMS
    if not least <= len(bodies) <= most:
        words = "Too many messages" if len(bodies) > most else "Too few messages"
        raise bad_request(f"{words} to send as an album")
    kinds = {contents.kind_of(body) for body in bodies}
    for lonely in ("document", "audio"):
        if lonely in kinds and len(kinds) > 1:
            raise bad_request(f"{lonely} can't be mixed with other media types")
    place = find_place(query.world, query.bot, query.arguments)
    group = query.world.number()
    sent = [place_message(query, place, body | {"media_group_id": group}) for body in bodies]
    return [query.show(message) for message in sent]


async def _album_item(query: Query, given: Any) -> dict[str, Any]:
    if isinstance(given, dict) and given.get("type") == "animation":
        raise bad_request(
            "Can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup"
        )
    return await media_of(query, given)


async def media_of(query: Query, given: Any) -> dict[str, Any]:
    """Return an InputMedia as the fields of a message; raises ``Refused``."""

    def wrong(why: str) -> Refused:
        return bad_request(f"Can't parse InputMedia: {why}")

    if not isinstance(given, dict):
        raise wrong("expected an Object")
    media = text_field(given, "media")
    if not media:
        raise wrong("media not found")
    if given.get("type") is None:
        raise wrong('Can\'t find field "type"')
    kind = text_field(given, "type")
    if kind not in ("photo", "video", "audio", "document", "animation"):
        raise wrong(f'type "{kind}" is unsupported')
    fields: dict[str, Any] = {name: integer_field(given, name) for name in _NUMBERS}
    fields |= {name: text_field(given, name) for name in _WORDS}
    body = await read_body(query, kind, media, _of_kind(kind, fields))
    words, mode = text_field(given, "caption"), text_field(given, "parse_mode")
    caption = format_text(words, mode, given.get("caption_entities", ""))
    return contents.with_caption(body, check_caption(caption))


async def _find_file(query: Query, kind: str, media: str) -> StoredFile:
    if media.startswith(_ATTACH):
        return _uploaded(query, kind, media.removeprefix(_ATTACH))
    if media.startswith(("http://", "https://")):
        limit = URL_PHOTO_BYTES if kind == "photo" else URL_FILE_BYTES
        fetched = await query.internet.fetch(media, limit)
        if kind == "photo" and not fetched.content_type.startswith("image/"):
            raise bad_request("Wrong type of the web page content")
        return query.world.files.put(
            fetched.content, name=fetched.name, mime_type=fetched.content_type
        )
    known = query.world.files.find(media, query.bot.id)
    if known is None:
        raise bad_request("Wrong file identifier/HTTP URL specified")
    if "photo" in (kind, known.kind) and kind != known.kind:
        names = (known.kind.title().replace("_", ""), kind.title().replace("_", ""))
        raise bad_request("Can't use file of type {} as {}".format(*names))
    return known.file


def _uploaded(query: Query, kind: str, name: str) -> StoredFile:
    upload = query.arguments.files.get(name)
    if upload is None:
        raise bad_request("Wrong file identifier/HTTP URL specified")
    if not upload.content:
        raise bad_request("File must be non-empty")
    size = len(upload.content)
    if kind == "photo" and size > PHOTO_BYTES:
        raise bad_request(
            f"File of size {size} bytes is too big for a photo; the maximum size is"
            f" {PHOTO_BYTES} bytes"
        )
    if size > (LOCAL_UPLOAD_BYTES if query.world.local else UPLOAD_BYTES):
        raise bad_request("File is too big")
    return query.world.files.put(upload.content, name=upload.name, mime_type=upload.content_type)


def _check_photo(file: StoredFile) -> tuple[int, int]:
    sides = image_sides(file.content)
    if sides is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = sides
    ratio = max(width, height) / max(min(width, height), 1)
    if width + height > PHOTO_SIDES or ratio > PHOTO_RATIO or not width * height:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return sides


METHODS: dict[str, Method] = {
    "sendPhoto": _sender_of("photo"),
    "sendDocument": _sender_of("document"),
    "sendVideo": _sender_of("video"),
    "sendAnimation": _sender_of("animation"),
    "sendAudio": _sender_of("audio"),
    "sendVoice": _sender_of("voice"),
    "sendVideoNote": _sender_of("video_note"),
    "sendSticker": _sender_of("sticker"),
    "sendMediaGroup": send_media_group,
}
