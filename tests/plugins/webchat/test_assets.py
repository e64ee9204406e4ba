"""The widget's files as browsers get them."""

from __future__ import annotations

import gzip
import re

import pytest
from omnigate_webchat.assets import ENTRIES, Assets

pytestmark = pytest.mark.anyio


async def test_the_loader_names_modules_that_may_be_kept_for_good(chat):
    status, loader, answer = await chat.call("GET", "w.js", origin=None)
    assert status == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    found = re.search(rb"ui/([0-9a-f]{16})/main\.js", loader)
    assert found is not None, "the loader has to name the version"
    path = f"ui/{found[1].decode()}/texts_en.js"
    status, module, answer = await chat.call("GET", path)
    assert (status, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.org"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert module


async def test_an_unchanged_loader_is_not_sent_again(chat):
    _, _, answer = await chat.call("GET", "w.js")
    headers = {"If-None-Match": answer.headers["ETag"]}
    status, body, _ = await chat.call("GET", "w.js", headers=headers)
    assert (status, body) == (304, b"")


async def test_a_loader_of_an_older_version_still_works_and_nothing_of_it_is_kept(chat):
    status, _, answer = await chat.call("GET", "ui/0123456789abcdef/texts_en.js")
    assert (status, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize(
    "path",
    [
        "ui/x/../../config.py",
        "ui/x/%2e%2e/config.py",
        "ui/x/..%2fconfig.py",
        "ui/x/%2fetc/passwd",
        "ui/x/types.d.ts",
        "ui/x/w.js",
        "ui/x/none.js",
        "ui/x/%00",
    ],
)
async def test_nothing_but_the_widget_is_served(chat, path):
    status, _, _ = await chat.call("GET", path)
    assert status == 404


async def test_a_page_of_another_origin_cannot_read_modules(chat):
    status, _, _ = await chat.call("GET", "ui/x/texts_en.js", origin="https://evil.example")
    assert status == 403


async def test_files_are_zipped_for_who_can_read_it(chat):
    _, plain, answer = await chat.call("GET", "w.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Encoding" in answer.headers["Vary"]
    async with chat.http.get(
        f"{chat.base}/w.js", headers={"Accept-Encoding": "gzip"}, auto_decompress=False
    ) as answer:
        assert gzip.decompress(await answer.read()) == plain


def test_the_version_changes_with_any_file(tmp_path):
    (tmp_path / "w.js").write_text("__HASH__")
    for entry in ENTRIES:
        (tmp_path / entry).write_text("1")
    before = Assets(tmp_path).version
    assert Assets(tmp_path).version == before
    for entry in ENTRIES:
        (tmp_path / entry).write_text("2")
        assert Assets(tmp_path).version != before
        (tmp_path / entry).write_text("1")


@pytest.mark.parametrize(
    ("entry", "name"), [("main.js", b"boot"), ("reach.js", b"Reach"), ("rating.js", b"Rating")]
)
async def test_an_entry_brings_all_it_imports(chat, entry, name):
    _, loader, _ = await chat.call("GET", "w.js")
    found = re.search(rb"ui/[0-9a-f]{16}/", loader)
    assert found is not None
    _, module, answer = await chat.call("GET", found[0].decode() + entry)
    assert "immutable" in answer.headers["Cache-Control"]
    assert b'from"./' not in module
    assert name in module
