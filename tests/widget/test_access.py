"""Everybody can use the widget: WCAG 2.2 AA, narrow screens, keyboards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FORM = {
    "fields": [
        {"name": "name", "kind": "text", "required": True},
        {"name": "message", "kind": "textarea"},
        {"name": "size", "kind": "select", "label": "Size", "options": ["S", "M"]},
    ],
    "consent": "I agree",
}


def violations(page: Page) -> list[str]:
    """Return what axe-core finds on the page, its best practices included."""
    page.wait_for_function("() => document.getAnimations().length === 0")
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def converse(chat: Any, server: Any) -> None:
    """Bring every kind of thing on the screen."""
    chat.open().write("Hello, see https://example.org")
    chat.shows("sent")
    files = [
        {"id": "a", "kind": "image", "mime": "image/png", "name": "p.png", "url": "/picture.png"},
        {"id": "b", "kind": "file", "mime": "application/pdf", "name": "f.pdf", "url": "/f.pdf"},
    ]
    buttons = [
        [
            {"label": "Red", "kind": "reply"},
            {"label": "Site", "kind": "url", "value": "https://e.org"},
        ]
    ]
    server.answer("Choose", attachments=files, buttons=buttons)
    server.errors = [{"code": "forbidden", "message": "no"}]
    chat.write("Refused")
    chat.panel.locator(".msg.failed").wait_for()
    server.event("state", status="closed")
    server.push("typing", active=True, author={"name": "Anna"})
    chat.panel.locator(".rating").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("color", ["#0f766e", "#ffe066", "#111111", "#e11d48"])
def test_axe_finds_nothing_in_a_conversation(
    chat: Any, server: Any, scheme: str, color: str
) -> None:
    server.config["theme"]["color"] = color
    chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    converse(chat, server)
    assert violations(chat.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("form", ["prechat", "offline"])
def test_axe_finds_nothing_in_a_form_with_errors(
    chat: Any, server: Any, scheme: str, form: str
) -> None:
    server.config |= {form: FORM, "online": form == "prechat"}
    chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    chat.open()
    chat.panel.locator(".form .primary").click()
    expect(chat.panel.get_by_text("Fill in this field.")).to_be_visible()
    assert violations(chat.page) == []


def test_axe_finds_nothing_in_a_closed_chat_with_an_invitation(chat: Any, server: Any) -> None:
    server.config["proactive"] = [{"name": "hi", "text": "Need help?", "after_seconds": 0}]
    chat.page.emulate_media(reduced_motion="reduce")
    chat.visit()
    chat.page.locator(".invite").wait_for()
    assert violations(chat.page) == []


@pytest.mark.parametrize("size", [(320, 640), (320, 256), (1280, 320)])
def test_a_small_window_needs_no_scrolling_sideways(
    chat: Any, server: Any, size: tuple[int, int]
) -> None:
    """320 by 256 is a window of 1280 by 1024 at 400 percent."""
    width, height = size
    chat.page.set_viewport_size({"width": width, "height": height})
    server.config["privacy_note"] = "A long note about https://example.org/" + "privacy" * 12
    chat.open().write("Averyveryverylongwordwithoutanyspace" * 6)
    chat.shows("sent")
    server.answer("W" * 200, buttons=[[{"label": "B" * 100, "kind": "reply"}]])
    chat.panel.locator(".choice").wait_for()
    wide = """root => [root, ...root.querySelectorAll("*")].filter((node) =>
      !node.matches(".vh, .vh *") && node.getBoundingClientRect().width > 0 &&
      (node.getBoundingClientRect().right > innerWidth + 0.5 || node.getBoundingClientRect().left < -0.5)
    ).map((node) => node.localName + "." + node.className)"""
    assert chat.panel.evaluate(wide) == []
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
    assert chat.input.bounding_box()["height"] >= 24
    assert chat.panel.locator(".scroll").bounding_box()["height"] >= 60


def test_targets_are_large_enough(chat: Any, server: Any) -> None:
    converse(chat, server)
    buttons = chat.panel.locator("button:visible")
    sizes = [buttons.nth(i).bounding_box() for i in range(buttons.count())]
    assert all(box["width"] >= 24 and box["height"] >= 24 for box in sizes)


def test_the_focus_goes_into_the_panel_and_back(chat: Any) -> None:
    chat.open()
    expect(chat.input).to_be_focused()
    expect(chat.launcher).to_have_attribute("aria-expanded", "true")
    chat.page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.input).to_be_focused()


def test_a_panel_left_open_does_not_take_the_focus_of_the_next_page(chat: Any) -> None:
    chat.open()
    chat.page.reload()
    expect(chat.panel).to_be_visible()
    assert chat.page.evaluate("document.activeElement === document.body")


def test_full_screen_the_focus_never_lands_on_the_covered_page(chat: Any) -> None:
    chat.page.set_viewport_size({"width": 320, "height": 640})
    chat.open()
    chat.page.evaluate("document.querySelector('main a').focus()")
    for _ in range(12):
        chat.page.wait_for_function("document.activeElement.localName !== 'a'")
        chat.page.keyboard.press("Shift+Tab")
    chat.input.focus()
    chat.page.keyboard.press("Escape")
    expect(chat.launcher).to_be_focused()


def test_news_is_read_out_with_its_sender_and_time(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.answer("News")
    expect(chat.messages).to_have_count(2)
    expect(chat.panel.get_by_role("log")).to_have_attribute("aria-live", "polite")
    spoken = chat.messages.last.locator(".vh").text_content()
    assert spoken.startswith("Anna, ")
    assert ":" in spoken


def test_forced_colours_keep_the_shapes(chat: Any, server: Any) -> None:
    chat.page.emulate_media(forced_colors="active", reduced_motion="reduce")
    chat.open().write("Hello")
    chat.shows("sent")
    border = "node => getComputedStyle(node).borderTopWidth"
    assert chat.launcher.evaluate(border) != "0px"
    assert chat.own.locator(".balloon").evaluate(border) != "0px"


def test_reduced_motion_stops_every_animation(chat: Any) -> None:
    chat.page.emulate_media(reduced_motion="reduce")
    chat.open()
    assert chat.panel.evaluate("node => getComputedStyle(node).animationName") == "none"
