"""Uploads in three steps, and what the upload server does not take."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from omnigate.emulators.vk import Community, Person, VkEmulator, limits
from omnigate.emulators.vk.attachments import tiny_png, tiny_voice
from tests.emulators.vk.conftest import Ask
from tests.emulators.vk.refusals import BAD, GOOD, refusal

pytestmark = pytest.mark.anyio


async def upload(
    ask: Ask, http: aiohttp.ClientSession, kind: str, field: str, data: bytes, name: str
) -> dict[str, Any]:
    """Send a file to where the platform says, in a form as clients make it."""
    method = "photos.getMessagesUploadServer" if kind == "photo" else "docs.getMessagesUploadServer"
    server = (await ask(method, type=None if kind == "photo" else kind))["response"]
    form = aiohttp.FormData()
    form.add_field(field, data, filename=name)
    async with http.post(server["upload_url"], data=form) as response:
        body: dict[str, Any] = await response.json()
        return body


@pytest.mark.parametrize(
    ("kind", "field", "data", "name", "words"),
    [
        ("photo", "file", tiny_png(1), "a.png", "no file in field photo"),
        ("doc", "photo", b"%PDF", "a.pdf", "no file in field file"),
        ("photo", "photo", b"GIF", "a.png", "file is not an image"),
        ("photo", "photo", b"", "a.png", "file is empty"),
        ("doc", "file", b"MZ", "a.EXE", "file of this type is not allowed"),
        ("doc", "file", b"text", "readme", "file of this type is not allowed"),
        ("audio_message", "file", b"ID3", "a.mp3", "file is not Ogg with one channel of Opus"),
        (
            "audio_message",
            "file",
            tiny_voice(2),
            "a.ogg",
            "file is not Ogg with one channel of Opus",
        ),
        ("graffiti", "file", b"%PDF", "a.png", "file is not an image"),
    ],
)
async def test_the_upload_server_does_not_take(
    kind: str,
    field: str,
    data: bytes,
    name: str,
    words: str,
    ask: Ask,
    http: aiohttp.ClientSession,
):
    assert await upload(ask, http, kind, field, data, name) == {"error": words}


async def test_a_file_beyond_the_limit_is_not_taken(
    ask: Ask, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", 100)
    good = await upload(ask, http, "doc", "file", b"x" * 100, "a.txt")
    assert good.keys() == {"file"}
    bad = await upload(ask, http, "doc", "file", b"x" * 101, "a.txt")
    assert bad == {"error": "file is too big"}


async def test_a_form_without_a_file_is_not_taken(ask: Ask, http: aiohttp.ClientSession):
    url = (await ask("photos.getMessagesUploadServer"))["response"]["upload_url"]
    async with http.post(url, data={"photo": "x"}) as response:
        assert await response.json() == {"error": "the form is not multipart/form-data"}
    async with http.post(url + "0") as response:
        assert response.status == 404


async def test_a_photo_is_saved_once_and_with_its_hash(ask: Ask, http: aiohttp.ClientSession):
    answer = await upload(ask, http, "photo", "photo", tiny_png(1), "a.png")
    wrong_server = await ask("photos.saveMessagesPhoto", **answer | {"server": 1})
    assert refusal(wrong_server) == (118, "Invalid server")
    wrong_hash = await ask("photos.saveMessagesPhoto", **answer | {"hash": "x"})
    assert refusal(wrong_hash) == (121, "Invalid hash")
    (photo,) = (await ask("photos.saveMessagesPhoto", **answer))["response"]
    assert {"id", "owner_id", "access_key", "sizes"} <= photo.keys()
    assert refusal(await ask("photos.saveMessagesPhoto", **answer)) == (129, "Invalid photo")


async def test_a_document_is_saved_once_under_its_title(ask: Ask, http: aiohttp.ClientSession):
    answer = await upload(ask, http, "doc", "file", b"%PDF-1.4", "offer.pdf")
    long = await ask("docs.save", **answer, title="x" * 256)
    assert refusal(long) == (1152, "Invalid document title")
    saved = (await ask("docs.save", **answer, title="Предложение.pdf"))["response"]
    assert saved["type"] == "doc"
    doc = saved["doc"]
    assert (doc["title"], doc["ext"], doc["size"]) == ("Предложение.pdf", "pdf", 8)
    async with http.get(doc["url"]) as response:
        assert await response.read() == b"%PDF-1.4"
    assert refusal(await ask("docs.save", **answer)) == (100, BAD + "file is incorrect")


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [("audio_message", tiny_voice(), "a.ogg"), ("graffiti", tiny_png(1), "a.png")],
)
async def test_voice_and_graffiti_are_documents_in_an_address(
    kind: str,
    data: bytes,
    name: str,
    shop: Community,
    anna: Person,
    ask: Ask,
    http: aiohttp.ClientSession,
):
    await anna.writes(shop, "Hello")
    answer = await upload(ask, http, kind, "file", data, name)
    saved = (await ask("docs.save", **answer))["response"]
    assert saved["type"] == kind
    address = f"doc{saved[kind]['owner_id']}_{saved[kind]['id']}"
    assert "response" in await ask("messages.send", peer_id=anna.id, **GOOD, attachment=address)
    (attachment,) = anna.chat(shop).last.attachments
    assert (attachment.kind, attachment.data) == (kind, data)


async def test_what_belongs_to_another_is_sent_only_with_its_key(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    photo = (await anna.sends(shop, "photo")).attachments[0]
    bare = f"photo{anna.id}_{photo.body['id']}"
    assert photo.address == f"{bare}_{photo.body['access_key']}"
    for address in (bare, f"{bare}_wrong"):
        body = await ask("messages.send", peer_id=anna.id, **GOOD, attachment=address)
        assert refusal(body) == (100, f"{BAD}attachment is not accessible: {address}")
    body = await ask("messages.send", peer_id=anna.id, **GOOD, attachment=photo.address)
    assert "response" in body


async def test_an_address_can_expire(
    vk: VkEmulator, shop: Community, anna: Person, http: aiohttp.ClientSession
):
    url = (await anna.sends(shop, "doc")).attachments[0].body["url"]
    async with http.get(url) as response:
        assert (response.status, await response.read()) == (200, b"%PDF-1.4\n")
    vk.world.shelf.forget(url)
    async with http.get(url) as response:
        assert response.status == 404


async def test_nobody_uploads_for_somebody_who_takes_no_messages(anna: Person, ask: Ask):
    for method in ("photos.getMessagesUploadServer", "docs.getMessagesUploadServer"):
        assert refusal(await ask(method, peer_id=anna.id))[0] == 901
