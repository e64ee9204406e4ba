"""Files: uploading them, what is known of one, and the signed addresses that serve their bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import Field
from sqlalchemy import Connection

from omnigate.flow.filetype import OPAQUE, RASTER_TYPES
from omnigate.flow.shelf import TooLarge
from omnigate.ids import is_id
from omnigate.model.attachment import Attachment
from omnigate.model.text import Model
from omnigate.server.auth import Caller
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.store.attachments import StoredAttachment, read_attachments
from omnigate.store.conversationreads import read_conversation
from omnigate.store.history import external_id_of

UPLOAD_MAX_BYTES: Final = 1024 * 1024 * 1024
"""What no configuration goes beyond; the configured limit is checked while the file comes."""

_FORM_BYTES: Final = 64 * 1024
"""Room for the boundaries and headers around a file in a form."""
_CHUNK_BYTES: Final = 64 * 1024
_MOST_LINES: Final = 1000
_LONGEST_NAME: Final = 200
_ACTIVE: Final = ("html", "xml", "svg", "javascript", "ecmascript", "xsl")
"""Types with such a word in them may run scripts: they are served as plain bytes."""


class UploadQuery(Model):
    """What a raw body is called."""

    name: str | None = Field(None, max_length=1000, description="Name of the file, for raw bodies.")


class Signed(Model):
    """The signature of an address."""

    exp: str = Field(max_length=20, description="When the address ends, in seconds since 1970.")
    sig: str = Field(max_length=100, description="The signature.")


async def upload(call: Call) -> web.StreamResponse:
    """Store a file; the answer comes once it is on disk. Send its id with a message."""
    query: UploadQuery = call.query
    request = call.request
    call.services.inbox.admit()
    limit_bytes = call.services.settings.media.max_file_bytes
    if (request.content_length or 0) > limit_bytes + _FORM_BYTES:
        raise _too_large(limit_bytes)
    name, mime = query.name, request.content_type
    chunks: AsyncIterator[bytes]
    if mime == "multipart/form-data":
        form, part = await _file_part(request)
        name = name or part.filename
        mime = part.headers.get("Content-Type", OPAQUE)
        chunks = _of_part(form, part)
    else:
        if not request.can_read_body:
            raise Denied(400, "The body is empty; send the file as the body, or as a form's field.")
        chunks = request.content.iter_chunked(_CHUNK_BYTES)
    try:
        saved = await call.services.media.save(
            chunks,
            name=clean_name(name),
            mime=mime,
            limit_bytes=limit_bytes,
            owner=call.caller.owner,
        )
    except TooLarge:
        raise _too_large(limit_bytes) from None
    return call.answer(saved, 201)


async def show(call: Call) -> web.StreamResponse:
    """Answer with what is known of a file: its state, and its address when it is there."""
    stored = await call.services.store.read(_read, call.id, call.caller)
    if stored is None:
        raise Denied(404, "There is no such file.")
    return call.answer(stored.attachment)


async def serve(call: Call) -> web.StreamResponse:
    """Answer with the bytes of a file, fetching them first if need be."""
    query: Signed = call.query
    if not call.services.media.verify(call.id, query.exp, query.sig):
        raise Denied(403, "The address is wrong or has expired; ask for the file again.")
    stored, path = await call.services.media.open(call.id)
    return web.FileResponse(path, headers=_headers(stored.attachment))


def clean_name(name: str | None) -> str | None:
    """Return the last part of a file's name without control characters; None when nothing is left."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    last = "".join(sign for sign in last if sign.isprintable()).strip(". ")
    return last[-_LONGEST_NAME:] or None


def _too_large(limit_bytes: int) -> Denied:
    return Denied(413, f"A file has at most {limit_bytes} bytes.", code="too_large")


def _headers(shown: Attachment) -> dict[str, str]:
    """Return headers under which no file can do anything but be seen or saved."""
    inline = shown.mime in RASTER_TYPES
    active = any(word in shown.mime for word in _ACTIVE)
    disposition = "inline" if inline else "attachment"
    if shown.name:
        disposition += f"; filename*=UTF-8''{quote(shown.name, safe='')}"
    return {
        "Content-Type": OPAQUE if active else shown.mime,
        "Content-Disposition": disposition,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, max-age=3600",
    }


class _Form(MultipartReader):
    """A form with a few lines at most around its fields: millions of empty ones would cost seconds."""

    _lines = 0

    async def _readline(self) -> bytes:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise ValueError("too many lines around the fields")
        return await super()._readline()


async def _file_part(request: web.Request) -> tuple[MultipartReader, BodyPartReader]:
    """Return the form and its first field that is a file."""
    try:
        form = _Form(request.headers, request.content)
        for _ in range(20):
            part = await form.next()
            if part is None:
                break
            if isinstance(part, BodyPartReader) and (part.filename or part.name == "file"):
                return form, _plain(part)
    except (ValueError, RuntimeError, AssertionError, HttpProcessingError):
        raise Denied(400, "The form is malformed.") from None
    raise Denied(400, "The form has no file; name the field file.")


def _plain(part: BodyPartReader) -> BodyPartReader:
    """Return a field whose bytes are the file's own; raises 400 where they are encoded."""
    encoding = part.headers.get("Content-Transfer-Encoding", "binary").lower()
    if encoding not in ("7bit", "8bit", "binary") or "Content-Encoding" in part.headers:
        raise Denied(400, "The file in the form is encoded; send its plain bytes.")
    return part


async def _of_part(form: MultipartReader, part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
        # A form that ends before its boundary is half a file.
        await form.next()
    except (ValueError, AssertionError, HttpProcessingError):
        # The framework asserts where a body ends before its boundary.
        raise Denied(400, "The form is malformed.") from None


def _read(connection: Connection, attachment_id: str, caller: Caller) -> StoredAttachment | None:
    stored = read_attachments(connection, [attachment_id]).get(attachment_id)
    return stored if stored is not None and _is_seen(connection, stored, caller) else None


def _is_seen(connection: Connection, stored: StoredAttachment, caller: Caller) -> bool:
    """Tell whether a file is of a channel that the caller sees, or its own upload."""
    if stored.message_id is not None and is_id(stored.message_id, "cal"):
        return caller.sees(stored.channel)  # a recording
    if stored.message_id is not None:
        known = external_id_of(connection, stored.message_id)
        conversation = read_conversation(connection, known[0]) if known else None
        return conversation is not None and caller.sees(conversation.channel)
    if stored.channel is not None:
        return caller.sees(stored.channel)
    return caller.owner in (None, stored.owner)


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/media",
        summary="Upload a file: as the body itself, or as a field of a form",
        run=upload,
        scope="media",
        query=UploadQuery,
        raw_body=(OPAQUE, "multipart/form-data"),
        max_body_bytes=UPLOAD_MAX_BYTES,
        answers=Attachment,
        status=201,
    ),
    Operation(
        method="GET",
        path="/v1/media/{id}",
        summary="Show what is known of a file, with a fresh address",
        run=show,
        scope="media",
        answers=Attachment,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/media/{id}",
        summary="Get the bytes of a file by its signed address",
        run=serve,
        query=Signed,
        answer_type="*/*",
        errors=(403, 404, 503),
    ),
)
