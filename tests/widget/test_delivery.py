"""What is written arrives once and in order, whatever breaks on the way."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

KEPT = """async () => {
  const [{name}] = await indexedDB.databases();
  const database = await new Promise((resolve) => {
    indexedDB.open(name).onsuccess = (event) => resolve(event.target.result);
  });
  const request = database.transaction("outbox").objectStore("outbox").count();
  const count = await new Promise((resolve) => { request.onsuccess = () => resolve(request.result) });
  database.close();
  return count;
}"""
"""How many messages wait in the browser's database."""


def test_a_message_is_shown_sent_after_the_acknowledgement(chat: Any, server: Any) -> None:
    chat.open().write("Do you have tulips?")
    chat.shows("sent")
    expect(chat.own).to_contain_text("Do you have tulips?")
    assert server.texts() == ["Do you have tulips?"]


def test_without_an_acknowledgement_a_message_stays_in_sending(chat: Any, server: Any) -> None:
    """The twin of the test above: what the server has not confirmed is never shown as sent."""
    server.errors = [{"code": "busy", "message": "later", "retry_after_seconds": 60}]
    chat.open().write("Do you have tulips?")
    chat.until(lambda: server.got("msg.send"))
    chat.shows("sending")
    assert server.texts() == []


def test_the_answer_appears_with_the_name_of_its_author(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.answer("Good morning!")
    expect(chat.panel.locator(".msg.out .balloon").last).to_have_text("Good morning!")
    expect(chat.panel.locator(".head")).to_contain_text("Anna")


def test_enter_sends_and_shift_enter_begins_a_line(chat: Any, server: Any) -> None:
    chat.open()
    chat.input.fill("one")
    chat.input.press("Shift+Enter")
    chat.input.press_sequentially("two")
    chat.input.press("Enter")
    chat.until(lambda: server.texts() == ["one\ntwo"])


def test_a_lost_connection_resumes_without_loss_or_duplicates(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    server.drop_connections(1012)
    chat.until(lambda: not server.visitor.sockets)
    server.answer("While you were away")
    chat.until(lambda: len(server.got("hello")) > 1)
    expect(chat.panel.get_by_text("While you were away")).to_be_visible()
    expect(chat.messages).to_have_count(2)
    assert server.got("hello")[-1]["d"]["after"] > 0


def test_a_message_whose_acknowledgement_is_lost_is_stored_once(chat: Any, server: Any) -> None:
    chat.open()
    chat.until(lambda: server.got("hello"))
    server.drop_acks = 1
    chat.write("Only once")
    chat.until(lambda: server.texts())
    server.drop_connections(1012)
    chat.until(lambda: len(server.got("hello")) > 1)
    chat.shows("sent")
    expect(chat.own).to_have_count(1)
    assert server.texts() == ["Only once"]


def test_written_offline_is_sent_in_order_when_the_network_is_back(
    chat: Any, server: Any, context: BrowserContext
) -> None:
    chat.open()
    chat.until(lambda: server.got("hello"))
    context.set_offline(True)
    for text in ("one", "two", "three"):
        chat.write(text)
    expect(chat.panel.locator(".banner")).to_be_visible()
    expect(chat.panel.locator(".msg.sending")).to_have_count(3)
    assert server.texts() == []
    context.set_offline(False)
    chat.until(lambda: server.texts() == ["one", "two", "three"])
    expect(chat.panel.locator(".msg.sent")).to_have_count(3)
    expect(chat.panel.locator(".banner")).to_be_hidden()


def test_written_offline_survives_a_closed_page(
    chat: Any, second: Any, server: Any, context: BrowserContext
) -> None:
    chat.open()
    chat.until(lambda: server.got("hello"))
    context.set_offline(True)
    chat.write("Keep me")
    chat.until(lambda: chat.page.evaluate(KEPT) == 1)
    chat.page.close()
    context.set_offline(False)
    second.open()
    second.until(lambda: server.texts() == ["Keep me"])
    second.shows("sent")


def test_a_refused_message_says_why_and_can_be_sent_again(chat: Any, server: Any) -> None:
    chat.open()
    server.errors = [{"code": "too_long", "message": "too long"}]
    chat.write("Refused")
    expect(chat.own).to_contain_text("Not sent. The message is too long.")
    assert server.texts() == []
    chat.panel.get_by_role("button", name="Try again").click()
    chat.until(lambda: server.texts() == ["Refused"])
    chat.shows("sent")


def test_a_rate_limit_delays_and_keeps_the_order(chat: Any, server: Any) -> None:
    chat.open()
    chat.until(lambda: server.got("hello"))
    server.errors = [{"code": "rate", "message": "slower", "retry_after_seconds": 0.2}]
    chat.write("one")
    chat.write("two")
    chat.until(lambda: server.texts() == ["one", "two"])


def test_where_websocket_is_blocked_the_chat_goes_on_by_long_poll(chat: Any, server: Any) -> None:
    server.block_socket = True
    chat.open().write("Through a proxy")
    chat.until(lambda: server.texts() == ["Through a proxy"])
    chat.shows("sent")
    server.answer("Heard you")
    expect(chat.panel.get_by_text("Heard you").last).to_be_visible()
    assert not server.got("hello")


def test_after_an_outage_websocket_is_used_again(chat: Any, server: Any) -> None:
    """While the server is down neither way works: that must not pass for a blocked WebSocket."""
    chat.open().write("Before")
    chat.shows("sent")
    server.down = True
    server.drop_connections(1012)
    chat.until(lambda: any(path.endswith("/events") for path in server.turned_away))
    server.down = False

    def is_back() -> bool:
        # The next try may be up to thirty seconds away; a network that comes back hastens it.
        chat.page.evaluate("dispatchEvent(new Event('online'))")
        return len(server.got("hello")) == 2

    chat.until(is_back)
    chat.write("After")
    chat.until(lambda: server.texts() == ["Before", "After"])


def test_an_expired_token_is_renewed_without_a_word(chat: Any, server: Any) -> None:
    chat.visit()
    server.expire_once = True
    chat.launcher.click()
    chat.write("Still here")
    chat.until(lambda: server.texts() == ["Still here"])
    assert len(server.sessions) == 2


def test_a_banned_visitor_is_not_tried_again(chat: Any, server: Any) -> None:
    chat.open()
    chat.until(lambda: server.got("hello") and server.visitor.sockets)
    server.drop_connections(4003)
    expect(chat.panel.locator(".banner")).to_contain_text("not available")


def test_resync_loads_the_conversation_anew(chat: Any, server: Any) -> None:
    chat.open().write("First")
    chat.shows("sent")
    server.push("resync")
    chat.until(lambda: len(server.sessions) == 2)
    expect(chat.messages).to_have_count(1)


def test_a_busy_server_is_asked_again_until_the_chat_is_there(chat: Any, server: Any) -> None:
    server.refuse_sessions = 1
    chat.visit()
    assert len(server.sessions) == 1


@pytest.mark.parametrize("lost", ["indexedDB", "localStorage", "both"])
def test_without_storage_the_chat_works_while_the_page_lives(
    chat: Any, server: Any, lost: str
) -> None:
    """Blocked cookies make the getters themselves throw."""
    for name in ("indexedDB", "localStorage", "sessionStorage"):
        if lost in (name, "both"):
            refuse = "{get() { throw new DOMException('no', 'SecurityError') }}"
            chat.page.add_init_script(f"Object.defineProperty(window, '{name}', {refuse})")
    chat.open().write("No storage here")
    chat.until(lambda: server.texts() == ["No storage here"])
    chat.shows("sent")


def test_older_messages_come_page_by_page_without_moving_the_reader(chat: Any, server: Any) -> None:
    chat.open().write("Hello")
    chat.shows("sent")
    for number in range(120):
        server.answer(f"Message {number}")
    chat.page.reload()
    chat.panel.wait_for()
    expect(chat.panel.get_by_text("Message 119").first).to_be_visible()
    expect(chat.messages).to_have_count(50)
    chat.panel.locator(".scroll").evaluate("node => { node.scrollTop = 0 }")
    expect(chat.messages).to_have_count(100)
    expect(chat.panel.get_by_text("Message 70", exact=True)).to_be_in_viewport()
    chat.panel.locator(".scroll").evaluate("node => { node.scrollTop = 0 }")
    expect(chat.messages).to_have_count(121)
    chat.panel.locator(".scroll").evaluate("node => { node.scrollTop = 0 }")
    expect(chat.panel.get_by_role("button", name="Show earlier messages")).to_be_hidden()


def test_two_tabs_show_the_same_and_send_the_queue_once(
    chat: Any, second: Any, server: Any, context: BrowserContext
) -> None:
    chat.open()
    second.open()
    chat.until(lambda: len(server.got("hello")) == 2)
    assert len(server.visitors) == 1
    chat.write("From the first")
    expect(second.own).to_contain_text("From the first")
    chat.shows("sent")
    context.set_offline(True)
    chat.write("one")
    second.write("two")
    expect(chat.panel.locator(".msg.sending")).to_have_count(2)
    expect(second.panel.locator(".msg.sending")).to_have_count(2)
    context.set_offline(False)
    chat.until(lambda: len(server.texts()) == 3)
    expect(chat.panel.locator(".msg.sent")).to_have_count(3)
    expect(second.panel.locator(".msg.sent")).to_have_count(3)
    assert server.texts() == ["From the first", "one", "two"]
    assert len(server.got("msg.send")) == 3


def test_a_draft_follows_into_the_other_tab_and_the_next_page(chat: Any, second: Any) -> None:
    chat.open()
    second.open()
    chat.input.fill("Half a thought")
    expect(second.input).to_have_value("Half a thought", timeout=4000)
    chat.page.reload()
    expect(chat.input).to_have_value("Half a thought")
