"""The main job in a browser: a visitor writes, the CRM gets a signed webhook, the answer is seen."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc000000794944415478da15"
    "cea101032010c0c08ed32118e2874020912791080412f943306069ec997cbea9a44835492b65bae9f33dca11"
    "473d1cebc8e39e075bd962ab9b6d6db9ddfd602a534c7532ad29a73b1f0c6588a10e8635e470c7030a41f56f"
    "fd0f5c0fbad245573bddeab2bbfd41539a686aa3594d36b7f90112245a810076114d0000000049454e44ae42"
    "6082"
)
SCRIPT = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
PAGE = (
    '<!doctype html><html lang="en"><head><title>Garden</title><link rel="icon" href="data:,">'
    "</head><body><main><h1>Acme Garden</h1></main>"
    '<script src="{address}/channels/site/w.js" async></script></body></html>'
)
STRICT = (
    "default-src 'none'; script-src {chat}; connect-src {chat} {socket}; img-src {chat} data: blob:;"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


class Visitor:
    """One tab with the widget, used as a person uses it."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.panel = page.get_by_role("dialog")
        self.own = self.panel.locator(".msg.in")
        self.answers = self.panel.locator(".msg.out:not([data-words])")
        page.goto(f"{site}/page?utm_source=news")
        launcher = page.locator(".launcher")
        launcher.wait_for()
        launcher.click()
        self.panel.wait_for()

    def write(self, text: str) -> None:
        composer = self.panel.locator(".composer textarea")
        composer.fill(text)
        composer.press("Enter")

    def shows(self, state: str, index: int = -1) -> None:
        """Wait until one of the own messages is in a state."""
        message = self.own.nth(index) if index >= 0 else self.own.last
        expect(message).to_have_class(re.compile(rf"\bin {state}\b"), timeout=20_000)


@pytest.fixture
def site(daemon: Any, receiver: Any) -> Any:
    """The running daemon behind the customer's page."""
    receiver.page = PAGE.format(address=daemon.address)
    return daemon


@pytest.fixture
def visit(context: BrowserContext, receiver: Any) -> Iterator[Callable[[], Visitor]]:
    """Open tabs of one person; a mistake in a page's scripts fails the test."""
    mistakes: list[str] = []

    def open_tab() -> Visitor:
        page = context.new_page()
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        return Visitor(page, receiver.site)

    yield open_tab
    assert mistakes == []


def conversation(receiver: Any) -> dict[str, str]:
    """Return the only conversation, as an answer names it."""
    (known,) = {one.json["conversation"]["id"] for one in receiver.crm.of("message.received")}
    return {"conversation": known}


def test_a_visitor_writes_the_crm_answers_and_learns_that_it_was_read(
    site: Any, receiver: Any, visit: Any, until: Any
) -> None:
    visitor = visit()
    visitor.write("Do you have tulips?")
    visitor.shows("sent")
    (received,) = until(lambda: receiver.crm.of("message.received"), "the webhook arrives")
    assert received.text == "Do you have tulips?"
    assert received.json["conversation"]["context"]["utm_first"]["source"] == "news"
    sent = site.send(
        conversation(receiver), "Yes, red ones.", author={"name": "Ivan", "kind": "agent"}
    )
    expect(visitor.answers).to_contain_text("Yes, red ones.")
    expect(visitor.panel).to_contain_text("Ivan")
    until(lambda: receiver.crm.of("message.read"), "the CRM learns that it was read at once")
    visitor.panel.press("Escape")
    expect(visitor.panel).to_be_hidden()
    later = site.send(conversation(receiver), "And white ones.")
    (delivered,) = until(lambda: receiver.crm.of("message.delivered"), "it is there, unread")
    assert delivered.json["data"]["message"]["id"] == later["id"]
    assert len(receiver.crm.of("message.read")) == 1
    visitor.page.locator(".launcher").click()
    until(lambda: len(receiver.crm.of("message.read")) == 2, "the CRM learns that it was read")
    read = [one.json["data"]["message"]["id"] for one in receiver.crm.of("message.read")]
    assert read == [sent["id"], later["id"]]
    assert site.get(f"/v1/messages/{later['id']}")["state"] == "read"
    sequences = [one.json["sequence"] for one in receiver.crm.deliveries if one.json["sequence"]]
    assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_conversation_goes_on_over_a_restart(
    end: str, site: Any, receiver: Any, visit: Any, until: Any
) -> None:
    visitor = visit()
    visitor.write("before")
    visitor.shows("sent")
    getattr(site, end)()
    visitor.write("while it was away")
    expect(visitor.own).to_have_count(2)
    site.start()
    visitor.shows("sent", 1)
    until(lambda: set(receiver.crm.texts()) == {"before", "while it was away"}, "both have come")
    site.send(conversation(receiver), "after")
    expect(visitor.answers).to_contain_text("after")
    visitor.write("and on")
    visitor.shows("sent", 2)
    until(lambda: "and on" in receiver.crm.texts(), "it has come too")
    ids = [one.json["data"]["message"]["id"] for one in receiver.crm.of("message.received")]
    assert len(set(ids)) == 3, "no message became two"
    assert len(site.get("/v1/messages?direction=inbound")["items"]) == 3


