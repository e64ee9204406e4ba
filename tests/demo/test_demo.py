"""What a newcomer sees first, as a real process and in a real browser."""

import json
import re
import signal
import socket
import urllib.error
import urllib.request
from email.message import Message
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import OPEN_ROOTS

PLAIN = ("--port", "0", "--with", "none")
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, Message, str]:
    request = urllib.request.Request(
        url, data=data, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def test_a_platform_that_it_does_not_have_is_wrong_usage(start_demo):
    demo = start_demo("--with", "foo")
    assert demo.process.wait(30) == 2
    demo.finish_reading()
    assert "cannot show 'foo'" in "".join(demo.said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_leaves_nothing_behind(start_demo, number):
    demo = start_demo(*PLAIN)
    status, headers, page = fetch(demo.address)
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Omnigate" in page
    assert list(demo.scratch.glob("omnigate-demo-*"))
    assert demo.stop(number) == 0
    assert list(demo.scratch.iterdir()) == []
    assert "Traceback" not in "".join(demo.said)


def test_a_port_in_use_is_said_and_another_taken(start_demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start_demo("--port", str(port), "--with", "none")
        assert f":{port}/" not in demo.address
        assert f"Port {port} cannot be used" in "".join(demo.said)
        assert fetch(demo.address)[0] == 200
        assert demo.stop() == 0


def test_the_token_is_in_nothing_that_the_browser_gets(start_demo):
    demo = start_demo(*PLAIN)
    token = demo.token
    assert token.startswith("og_")
    assert token not in "".join(demo.said)
    names = [file.name for file in (resources.files("omnigate.demo") / "static").iterdir()]
    paths = ["", "shop/", "shop/delivery", "facts", *(f"static/{name}" for name in names)]
    for path in paths:
        assert token not in fetch(demo.address + path)[2]


def test_other_sites_and_names_are_kept_out(start_demo):
    demo = start_demo(*PLAIN)
    body = json.dumps({"to": {"conversation": "cnv_" + "0" * 26}, "text": "hi"}).encode()
    send = demo.address + "v1/messages"
    own = demo.address.rstrip("/")
    assert fetch(demo.address, Host="evil.example")[0] == 403
    assert fetch(send, body)[0] == 403
    assert fetch(send, body, Origin="https://evil.example")[0] == 403
    assert fetch(send, body, Origin=own)[0] == 404  # the daemon's: no such conversation
    assert fetch(own + "/v1/media", b"x", Origin="https://evil.example")[0] == 403
    assert fetch(own + "/v1/conversations", b"x", Origin=own)[0] == 404
    timeline = f"{own}/v1/contacts/ctc_{'0' * 26}/timeline"
    assert fetch(timeline, Host="evil.example")[0] == 403
    assert fetch(timeline)[0] == 404  # the daemon's: no such contact
    assert "ctc_000" in fetch(timeline)[2]
    assert fetch(own + "/v1/contacts")[0] == 404  # the page may not ask that
    assert fetch(own + "/crm/omnigate", b"{}")[0] == 401
    assert fetch(own + "/static/index.html")[0] == 404


def test_a_customer_writes_the_crm_receives_the_agent_answers(start_demo, browser):
    demo = start_demo(*PLAIN)
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 860})
    context.set_default_timeout(10_000)
    context.add_init_script(OPEN_ROOTS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.extend([line.text] * (line.type == "error")))
    page.goto(demo.address)
    shop = page.frame_locator("iframe")
    shop.locator(".launcher").click()
    field = shop.locator(".composer textarea")
    field.fill("Is <b>Juniper</b> in stock?")
    field.press("Enter")

    card = page.locator(".card[data-type='message.received']")
    expect(card.locator(".badge")).to_have_text("✓ verified")
    expect(card.locator(".heads")).to_contain_text("webhook-signature")
    shown = json.loads(card.locator(".json").inner_text())
    assert shown["data"]["message"]["text"] == "Is <b>Juniper</b> in stock?"

    page.get_by_role("button", name="Yes, it is in stock.").click()
    expect(page.locator("#command")).to_contain_text("Yes, it is in stock.")
    command = page.locator("#command").inner_text()
    assert demo.token not in command
    assert "$(cat " in command
    page.get_by_role("button", name="Send").click()
    expect(shop.locator(".msg.out:not([data-words])")).to_contain_text("Yes, it is in stock.")
    expect(page.locator(".said.out small")).to_contain_text("read")
    expect(page.locator(".said.out small")).to_contain_text("Maya")

    field.press_sequentially("And the price")
    expect(page.locator("#draft")).to_have_text(re.compile("And the price"))
    page.reload()
    expect(card).to_have_count(1)
    expect(page.locator(".talk .said")).to_have_count(2)
    assert complaints == []
    context.close()
    assert demo.stop() == 0
    assert "Traceback" not in "".join(demo.said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_narrow_window(start_demo, browser, scheme):
    demo = start_demo(*PLAIN)
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        color_scheme=scheme,
        bypass_csp=True,  # the checker itself is injected
    )
    page = context.new_page()
    page.goto(demo.address)
    expect(page.locator("#live")).to_have_text("live")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {iframes: false})")
    assert [(item["id"], item["nodes"][0]["html"]) for item in found["violations"]] == []
    context.close()
