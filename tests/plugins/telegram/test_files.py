"""Files both ways: streamed, told the length of, and sent as what the platform takes them for."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from omnigate_telegram import Telegram, api

import omnigate
from omnigate.emulators.telegram.samples import png
from omnigate.flow import egress
from omnigate.testing import FakeHost
from omnigate.testing.hosts import LOOPBACK

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio

MEBIBYTE = 1024 * 1024
TOKEN = f"7000000001:{'x' * 35}"
SENT = {"ok": True, "result": {"message_id": 1, "chat": {"id": 42}}}


class Streaming(FakeHost):
    """Has a large file on its disk, read in small pieces."""

    async def open_file(self, attachment: omnigate.Attachment) -> AsyncIterator[bytes]:
        chunk = bytes(64 * 1024)
        for _ in range((attachment.size_bytes or 0) // len(chunk)):
            yield chunk


@dataclass
class Server:
    """A Bot API that takes anything and keeps nothing."""

    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    received: int = 0
    beginning: bytes = b""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        async for chunk in request.content.iter_chunked(64 * 1024):
            self.received += len(chunk)
            self.beginning = (self.beginning + chunk)[: 16 * 1024]
        return web.json_response(SENT)

    async def drip(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/getFile"):
            return web.json_response({"ok": True, "result": {"file_path": "documents/1"}})
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(12):
            await answer.write(b"drop")
            await asyncio.sleep(0.05)
        return answer


@asynccontextmanager
async def bot_at(handle: str) -> AsyncIterator[tuple[Server, Telegram]]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", getattr(server, handle))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with Streaming("bot", kind="telegram") as host:
            config = {"token": TOKEN, "api_url": server.url, "allow_private": list(LOOPBACK)}
            yield server, Telegram(Telegram.Config.model_validate(config), host)
    finally:
        await runner.cleanup()


def large(size_bytes: int, name: str) -> omnigate.Attachment:
    return omnigate.Attachment(
        id="att_x", kind="file", mime="application/zip", name=name, size_bytes=size_bytes
    )


async def upload(size_bytes: int, name: str = "all.zip") -> tuple[Server, int]:
    """Send a file; return who took it, and the most memory that it took."""
    part = omnigate.OutboundPart.model_validate(
        {
            "id": "msg_00000000000000000000000001.0",
            "message": "msg_00000000000000000000000001",
            "index": 0,
            "parts": 1,
            "conversation": "42",
            "address": "telegram:42",
            "attachments": [large(size_bytes, name)],
        }
    )
    async with bot_at("take") as (server, channel):
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await channel.send(part)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return server, peak - before


async def test_fifty_megabytes_are_streamed_with_their_length_told_first() -> None:
    server, peak = await upload(50 * MEBIBYTE)
    assert server.received == int(server.headers["Content-Length"]) > 50 * MEBIBYTE
    assert "Transfer-Encoding" not in server.headers
    assert peak < 4 * MEBIBYTE


async def test_an_upload_that_is_read_as_a_whole_first_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def whole(self: Streaming, attachment: omnigate.Attachment) -> AsyncIterator[bytes]:
        yield bytes(attachment.size_bytes or 0)

    monkeypatch.setattr(Streaming, "open_file", whole)
    _, peak = await upload(20 * MEBIBYTE)
    assert peak > 4 * MEBIBYTE


async def test_a_slow_file_is_waited_for_as_long_as_it_flows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress, "TOTAL_SECONDS", 0.3)
    async with bot_at("drip") as (_, channel):
        ref = omnigate.AttachmentRef(ref={"file_id": "x"})
        assert b"".join([chunk async for chunk in channel.fetch(ref)]) == b"drop" * 12


async def test_a_file_that_stands_still_is_given_up_for_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "_SILENT_SECONDS", 0.02)
    async with bot_at("drip") as (_, channel):
        with pytest.raises(omnigate.NotReady):
            async for _chunk in channel.fetch(omnigate.AttachmentRef(ref={"file_id": "x"})):
                pass


async def test_a_platform_that_takes_no_connection_has_got_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        crowd = [socket.socket() for _ in range(4)]
        for caller in crowd:  # until the queue of the listener is full, and it answers no more
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with open_shop(running=False, api_url=url) as shop:
            with pytest.raises(omnigate.DestinationUnavailable):
                await shop.channel.send(shop.part())
        for caller in crowd:
            caller.close()


async def test_a_revoked_token_says_nothing_about_a_file(desk: Shop) -> None:
    desk.telegram.revoke(desk.bot)
    with pytest.raises(omnigate.NotReady):
        async for _ in desk.channel.fetch(omnigate.AttachmentRef(ref={"file_id": "x"})):
            pass


async def test_a_file_that_is_away_for_now_is_asked_for_again(desk: Shop) -> None:
    desk.telegram.faults.add(
        method="getFile",
        error=400,
        description="Bad Request: wrong file_id or the file is temporarily unavailable",
    )
    with pytest.raises(omnigate.NotReady):
        async for _ in desk.channel.fetch(omnigate.AttachmentRef(ref={"file_id": "x"})):
            pass


async def test_a_file_that_the_local_server_keeps_to_itself_is_explained() -> None:
    async with open_shop("webhook") as shop:
        await shop.anna.sends(shop.bot, "document", b"x" * 100)
        (file,) = (await shop.said()).attachments
        assert b"".join([chunk async for chunk in shop.channel.fetch(file)]) == b"x" * 100
        elsewhere = b'{"ok":true,"result":{"file_id":"x","file_path":"/nowhere/documents/1"}}'
        shop.telegram.faults.add(method="getFile", body=elsewhere)
        with pytest.raises(omnigate.Refused, match="let the daemon's user read"):
            async for _ in shop.channel.fetch(file):
                pass


async def test_only_a_server_of_ones_own_may_name_a_file_on_our_disk() -> None:
    config = Telegram.Config.model_validate({"token": TOKEN})
    async with FakeHost("bot", kind="telegram") as host:
        channel = Telegram(config, host)

        async def call(method: str, arguments: object = None, **options: object) -> object:
            return {"file_id": "x", "file_path": "/etc/hostname"}

        channel.api.call = call  # type: ignore[method-assign]  # nobody reaches the real one
        with pytest.raises(omnigate.Refused):
            async for _ in channel.fetch(omnigate.AttachmentRef(ref={"file_id": "x"})):
                pass


@pytest.mark.parametrize(
    ("width", "height"), [(9_990, 20), (210, 10)], ids=["too many pixels", "too long"]
)
async def test_a_picture_that_is_no_photo_arrives_as_a_document(
    desk: Shop, width: int, height: int
) -> None:
    content = png(width, height)
    file = await desk.file(content, "image", "image/png", "plan.png")
    await desk.channel.send(desk.part("план", attachments=[file]))
    seen = await desk.anna.chat(desk.bot).wait_for_text("план")
    assert (seen.kind, seen.media) == ("document", content)
    known = file.model_copy(update={"width": width, "height": height})
    calls = len(desk.bot.made("sendPhoto"))
    await desk.channel.send(desk.part("снова", attachments=[known]))
    assert (await desk.anna.chat(desk.bot).wait_for_text("снова")).kind == "document"
    assert len(desk.bot.made("sendPhoto")) == calls, "it was known beforehand"


async def test_a_photo_of_more_than_ten_megabytes_is_a_document(desk: Shop) -> None:
    file = await desk.file(png(10, 10) + bytes(10 * MEBIBYTE), "image", "image/png")
    await desk.channel.send(desk.part("вот", attachments=[file]))
    assert (await desk.anna.chat(desk.bot).wait_for_text("вот")).kind == "document"


@pytest.mark.parametrize("odd", ["too wide", "too large", "moving"])
async def test_an_album_with_a_picture_that_is_no_photo_is_one_of_documents(
    desk: Shop, odd: str
) -> None:
    contents: dict[str, tuple[bytes, str]] = {
        "too wide": (png(9_990, 20), "image/png"),
        "too large": (png(10, 10) + bytes(10 * MEBIBYTE), "image/png"),
        "moving": (b"GIF89a", "image/gif"),
    }
    content, mime = contents[odd]
    files = [
        await desk.file(png(10, 10), "image", "image/png", "a.png"),
        await desk.file(content, "image", mime, "b"),
    ]
    await desk.channel.send(desk.part("две", attachments=files))
    chat = desk.anna.chat(desk.bot)
    await chat.wait_for(lambda view: len(view.received) == 2)
    assert [seen.kind for seen in chat.received] == ["document", "document"]
    assert [seen.text for seen in chat.received] == ["две", ""]
    assert len({seen.album for seen in chat.received}) == 1


async def test_what_is_said_beside_a_sticker_is_not_lost(desk: Shop) -> None:
    file = await desk.file(b"RIFF\x1a\x00\x00\x00WEBPVP8L", "sticker", "image/webp")
    await desk.channel.send(desk.part(None, attachments=[file]))
    await desk.channel.send(desk.part("ура", attachments=[file]))
    chat = desk.anna.chat(desk.bot)
    assert (await chat.wait_for_text("ура")).kind != "sticker"
    assert chat.received[0].kind == "sticker"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Счёт №7.pdf", "Счёт №7.pdf"),
        ('a"b\\c/d\r\ne.pdf', "a_b_c_d__e.pdf"),
        ("100%25.pdf", "100%25.pdf"),
        (None, "file.pdf"),
    ],
    ids=["any script", "harmful", "percent", "none"],
)
async def test_a_file_keeps_its_name(desk: Shop, name: str | None, shown: str) -> None:
    file = await desk.file(b"%PDF", "file", "application/pdf", name)
    await desk.channel.send(desk.part("вот", attachments=[file]))
    assert (await desk.anna.chat(desk.bot).wait_for_text("вот")).file_name == shown


async def test_the_name_of_a_file_goes_in_plain_letters() -> None:
    """The platform takes percent signs for what they are; so does every library that talks to it."""
    server, _ = await upload(64 * 1024, "Счёт.pdf")
    assert 'filename="Счёт.pdf"'.encode() in server.beginning
