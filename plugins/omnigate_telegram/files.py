"""Files both ways: customers' by their file id, the company's as uploads."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
from aiohttp import FormData
from aiohttp.payload import AsyncIterablePayload

import omnigate
from omnigate_telegram.api import UNANSWERED, Api, ApiError

CHUNK_BYTES: Final = 64 * 1024
PHOTO_BYTES: Final = 10 * 1024 * 1024
PHOTO_SIDES: Final = 10_000
PHOTO_RATIO: Final = 20
_PHOTOS: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
_VOICES: Final = frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/opus"})
_HARMFUL: Final = re.compile(r'[\x00-\x1f\x7f"\\/]')
_NO_PHOTO: Final = (
    "PHOTO_INVALID_DIMENSIONS",
    "IMAGE_PROCESS_FAILED",
    "PHOTO_EXT_INVALID",
    "too big for a photo",
)


async def fetch(api: Api, file_id: str) -> AsyncIterator[bytes]:
    """Return the bytes of a customer's file; asks anew where it is when the platform has moved it."""
    for attempt in (1, 2):
        path = await _path(api, file_id)
        if path.startswith("/"):  # a local Bot API server that shares our disk
            async for chunk in _local(path):
                yield chunk
            return
        try:
            async with api.file(path) as answer:
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    yield chunk
            return
        except ApiError as error:
            if attempt == 2 or error.code != 404:
                raise _told(error) from None
        except UNANSWERED as error:
            raise omnigate.NotReady(str(error)) from None


async def _path(api: Api, file_id: str) -> str:
    try:
        file = await api.call("getFile", {"file_id": file_id})
    except ApiError as error:
        raise _told(error) from None
    except UNANSWERED as error:
        raise omnigate.NotReady(str(error)) from None
    path = file.get("file_path") if isinstance(file, dict) else None
    if not isinstance(path, str) or not path or ".." in Path(path).parts:
        raise omnigate.Refused("no_file", "Telegram does not say where the file is")
    if path.startswith("/") and not api.shares_our_disk:
        raise omnigate.Refused("no_file", "Telegram names a file on our own disk")
    return path


async def _local(path: str) -> AsyncIterator[bytes]:
    try:
        async with await anyio.open_file(path, "rb") as file:
            while chunk := await file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise omnigate.Refused(
            "no_file",
            f"the local Bot API server put the file where we cannot read it ({error.strerror}); "
            "let the daemon's user read its directory, or run it without --local",
        ) from None


def _told(error: ApiError) -> omnigate.OmnigateError:
    if error.code == 429:
        return omnigate.RetryLater(str(error), after_seconds=error.retry_after_seconds, status=429)
    if error.code >= 500 or error.code == 401:  # a revoked token says nothing about the file
        return omnigate.NotReady(str(error))
    if "temporarily unavailable" in error.description:
        return omnigate.NotReady(str(error))
    if "too big" in error.description:
        return omnigate.Refused(
            "too_large",
            "Telegram gives files up to 20 MB; a local Bot API server gives larger ones",
        )
    return omnigate.Refused("no_file", error.description)


def method_of(file: omnigate.Attachment, *, has_words: bool = False) -> tuple[str, str]:
    """Return the method that sends a file as what it is, and the name of its argument.

    Nothing can be said beside a sticker: ``has_words`` makes it a picture.
    """
    if file.kind == "image" and file.mime == "image/gif":
        return "sendAnimation", "animation"
    if file.kind == "image" and file.mime in _PHOTOS and _fits_a_photo(file):
        return "sendPhoto", "photo"
    if file.kind == "video":
        return "sendVideo", "video"
    if file.kind == "voice" and file.mime in _VOICES:
        return "sendVoice", "voice"
    if file.kind in ("audio", "voice"):
        return "sendAudio", "audio"
    if file.kind == "sticker" and file.mime == "image/webp":
        return ("sendPhoto", "photo") if has_words else ("sendSticker", "sticker")
    return "sendDocument", "document"


def album_kinds(files: Sequence[omnigate.Attachment]) -> list[str]:
    """Return as what each file stands in an album: one that can only be a document makes all documents."""
    names = [name for _, name in map(method_of, files)]
    if set(names) <= {"photo", "video"} or set(names) == {"audio"}:
        return names
    return ["document"] * len(names)


def is_no_photo(error: ApiError) -> bool:
    """Tell whether the platform would take the file, but not as a photo."""
    return any(words in error.description for words in _NO_PHOTO)


def _fits_a_photo(file: omnigate.Attachment) -> bool:
    """Tell what is known before the platform looks at the picture itself."""
    if (file.size_bytes or 0) > PHOTO_BYTES:
        return False
    if not file.width or not file.height:
        return True
    longer, shorter = max(file.width, file.height), min(file.width, file.height)
    return longer + shorter <= PHOTO_SIDES and longer <= PHOTO_RATIO * shorter


def add_file(
    form: FormData, name: str, file: omnigate.Attachment, host: omnigate.ChannelHost
) -> None:
    """Put a file into a form; its bytes are read while they are sent."""
    form.add_field(
        name,
        _Upload(host.open_file(file), file.size_bytes, content_type=file.mime),
        filename=_name(file),
        content_type=file.mime,
    )


def _name(file: omnigate.Attachment) -> str:
    """Return a name that can stand in a form as it is."""
    if file.name:
        return _HARMFUL.sub("_", file.name)
    return f"{file.kind}{mimetypes.guess_extension(file.mime) or ''}"


class _Upload(AsyncIterablePayload):
    """A stream whose length is known: the platform's servers prefer to be told."""

    def __init__(
        self, chunks: AsyncIterator[bytes], size_bytes: int | None, **options: Any
    ) -> None:
        super().__init__(chunks, **options)
        self._size = size_bytes
