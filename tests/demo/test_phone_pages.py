"""The pages of the phones in a real browser: through platform, daemon, webhook, desk, and back."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.demo.pictures import png

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
KINDS = ["telegram", "vk"]
FAR_MS = 20_000
SOON_MS = 1_500


@pytest.fixture(scope="module")
def demo(start_shared_demo):
    return start_shared_demo("--port", "0", "--with", ",".join(KINDS))


class Scene:
    """One browser window with a phone in it, and everything it complained of or asked for."""

    def __init__(self, page: Page, kind: str) -> None:
        self.page = page
        self.kind = kind
        self.phone = page.frame_locator(f"#panel-{kind} iframe")
        self.talk = page.locator("#talk")
        self.title = {"telegram": "Telegram", "vk": "VK"}[kind]

    def writes(self, text):
        self.phone.locator("#text").fill(text)
        self.phone.locator("#text").press("Enter")

    def answers(self, text):
        self.page.locator("#text").fill(text)
        self.page.locator("#send").click()


@contextmanager
def opened(demo, browser, kind):
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(FAR_MS)
    page = context.new_page()
    page.complaints, page.asked = [], []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda line: page.complaints.extend([line.text] * (line.type == "error")))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(demo.address)
    page.locator(f"#tab-{kind}").click()
    yield Scene(page, kind)
    context.close()


@pytest.fixture(scope="module", params=KINDS)
def window(demo, browser, request):
    with opened(demo, browser, request.param) as scene:
        scene.phone.locator("#begin").click()
        expect(scene.talk.locator(".said")).to_have_count(1)
        yield scene


@pytest.fixture
def scene(window, demo):
    """A conversation that has begun, at the desk and on the phone; later tests find it longer."""
    window.page.locator(f"#tab-{window.kind}").click()
    window.page.locator("#who button", has_text=window.title).click()
    window.page.locator("#text").fill("")
    yield window
    assert window.page.complaints == []
    assert outside(demo, window.page.asked) == []


def outside(demo: Any, urls: list[str]) -> list[str]:
    """Return what was asked of anybody but the demo and its daemon."""
    own = (demo.address, demo.daemon, "data:", "blob:", demo.daemon.replace("http", "ws", 1))
    return [url for url in urls if not url.startswith(own)]


def test_a_customer_writes_the_agent_answers_and_the_phone_shows_it(scene):
    expect(scene.page.locator("#who [aria-pressed=true]")).to_contain_text(scene.title)
    scene.writes("Здравствуйте! Is the <b>Juniper</b> in stock? 🚲")
    expect(scene.talk.locator(".said").last).to_contain_text("Is the <b>Juniper</b> in stock? 🚲")
    card = scene.page.locator(".card[data-type='message.received']").first
    shown = json.loads(card.locator(".json").text_content())
    assert shown["channel"]["kind"] == scene.kind
    assert shown["data"]["message"]["text"] == "Здравствуйте! Is the <b>Juniper</b> in stock? 🚲"
    scene.page.locator("#text").press_sequentially("Да")
    expect(scene.phone.locator("#state")).to_have_text(re.compile("typing"))
    scene.answers("Да, забирайте <i>сегодня</i>!")
    expect(scene.phone.locator(".said:not(.mine)").last).to_contain_text(
        "Да, забирайте <i>сегодня</i>!"
    )
    expect(scene.phone.locator("#state")).not_to_have_text(re.compile("typing"))


def test_pressed_buttons_reach_the_desk(scene):
    scene.page.get_by_role("button", name="Sizes").click()
    expect(scene.page.locator("#extra")).to_contain_text("S · M · L · Measure me")
    scene.page.locator("#send").click()
    rows = scene.phone.locator(".said:not(.mine)").last.locator(".inline .keyrow")
    expect(rows).to_have_count(2)
    # Telegram tells of a press; on VK a button writes its words for the customer.
    heard = {"telegram": r"^pressed “{}”$", "vk": r"^{}\d\d:"}[scene.kind]
    rows.nth(0).get_by_role("button", name="M", exact=True).click()
    expect(scene.talk.locator("li").last).to_have_text(re.compile(heard.format("M")))
    rows.nth(1).get_by_role("button", name="Measure me").click()
    expect(scene.talk.locator("li").last).to_have_text(re.compile(heard.format("Measure me")))
    pressed = {"telegram": '"payload": "measure"', "vk": '"button": "measure"'}[scene.kind]
    expect(scene.page.locator(".card .json", has_text=pressed)).not_to_have_count(0)


def test_the_keyboard_in_place_of_the_letters_shares_what_was_asked_for(demo, browser):
    with opened(demo, browser, "telegram") as scene:
        start = scene.phone.locator("#begin")
        expect(scene.phone.locator("#begin, #text").filter(visible=True)).not_to_have_count(0)
        if start.is_visible():
            start.click()
        scene.page.locator("#who button", has_text="Telegram").click()
        scene.page.get_by_role("button", name="Number").click()
        scene.page.locator("#send").click()
        keys = scene.phone.locator("#keys button")
        expect(keys).to_have_text(["Share my number", "No, thanks"])
        keys.first.click()
        expect(scene.talk.locator(".said").last).to_contain_text("Anna Sokolova +7900")
        expect(scene.phone.locator("#keys")).to_be_hidden()


def test_a_place_is_asked_for_shared_and_shown(scene):
    scene.page.get_by_role("button", name="Place").click()
    scene.page.locator("#send").click()
    expect(scene.phone.get_by_text("Where shall we bring it?")).to_have_count(1)
    kind_of_keyboard = {"telegram": "#keys", "vk": ".said:last-child .inline"}[scene.kind]
    scene.phone.locator(f"{kind_of_keyboard} button").first.click()
    expect(scene.talk.locator(".said").last).to_contain_text("55.7512, 37.6184")
    expect(scene.phone.locator(".mine .place").last).to_contain_text("55.7512, 37.6184")


def test_the_desk_offers_only_what_the_platform_has(scene):
    number = scene.page.get_by_role("button", name="Number")
    place = scene.page.get_by_role("button", name="Place")
    expect(number).to_be_enabled(enabled=scene.kind == "telegram")
    expect(place).to_be_enabled()


def test_pictures_go_both_ways(scene, tmp_path):
    width = 40 + KINDS.index(scene.kind)
    sent, answered = tmp_path / "sent.png", tmp_path / "answered.png"
    sent.write_bytes(png(width, 30, (200, 80, 30)))
    answered.write_bytes(png(width + 20, 30, (30, 120, 110)))
    scene.phone.locator("#text").fill("Такой?")
    scene.phone.locator("#file").set_input_files(sent)
    expect(scene.talk.locator(".said").last).to_contain_text("Такой?")
    # The width is the picture's own: it is the very one that was sent.
    expect(scene.talk.locator(".said img").last).to_have_js_property("naturalWidth", width)

    scene.page.locator("#file").set_input_files(answered)
    expect(scene.page.locator("#extra")).to_contain_text("answered.png")
    scene.answers("Этот ваш.")
    expect(scene.phone.locator(".said:not(.mine)").last).to_contain_text("Этот ваш.")
    picture = scene.phone.locator(".said:not(.mine) img").last
    expect(picture).to_have_js_property("naturalWidth", width + 20)


def test_edits_of_the_customer_and_of_the_agent_are_seen_by_the_other(scene):
    scene.writes("Frame size 52")
    mine = scene.phone.locator(".mine").last
    expect(scene.talk.locator(".said").last).to_contain_text("Frame size 52")
    mine.hover()
    mine.locator(".act summary").click()
    mine.get_by_role("button", name="Edit").click()
    scene.phone.locator("#text").fill("Frame size 54")
    scene.phone.locator("#text").press("Enter")
    expect(mine).to_contain_text("edited")
    expect(scene.talk.locator(".said").last).to_contain_text("Frame size 54")

    scene.answers("On Monday")
    line = scene.talk.locator(".line.out").last
    expect(line).to_contain_text("On Monday")
    line.get_by_role("button", name="Edit").click()
    scene.answers("On Tuesday")
    theirs = scene.phone.locator(".said:not(.mine)").last
    expect(theirs).to_contain_text("On Tuesday")
    expect(theirs).to_contain_text("edited")
    expect(scene.talk.locator(".line.out").last).to_contain_text("On Tuesday")


def test_what_the_agent_deletes_is_gone_from_the_phone(scene):
    scene.answers("A slip of the tongue")
    line = scene.talk.locator(".line.out").last
    expect(line).to_contain_text("A slip of the tongue")
    expect(scene.phone.get_by_text("A slip of the tongue")).to_have_count(1)
    line.get_by_role("button", name="Delete").click()
    expect(scene.phone.get_by_text("A slip of the tongue")).to_have_count(0)
    expect(line).to_contain_text("(deleted)")


def test_reactions_are_seen_by_the_other(scene):
    scene.writes("Thank you")
    expect(scene.talk.locator(".said").last).to_contain_text("Thank you")
    scene.talk.locator(".line").last.get_by_role("button", name="👍").click()
    expect(scene.phone.locator(".mine").last.locator(".reactions")).to_have_text("👍")

    scene.answers("See you soon")
    theirs = scene.phone.locator(".said:not(.mine)").last
    expect(theirs).to_contain_text("See you soon")
    theirs.hover()
    theirs.locator(".act summary").click()
    theirs.get_by_role("button", name="🔥").click()
    expect(scene.talk.locator(".line.out").last.locator(".reactions")).to_have_text("🔥")


def test_a_link_brings_its_parameter_to_the_crm(scene):
    scene.phone.locator("#more summary").click()
    scene.phone.locator("#parameter").fill("https://example.test/?start=spring-sale")
    scene.phone.get_by_role("button", name="Open").click()
    card = scene.page.locator(".card[data-type='message.received']").first
    expect(card.locator(".json")).to_contain_text('"handover": "spring-sale"')


def test_what_waits_behind_another_tab_is_marked_until_it_is_seen(scene):
    scene.page.locator("#tab-webchat").click()
    tab = scene.page.locator(f"#tab-{scene.kind}")
    scene.answers("Are you still there?")
    expect(tab).to_have_class("new")
    scene.page.locator("#tab-webchat").press("ArrowRight")
    tab.click()
    expect(tab).not_to_have_class("new")
    expect(scene.phone.get_by_text("Are you still there?").last).to_be_in_viewport()


def test_a_company_that_is_not_running_is_not_heard_on_the_phone(demo, scene):
    """The twin: nothing goes to a phone but through the channel."""
    command = [str(Path(sys.executable).with_name("omnigate")), "channel"]
    config = ["--config", str(demo.config)]
    subprocess.run([*command, "pause", scene.kind, *config], check=True, timeout=60)
    try:
        scene.answers("Said while the channel is paused")
        with pytest.raises(AssertionError):
            expect(scene.phone.get_by_text("Said while the channel is paused")).to_have_count(
                1, timeout=SOON_MS
            )
    finally:
        subprocess.run([*command, "resume", scene.kind, *config], check=True, timeout=60)
    expect(scene.phone.get_by_text("Said while the channel is paused")).to_have_count(1)


def test_a_request_to_anybody_else_would_be_noticed(demo, browser):
    """The twin of what every test here ends with."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(demo.address + "phones/telegram/")
    page.evaluate("fetch('http://127.0.0.1:9/pixel.png').catch(() => {})")
    assert outside(demo, asked) == ["http://127.0.0.1:9/pixel.png"]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", *(f"phones/{kind}/" for kind in KINDS)])
