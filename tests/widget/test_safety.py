"""The widget on pages and with texts that mean it harm."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import expect

SCRIPT = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
LINK = "javascript:window.harmed=1"


def test_the_probe_of_the_tests_below_fires_where_markup_is_parsed(chat: Any) -> None:
    """Their twin: had the widget parsed what it shows, they would see it."""
    chat.visit()
    chat.page.evaluate("text => { document.querySelector('p').innerHTML = text }", SCRIPT)
    chat.page.wait_for_function("window.harmed === 1")


def test_markup_in_every_field_is_shown_as_text(chat: Any, server: Any) -> None:
    server.config |= {
        "title": SCRIPT,
        "privacy_note": SCRIPT,
        "texts": {"en": {"placeholder": SCRIPT, "online": SCRIPT}},
    }
    chat.open().write(SCRIPT)
    chat.shows("sent")
    server.answer(
        SCRIPT,
        author={"name": SCRIPT, "avatar_url": LINK, "kind": "agent"},
        buttons=[[{"label": SCRIPT, "kind": "url", "value": LINK}]],
        attachments=[
            {
                "id": "a",
                "kind": "file",
                "mime": SCRIPT,
                "name": SCRIPT,
                "url": LINK,
                "size_bytes": 1,
            }
        ],
    )
    again = [[{"label": SCRIPT, "kind": "reply", "value": SCRIPT}]]
    server.answer("", buttons=again, author={"name": SCRIPT, "kind": "agent"})
    server.push("typing", active=True, author={"name": SCRIPT})
    expect(chat.panel.locator("button.choice")).to_have_text(SCRIPT)
    expect(chat.panel.locator(".msg.out .balloon").nth(1)).to_have_text(SCRIPT)
    expect(chat.panel.locator(".typing")).to_contain_text(SCRIPT)
    expect(chat.panel.locator("h2")).to_have_text(SCRIPT)
    expect(chat.panel.locator(".privacy")).to_have_text(SCRIPT)
    expect(chat.panel.locator("script, img")).to_have_count(0)
    expect(chat.panel.locator("a[href^=javascript]")).to_have_count(0)
    assert chat.page.evaluate("window.harmed") is None


def test_markup_in_forms_and_invitations_is_shown_as_text(chat: Any, server: Any) -> None:
    field = {"name": "topic", "kind": "select", "label": SCRIPT, "options": [SCRIPT]}
    server.config["prechat"] = {
        "title": SCRIPT,
        "text": SCRIPT,
        "fields": [field],
        "consent": SCRIPT,
    }
    server.config["proactive"] = [{"name": "hi", "text": SCRIPT, "after_seconds": 0}]
    chat.visit()
    words = chat.page.locator(".invite .words")
    expect(words).to_contain_text(SCRIPT)
    words.click()
    expect(chat.panel.locator("h2").last).to_have_text(SCRIPT)
    expect(chat.panel.locator(".check span")).to_have_text(SCRIPT)
    assert chat.page.evaluate("window.harmed") is None


def test_links_in_messages_open_apart_and_only_to_safe_places(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.answer(
        "See https://example.org/a_(b). Write to help@example.org or call +44 20 7946 0958,"
        f" never {LINK} or data:text/html,x"
    )
    links = chat.panel.locator(".msg.out .balloon a")
    expect(links).to_have_count(3)
    hrefs = [links.nth(i).get_attribute("href") for i in range(3)]
    assert hrefs == [
        "https://example.org/a_(b)",
        "mailto:help@example.org",
        "tel:+442079460958",
    ]
    expect(links.first).to_have_attribute("rel", "noopener noreferrer nofollow ugc")
    expect(links.first).to_have_attribute("target", "_blank")


def test_a_strict_policy_with_trusted_types_is_kept(chat: Any, server: Any) -> None:
    """The only sources allowed are the chat's own; a violation would be reported to the page."""
    chat.page.add_init_script(
        "window.violations = []; addEventListener('securitypolicyviolation',"
        " (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI))"
    )
    chat.open("/?csp").write("Strict")
    chat.until(lambda: server.texts() == ["Strict"])
    picture = {
        "id": "a",
        "kind": "image",
        "mime": "image/png",
        "name": "p.png",
        "url": "/picture.png",
    }
    server.answer("Here", attachments=[picture])
    chat.panel.locator(".picture img").wait_for()
    assert chat.launcher.bounding_box()["width"] >= 60
    assert chat.page.evaluate("violations") == []


def test_hostile_styles_of_the_page_do_not_reach_the_widget(chat: Any, server: Any) -> None:
    chat.page.emulate_media(reduced_motion="reduce")
    chat.open("/?hostile")
    chat.write("Visible")
    chat.shows("sent")
    box = chat.launcher.bounding_box()
    assert (box["width"], box["height"]) == (60, 60)
    assert (box["x"], box["y"]) == (1100 - 80, 800 - 80)
    style = "node => { const s = getComputedStyle(node); return [s.fontSize, s.textTransform, s.direction] }"
    assert chat.own.locator(".balloon").evaluate(style) == ["15px", "none", "ltr"]


def test_the_shadow_root_is_closed(chat: Any) -> None:
    chat.visit()
    assert chat.page.evaluate("window.askedMode") == "closed"


def test_keys_typed_in_the_chat_do_not_reach_the_page(chat: Any) -> None:
    chat.open()
    chat.page.evaluate(
        "window.keys = []; for (const type of ['keydown', 'keypress', 'keyup'])"
        " document.addEventListener(type, (event) => window.keys.push(event.key), true)"
    )
    chat.input.press_sequentially("abc")
    expect(chat.input).to_have_value("abc")
    assert chat.page.evaluate("keys") == []


def test_card_numbers_are_masked_in_the_draft_that_agents_see(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    chat.input.press_sequentially("card 4111 1111 1111 1111, order 123456789012", delay=5)
    chat.until(lambda: "order 123456789012" in str(server.got("typing")[-1:]))
    draft = server.got("typing")[-1]["d"]["draft"]
    assert draft == "card •••• •••• •••• ••••, order 123456789012"


def test_drafts_stay_here_where_peek_is_off(chat: Any, server: Any) -> None:
    server.config["peek"] = False
    chat.open().write("Hello")
    chat.shows("sent")
    chat.input.press_sequentially("secret thoughts")
    chat.until(lambda: server.got("typing"))
    assert all(frame["d"] == {} for frame in server.got("typing"))


def test_drafts_are_sent_at_most_every_700_milliseconds(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    began = time.monotonic()
    chat.input.press_sequentially("x" * 60, delay=20)
    chat.until(lambda: "x" * 60 in str(server.got("typing")[-1:]))
    assert len(server.got("typing")) <= 2 + (time.monotonic() - began) / 0.7


def test_the_page_address_goes_without_fragment_and_secrets(chat: Any, server: Any) -> None:
    chat.visit("/shop?utm_source=ads&utm_campaign=may&token=secret#part")
    context = server.sessions[0]["context"]
    assert context["page"] == server.site + "/shop?utm_source=ads&utm_campaign=may"
    assert context["utm_first"] == context["utm_last"] == {"source": "ads", "campaign": "may"}
    assert "secret" not in str(server.sessions)
