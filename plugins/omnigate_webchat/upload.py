"""``POST upload``: a visitor's file, streamed to the host, answered with a ticket.

The ticket, not the file's id, is what a message names: it is signed for one conversation, so that
nobody can attach (and then read) what somebody else uploaded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

import omnigate
from omnigate_webchat.config import Uploads
from omnigate_webchat.connection import Connections
from omnigate_webchat.filetype import HEAD_BYTES, kind_of, mime_of
from omnigate_webchat.gate import Rejected, answer_json
from omnigate_webchat.limits import Buckets, network_of
from omnigate_webchat.poll import bearer
from omnigate_webchat.tokens import Pass, Seal, UploadClaims

_DAY_SECONDS: Final = 86_400
_CHUNK_BYTES: Final = 64 * 1024
_MOST_LINES: Final = 1000


class UploadEndpoint:
    """Takes files in."""

    def __init__(
        self,
        config: Uploads,
        host: omnigate.ChannelHost,
        connections: Connections,
        tickets: Seal[UploadClaims],
    ) -> None:
        self._config = config
        self._host = host
        self._connections = connections
        self._tickets = tickets
        self._count = Buckets(30, per_seconds=60)
        self._visitor_bytes = Buckets(config.daily_bytes, per_seconds=_DAY_SECONDS)
        self._network_bytes = Buckets(config.daily_bytes_per_ip, per_seconds=_DAY_SECONDS)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer ``POST upload``."""
        if not self._config.enabled:
            raise Rejected(403, "files are not taken here")
        who = bearer(request, self._connections)
        if wait_seconds := self._count.wait_seconds(who.visitor):
            raise Rejected(429, "too many files at once", retry_after_seconds=wait_seconds)
        parts = _open(request)
        part = await _file_part(parts)
        chunks = _chunks(parts, part)
        head = await _head(chunks)
        mime = mime_of(head)
        if mime is None or mime not in self._config.types:
            raise Rejected(415, "files of this type are not taken here")
        saved = await self._host.save_file(
            self._counted(who, network_of(request.remote), head, chunks),
            name=_name(part.filename),
            mime=mime,
            limit_bytes=self._config.max_bytes,
        )
        claims = UploadClaims(
            conversation=who.conversation,
            id=saved.id,
            kind=kind_of(mime),
            mime=mime,
            size_bytes=saved.size_bytes or 0,
            name=_name(part.filename),
        )
        answer = claims.model_dump(include={"name", "mime", "kind", "size_bytes"})
        return answer_json({"id": self._tickets.seal(claims), **answer}, status=201)

    async def _counted(
        self, who: Pass, network: str, head: bytes, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Yield the file, counting against its limit and the quotas; raises `Rejected` when over."""
        size_bytes = 0
        chunk = head
        while chunk:
            size_bytes += len(chunk)
            if size_bytes > self._config.max_bytes:
                raise Rejected(413, f"a file has at most {self._config.max_bytes} bytes")
            wait_seconds = max(
                self._visitor_bytes.wait_seconds(who.visitor, len(chunk)),
                self._network_bytes.wait_seconds(network, len(chunk)),
            )
            if wait_seconds:
                raise Rejected(429, "too many files for one day", retry_after_seconds=wait_seconds)
            yield chunk
            chunk = await anext(chunks, b"")


class _Form(MultipartReader):
    """A form with a few lines at most around its fields: millions of empty ones would cost seconds."""

    _lines = 0

    async def _readline(self) -> bytes:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise ValueError("too many lines around the fields")
        return await super()._readline()


def _open(request: web.Request) -> MultipartReader:
    """Return a reader of the body's fields; raises `Rejected`."""
    if request.content_type != "multipart/form-data":
        raise Rejected(415, "send the file as multipart/form-data")
    try:
        return _Form(request.headers, request.content)
    except ValueError:
        raise _malformed() from None


async def _file_part(parts: MultipartReader) -> BodyPartReader:
    """Return the field ``file``, which has to come first; raises `Rejected`."""
    try:
        part = await parts.next()
    except (ValueError, RuntimeError, BadHttpMessage):
        raise _malformed() from None
    if not isinstance(part, BodyPartReader) or part.name != "file":
        raise Rejected(400, "the first field of the body must be the file, named file")
    encoding = part.headers.get("Content-Transfer-Encoding", "binary").lower()
    if encoding not in ("7bit", "8bit", "binary") or "Content-Encoding" in part.headers:
        raise Rejected(400, "the file is encoded; send its plain bytes")
    return part


async def _chunks(parts: MultipartReader, part: BodyPartReader) -> AsyncIterator[bytes]:
    """Yield the file; raises `Rejected` when the body ends before its boundary."""
    try:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
        await parts.next()
    except (ValueError, RuntimeError, AssertionError, BadHttpMessage):
        # aiohttp asserts some of what it expects of a body.
        raise _malformed() from None


def _malformed() -> Rejected:
    return Rejected(400, "the multipart body is malformed")


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the first bytes, enough to tell the type by; raises `Rejected` for an empty file."""
    head = b""
    while len(head) < HEAD_BYTES and (chunk := await anext(chunks, b"")):
        head += chunk
    if not head:
        raise Rejected(400, "the file is empty")
    return head


def _name(filename: str | None) -> str | None:
    """Return the last part of a file name without control characters, at most 200 characters."""
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(sign for sign in name if sign.isprintable()).strip(". ")
    return name[-200:] or None
