"""Uploading and serving files: whatever is uploaded, nothing of it runs or escapes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import pytest

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
HTML = b"<html><script>alert(1)</script></html>"


@pytest.fixture
async def world(world_with):
    async with world_with(server={"body_timeout_seconds": 2}, media={}) as opened:
        yield opened


def form(content: bytes, name: str | None, kind: str = "image/png") -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    data.add_field("file", content, filename=name, content_type=kind)
    return data


async def upload(world: Any, **options: Any) -> tuple[int, Any]:
    auth = await world.token("media")
    headers = {**auth, **options.pop("headers", {})}
    found: tuple[int, Any] = await world.call("POST", "/v1/media", headers=headers, **options)
    return found


async def fetch(world: Any, url: str) -> tuple[int, bytes, Any]:
    path = url.removeprefix(world.services.settings.public_url)
    found: tuple[int, bytes, Any] = await world.ask("GET", path)
    return found


async def test_a_form_and_a_raw_body_are_both_taken(world):
    status, first = await upload(world, data=form(PNG, "photo.png"))
    assert (status, first["name"], first["kind"], first["mime"]) == (
        201,
        "photo.png",
        "image",
        "image/png",
    )
    status, second = await upload(
        world, data=BytesIO(PNG), params={"name": "b.png"}, headers={"Content-Type": "x/y"}
    )
    assert (status, second["sha256"], second["name"]) == (201, first["sha256"], "b.png")
    for shown in (first, second):
        status, body, headers = await fetch(world, shown["url"])
        assert (status, body) == (200, PNG)
        assert headers["Content-Type"] == "image/png"
        assert headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("content", "claimed"),
    [
        (HTML, "image/png"),
        (HTML, "text/html"),
        (b"<svg onload='alert(1)'/>", "image/svg+xml"),
        (b"alert(1)", "text/javascript"),
        (b"GIF" + HTML, "image/gif"),
        (b"%PDF-1.4", "application/pdf"),
    ],
)
async def test_what_is_no_raster_image_is_served_to_be_saved(world, content, claimed):
    _, shown = await upload(world, data=form(content, "x.png", claimed))
    status, body, headers = await fetch(world, shown["url"])
    assert (status, body) == (200, content)
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not any(word in headers["Content-Type"] for word in ("html", "svg", "script", "image"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/cron.d/x", "x"),
        ("..", None),
        ("a\x07b", "ab"),
        ("x" * 5000, "x" * 200),
        ("фото.png", "фото.png"),
    ],
)
async def test_names_never_become_paths(world, name, kept):
    kind = {"Content-Type": "image/png"}
    if len(name) > 1000:
        name = name[:1000]
    _, shown = await upload(world, data=BytesIO(PNG), params={"name": name}, headers=kind)
    assert shown["name"] == kept
    directory = world.store.path.parent / "files"
    assert all(len(path.name) == 64 for path in directory.rglob("*") if path.is_file())
    status, _, headers = await fetch(world, shown["url"])
    assert status == 200
    assert "\r" not in headers["Content-Disposition"]


async def test_a_hostile_name_in_a_form_cannot_add_headers(world):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a%0D%0AX-Evil: 1\\".png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + PNG + b"\r\n--b--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    status, shown = await upload(world, data=body, headers=kind)
    assert status == 201
    status, _, headers = await fetch(world, shown["url"])
    assert status == 200
    assert "X-Evil" not in headers


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"junk"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: x\r\n\r\ny\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ncut',
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=file\r\nContent-Encoding: x\r\n\r\ny",
        ),
        ("multipart/form-data; boundary=" + "b" * 200, b"--b\r\n"),
        ("image/png", b""),
    ],
)
async def test_malformed_uploads_are_400_and_leave_nothing(world, kind, body):
    status, problem = await upload(world, data=body, headers={"Content-Type": kind})
    assert (status, problem["status"]) == (400, 400)
    directory = world.store.path.parent / "files"
    assert not [path for path in directory.rglob("*") if path.is_file()]


async def test_many_fields_before_the_file_are_400(world):
    field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    status, _ = await upload(world, data=BytesIO(field * 1000 + b"--b--\r\n"), headers=kind)
    assert status == 400


async def test_too_large_is_413_declared_or_not(world, monkeypatch):
    limit = world.services.settings.media.max_file_bytes

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    status, problem = await upload(world, data=endless(), headers={"Content-Type": "x/y"})
    assert (status, problem["code"]) == (413, "too_large")
    auth = await world.token("media")
    async with world.session.post(
        f"{world.url}/v1/media",
        data=BytesIO(b"x" * (limit + 100_000)),
        headers={**auth, "Content-Type": "x/y"},
    ) as answer:
        assert answer.status == 413
    directory = world.store.path.parent / "files"
    assert not [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("exp=", "exp=9"),
        lambda url: url[:-2] + "xx",
        lambda url: url.replace("att_0", "att_1"),
    ],
)
async def test_forged_addresses_are_403(world, change):
    _, shown = await upload(world, data=form(PNG, "a.png"))
    status, body, _ = await fetch(world, change(shown["url"]))
    assert status == 403
    assert json.loads(body)["status"] == 403


@pytest.mark.parametrize("query", ["", "?exp=1", "?sig=x", "?exp=1&sig=x&sig=y", "?exp=1&sig=%00"])
async def test_addresses_without_their_signature_are_refused(world, query):
    status, _ = await world.call("GET", f"/media/att_{'0' * 26}{query}")
    assert status in (400, 403)


async def test_an_upload_is_seen_by_its_own_token_only(world):
    mine, other = await world.token("media"), await world.token("media")
    _, shown = await world.call("POST", "/v1/media", headers=mine, data=form(PNG, "a.png"))
    path = f"/v1/media/{shown['id']}"
    assert (await world.call("GET", path, headers=mine))[0] == 200
    assert (await world.call("GET", path, headers=other))[0] == 404
    assert (await world.operate("GET", path))[0] == 200


async def test_a_file_is_served_in_ranges(world):
    _, shown = await upload(world, data=form(PNG, "a.png"))
    path = shown["url"].removeprefix(world.services.settings.public_url)
    status, body, headers = await world.ask("GET", path, headers={"Range": "bytes=1-3"})
    assert (status, body) == (206, b"PNG")
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_that_is_gone_from_the_disk_is_410(world):
    _, shown = await upload(world, data=form(PNG, "a.png"))
    for path in (world.store.path.parent / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    assert (await fetch(world, shown["url"]))[0] == 410
