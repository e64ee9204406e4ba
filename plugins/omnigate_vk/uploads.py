"""Files of the company's on their way to VK, in three steps: where to, the file itself, saving it.

Source: vendor schema 5.199 for the methods; the fields of the forms as maintained client libraries send them.
"""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import FormData
from aiohttp.payload import AsyncIterablePayload

import omnigate
from omnigate_vk.api import Api

PHOTO_BYTES: Final = 50 * 1024 * 1024
_PHOTOS: Final = frozenset({"image/jpeg", "image/png"})
_VOICES: Final = frozenset({"audio/ogg", "audio/opus"})


class Uploads:
    """Brings files to where a conversation can show them."""

    def __init__(self, api: Api, host: omnigate.ChannelHost) -> None:
        self._api = api
        self._host = host

    async def bring(self, file: omnigate.Attachment, peer_id: int) -> str:
        """Upload a file as what it is and return what messages call it.

        A voice message that VK cannot play goes as a document. Raises `Refused` for a file that VK does not
        take, and as `Api.call` does: then nothing was sent, and it may all be done again.
        """
        size = file.size_bytes or 0
        if file.kind in ("image", "sticker") and file.mime in _PHOTOS and size <= PHOTO_BYTES:
            return await self._photo(file, peer_id)
        if file.kind == "voice" and file.mime in _VOICES:
            try:
                return await self._document(file, peer_id, "audio_message")
            except omnigate.Refused as refused:
                self._host.log.info("a voice message goes as a document", reason=refused.reason)
        return await self._document(file, peer_id, "doc")

    async def _photo(self, file: omnigate.Attachment, peer_id: int) -> str:
        server = await self._api.call("photos.getMessagesUploadServer", peer_id=peer_id)
        told = await self._give(server, "photo", file)
        if told.get("photo") in (None, "", "[]"):
            raise _refused(file, "it is no picture that VK can read")
        saved = await self._api.call(
            "photos.saveMessagesPhoto",
            server=told.get("server"),
            photo=told["photo"],
            hash=told.get("hash"),
        )
        return address_of("photo", saved[0])

    async def _document(self, file: omnigate.Attachment, peer_id: int, kind: str) -> str:
        server = await self._api.call("docs.getMessagesUploadServer", type=kind, peer_id=peer_id)
        told = await self._give(server, "file", file)
        if not told.get("file"):
            raise _refused(file, "VK does not take files of this type")
        title = name_of(file)[-255:] if kind == "doc" else None
        saved = await self._api.call("docs.save", file=told["file"], title=title)
        return address_of("doc", saved[saved["type"]])

    async def _give(self, server: Any, field: str, file: omnigate.Attachment) -> dict[str, Any]:
        form = FormData()
        form.add_field(
            field,
            _Stream(self._host.open_file(file), file.size_bytes, content_type=file.mime),
            filename=name_of(file),
            content_type=file.mime,
        )
        told = await self._api.upload(str(server["upload_url"]), form)
        if not isinstance(told, dict):
            raise _refused(file, "the upload server answered nonsense")
        if error := told.get("error"):
            raise _refused(file, str(error)[:200])
        return told


def address_of(kind: str, body: dict[str, Any]) -> str:
    """Return what messages call something that is attached: ``photo-1_2_key``."""
    key = body.get("access_key")
    address = f"{kind}{body['owner_id']}_{body['id']}"
    return f"{address}_{key}" if key else address


def name_of(file: omnigate.Attachment) -> str:
    """Return a name with an ending, which VK goes by."""
    name = file.name or file.id
    if "." in name.strip("."):
        return name
    return name + (mimetypes.guess_extension(file.mime) or ".bin")


def _refused(file: omnigate.Attachment, why: str) -> omnigate.Refused:
    return omnigate.Refused("file_refused", f"VK refuses the file {name_of(file)!r}: {why}")


class _Stream(AsyncIterablePayload):
    """A stream whose length is known: the platform's servers prefer to be told."""

    def __init__(
        self, chunks: AsyncIterator[bytes], size_bytes: int | None, **options: Any
    ) -> None:
        super().__init__(chunks, **options)
        self._size = size_bytes
