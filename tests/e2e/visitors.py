"""Whoever opens the site and writes, asks for a call or carries on elsewhere, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

SENT = re.compile(r"\bsent\b")
DEADLINE_MS = 60_000
PAGE = (
    '<!doctype html><html lang="en"><head><title>Garden</title><link rel="icon" href="data:,">'
    "</head><body><main><h1>Acme Garden</h1></main>"
    '<script src="{address}/channels/site/w.js" async></script></body></html>'
)


class Visitor:
    """One tab with the widget."""

    def __init__(self, page: Page, site: str) -> None:
        self.panel = page.get_by_role("dialog")
        page.goto(f"{site}/page")
        page.locator(".launcher").click()
        self.panel.wait_for()

    def writes(self, text: str) -> None:
        """Write, and see that it has arrived."""
        self.types(text)
        expect(self.panel.locator(".msg.in").last).to_have_class(SENT)

    def types(self, text: str) -> None:
        """Write, and go on."""
        composer = self.panel.locator(".composer textarea")
        composer.fill(text)
        composer.press("Enter")

    def all_sent(self) -> None:
        """See that everything has arrived."""
        written = self.panel.locator(".msg.in")
        expect(written).to_have_class([SENT] * written.count(), timeout=DEADLINE_MS)

    def way(self, name: str) -> str:
        """Open what leads elsewhere, and read the link to one channel; close it again."""
        self.panel.get_by_role("button", name="Continue elsewhere").click()
        link = self.panel.locator("a.way", has_text=name).get_attribute("href") or ""
        self.panel.get_by_role("button", name="Back").click()
        return link

    def shows(self, name: str) -> str:
        """Show the code that leads to one channel to a phone; return what that reads."""
        self.panel.get_by_role("button", name="Continue elsewhere").click()
        self.panel.get_by_role("button", name=re.compile(f"QR code.*{name}")).click()
        expect(self.panel.get_by_role("img", name="Scan it with your phone")).to_be_visible()
        link = self.panel.locator("a.way", has_text=name).get_attribute("href") or ""
        self.panel.get_by_role("button", name="Back").click()
        return link

    def asks_for_a_call(self, number: str) -> None:
        self.panel.get_by_role("button", name="Call me", exact=True).click()
        self.panel.locator("#call-number").fill(number)
        self.panel.locator("form button.primary").click()
