"""The call button in a real browser: asking, following, cancelling, in every tab and after a reload."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.widget.test_access import violations

SCRIPT = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'


class Phone:
    """What a person sees of calls in one tab."""

    def __init__(self, chat: Any) -> None:
        self.chat = chat
        panel = chat.panel
        self.button = panel.get_by_role("button", name="Call me", exact=True)
        self.sheet = panel.locator(".sheet")
        self.number = panel.locator("#call-number")
        self.country = panel.locator("#call-country")
        self.consent = self.sheet.locator("input[type=checkbox]")
        self.submit = self.sheet.locator("button.primary")
        self.bar = panel.locator(".callbar")
        self.words = self.bar.locator("p").first
        self.timer = self.bar.locator(".timer")
        self.cancel = self.bar.get_by_role("button", name="Cancel the call")

    def ask(self, number: str = "9161234567") -> None:
        """Fill the form in and send it."""
        self.button.click()
        self.type(number)
        self.consent.check()
        self.submit.click()

    def type(self, number: str) -> None:
        """Type a number once its field is there: keys pressed before go to whatever has the focus."""
        self.number.wait_for()
        self.number.press_sequentially(number)


@pytest.fixture
def phone(chat: Any, server: Any) -> Phone:
    """The first tab of a site that calls people."""
    server.config["call"] = True
    return Phone(chat)


@pytest.fixture
def other(second: Any) -> Phone:
    """Another tab of the same person."""
    return Phone(second)


def test_a_call_is_asked_for_and_followed_to_its_end(chat: Any, server: Any, phone: Phone) -> None:
    chat.open()
    phone.ask()
    expect(phone.words).to_have_text("We are calling you on +79161234567.")
    expect(phone.timer).to_have_text(re.compile(r"Your phone rings within \d+ s"))
    expect(phone.cancel).to_be_focused()
    expect(phone.sheet).to_be_hidden()
    expect(phone.button).to_be_hidden()
    [asked] = server.got("call.request")
    assert asked["d"] == {
        "number": "916 123 45 67",
        "region": "RU",
        "consent": True,
        "again": False,
    }
    server.call_goes("ringing")
    expect(phone.words).to_have_text("Your phone is ringing: please answer.")
    expect(phone.timer).to_be_hidden()
    expect(phone.cancel).to_be_focused()
    server.call_goes("connecting")
    expect(phone.words).to_have_text("You are being connected…")
    server.call_goes("talking")
    expect(phone.words).to_have_text("You are on the phone with us.")
    expect(phone.bar.get_by_role("button", name="Hang up")).to_be_focused()
    server.call_goes("ended")
    expect(phone.words).to_have_text("The call is over. Thank you!")
    phone.bar.get_by_role("button", name="Close").click()
    expect(phone.bar).to_be_hidden()
    expect(chat.input).to_be_focused()
    expect(phone.button).to_be_visible()


@pytest.mark.parametrize("state", ["starting", "ringing", "connecting", "unsure"])
def test_it_can_be_cancelled_at_every_stage(
    chat: Any, server: Any, phone: Phone, state: str
) -> None:
    server.call_goes(state)
    chat.open()
    phone.cancel.click()
    expect(phone.words).to_have_text("The call was cancelled.")
    [frame] = server.got("call.cancel")
    assert frame["d"] == {"id": server.call_now["id"]}


def test_without_call_in_the_configuration_there_is_no_button(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    expect(Phone(chat).button).to_have_count(0)
    assert not [path for path in server.requests if path.endswith("reach.js")]


def test_what_is_missing_is_said_beside_its_field(chat: Any, server: Any, phone: Phone) -> None:
    chat.open()
    phone.button.click()
    phone.submit.click()
    expect(phone.number).to_be_focused()
    expect(phone.number).to_have_attribute("aria-invalid", "true")
    hint = phone.sheet.locator("#call-number-error")
    expect(hint).to_have_text("Write the whole number. With its country's code it begins with +7.")
    phone.country.select_option("DE")
    phone.submit.click()
    expect(hint).to_contain_text("begins with +49.")
    phone.country.select_option("RU")
    expect(phone.sheet.get_by_text("We need your consent to continue.")).to_be_visible()
    phone.type("9161234567")
    phone.submit.click()
    expect(phone.consent).to_be_focused()
    assert server.got("call.request") == []


def test_a_refused_number_is_said_so_and_another_one_is_taken(
    chat: Any, server: Any, phone: Phone
) -> None:
    chat.open()
    phone.button.click()
    phone.type("8005553535")
    phone.consent.check()
    server.errors = [{"code": "invalid_form", "message": "no", "fields": {"number": "phone"}}]
    phone.submit.click()
    expect(phone.sheet.get_by_text("This number cannot be called. Check it.")).to_be_visible()
    expect(phone.number).to_be_focused()
    phone.number.fill("9161234567")
    phone.submit.click()
    expect(phone.words).to_contain_text("+79161234567")
    first, then = server.got("call.request")
    assert first["cid"] != then["cid"]


def test_a_refusal_says_what_to_do_and_nothing_of_the_rule(
    chat: Any, server: Any, phone: Phone
) -> None:
    chat.open()
    phone.button.click()
    phone.type("9161234567")
    phone.consent.check()
    server.errors = [{"code": "forbidden", "message": "prefix 7916 is denied"}]
    phone.submit.click()
    alert = phone.sheet.get_by_role("alert")
    expect(alert).to_have_text("We cannot take this call just now. Write to us here in the chat.")


def test_one_more_call_has_to_be_confirmed(chat: Any, server: Any, phone: Phone) -> None:
    chat.open()
    server.call_goes("missed")
    phone.bar.get_by_role("button", name="Call again").click()
    phone.type("9161234567")
    phone.consent.check()
    server.errors = [{"code": "confirm", "message": "again?"}]
    phone.submit.click()
    expect(phone.sheet.get_by_role("alert")).to_contain_text(
        "You have asked for a call already. Shall we call again, on 916 123 45 67?"
    )
    expect(phone.submit).to_have_text("Yes, call me again")
    phone.submit.click()
    expect(phone.words).to_contain_text("We are calling you")
    assert [frame["d"]["again"] for frame in server.got("call.request")] == [False, True]


def test_who_asks_too_soon_waits_without_noticing(chat: Any, server: Any, phone: Phone) -> None:
    chat.open()
    phone.button.click()
    phone.type("9161234567")
    phone.consent.check()
    server.errors = [{"code": "busy", "message": "new", "retry_after_seconds": 0.3}]
    phone.submit.click()
    expect(phone.words).to_contain_text("We are calling you")
    first, then = server.got("call.request")
    assert first["cid"] == then["cid"]


def test_a_lost_answer_does_not_make_two_calls(chat: Any, server: Any, phone: Phone) -> None:
    chat.open()
    phone.button.click()
    phone.type("9161234567")
    phone.consent.check()
    server.drop_acks = 1
    phone.submit.click()
    chat.until(lambda: server.got("call.request"))
    server.drop_connections(1001)
    expect(phone.words).to_contain_text("We are calling you")
    chat.until(lambda: phone.sheet.is_hidden())
    assert len({frame["cid"] for frame in server.got("call.request")}) == 1


def test_out_of_hours_the_time_is_said_as_the_visitor_s_clock_has_it(
    browser: Any, server: Any
) -> None:
    from tests.browser import OPEN_ROOTS
    from tests.widget.conftest import Chat

    server.config["call"] = True
    day = datetime.now(UTC) + timedelta(days=2)
    opens_at = f"{day:%Y-%m-%d}T06:00:00.000Z"
    server.offer |= {"open": False, "opens_at": opens_at}
    context = browser.new_context(locale="en-GB", timezone_id="Asia/Yekaterinburg")
    context.add_init_script(OPEN_ROOTS)
    chat = Chat(context.new_page(), server).open()
    phone = Phone(chat)
    phone.button.click()
    expect(phone.sheet.get_by_text("We are closed now.")).to_contain_text(
        re.compile(rf"when we open: {day:%A},? {day.day} {day:%B} at 11:00, your time")
    )
    expect(phone.submit).to_have_text("Ask for a call")
    phone.type("9161234567")
    phone.consent.check()
    server.call_goes("waiting", callback_at=opens_at)
    expect(phone.words).to_contain_text(f"{day:%A}")
    expect(phone.words).to_contain_text("11:00, your time.")
    expect(phone.cancel).to_be_visible()
    context.close()


def test_a_call_is_there_in_every_tab_and_after_a_reload(
    chat: Any, second: Any, server: Any, phone: Phone, other: Phone
) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    second.visit()
    phone.ask()
    expect(phone.words).to_contain_text("We are calling you")
    second.launcher.click()
    expect(other.words).to_contain_text("We are calling you")
    expect(other.button).to_be_hidden()
    chat.page.reload()
    server.call_goes("ringing")
    expect(phone.words).to_have_text("Your phone is ringing: please answer.")
    expect(other.words).to_have_text("Your phone is ringing: please answer.")
    other.cancel.click()
    expect(phone.words).to_have_text("The call was cancelled.")
    phone.bar.get_by_role("button", name="Close").click()
    chat.page.reload()
    chat.panel.wait_for()
    chat.own.first.wait_for()
    expect(phone.button).to_be_visible()
    expect(phone.bar).to_be_hidden()


def test_where_only_polls_get_through_a_call_is_followed_too(
    chat: Any, server: Any, phone: Phone
) -> None:
    server.block_socket = True
    chat.open()
    phone.button.click()
    phone.number.wait_for(timeout=30_000)  # two sockets that fail come first
    phone.type("9161234567")
    phone.consent.check()
    phone.submit.click()
    expect(phone.words).to_contain_text("We are calling you")
    for state, words in (
        ("ringing", "Your phone is ringing: please answer."),
        ("talking", "You are on the phone with us."),
        ("ended", "The call is over. Thank you!"),
    ):
        server.call_goes(state)
        expect(phone.words).to_have_text(words)


def test_the_end_of_a_call_while_nobody_was_connected_is_told(
    chat: Any, server: Any, phone: Phone
) -> None:
    chat.open()
    phone.ask()
    expect(phone.words).to_contain_text("We are calling you")
    server.down = True
    server.drop_connections(1001)
    chat.until(lambda: server.turned_away)
    server._turn_call("missed")
    server.down = False
    expect(phone.words).to_have_text("You did not answer the phone.", timeout=20_000)


def test_markup_in_numbers_and_consent_is_shown_as_text(
    chat: Any, server: Any, phone: Phone
) -> None:
    server.offer["consent"] = {"*": SCRIPT}
    server.config["texts"] = {"en": {"callNow": SCRIPT, "callTitle": SCRIPT}}
    chat.open()
    phone.button.click()
    expect(phone.sheet.locator(".check span")).to_have_text(SCRIPT)
    expect(phone.sheet.locator("h2")).to_have_text(SCRIPT)
    server.call_goes("starting", number=SCRIPT)
    expect(phone.words).to_contain_text(SCRIPT)
    expect(chat.panel.locator("script, img")).to_have_count(0)
    assert chat.page.evaluate("window.harmed") is None


def test_the_number_is_put_in_order_and_its_code_chooses_the_country(
    chat: Any, server: Any, phone: Phone
) -> None:
    chat.open()
    phone.button.click()
    phone.type("89161234567")
    expect(phone.number).to_have_value("8 916 123 45 67")
    expect(phone.country).to_have_value("RU")
    phone.number.fill("")
    phone.type("+4930123456")
    expect(phone.country).to_have_value("DE")
    expect(phone.number).to_have_value("+49 301 234 56")
    phone.number.fill("")
    phone.type("+79161234567")
    expect(phone.country).to_have_value("RU")  # not the first of those with +7
    assert phone.country.locator("option").all_text_contents() == [
        "Russia +7",
        "Germany +49",
        "Kazakhstan +7",
    ]


def test_where_one_country_is_called_none_is_asked_for(
    chat: Any, server: Any, phone: Phone
) -> None:
    server.offer["regions"] = [["RU", "7"]]
    server.offer["consent"] = {}
    chat.open()
    phone.button.click()
    phone.number.wait_for()
    expect(phone.country).to_be_hidden()
    expect(phone.consent).to_be_hidden()
    phone.type("9161234567")
    phone.number.press("Enter")
    expect(phone.words).to_contain_text("We are calling you")


def test_the_sheet_is_left_by_escape_and_the_focus_returns(chat: Any, phone: Phone) -> None:
    chat.open()
    phone.button.click()
    expect(phone.number).to_be_focused()
    expect(chat.input).to_be_hidden()
    chat.page.keyboard.press("Escape")
    expect(phone.sheet).to_be_hidden()
    expect(phone.button).to_be_focused()
    expect(chat.input).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()


def test_the_words_are_read_out_and_the_seconds_are_not(
    chat: Any, server: Any, phone: Phone
) -> None:
    server.call_goes("starting")
    chat.open()
    expect(phone.words).to_have_attribute("role", "status")
    expect(phone.timer).to_have_attribute("role", "timer")
    assert phone.words.locator(".timer").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_form_and_in_the_bar(
    chat: Any, server: Any, phone: Phone, scheme: str
) -> None:
    chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    chat.open()
    phone.button.click()
    phone.submit.click()
    expect(phone.sheet.get_by_text("We need your consent to continue.")).to_be_visible()
    assert violations(chat.page) == []
    server.call_goes("starting")
    phone.cancel.wait_for()
    assert violations(chat.page) == []
    server.call_goes("missed")
    phone.bar.get_by_role("button", name="Call again").wait_for()
    assert violations(chat.page) == []


@pytest.mark.parametrize("size", [(320, 640), (320, 256)])
def test_a_small_window_needs_no_scrolling_sideways(
    chat: Any, server: Any, phone: Phone, size: tuple[int, int]
) -> None:
    chat.page.set_viewport_size({"width": size[0], "height": size[1]})
    server.offer["consent"] = {"en": "Averyveryverylongwordwithoutanyspace" * 4}
    server.call_goes("missed")
    chat.open()
    phone.bar.get_by_role("button", name="Call again").click()
    phone.number.wait_for()
    wide = """root => [root, ...root.querySelectorAll("*")].filter((node) =>
      !node.matches(".vh, .vh *") && node.getBoundingClientRect().width > 0 &&
      (node.getBoundingClientRect().right > innerWidth + 0.5 || node.getBoundingClientRect().left < -0.5)
    ).map((node) => node.localName + "." + node.className)"""
    assert chat.panel.evaluate(wide) == []
    buttons = chat.panel.locator("button:visible")
    sizes = [buttons.nth(i).bounding_box() for i in range(buttons.count())]
    assert all(box["width"] >= 24 and box["height"] >= 24 for box in sizes)
