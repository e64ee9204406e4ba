"""Files on disk under the hash of their bytes, synced before anybody hears of them.

The order is: temporary file, fsync, rename to ``<aa>/<sha256>``, fsync of the directories. A row that
names a hash is written after that, so every row's bytes survive the loss of power.

Between its bytes and its row a file is *unclaimed*: whoever put it there says `claimed` once the row is
written or given up, and until then nobody else's `discard` of the same bytes touches it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, ParamSpec, TypeVar

from omnigate import failpoints
from omnigate.errors import BadPayload, StoreError
from omnigate.flow.filetype import HEAD_BYTES
from omnigate.owners import hand_over
from omnigate.store.directories import make_directory, sync_directory

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

_BUFFER_BYTES: Final = 256 * 1024
_TEMPORARY: Final = ".incoming-"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class TooLarge(BadPayload):
    """A file is larger than the limit; nothing of it is kept."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the file is larger than {limit_bytes} bytes")


@dataclass(frozen=True, slots=True)
class Shelved:
    """A file whose bytes are safe."""

    sha256: str
    size_bytes: int
    head: bytes
    """Its first bytes, enough to tell its type."""


class Shelf:
    """The directory of files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._is_made = False
        self._lock = threading.Lock()
        self._unclaimed: Counter[str] = Counter()

    def path(self, sha256: str) -> Path:
        """Return where the file with this hash is, or would be."""
        return self._directory / sha256[:2] / sha256

    def sweep(self) -> None:
        """Remove what an earlier process left half-written; blocks."""
        self.make()
        for stale in self._directory.glob(f"{_TEMPORARY}*"):
            stale.unlink(missing_ok=True)

    def make(self) -> None:
        """Make the directory, once; its name is safe on return; blocks."""
        if not self._is_made:
            make_directory(self._directory)
            self._is_made = True

    async def put(self, chunks: AsyncIterable[bytes], limit_bytes: int) -> Shelved:
        """Write a file; return once its bytes are synced to disk. Say `claimed` afterwards.

        Raises `TooLarge`, or `StoreError` when the disk refuses; whatever the source raises goes on.
        """
        writing = _Writing(self, limit_bytes)
        try:
            await _in_thread(writing.open)
            buffer = bytearray()
            async for chunk in chunks:
                buffer += chunk
                if len(buffer) >= _BUFFER_BYTES:
                    await _in_thread(writing.add, bytes(buffer))
                    buffer.clear()
            return await _in_thread(writing.finish, bytes(buffer))
        finally:
            writing.discard()

    def place(self, incoming: Path, sha256: str) -> Path:
        """Give a complete file its name, unclaimed; blocks."""
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        hand_over(target.parent)
        with self._lock:
            incoming.replace(target)
            self._unclaimed[sha256] += 1
        return target

    def claimed(self, sha256: str) -> None:
        """Let go of a file that was put: its row is written, or nobody wants it."""
        with self._lock:
            self._unclaimed[sha256] -= 1
            if self._unclaimed[sha256] <= 0:
                del self._unclaimed[sha256]

    def discard(self, sha256: str) -> None:
        """Remove a file that no row names, for good; not one that somebody is about to claim. Blocks."""
        target = self.path(sha256)
        with self._lock:
            if sha256 in self._unclaimed or not target.exists():
                return
            target.unlink()
        sync_directory(target.parent)

    def old_files(self, prefix: str, before: float) -> list[str]:
        """Return the hashes beginning with two digits whose files were put before a moment; blocks.

        The moment is in POSIX seconds. Whatever else lies there is nobody's affair.
        """
        try:
            with os.scandir(self._directory / prefix) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if _SHA256.fullmatch(entry.name)
                    and entry.name.startswith(prefix)
                    and entry.is_file(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_mtime < before
                )
        except FileNotFoundError:
            return []  # nothing was put there yet, or a file went meanwhile: it is looked at again
        except OSError as error:
            raise StoreError(f"the files could not be looked at: {error.strerror}") from error

    @property
    def directory(self) -> Path:
        """Where all files are."""
        return self._directory


class _Writing:
    """One file being written; every method but the constructor blocks."""

    def __init__(self, shelf: Shelf, limit_bytes: int) -> None:
        self._shelf = shelf
        self._limit_bytes = limit_bytes
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._head = b""
        self._file: IO[bytes] | None = None
        self._path: Path | None = None

    def open(self) -> None:
        self._shelf.make()
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=self._shelf.directory)
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb")
        hand_over(self._path)

    def add(self, data: bytes) -> IO[bytes]:
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            raise TooLarge(self._limit_bytes)
        if self._file is None or self._path is None:
            raise StoreError("the file is not open")
        self._head = (self._head + data[:HEAD_BYTES])[:HEAD_BYTES]
        self._digest.update(data)
        self._file.write(data)
        return self._file

    def finish(self, data: bytes) -> Shelved:
        file = self.add(data)
        if self._path is None:
            raise StoreError("the file is not open")
        file.flush()
        failpoints.reached("fsync")
        os.fsync(file.fileno())
        file.close()
        sha256 = self._digest.hexdigest()
        target = self._shelf.place(self._path, sha256)
        self._path = None
        sync_directory(target.parent)
        sync_directory(self._shelf.directory)
        failpoints.reached("shelved")
        return Shelved(sha256, self._size_bytes, self._head)

    def discard(self) -> None:
        # What the disk refuses now must not hide what it refused before; `Shelf.sweep` tidies up.
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()


async def _in_thread(
    work: Callable[ParamsT, ResultT], *args: ParamsT.args, **kwargs: ParamsT.kwargs
) -> ResultT:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise StoreError(f"a file could not be written: {error.strerror}") from error
