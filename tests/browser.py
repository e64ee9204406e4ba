"""The system's Chromium, for every test that looks at a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_FLAGS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The widget's root is closed, out of reach of tests too: they open it, and one checks what was asked.
OPEN_ROOTS = """
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) {
  window.askedMode = options.mode;
  return attach.call(this, {...options, mode: "open"});
};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, ended with the module: beside its event loop no test of coroutines can run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=_FLAGS, chromium_sandbox=False
        )
        yield browser
        browser.close()
