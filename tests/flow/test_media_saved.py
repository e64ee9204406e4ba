"""Files that are saved: durable before anybody hears of them, and nothing is left behind of others."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow import media as media_module
from omnigate.flow.filetype import file_type, kind_of, raster_type
from omnigate.flow.hosts import DaemonChannelHost
from omnigate.flow.inbox import Inbox
from omnigate.flow.shelf import TooLarge
from omnigate.store.attachments import add_uploaded
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey
from tests.flow.files import PNG, kept, opened, pieces, until

pytestmark = pytest.mark.anyio


class TestSaving:
    """Media.save."""

    async def test_keeps_the_bytes_under_their_hash(self, store):
        async with opened(store) as files:
            saved = await files.save(
                pieces(b"ab", b"c"), name="a.txt", mime="text/plain", limit_bytes=10, owner="t"
            )
            stored, path = await files.open(saved.id)
        digest = hashlib.sha256(b"abc").hexdigest()
        assert path.read_bytes() == b"abc"
        assert path.name == digest == saved.sha256
        assert path.parent.name == digest[:2]
        assert (saved.state, saved.size_bytes, saved.kind, saved.mime) == (
            "ready",
            3,
            "file",
            "text/plain",
        )
        assert stored.owner == "t"
        assert "sig=" in (saved.url or "")

    async def test_syncs_bytes_and_directory_before_the_row_is_written(self, store, monkeypatch):
        steps = []
        real_sync, real_replace = os.fsync, Path.replace

        def sync(handle: int) -> None:
            steps.append("fsync")
            real_sync(handle)

        monkeypatch.setattr(os, "fsync", sync)

        def replace(self: Path, target: Path) -> Path:
            steps.append("rename")
            return real_replace(self, target)

        monkeypatch.setattr(Path, "replace", replace)

        def add(transaction: Any, items: Any) -> Any:
            steps.append("row")
            return add_uploaded(transaction, items)

        monkeypatch.setattr(media_module, "add_uploaded", add)
        async with opened(store) as files:
            await files.save(pieces(b"abc"), name=None, mime="x", limit_bytes=10)
        # Before these, the name of the directory itself was made safe.
        assert steps[-5:] == ["fsync", "rename", "fsync", "fsync", "row"]

    async def test_what_is_too_large_leaves_nothing_behind(self, store):
        async with opened(store) as files:
            for limit in (5, 100_000):
                with pytest.raises(TooLarge):
                    await files.save(
                        pieces(*[b"x" * 200] * 6), name=None, mime="x", limit_bytes=limit
                    )
        assert kept(store) == []

    async def test_a_source_that_breaks_leaves_nothing_behind(self, store):
        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionResetError

        async with opened(store) as files:
            with pytest.raises(ConnectionResetError):
                await files.save(broken(), name=None, mime="x", limit_bytes=10)
        assert kept(store) == []

    async def test_a_disk_that_refuses_is_the_stores_error(self, store, monkeypatch):
        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        async with opened(store) as files:
            monkeypatch.setattr(os, "fsync", full)
            with pytest.raises(omnigate.StoreError, match="No space"):
                await files.save(pieces(b"abc"), name=None, mime="x", limit_bytes=10)
        assert kept(store) == []

    async def test_a_full_disk_is_the_stores_error_when_closing_fails_too(self, store, monkeypatch):
        """What is buffered still is written again, and refused again, when the file is closed."""

        def on_full_device(prefix: str, dir: Path) -> tuple[int, str]:  # noqa: A002  # as it is called
            path = dir / f"{prefix}full"
            path.touch()
            return os.open("/dev/full", os.O_WRONLY), str(path)

        async with opened(store) as files:
            monkeypatch.setattr(tempfile, "mkstemp", on_full_device)
            with pytest.raises(omnigate.StoreError, match="No space"):
                await files.save(pieces(b"abc"), name=None, mime="x", limit_bytes=10)
        assert kept(store) == []

    async def test_half_written_files_of_an_earlier_process_are_swept(self, store):
        directory = store.path.parent / "files"
        directory.mkdir()
        (directory / ".incoming-old").write_bytes(b"half")
        async with opened(store, run=True):
            await until(lambda: asyncio.sleep(0, kept(store) == []))


@pytest.mark.parametrize(
    ("head", "claimed", "kept_as", "kind"),
    [
        (PNG, "text/html", "image/png", "image"),
        (b"\xff\xd8\xff\xe0", "x", "image/jpeg", "image"),
        (b"GIF89a", None, "image/gif", "image"),
        (b"RIFF\0\0\0\0WEBP", None, "image/webp", "image"),
        (b"RIFF\0\0\0\0WAVE", "audio/wav", "audio/wav", "audio"),
        (b"<html>", "image/png", "application/octet-stream", "file"),
        (b"<svg>", "image/svg+xml", "image/svg+xml", "file"),
        (b"data", "video/mp4; codecs=x", "video/mp4", "video"),
        (b"data", "evil\r\nSet-Cookie: x", "application/octet-stream", "file"),
        (b"data", "x" * 300, "application/octet-stream", "file"),
        (b"", "", "application/octet-stream", "file"),
    ],
)
async def test_types_are_what_the_bytes_prove(head, claimed, kept_as, kind):
    assert file_type(head, claimed) == kept_as
    assert kind_of(kept_as) == kind
    assert (raster_type(head) is not None) == (kind == "image")


async def test_a_channel_saves_no_file_while_nothing_is_taken_in(store: Store) -> None:
    """A message whose files fill the disk before it is refused would be brought again and again."""
    nobody: Any = None
    async with opened(store) as files:
        for least_bytes in (0, 2**62):
            host = DaemonChannelHost(
                ChannelKey("app", "test"),
                store=store,
                inbox=Inbox(store, min_free_bytes=least_bytes),
                media=files,
                relay=nobody,
                outbound=nobody,
                handovers=nobody,
                calls=nobody,
                public_url="https://omnigate.test",
                report=lambda state, message: None,
            )
            saving = host.save_file(
                pieces(str(least_bytes).encode()), name=None, mime="text/plain", limit_bytes=100
            )
            if least_bytes:
                with pytest.raises(omnigate.Overloaded):
                    await saving
            else:
                await saving
            assert len(kept(store)) == 1
