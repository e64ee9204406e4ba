"""One customer in the demo: from the chat to a messenger to the phone, and one timeline of it all."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser import OPEN_ROOTS

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FAR_MS = 20_000


@pytest.fixture(scope="module")
def demo(start_shared_demo):
    return start_shared_demo("--port", "0")


@pytest.fixture
def page(demo, browser):
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(FAR_MS)
    context.add_init_script(OPEN_ROOTS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.extend([line.text] * (line.type == "error")))
    page.goto(demo.address)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def shop(page):
    shop = page.frame_locator("#site iframe")
    shop.locator(".launcher").click()
    return shop


def writes(shop: FrameLocator, text: str) -> None:
    shop.locator(".composer textarea").fill(text)
    shop.locator(".composer textarea").press("Enter")
    expect(shop.locator(".msg.in").last).to_contain_text(text)


def asks_for_a_call(shop: FrameLocator, number: str) -> None:
    shop.get_by_role("button", name="Call me", exact=True).click()
    shop.locator("#call-number").fill(number)
    shop.get_by_role("checkbox").check()
    shop.locator("form button.primary").click()


def touches(page: Page, who: str, does: str) -> None:
    page.locator(f"#{who}-phone [data-does={does}]").click()


def is_now(page: Page, who: str, state: str) -> None:
    expect(page.locator(f"#{who}-phone")).to_have_attribute("data-state", state, timeout=FAR_MS)


def test_a_link_of_the_chat_leads_to_the_emulated_phone_and_both_are_one_customer(page, shop):
    writes(shop, "Is the Sorrel in stock?")
    shop.get_by_role("button", name="Continue elsewhere").click()
    shop.locator("a.way", has_text="Telegram").click()
    expect(page.locator("#tab-telegram")).to_have_attribute("aria-selected", "true")
    phone = page.frame_locator("#panel-telegram iframe")
    phone.locator("#text").fill("It is me, on the tram")
    phone.locator("#text").press("Enter")
    talk = page.locator("#talk")
    expect(talk).to_contain_text("It is me, on the tram")
    expect(talk.locator(".told")).to_have_text("carries on from Site: “Is the Sorrel in stock?”")
    expect(page.locator(".card[data-type='contact.merged'] .gist").first).to_have_text(
        "two contacts are one customer now"
    )
    page.locator("#show-story").click()
    story = page.locator("#story")
    expect(story).to_contain_text("Is the Sorrel in stock?")
    expect(story).to_contain_text("It is me, on the tram")
    places = story.locator("[data-type=message] .place")
    assert [place.inner_text() for place in places.all()] == ["Site", "Telegram", "Telegram"]


def test_phones_ring_one_after_the_other_and_talk(page, shop):
    asks_for_a_call(shop, "+7 916 123-45-67")
    is_now(page, "agent", "ringing")
    is_now(page, "customer", "idle")
    expect(page.locator("#agent-phone .says")).to_have_text("+79161234567 is calling")
    touches(page, "agent", "answer")
    is_now(page, "customer", "ringing")
    expect(page.locator("#customer-phone .says")).to_have_text("+74951234567 is calling")
    touches(page, "customer", "answer")
    is_now(page, "agent", "talking")
    is_now(page, "customer", "talking")
    touches(page, "customer", "hang_up")
    for who in ("agent", "customer"):
        is_now(page, who, "idle")
        expect(page.locator(f"#{who}-phone .says")).to_have_text("Call ended")
    ended = page.locator(".card[data-type='call.ended'] .gist").first
    expect(ended).to_contain_text("+79161234567: they talked for 0:0")
    expect(ended).to_contain_text("with Maya")


def test_a_phone_that_is_declined_makes_a_missed_call(page, shop):
    asks_for_a_call(shop, "+7 916 123-45-68")
    is_now(page, "agent", "ringing")
    touches(page, "agent", "answer")
    is_now(page, "customer", "ringing")
    touches(page, "customer", "decline")
    is_now(page, "agent", "idle")
    expect(page.locator("#customer-phone .says")).to_have_text("Declined")
    missed = page.locator(".card[data-type='call.missed'] .gist").first
    expect(missed).to_have_text("+79161234568: the customer declined")


def test_who_is_reloaded_sees_the_phones_as_they_are(page, shop):
    asks_for_a_call(shop, "+7 916 123-45-69")
    is_now(page, "agent", "ringing")
    page.reload()
    is_now(page, "agent", "ringing")
    touches(page, "agent", "decline")
    is_now(page, "agent", "idle")


@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_with_phones_is_accessible_and_fits(demo, browser, width):
    context = browser.new_context(viewport={"width": width, "height": 740}, bypass_csp=True)
    page = context.new_page()
    page.goto(demo.address)
    is_now(page, "agent", "idle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {iframes: false})")
    assert [(item["id"], item["nodes"][0]["html"]) for item in found["violations"]] == []
    context.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"who": "agent", "do": "answer"}, 409),
        ({"who": "customer", "do": "hang_up"}, 409),
        ({"who": "stranger", "do": "answer"}, 400),
        ({"who": "agent", "do": "explode"}, 400),
        ([], 400),
    ],
)
def test_only_what_a_phone_can_do_is_done_and_only_for_the_page(demo, body, status):
    own = demo.address.rstrip("/")
    data = json.dumps(body).encode()
    for origin, wanted in ((own, status), ("https://evil.example", 403)):
        request = urllib.request.Request(f"{own}/handsets", data, {"Origin": origin})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value:
            assert refused.value.code == wanted


def test_the_demo_without_phones_brings_in_no_switch():
    script = "import sys, omnigate.demo; print([m for m in sys.modules if 'asterisk' in m])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_token_of_the_demo_may_ask_for_calls(demo):
    request = urllib.request.Request(
        f"{demo.daemon}/v1/calls", headers={"Authorization": f"Bearer {demo.token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "items" in json.loads(answer.read())
