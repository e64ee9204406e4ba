"""Texts over a gateway of the operator's own: Kannel, and one in its place that loses its answers."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.phones import ANNA, HOOK_TOKEN, LONG, SHOP, TO_ANNA, over_kannel
from tests.plugins.sms.kannel import PASSWORD, USER, missing, running_kannel
from tests.ports import free_port


class LosingBox:
    """A gateway in the place of Kannel's: takes every text, and hangs up instead of saying so."""

    def __init__(self) -> None:
        self.receipts_to: list[str] = []
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                box.receipts_to.append(self.headers["x-kannel-dlr-url"])
                self.close_connection = True

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        port = free_port()
        self.url = f"http://127.0.0.1:{port}/cgi-bin/sendsms"
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def tell(self, state: int) -> None:
        """Tell what became of the latest text, as Kannel does."""
        with urllib.request.urlopen(self.receipts_to[-1].replace("%d", str(state))) as answer:
            assert answer.status == 200

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def losing_box() -> Iterator[LosingBox]:
    made = LosingBox()
    yield made
    made.close()


def test_a_receipt_that_comes_late_tells_what_became_of_a_text_whose_answer_was_lost(
    receiver: Any, new_daemon: Any, losing_box: LosingBox, until: Any
) -> None:
    daemon = over_kannel(new_daemon(), losing_box.url)
    daemon.send(TO_ANNA, "раз")
    until(lambda: receiver.crm.of("message.unknown"), "the CRM hears that nobody knows")
    assert len(losing_box.receipts_to) == 1
    losing_box.tell(1)
    until(lambda: receiver.crm.of("message.delivered"), "the CRM hears that it is delivered")
    assert receiver.crm.of("message.delivered")[0].text == "раз"
    assert len(losing_box.receipts_to) == 1


def test_kannel_carries_texts_both_ways_and_tells_what_became_of_them(
    receiver: Any, new_daemon: Any, tmp_path: Path, until: Any
) -> None:
    if missing():
        pytest.skip(f"not run: {', '.join(missing())} are not installed")
    daemon = new_daemon()
    directory = tmp_path / "kannel"
    directory.mkdir()
    with running_kannel(
        directory, f"{daemon.address}/channels/texts/hook?token={HOOK_TOKEN}"
    ) as kannel:
        over_kannel(daemon, kannel.url, USER, PASSWORD)
        assert f"{daemon.address}/channels/texts/hook\n" in daemon.omnigate(
            "channel", "show", "texts"
        )
        to_enter = f"{daemon.address}/channels/texts/hook?token={HOOK_TOKEN}&id=%I"
        assert to_enter in daemon.omnigate("channel", "setup", "texts")
        assert HOOK_TOKEN not in daemon.log()
        daemon.send(TO_ANNA, LONG)
        until(lambda: receiver.crm.of("message.delivered"), "Kannel tells that it is delivered")
        assert receiver.crm.of("message.delivered")[0].text == LONG
        got = kannel.arrived()
        assert b"".join(one.data for one in got).decode("utf-16-be") == LONG
        kannel.phones(f"{ANNA} {SHOP} text hello")
        until(lambda: receiver.crm.texts() == ["hello"], "the customer's text comes")
