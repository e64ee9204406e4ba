"""The widget's files: the loader, fresh for five minutes, and modules that never change under a path.

``w.js`` names the modules by a hash of all that is served, so that a new version is a new path and
browsers may keep the old one for good. ``main.js`` comes with all it imports in one,
and so do the parts that are loaded later; the modules themselves are served as they stand.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aiohttp import web

from omnigate_webchat.gate import Rejected
from omnigate_webchat.pack import pack, squeeze

LOADER: Final = "w.js"
ENTRIES: Final = ("main.js", "rating.js", "reach.js")
"""What the loader asks for, and what that asks for when it is needed."""

_MARK: Final = "__HASH__"


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    zipped: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        content = text.encode()
        return cls(content, gzip.compress(content, compresslevel=9, mtime=0))


class Assets:
    """Serves the widget from memory. Reads its folder once, when made."""

    def __init__(self, folder: Path) -> None:
        modules = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.js"))}
        loader = squeeze(modules.pop(LOADER))
        served = {**modules, **{entry: pack(modules, entry) for entry in ENTRIES}}
        self.version = _version(served)
        loader = loader.replace(_MARK, self.version)
        self._loader = _File.of(loader)
        self._loader_tag = f'"{hashlib.sha256(loader.encode()).hexdigest()[:16]}"'
        self._files = {name: _File.of(text) for name, text in served.items()}

    async def loader(self, request: web.Request) -> web.StreamResponse:
        """Answer ``GET w.js``."""
        headers = {"Cache-Control": "public, max-age=300", "ETag": self._loader_tag}
        if self._loader_tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return _answer(request, self._loader, headers)

    async def module(self, request: web.Request) -> web.StreamResponse:
        """Answer ``GET ui/<hash>/<file>``.

        An outdated hash (a loader kept over an upgrade) gets the present files, which nobody keeps.
        """
        file = self._files.get(request.match_info["file"])
        if file is None:
            raise Rejected(404, "the widget has no such file")
        current = request.match_info["hash"] == self.version
        kept = "public, max-age=31536000, immutable" if current else "no-store"
        return _answer(request, file, {"Cache-Control": kept})


def _answer(request: web.Request, file: _File, headers: dict[str, str]) -> web.Response:
    headers = {
        **headers,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    zips = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    if zips:
        headers["Content-Encoding"] = "gzip"
    return web.Response(
        body=file.zipped if zips else file.plain,
        content_type="text/javascript",
        charset="utf-8",
        headers=headers,
    )


def _version(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in texts.items():
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()[:16]