def test_every_page_is_accessible_and_fits_a_narrow_window(demo, browser, scheme, path):
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(demo.address + path)
    if path:
        expect(page.locator("#begin")).to_be_attached()
        begin, composer = page.locator("#begin"), page.locator("#text")
        expect(begin.or_(composer).filter(visible=True).first).to_be_visible()
        if begin.is_visible():
            begin.click()
        composer.fill("A text that is long enough to need more than one line on a narrow phone")
        composer.press("Enter")
        expect(page.locator(".mine").last).to_contain_text("narrow phone")
        page.locator("#more summary").click()
        expect(page.get_by_role("button", name="Open")).to_be_in_viewport(ratio=1)
    else:
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator("#tabs button")).to_have_count(1 + len(KINDS))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.emulate_media(reduced_motion="reduce")
    assert violations(page) == []
    context.close()


def violations(page: Page) -> list[tuple[str, str]]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {iframes: false})")
    return [(item["id"], item["nodes"][0]["html"]) for item in found["violations"]]


def test_a_phone_without_names_on_its_buttons_would_be_noticed(demo, browser):
    """The twin of the test above."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(demo.address + "phones/telegram/")
    page.locator("#send").wait_for(state="attached")
    page.evaluate("document.getElementById('composer').hidden = false")
    page.evaluate("document.getElementById('send').removeAttribute('aria-label')")
    assert "button-name" in [name for name, _ in violations(page)]
    context.close()


def answered(url: str, data: bytes | None = None, **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.mark.parametrize("kind", KINDS)
def test_the_phones_are_the_demos_own_and_do_only_what_people_can(demo, kind):
    own = demo.address.rstrip("/")
    phone = f"{own}/phones/{kind}"
    status, headers, _ = answered(f"{phone}/")
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert answered(f"{own}/phones/fax/")[0] == 404
    assert answered(f"{own}/phones/fax/screen")[0] == 404
    start = b'{"do": "start"}'
    assert answered(f"{phone}/act", start)[0] == 403
    assert answered(f"{phone}/act", start, Origin="https://evil.example")[0] == 403
    assert answered(f"{phone}/act", b'{"do": "fly"}', Origin=own)[0] == 400
    assert answered(f"{phone}/act", b"\xff", Origin=own)[0] == 400
    gone = b'{"do": "edit", "message": 987654, "text": "x"}'
    status, _, why = answered(f"{phone}/act", gone, Origin=own)
    assert (status, why) == (409, b"that message is not there any more")
    assert answered(f"{phone}/files/987654/0")[0] == 404
    assert answered(f"{phone}/files?name=a", b"x" * (11 * 1024 * 1024), Origin=own)[0] == 413


def test_what_is_no_picture_is_saved_and_never_shown(demo):
    own = demo.address.rstrip("/")
    answered(f"{own}/phones/telegram/act", b'{"do": "start"}', Origin=own)
    evil = b"<script>alert(document.domain)</script>"
    assert answered(f"{own}/phones/telegram/files?name=a.html", evil, Origin=own)[0] == 204
    with urllib.request.urlopen(f"{own}/phones/telegram/screen", timeout=10) as screen:
        line = next(line for line in screen if line.startswith(b"data: "))
    newest = json.loads(line.removeprefix(b"data: "))["messages"][-1]
    _, headers, body = answered(f"{own}/phones/telegram/files/{newest['id']}/0")
    assert body == evil
    assert headers["Content-Disposition"] == "attachment"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_secrets_of_the_platforms_are_in_nothing_that_the_browser_gets(demo):
    folder = demo.config.parent
    secrets = [(folder / f"{kind}.secret").read_text() for kind in KINDS]
    assert all((folder / f"{kind}.secret").stat().st_mode & 0o077 == 0 for kind in KINDS)
    for path in ["", "facts", *(f"phones/{kind}/{end}" for kind in KINDS for end in ("", "facts"))]:
        body = answered(demo.address + path)[2].decode()
        assert not [secret for secret in secrets if secret in body]


def test_an_unknown_platform_is_a_clear_error(start_demo):
    demo = start_demo("--port", "0", "--with", "telegram,fax")
    assert demo.process.wait(60) == 2
    demo.finish_reading()
    said = "".join(demo.said)
    assert "'fax'" in said
    assert "telegram, vk, phone and none" in said
    assert "Traceback" not in said


def test_it_ends_in_order_and_leaves_nothing_behind(start_demo):
    demo = start_demo("--port", "0", "--with", "telegram")
    with urllib.request.urlopen(f"{demo.address}phones/telegram/screen", timeout=10) as screen:
        assert screen.readline()
        assert demo.stop() == 0
    assert list(demo.scratch.iterdir()) == []
    assert "Traceback" not in "".join(demo.said)
