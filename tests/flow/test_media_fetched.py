"""Files that are elsewhere: fetched once, by their channel or from an address, never trusted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

import omnigate
from omnigate.flow import fetching
from omnigate.flow.egress import guarded_session
from omnigate.store.attachments import settle_fetched
from omnigate.testing.server import serve_app
from tests.flow.files import ATT, PNG, Source, kept, opened, receive, until

pytestmark = pytest.mark.anyio


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
