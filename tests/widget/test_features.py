"""What a visitor can do with the widget, and a page with its commands."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, expect

PNG_SCRIPT = """node => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.of(137, 80, 78, 71)], "drop.png", {type: "image/png"}));
  %s
}"""


def test_read_receipts_wait_for_an_open_panel(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    chat.panel.get_by_role("button", name="Close chat").click()
    first = server.answer("Are you there?")
    chat.until(lambda: server.got("delivered"))
    assert server.got("delivered")[0]["d"] == {"ids": [first]}
    expect(chat.launcher).to_have_attribute("aria-label", "Open chat, 1 unread message")
    expect(chat.page.locator(".invite")).to_contain_text("Are you there?")
    assert server.got("read") == []
    chat.launcher.click()
    chat.until(lambda: server.got("read"))
    assert server.got("read")[0]["d"] == {"ids": [first]}


def test_unread_is_cleared_in_every_tab(chat: Any, second: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    chat.panel.get_by_role("button", name="Close chat").click()
    second.visit()
    server.answer("News")
    expect(chat.page.locator(".badge")).to_have_text("1")
    expect(second.page.locator(".badge")).to_have_text("1")
    second.page.bring_to_front()
    second.launcher.click()
    expect(chat.page.locator(".badge")).to_be_hidden()


def test_own_messages_show_when_they_were_read(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    key = server.visitor.events[-1]["d"]["id"]
    server.event("receipt", id=key, state="delivered")
    chat.shows("delivered")
    server.push("read", id=key)
    chat.shows("read")
    expect(chat.own).to_contain_text("Read")


def test_who_types_is_shown_until_the_message_comes(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.push("typing", active=True, author={"name": "Anna"})
    expect(chat.panel.locator(".typing")).to_have_text("Anna is typing")
    server.answer("Hi")
    expect(chat.panel.locator(".typing")).to_have_text("")


def test_a_reply_button_answers_with_its_payload(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.answer("Which?", buttons=[[{"label": "Red", "kind": "reply", "value": "r-1"}]])
    chat.panel.get_by_role("button", name="Red").click()
    chat.until(lambda: len(server.got("msg.send")) == 2)
    assert server.got("msg.send")[1]["d"] == {"text": "Red", "button": "r-1"}
    expect(chat.panel.get_by_role("button", name="Red")).to_be_disabled()


def test_the_form_before_the_chat_checks_and_goes_away(chat: Any, server: Any) -> None:
    fields = [
        {"name": "name", "kind": "text", "required": True},
        {"name": "email", "kind": "email"},
        {"name": "size", "kind": "select", "label": {"en": "Size"}, "options": ["S", "M"]},
    ]
    server.config["prechat"] = {"fields": fields, "consent": "I agree"}
    chat.open()
    chat.panel.get_by_label("Email").fill("nonsense")
    chat.panel.get_by_role("button", name="Start chat").click()
    name = chat.panel.get_by_label("Name")
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description("Fill in this field.")
    expect(chat.panel.get_by_text("Write the address as")).to_be_visible()
    expect(chat.panel.get_by_text("We need your consent")).to_be_visible()
    assert server.got("form.submit") == []
    name.fill("Ann")
    chat.panel.get_by_label("Email").fill("ann@example.org")
    chat.panel.get_by_label("Size").select_option("M")
    chat.panel.get_by_label("I agree").check()
    chat.panel.get_by_role("button", name="Start chat").click()
    expect(chat.input).to_be_focused()
    assert server.got("form.submit")[0]["d"] == {
        "form": "prechat",
        "fields": {"name": "Ann", "email": "ann@example.org", "size": "M"},
        "consent": True,
    }
    chat.page.reload()
    expect(chat.input).to_be_visible()


def test_a_form_that_the_server_refuses_stays_with_its_reasons(chat: Any, server: Any) -> None:
    fields = [{"name": "phone", "kind": "phone", "required": True}]
    server.config["prechat"] = {"fields": fields}
    chat.open()
    server.errors = [{"code": "invalid_form", "message": "no", "fields": {"phone": "not a number"}}]
    phone = chat.panel.get_by_label("Phone")
    phone.fill("1234567")
    chat.panel.get_by_role("button", name="Start chat").click()
    expect(chat.panel.get_by_role("alert").last).to_contain_text("not accepted")
    expect(phone).to_have_attribute("aria-invalid", "true")
    expect(phone).to_have_value("1234567")


def test_out_of_hours_a_form_takes_the_message(chat: Any, server: Any) -> None:
    fields = [{"name": "email", "kind": "email"}, {"name": "message", "kind": "textarea"}]
    server.config |= {"online": False, "offline": {"fields": fields}}
    chat.open()
    chat.panel.get_by_label("Message").fill("Call me on Monday")
    chat.panel.get_by_role("button", name="Send").click()
    expect(chat.panel.get_by_text("Thank you! We will get back to you.")).to_be_visible()
    assert server.got("form.submit")[0]["d"]["form"] == "offline"


def test_an_invitation_comes_by_its_rule_and_only_as_often_as_allowed(
    chat: Any, server: Any
) -> None:
    rule = {"name": "help", "text": {"en": "Need help?"}, "url": "*/shop*", "after_seconds": 0}
    server.config["proactive"] = [rule | {"once_per": "visitor"}]
    chat.visit("/other")
    chat.page.wait_for_function("() => performance.now() > 2500")
    expect(chat.page.locator(".invite")).to_be_hidden()
    chat.visit("/shop")
    words = chat.page.locator(".invite .words")
    expect(words).to_contain_text("Need help?")
    words.click()
    expect(chat.panel.get_by_text("Need help?")).to_be_visible()
    chat.until(lambda: len(server.got("invite")) == 2)
    assert [frame["d"]["action"] for frame in server.got("invite")] == ["shown", "accepted"]


def test_an_invitation_never_covers_a_dialog_of_the_page(chat: Any, server: Any) -> None:
    server.config["proactive"] = [{"name": "a", "text": "Hi", "after_seconds": 2}]
    chat.visit()
    chat.page.evaluate(
        "document.body.append(Object.assign(document.createElement('dialog'), {open: true}))"
    )
    chat.page.wait_for_function("() => performance.now() > 4500")
    expect(chat.page.locator(".invite")).to_be_hidden()
    chat.page.evaluate("document.querySelector('dialog').close()")
    expect(chat.page.locator(".invite")).to_be_visible()


def test_a_message_that_is_sent_too_early_goes_once_its_files_are_there(
    chat: Any, server: Any
) -> None:
    """Enter while a file is on its way: nobody has to press it again."""
    chat.open()
    server.hold_uploads = True
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Oak, 120 cm"}
    chat.panel.locator("input[type=file]").set_input_files([notes])
    chat.panel.locator("progress").wait_for()
    chat.write("Look")
    assert server.texts() == []
    server.hold_uploads = False
    chat.until(lambda: server.texts() == ["Look"])


def test_files_go_by_button_paste_and_drop(chat: Any, server: Any) -> None:
    chat.open()
    chat.until(lambda: server.got("hello"))
    picture = {"name": "button.png", "mimeType": "image/png", "buffer": b"\x89PNG"}
    chat.panel.locator("input[type=file]").set_input_files([picture])
    paste = "node.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))"
    chat.input.evaluate(PNG_SCRIPT % paste)
    drop = "node.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}))"
    chat.panel.evaluate(PNG_SCRIPT % drop)
    expect(chat.panel.locator(".chip")).to_have_count(3)
    chat.panel.get_by_role("button", name="Remove button.png").click()
    expect(chat.panel.locator(".chip")).to_have_count(2)
    chat.input.fill("Look")
    chat.panel.get_by_role("button", name="Send", exact=True).click()
    chat.shows("sent")
    expect(chat.own.locator(".picture")).to_have_count(2)
    assert len(server.got("msg.send")[0]["d"]["attachments"]) == 2


def test_a_file_that_is_not_accepted_is_refused_with_the_reason(chat: Any, server: Any) -> None:
    chat.open()
    large = {"name": "big.png", "mimeType": "image/png", "buffer": b"x" * (1024 * 1024 + 1)}
    chat.panel.locator("input[type=file]").set_input_files([large])
    expect(chat.panel.get_by_role("alert").first).to_contain_text("big.png is larger than 1 MB")
    movie = {"name": "film.mp4", "mimeType": "video/mp4", "buffer": b"x"}
    chat.panel.locator("input[type=file]").set_input_files([movie])
    expect(chat.panel.get_by_role("alert").first).to_contain_text("film.mp4: this type")
    assert server.uploads == []
    chat.write("Without it, then")
    expect(chat.panel.locator(".composer .error")).to_be_hidden()


def test_a_closed_conversation_is_rated_and_may_go_on(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.event("state", status="closed")
    chat.panel.get_by_text("4 / 5").locator("..").click()
    chat.panel.get_by_label("Comment").fill("Quick")
    chat.panel.locator(".rating").get_by_role("button", name="Send").click()
    expect(chat.panel.get_by_text("Thank you for your rating!")).to_be_visible()
    assert server.got("rating")[0]["d"] == {"score": 4, "comment": "Quick"}
    server.event("state", status="open")
    expect(chat.panel.locator(".rating")).to_be_hidden()


def test_the_place_is_shared_only_after_consent(
    chat: Any, server: Any, context: BrowserContext
) -> None:
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 51.75, "longitude": -1.25, "accuracy": 30})
    chat.open()
    chat.panel.get_by_role("button", name="Share my location").click()
    assert server.got("location") == []
    chat.panel.get_by_role("button", name="Share", exact=True).click()
    chat.until(lambda: server.got("location"))
    place = server.got("location")[0]["d"]
    assert place == {"latitude": 51.75, "longitude": -1.25, "accuracy_metres": 30}
    expect(chat.panel.get_by_text("Your location was shared.")).to_be_visible()


def test_commands_of_the_page_work_before_and_after_the_widget_starts(
    chat: Any, server: Any
) -> None:
    server.identity = "verified"
    chat.page.add_init_script(
        "window.omni = window.omni || function () { (omni.q = omni.q || []).push(arguments) };"
        "window.told = [];"
        "omni('identify', {user_id: 'u1', hash: 'f00', name: 'Ann'});"
        "omni('set', {plan: 'pro'});"
        "omni('on', 'message', (message) => told.push(message.text));"
        "omni('open');"
    )
    chat.visit()
    expect(chat.panel).to_be_visible()
    asked = server.sessions[0]
    assert asked["identity"] == {"user_id": "u1", "hash": "f00", "name": "Ann"}
    assert asked["context"]["custom"] == {"plan": "pro"}
    chat.write("Hello")
    chat.shows("sent")
    server.answer("Hi Ann")
    chat.page.wait_for_function("() => told[0] === 'Hi Ann'")
    chat.page.evaluate("omni('set', {plan: 'max'})")
    chat.until(lambda: server.got("context.update"))
    chat.page.evaluate("omni('close')")
    expect(chat.panel).to_be_hidden()
    chat.page.evaluate("omni('hide')")
    expect(chat.launcher).to_be_hidden()
    chat.page.evaluate("omni('show')")
    expect(chat.launcher).to_be_visible()
    chat.page.evaluate("omni('destroy')")
    expect(chat.page.locator("omnigate-chat")).to_have_count(0)


def test_signing_out_leaves_nothing_of_the_conversation(chat: Any, server: Any) -> None:
    server.identity = "verified"
    chat.open()
    chat.page.evaluate("omni('identify', {user_id: 'u1', hash: 'f00'})")
    chat.until(lambda: len(server.sessions) == 2)
    chat.write("Private")
    chat.shows("sent")
    chat.page.evaluate("omni('identify', null)")
    chat.until(lambda: len(server.sessions) == 3)
    expect(chat.messages).to_have_count(0)
    assert "visitor_token" not in server.sessions[2]


def test_pages_visited_without_a_load_are_told(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    chat.page.evaluate("history.pushState({}, '', '/roses')")
    chat.until(lambda: server.got("page"))
    assert server.got("page")[0]["d"]["url"] == server.site + "/roses"


def test_russian_counts_in_three_forms(chat: Any, server: Any) -> None:
    chat.open("/?lang=ru").write("Привет")
    chat.shows("sent")
    chat.page.keyboard.press("Escape")
    for count, words in (
        (1, "1 непрочитанное сообщение"),
        (2, "2 непрочитанных сообщения"),
        (5, "5 непрочитанных сообщений"),
        (21, "21 непрочитанное сообщение"),
    ):
        for _ in range(count - int(chat.page.locator(".badge").text_content() or 0)):
            server.answer("Ещё")
        expect(chat.launcher).to_have_attribute("aria-label", re.compile(f"^Открыть чат, {words}$"))


def test_the_modules_run_unpacked_too(chat: Any, server: Any) -> None:
    server.packed = False
    chat.open().write("Plain modules")
    chat.until(lambda: server.texts() == ["Plain modules"])