def test_what_is_written_offline_goes_out_in_order_once_the_network_is_back(
    site: Any, receiver: Any, visit: Any, context: BrowserContext, until: Any
) -> None:
    visitor = visit()
    visitor.write("online")
    visitor.shows("sent")
    context.set_offline(True)
    visitor.write("first offline")
    visitor.write("second offline")
    expect(visitor.own).to_have_count(3)
    context.set_offline(False)
    visitor.shows("sent", 2)
    until(lambda: len(receiver.crm.of("message.received")) == 3, "all have come")
    assert receiver.crm.texts() == ["online", "first offline", "second offline"]


def test_two_tabs_show_one_conversation(site: Any, receiver: Any, visit: Any, until: Any) -> None:
    first = visit()
    first.write("from the first tab")
    first.shows("sent")
    second = visit()
    expect(second.own).to_have_text(re.compile("from the first tab"))
    second.write("from the second tab")
    expect(first.own).to_have_count(2)
    until(lambda: len(receiver.crm.of("message.received")) == 2, "both have come")
    site.send(conversation(receiver), "to both")
    for tab in (first, second):
        expect(tab.answers).to_contain_text("to both")
        expect(tab.answers).to_have_count(1)


def test_a_picture_reaches_the_crm_behind_a_signed_address(
    site: Any, receiver: Any, visit: Any, until: Any
) -> None:
    visitor = visit()
    picture = {"name": "garden.png", "mimeType": "image/png", "buffer": PNG}
    visitor.panel.locator("input[type=file]").set_input_files(picture)
    visitor.write("Look")
    visitor.shows("sent")
    until(lambda: any(files(one) for one in receiver.crm.of("message.received")), "it arrives")
    (file,) = next(filter(None, map(files, receiver.crm.of("message.received"))))
    assert (file["name"], file["mime"], file["size_bytes"]) == ("garden.png", "image/png", len(PNG))
    with urllib.request.urlopen(file["url"], timeout=10) as answer:
        assert answer.read() == PNG
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    unsigned = file["url"].partition("?")[0]
    status, _ = site.request("GET", unsigned.removeprefix(site.address), token="")
    assert 400 <= status < 500


def files(delivery: Any) -> list[dict[str, Any]]:
    return list(delivery.json["data"]["message"]["attachments"])


def test_a_strict_policy_of_the_page_is_kept(
    site: Any, receiver: Any, context: BrowserContext, visit: Any, until: Any
) -> None:
    socket = site.address.replace("http", "ws")
    receiver.page_headers = {
        "Content-Security-Policy": STRICT.format(chat=site.address, socket=socket)
    }
    context.add_init_script(
        "window.violations = []; addEventListener('securitypolicyviolation',"
        " (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI))"
    )
    visitor = visit()
    visitor.write("Strict")
    visitor.shows("sent")
    until(lambda: receiver.crm.texts() == ["Strict"], "the webhook arrives")
    site.send(conversation(receiver), "Strictly")
    expect(visitor.answers).to_contain_text("Strictly")
    assert visitor.page.evaluate("violations") == []


def test_markup_is_text_for_the_visitor_and_unchanged_for_the_crm(
    site: Any, receiver: Any, visit: Any, until: Any
) -> None:
    visitor = visit()
    visitor.write(SCRIPT)
    visitor.shows("sent")
    until(lambda: receiver.crm.texts() == [SCRIPT], "the CRM gets what was written")
    button = {"label": SCRIPT, "kind": "reply", "value": SCRIPT}
    author = {"name": SCRIPT, "kind": "agent"}
    site.send(conversation(receiver), SCRIPT, author=author, buttons=[[button]])
    expect(visitor.answers.locator(".balloon").first).to_contain_text(SCRIPT)
    expect(visitor.panel.locator("button.choice")).to_have_text(SCRIPT)
    expect(visitor.own.locator(".balloon")).to_contain_text(SCRIPT)
    expect(visitor.panel.locator("script, img[src=x]")).to_have_count(0)
    visitor.panel.locator("button.choice").click()
    until(lambda: receiver.crm.texts() == [SCRIPT, SCRIPT], "the pressed button comes")
    assert visitor.page.evaluate("window.harmed") is None
