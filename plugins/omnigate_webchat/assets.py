"""The widget's files: the loader, fresh for five minutes, and modules that never change under a path.

``w.js`` names the modules by a hash of all of them, so that a new version is a new path and browsers
may keep the old one for good.
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

LOADER: Final = "w.js"

_MARK: Final = b"__HASH__"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    zipped: bytes
    content_type: str

    @classmethod
    def of(cls, content: bytes, content_type: str) -> Self:
        return cls(content, gzip.compress(content, compresslevel=9, mtime=0), content_type)


class Assets:
    """Serves the widget from memory. Reads its folder once, when made."""

    def __init__(self, folder: Path) -> None:
        contents = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES and path.is_file()
        }
        self.version = _version(contents)
        loader = contents.pop(LOADER, b"").replace(_MARK, self.version.encode())
        self._loader = _File.of(loader, _TYPES[".js"])
        self._loader_tag = f'"{hashlib.sha256(loader).hexdigest()[:16]}"'
        self._files = {
            name: _File.of(content, _TYPES[Path(name).suffix]) for name, content in contents.items()
        }

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
        content_type=file.content_type,
        charset="utf-8",
        headers=headers,
    )


def _version(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
