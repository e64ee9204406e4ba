"""Carrying on in another channel, in a real browser."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import segno
from playwright.sync_api import expect

import omnigate
from tests.widget.test_access import violations

SCRIPT = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
LINK = "https://t.me/acme?start=abcdefghijklmnopqrstuvwxyz"


def code_of(url: str) -> dict[str, Any]:
    code = omnigate.qr_path(url)
    assert code is not None
    return {"size": code.size, "path": code.path}


class Elsewhere:
    """What a person sees of other channels in one tab."""

    def __init__(self, chat: Any) -> None:
        self.button = chat.panel.get_by_role("button", name="Continue elsewhere")
        self.sheet = chat.panel.locator(".sheet")
        self.ways = self.sheet.locator("a.way")
        self.code = self.sheet.get_by_role("button", name=re.compile("QR code"))


@pytest.fixture
def elsewhere(chat: Any, server: Any) -> Elsewhere:
    """The first tab of a site with a messenger and mail."""
    server.config["continue"] = True
    server.handover["ways"][0] = {
        "channel": "tg",
        "kind": "telegram",
        "url": LINK,
        "qr": code_of(LINK),
    }
    return Elsewhere(chat)


def test_each_channel_opens_apart_by_its_own_link(
    chat: Any, server: Any, elsewhere: Elsewhere
) -> None:
    chat.open()
    assert server.got("handover") == []
    elsewhere.button.click()
    expect(elsewhere.ways).to_have_count(2)
    expect(elsewhere.ways.first).to_be_focused()
    expect(elsewhere.ways.first).to_have_text("Telegram, opens in a new tab")
    expect(elsewhere.ways.last).to_have_text("Email")
    assert elsewhere.ways.first.get_attribute("href") == LINK
    assert elsewhere.ways.first.get_attribute("target") == "_blank"
    assert "noopener" in (elsewhere.ways.first.get_attribute("rel") or "")
    assert elsewhere.ways.last.get_attribute("target") is None
    expect(elsewhere.sheet).to_contain_text("works once, until")


PIXELS = """async ([png, side]) => {
  const picture = new Image();
  picture.src = "data:image/png;base64," + png;
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const middle = (dot) => Math.floor(((dot + 0.5) * picture.width) / side);
  return [...Array(side).keys()].map((y) =>
    [...Array(side).keys()].map((x) => pen.getImageData(middle(x), middle(y), 1, 1).data[0]));
}"""


def test_the_code_on_the_screen_is_the_link(chat: Any, server: Any, elsewhere: Elsewhere) -> None:
    """Read back dot by dot from what the browser paints, in the dark theme too."""
    chat.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    chat.open()
    elsewhere.button.click()
    elsewhere.code.click()
    expect(elsewhere.code).to_have_attribute("aria-expanded", "true")
    svg = elsewhere.sheet.get_by_role("img", name="Scan it with your phone")
    png = base64.b64encode(svg.screenshot()).decode()
    matrix = segno.make_qr(LINK, error="m").matrix
    side = len(matrix) + 8
    reader = chat.page.context.new_page()
    painted = reader.evaluate(PIXELS, [png, side])
    seen = [[int(light < 128) for light in row[4:-4]] for row in painted[4:-4]]
    assert seen == [list(row) for row in matrix]
    around = painted[1] + painted[-2] + [light for row in painted for light in (row[1], row[-2])]
    assert min(around) > 200, "the quiet zone is light"


def test_a_link_that_was_followed_is_replaced(chat: Any, server: Any, elsewhere: Elsewhere) -> None:
    """Once, also after a reload: the server hands out the same ones for a while."""
    chat.page.context.route(
        re.compile("^https://t.me/"), lambda route: route.fulfill(body="elsewhere")
    )
    chat.open()
    elsewhere.button.click()
    with chat.page.expect_popup() as popup:
        elsewhere.ways.first.click()
    assert urlsplit(popup.value.url).query == urlsplit(LINK).query
    assert popup.value.evaluate("window.opener") is None
    popup.value.close()
    chat.page.reload()
    elsewhere.button.click()
    expect(elsewhere.ways).to_have_count(2)
    chat.page.keyboard.press("Escape")
    elsewhere.button.click()
    expect(elsewhere.ways).to_have_count(2)
    assert [frame["d"]["renew"] for frame in server.got("handover")] == [False, True, False]


def test_what_expires_on_the_screen_is_asked_for_anew(
    chat: Any, server: Any, elsewhere: Elsewhere
) -> None:
    server.handover["expires_in_seconds"] = 1
    chat.open()
    elsewhere.button.click()
    expect(elsewhere.sheet).to_contain_text("These links have expired.")
    expect(elsewhere.ways).to_have_count(0)
    server.handover["expires_in_seconds"] = 3600
    elsewhere.sheet.get_by_role("button", name="Get new links").click()
    expect(elsewhere.ways).to_have_count(2)
    assert [frame["d"]["renew"] for frame in server.got("handover")] == [False, True]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("rate", "Too many links at once."),
        ("not_found", "There is nowhere else to carry on just now."),
        ("bad_frame", "That did not work."),
    ],
)
def test_a_refusal_is_said_in_plain_words(
    chat: Any, server: Any, elsewhere: Elsewhere, code: str, words: str
) -> None:
    chat.open()
    server.errors = [{"code": code, "message": "rule 7"}]
    elsewhere.button.click()
    expect(elsewhere.sheet).to_contain_text(words)
    expect(elsewhere.sheet).not_to_contain_text("rule 7")


def test_markup_and_dangerous_links_do_no_harm(
    chat: Any, server: Any, elsewhere: Elsewhere
) -> None:
    server.handover["ways"] = [
        {"channel": SCRIPT, "kind": SCRIPT, "url": "https://example.org/?" + SCRIPT, "qr": None},
        {"channel": "x", "kind": "x", "url": "javascript:window.harmed=1", "qr": None},
        {
            "channel": "q",
            "kind": "vk",
            "url": "https://vk.me/acme",
            "qr": {"size": 21, "path": '"/><script>window.harmed=1</script>'},
        },
    ]
    server.config["texts"] = {"en": {"to_q": SCRIPT}}
    chat.open()
    elsewhere.button.click()
    expect(elsewhere.ways).to_have_count(2)
    elsewhere.code.click()
    expect(elsewhere.ways.last).to_contain_text(SCRIPT)
    expect(elsewhere.sheet.locator("script, img, a[href^=javascript]")).to_have_count(0)
    assert chat.page.evaluate("window.harmed") is None


def test_a_strict_policy_with_trusted_types_is_kept(
    chat: Any, server: Any, elsewhere: Elsewhere
) -> None:
    server.config["call"] = True
    chat.page.add_init_script(
        "window.violations = []; addEventListener('securitypolicyviolation',"
        " (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI))"
    )
    chat.open("/?csp")
    elsewhere.button.click()
    elsewhere.code.click()
    expect(elsewhere.sheet.locator("svg path").last).to_be_attached()
    chat.panel.get_by_role("button", name="Call me", exact=True).click()
    expect(chat.panel.locator("#call-number")).to_be_focused()
    assert chat.page.evaluate("violations") == []


def test_it_speaks_russian(chat: Any, server: Any, elsewhere: Elsewhere) -> None:
    server.config["call"] = True
    chat.open("/?lang=ru")
    chat.panel.get_by_role("button", name="Продолжить в другом месте").click()
    expect(elsewhere.ways.last).to_have_text("Эл. почта")
    chat.panel.get_by_role("button", name="Позвоните мне").click()
    expect(elsewhere.sheet.locator(".check span")).to_have_text("Согласен на звонок.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chat: Any, server: Any, elsewhere: Elsewhere, scheme: str) -> None:
    chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    chat.open()
    elsewhere.button.click()
    elsewhere.code.click()
    expect(elsewhere.sheet.locator(".qr")).to_be_visible()
    assert violations(chat.page) == []


def test_what_could_not_be_loaded_comes_when_the_network_is_back(
    chat: Any, server: Any, elsewhere: Elsewhere
) -> None:
    chat.visit()
    turned_away: list[str] = []

    def refuse(route: Any) -> None:
        turned_away.append(route.request.url)
        route.abort()

    chat.page.route("**/reach.js", refuse)
    chat.launcher.click()
    chat.until(lambda: turned_away)
    expect(chat.input).to_be_focused()
    chat.page.unroute("**/reach.js")
    expect(elsewhere.button).to_be_visible(timeout=20_000)
