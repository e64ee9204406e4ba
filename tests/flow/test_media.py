"""Files: durable before anybody hears of them, fetched once, never trusted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import omnigate
from omnigate.flow import fetching
from omnigate.flow import media as media_module
from omnigate.flow.egress import guarded_session
from omnigate.flow.filetype import file_type, kind_of, raster_type
from omnigate.flow.media import Media
from omnigate.flow.shelf import TooLarge
from omnigate.flow.signed import AddressBook
from omnigate.model.facts import Message
from omnigate.store.attachments import add_uploaded, settle_fetched
from omnigate.store.ingest import Intake, ingest
from omnigate.store.messages import list_messages
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from omnigate.testing.server import serve_app

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
ATT = "att_" + "0" * 26


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def store(tmp_path):
    async with open_store(f"sqlite:///{tmp_path}/test.db") as opened:
        yield opened


class Source:
    """A channel that fetches files by ref."""

    def __init__(self) -> None:
        self.content: bytes | Exception = b"from the platform"
        self.asked: list[Any] = []
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.most_at_once = 0

    async def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        self.asked.append(attachment.ref)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if isinstance(self.content, Exception):
                raise self.content
            yield self.content
        finally:
            self.at_once -= 1


@asynccontextmanager
async def opened(
    store: Store, source: Source | None = None, *, run: bool = False, **more: Any
) -> AsyncIterator[Media]:
    given: dict[str, Any] = {"eager_channels": lambda: ["app"], "max_file_bytes": 1000, **more}
    files = Media(
        store,
        store.path.parent / "files",
        "https://omnigate.test/",
        lambda name: source,
        url_ttl_seconds=3600,
        **given,
    )
    running = asyncio.create_task(files.run()) if run else None
    try:
        yield files
    finally:
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        await files.close()


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def receive(
    store: Store, *files: omnigate.AttachmentRef, external_id: str = "1"
) -> list[str]:
    """Have a customer send files; return their ids."""
    said = omnigate.InboundMessage(
        external_id=external_id,
        conversation="1",
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:1")),
        attachments=list(files),
    )
    await store.writer.do(ingest, Intake(ChannelKey("app", "test"), [said]))
    ((message, _), *_) = await store.read(list_messages)
    return [file.id for file in message.attachments]


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110  # what changes tells nobody
            await asyncio.sleep(0.01)


def kept(store: Store) -> list[Path]:
    return sorted(path for path in (store.path.parent / "files").rglob("*") if path.is_file())


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


class TestAddresses:
    """Signed, expiring, and only in place of placeholders."""

    def test_are_good_until_they_end_and_for_one_file(self):
        book = AddressBook(b"k" * 32, "https://x.test/", 3600)
        url = book.sign(ATT, 10_000)
        exp, sig = url.partition("?exp=")[2].split("&sig=")
        assert url.startswith(f"https://x.test/media/{ATT}?")
        assert 13_600 <= int(exp) < 17_200
        assert book.is_good(ATT, exp, sig, 10_000)
        assert not book.is_good(ATT, exp, sig, int(exp))
        assert not book.is_good(ATT[:-1] + "1", exp, sig, 10_000)
        assert not book.is_good(ATT, str(int(exp) + 1), sig, 10_000)
        assert not AddressBook(b"o" * 32, "https://x.test", 1).is_good(ATT, exp, sig, 10_000)
        for junk in ("", "é", "\ud800", sig[:-1], sig + "="):
            assert not book.is_good(ATT, exp, junk, 10_000)
        for junk in ("", "x", "-1", "1e9", "9" * 13, "²", exp + " "):
            assert not book.is_good(ATT, junk, sig, 10_000)

    def test_stay_the_same_for_a_while_so_that_retries_look_the_same(self):
        book = AddressBook(b"k" * 32, "https://x.test", 3600)
        assert book.sign(ATT, 10_801) == book.sign(ATT, 14_000)

    def test_replace_placeholders_but_nothing_that_somebody_wrote(self):
        book = AddressBook(b"k" * 32, "https://x.test", 3600)
        attachment = omnigate.Attachment(id=ATT, url=f"omnigate-media:{ATT}")
        said = Message(
            id="msg_1",
            direction="inbound",
            state="received",
            created_at=datetime.now(UTC),
            text=f'"url":"omnigate-media:{ATT}"',
            attachments=[attachment],
        )
        shown = Message.model_validate_json(book.present(said.model_dump_json(), 0))
        assert shown.text == said.text
        assert shown.attachments[0].url == book.sign(ATT, 0)
        assert book.present("nothing", 0) == "nothing"

    async def test_of_models_are_signed_too(self, store):
        async with opened(store) as files:
            attachment = omnigate.Attachment(id=ATT, url=f"omnigate-media:{ATT}")
            signed = files.present_model(attachment)
            said = Message(
                id="msg_1",
                direction="inbound",
                state="received",
                created_at=datetime.now(UTC),
                attachments=[attachment],
            )
            assert signed.url == files.sign(ATT)
            assert files.present_model(said).attachments == [signed]
            assert files.present_model(signed) == signed


class TestFetching:
    """Media.run and Media.open for files that are elsewhere."""

    async def test_eager_files_are_fetched_as_soon_as_the_message_is_stored(self, store):
        source = Source()
        source.content = PNG
        async with opened(store, source, run=True) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))

            async def ready() -> bool:
                return (await files.find(file)).attachment.state == "ready"

            await until(ready)
            stored, path = await files.open(file)
        assert path.read_bytes() == PNG
        assert stored.attachment.mime == "image/png"
        assert source.asked == [{"id": 7}]

    async def test_lazy_files_are_fetched_once_when_somebody_asks(self, store):
        source = Source()
        source.gate = asyncio.Event()
        async with opened(store, source, run=True, eager_channels=tuple) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))
            asking = [asyncio.create_task(files.open(file)) for _ in range(5)]
            await until(lambda: asyncio.sleep(0, bool(source.asked)))
            source.gate.set()
            paths = {path for _, path in await asyncio.gather(*asking)}
        assert len(paths) == 1
        assert len(source.asked) == 1

    async def test_only_so_many_are_fetched_at_once_and_all_in_the_end(self, store):
        source = Source()
        source.gate = asyncio.Event()
        async with opened(store, source, run=True) as files:
            wanted = await receive(
                store, *(omnigate.AttachmentRef(ref={"id": n}) for n in range(10))
            )
            await until(lambda: asyncio.sleep(0, source.at_once == fetching.PARALLEL))
            source.gate.set()

            async def all_ready() -> bool:
                found = [await files.find(file) for file in wanted]
                return all(file.attachment.state == "ready" for file in found)

            await until(all_ready)
        assert source.most_at_once == fetching.PARALLEL

    async def test_failures_are_tried_again_and_then_given_up(self, store, monkeypatch):
        monkeypatch.setattr(fetching, "RETRY_SECONDS", (0, 0))
        source = Source()
        source.content = omnigate.RetryLater("not now")
        async with opened(store, source, run=True) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))

            async def failed() -> bool:
                return (await files.find(file)).attachment.state == "failed"

            await until(failed)
            with pytest.raises(omnigate.Refused, match="not now"):
                await files.open(file)
        assert len(source.asked) == 3

    @pytest.mark.parametrize(
        ("failure", "state"),
        [
            (omnigate.Refused("gone", "deleted there"), "failed"),
            (ZeroDivisionError("bug"), "pending"),
            (ConnectionResetError("cut"), "pending"),
            (b"x" * 2000, "failed"),
        ],
    )
    async def test_every_kind_of_failure_ends_in_an_outcome(self, store, failure, state):
        source = Source()
        source.content = failure
        async with opened(store, source) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))
            expected = omnigate.Refused if state == "failed" else omnigate.RetryLater
            with pytest.raises(expected):
                await files.open(file)
            stored = await files.find(file)
        assert stored.attachment.state == state
        assert stored.error
        assert kept(store) == []

    async def test_a_store_that_fails_stops_the_fetching_for_a_while_only(self, store, monkeypatch):
        monkeypatch.setattr(fetching, "STORE_PAUSE_SECONDS", 0.05)
        broken = [True, True]

        def settle(transaction: Any, items: Any) -> Any:
            if broken:
                broken.pop()
                raise omnigate.StoreError("disk full")
            return settle_fetched(transaction, items)

        monkeypatch.setattr(fetching, "settle_fetched", settle)
        source = Source()
        async with opened(store, source, run=True) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))

            async def ready() -> bool:
                return (await files.find(file)).attachment.state == "ready"

            await until(ready)
        assert len(source.asked) == 3

    async def test_a_conversation_brings_in_only_so_much_a_day(self, store):
        source = Source()
        source.content = b"x" * 400
        async with opened(store, source, conversation_daily_bytes=1000) as files:
            states = []
            for number in range(4):
                (file,) = await receive(
                    store, omnigate.AttachmentRef(ref={"id": number}), external_id=str(number)
                )
                with suppress(omnigate.Refused):
                    await files.open(file)
                states.append((await files.find(file)).attachment.state)
        assert states == ["ready", "ready", "failed", "failed"]

    async def test_asking_often_does_not_use_up_the_attempts(self, store):
        source = Source()
        source.content = omnigate.RetryLater("not now")
        async with opened(store, source) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))
            for _ in range(10):
                with pytest.raises(omnigate.RetryLater):
                    await files.open(file)
        assert len(source.asked) == 1

    async def test_a_file_that_takes_too_long_is_let_be(self, store):
        source = Source()
        source.gate = asyncio.Event()
        async with opened(store, source, fetch_timeout_seconds=0.05) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(ref={"id": 7}))
            with pytest.raises(omnigate.RetryLater):
                await files.open(file)

    async def test_unknown_files_are_refused(self, store):
        async with opened(store) as files:
            for file in (ATT, "", "' OR 1=1"):
                with pytest.raises(omnigate.Refused) as refused:
                    await files.open(file)
                assert refused.value.code == "not_found"


class TestDownloading:
    """Files that a URL names."""

    @asynccontextmanager
    async def site(self) -> AsyncIterator[str]:
        async def good(request: web.Request) -> web.Response:
            return web.Response(body=PNG, content_type="text/html")

        async def large(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(100):
                await response.write(b"x" * 100)
            return response

        async def moved(request: web.Request) -> web.Response:
            raise web.HTTPFound("/good")

        async def missing(request: web.Request) -> web.Response:
            raise web.HTTPNotFound

        app = web.Application()
        app.router.add_get("/good", good)
        app.router.add_get("/large", large)
        app.router.add_get("/moved", moved)
        app.router.add_get("/missing", missing)
        async with serve_app(app) as address:
            yield address

    @pytest.mark.parametrize(
        ("path", "state"),
        [("good", "ready"), ("large", "failed"), ("moved", "pending"), ("missing", "failed")],
    )
    async def test_through_the_session_of_the_channel(self, store, path, state):
        async with (
            self.site() as address,
            guarded_session(allow_private=["127.0.0.0/8"]) as session,
            opened(store, session=lambda channel: session) as files,
        ):
            (file,) = await receive(store, omnigate.AttachmentRef(url=f"{address}/{path}"))
            if state == "ready":
                stored, found = await files.open(file)
                assert found.read_bytes() == PNG
                assert stored.attachment.mime == "image/png"
            else:
                with pytest.raises((omnigate.Refused, omnigate.RetryLater)):
                    await files.open(file)
            assert (await files.find(file)).attachment.state == state

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:1/x",
            "http://0x7f000001/",
            "http://[::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "https://user:secret@127.0.0.1/",
            "not a url",
            "http://",
        ],
    )
    async def test_never_reaches_a_private_address_by_itself(self, store, url):
        async with opened(store) as files:
            (file,) = await receive(store, omnigate.AttachmentRef(url=url))
            with pytest.raises((omnigate.RetryLater, omnigate.Refused)):
                await files.open(file)
            stored = await files.find(file)
        assert stored.error
        assert "secret" not in stored.error
