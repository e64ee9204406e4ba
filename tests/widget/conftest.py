"""The chat server, a browser, and a person who uses the widget in it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import OPEN_ROOTS
from tests.widget.chat_server import ChatServer


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A chat server and its sites, for one test."""
    server = ChatServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser: its storage is shared by its pages."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1100, "height": 800})
    context.set_default_timeout(8000)
    context.add_init_script(OPEN_ROOTS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """One tab. A mistake in the page's scripts fails the test."""
    page = context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    yield page
    assert mistakes == []


class Chat:
    """The widget as a person uses it in one tab."""

    def __init__(self, page: Page, server: ChatServer) -> None:
        self.page = page
        self.server = server
        self.launcher = page.locator(".launcher")
        self.panel = page.get_by_role("dialog")
        self.input = self.panel.locator(".composer textarea")
        self.messages = self.panel.locator(".msg:not([data-words])")
        self.own = self.panel.locator(".msg.in")

    def visit(self, path: str = "/") -> Chat:
        """Open a page of the site and wait for the button."""
        self.page.goto(self.server.site + path)
        self.launcher.wait_for()
        return self

    def open(self, path: str = "/") -> Chat:
        """Open a page of the site and the panel on it."""
        self.visit(path)
        self.launcher.click()
        self.panel.wait_for()
        return self

    def write(self, text: str) -> None:
        """Write a message and press Enter."""
        self.input.fill(text)
        self.input.press("Enter")

    def shows(self, status: str) -> None:
        """Wait until the only own message is shown in one state."""
        expect(self.own).to_have_class(re.compile(rf"\bin {status}\b"))

    def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds on the server; fails after twenty seconds."""
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, "the condition did not come true in twenty seconds"
            self.page.wait_for_timeout(20)


@pytest.fixture
def chat(page: Page, server: ChatServer) -> Chat:
    """The first tab."""
    return Chat(page, server)


@pytest.fixture
def second(context: BrowserContext, server: ChatServer) -> Chat:
    """Another tab of the same person."""
    context.set_default_timeout(8000)
    return Chat(context.new_page(), server)
