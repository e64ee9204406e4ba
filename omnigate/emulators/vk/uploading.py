"""Uploads in three steps: where to, the file, and saving it.

Source: vendor JSON schema 5.199, sections photos and docs; the fields of the forms and of the
answers are as maintained client libraries send and read them. What the upload server says about a
bad file is unverified.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.calls import Call
from omnigate.emulators.vk.errors import Refused, invalid
from omnigate.emulators.vk.files import (
    EXECUTABLE,
    Attachment,
    Shelf,
    Stored,
    Upload,
    extension,
    image_mime,
    is_voice,
)

DOC_TYPES: Final = ("doc", "audio_message", "graffiti")


def photo_server(call: Call) -> dict[str, Any]:
    """Return where a photo is to be sent to."""
    peer_id = call.arguments.number("peer_id") or 0
    if peer_id:
        call.world.check_peer(call.community, peer_id)  # that it is looked at so early is a report
    shelf = call.world.shelf
    upload = shelf.expect("photo", call.community.id, peer_id)
    url = f"{shelf.url}/upload/{upload.ticket}"
    return {"upload_url": url, "album_id": -64, "user_id": 0, "group_id": call.community.id}


def doc_server(call: Call) -> dict[str, Any]:
    """Return where a document, a voice message or a drawing is to be sent to."""
    kind = call.arguments.choice("type", DOC_TYPES, "doc")
    peer_id = call.arguments.number("peer_id") or 0
    if peer_id:
        call.world.check_peer(call.community, peer_id)
    shelf = call.world.shelf
    upload = shelf.expect(kind, call.community.id, peer_id)
    return {"upload_url": f"{shelf.url}/upload/{upload.ticket}"}


class BadUpload(Exception):
    """The upload server does not take a file."""


async def take(
    shelf: Shelf, upload: Upload, field: str, name: str, parts: AsyncIterator[bytes]
) -> None:
    """Take the one file of an upload and note the answer.

    Raises:
        BadUpload: the field, the size or the kind of file is wrong
    """
    expected = "photo" if upload.kind == "photo" else "file"
    if field != expected:
        raise BadUpload(f"no file in field {expected}")
    limit = limits.PHOTO_BYTES if upload.kind == "photo" else limits.DOCUMENT_BYTES
    data = bytearray()
    async for part in parts:
        data += part
        if len(data) > limit:
            raise BadUpload("file is too big")
    if not data:
        raise BadUpload("file is empty")
    _check_kind(upload.kind, name, bytes(data))
    upload.file = Stored(name, "application/octet-stream", bytes(data))
    if upload.kind == "photo":
        photo = json.dumps([{"photo": upload.ticket[:10], "sizes": []}])
        upload.answer = {"server": 909228, "photo": photo, "hash": upload.ticket[10:]}
    else:
        upload.answer = {"file": f"{upload.community_id}|0|0|{upload.ticket}|{extension(name)}"}


def _check_kind(kind: str, name: str, data: bytes) -> None:
    if kind in ("photo", "graffiti") and image_mime(data) is None:
        raise BadUpload("file is not an image")
    if kind == "audio_message" and not is_voice(data):
        raise BadUpload("file is not Ogg with one channel of Opus")
    if kind == "doc" and (not extension(name) or extension(name) in EXECUTABLE):
        raise BadUpload("file of this type is not allowed")


def save_photo(call: Call) -> list[dict[str, Any]]:
    """Make a photo of what was uploaded."""
    arguments = call.arguments
    photo = arguments.needed("photo")
    answers = {one.answer.get("photo"): one for one in _uploads(call, "photo")}
    upload = answers.get(photo)
    if upload is None:
        raise Refused(129)
    if arguments.text("server") != str(upload.answer["server"]):
        raise Refused(118)
    if arguments.text("hash") != upload.answer["hash"]:
        raise Refused(121)
    file = _used(call, upload)
    made = call.world.make.photo(-call.community.id, file.data)
    return [made.body]


def save_doc(call: Call) -> dict[str, Any]:
    """Make a document of what was uploaded, or a voice message, or a drawing."""
    arguments = call.arguments
    given = arguments.needed("file")
    upload = next((one for one in _uploads(call) if one.answer.get("file") == given), None)
    if upload is None:
        raise invalid("file is incorrect")  # own words
    title = arguments.text("title")
    if len(title) > 255:
        raise Refused(1152)
    made = _document(call, upload.kind, _used(call, upload), title)
    return {"type": made.kind, made.kind: made.body}


def _document(call: Call, kind: str, file: Stored, title: str) -> Attachment:
    make, owner_id = call.world.make, -call.community.id
    if kind == "audio_message":
        return make.audio_message(owner_id, file.data)
    if kind == "graffiti":
        return make.graffiti(owner_id, file.data)
    made = make.doc(owner_id, file.data, file.name)
    made.body["title"] = title or file.name
    return made


def _uploads(call: Call, kind: str | None = None) -> list[Upload]:
    community = call.community
    known = community.ground.shelf.uploads.values()
    own = [one for one in known if one.community_id == community.id and one.file is not None]
    return [one for one in own if kind is None or one.kind == kind]


def _used(call: Call, upload: Upload) -> Stored:
    """Return the file of an upload, which is saved once."""
    call.world.shelf.uploads.pop(upload.ticket)
    if upload.file is None:
        raise Refused(105)
    return upload.file
