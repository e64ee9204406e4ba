"""Files from visitors: what is taken, what is not, and who may attach it."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

import omnigate

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def form(content: bytes, name: str = "photo.png") -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    data.add_field("file", content, filename=name, content_type="image/png")
    return data


async def upload(
    chat: Any, session: dict[str, Any], content: bytes, name: str = "photo.png"
) -> Any:
    token = session["connection_token"]
    return await chat.call("POST", "upload", token=token, data=form(content, name))


async def test_an_uploaded_photo_is_attached_to_a_message(chat, new_cid):
    session = await chat.session()
    status, ticket, _ = await upload(chat, session, PNG, "C:\\fakepath\\my photo.png")
    assert status == 201
    assert (ticket["kind"], ticket["mime"], ticket["size_bytes"]) == ("image", "image/png", 108)
    assert ticket["name"] == "my photo.png"
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"attachments": [ticket["id"]]}, new_cid())
        await tab.wait_for("ack")
    [message] = chat.items(omnigate.InboundMessage)
    [file] = message.attachments
    assert chat.store.files[file.id] == PNG
    assert (file.kind, file.mime, file.name) == ("image", "image/png", "my photo.png")


async def test_nobody_can_attach_a_file_of_somebody_else(chat, new_cid):
    session, thief = await chat.session(), await chat.session()
    _, ticket, _ = await upload(chat, session, PNG)
    [file_id] = chat.store.files
    async with chat.tab(thief) as tab:
        for stolen in (ticket["id"], file_id, thief["visitor_token"]):
            await tab.send("msg.send", {"attachments": [stolen]}, new_cid())
            assert (await tab.wait_for("ack", "error"))["d"]["code"] == "not_found"
    assert chat.store.items == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"MZ\x90\0" + b"\0" * 600, "photo.png"),
        (b"\x7fELF" + b"\0" * 600, "photo.png"),
        (b"\0\1\2\3", "photo.png"),
        (b"Rar!\x1a\x07\0" + b"\0" * 20, "a.rar"),
    ],
)
async def test_the_bytes_decide_not_the_name(chat, content, name):
    status, problem, _ = await upload(chat, await chat.session(), content, name)
    assert status == 415
    assert problem["detail"]
    assert chat.store.files == {}


@pytest.mark.parametrize("markup", [b"<svg onload=alert(1)>", b"<html><script>1</script>"])
async def test_markup_is_never_more_than_plain_text(chat, markup):
    status, ticket, _ = await upload(chat, await chat.session(), markup, "picture.svg")
    assert (status, ticket["mime"], ticket["kind"]) == (201, "text/plain", "file")


async def test_a_file_over_the_limit_is_refused(open_chat):
    chat = await open_chat(uploads={"max_bytes": 100_000})
    session = await chat.session()
    assert (await upload(chat, session, PNG + b"\0" * (100_000 - len(PNG))))[0] == 201
    status, _, _ = await upload(chat, session, PNG + b"\0" * 100_000)
    assert status == 413
    assert len(chat.store.files) == 1


async def test_a_visitor_may_send_only_so_much_a_day(open_chat):
    chat = await open_chat(uploads={"daily_bytes": 2048})
    session = await chat.session()
    content = PNG + b"\0" * 900
    statuses = [(await upload(chat, session, content))[0] for _ in range(3)]
    assert statuses == [201, 201, 429]


async def test_a_network_may_send_only_so_much_a_day(open_chat):
    chat = await open_chat(uploads={"daily_bytes_per_ip": 2048})
    content = PNG + b"\0" * 900
    statuses = [(await upload(chat, await chat.session(), content))[0] for _ in range(3)]
    assert statuses == [201, 201, 429]


async def test_files_can_be_switched_off(open_chat):
    chat = await open_chat(uploads={"enabled": False})
    status, _, _ = await upload(chat, await chat.session(), PNG)
    assert status == 403


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b"{}", 415),
        ("multipart/mixed; boundary=x", b"--x--", 415),
        ("multipart/form-data", b"--x", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400),
        ("multipart/form-data; boundary=x", b"no boundary at all", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno headers\r\n--x--\r\n", 400),
        ("multipart/form-data; boundary=" + "x" * 500, b"--x", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--x--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n\x89PNG\r\n\x1a\ncut short',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\nContent-Length: 99\r\n\r\ncut',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n1\r\n--x--",
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n1\r\n--x--",
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n" * 50,
            400,
        ),
    ],
)
async def test_a_malformed_upload_is_refused_and_nothing_is_kept(
    chat, content_type, body, expected
):
    session = await chat.session()
    status, problem, _ = await chat.call(
        "POST",
        "upload",
        token=session["connection_token"],
        data=body,
        headers={"Content-Type": content_type},
    )
    assert (status, problem["status"]) == (expected, expected)
    assert chat.store.files == {}
