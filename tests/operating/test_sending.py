"""Before and after a message is sent: what it would cost, and what became of one that nobody knows of."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.operating.conftest import Operator

NUMBER = "tel:+79161234567"


class Forgetful:
    """A gateway for texts that takes everything and never answers: it hangs up."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # the door is closed
            while True:
                caller, _ = self._door.accept()
                with caller:
                    self.taken.append(caller.recv(65536))

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(10)


@pytest.fixture
def gateway() -> Iterator[Forgetful]:
    gateway = Forgetful()
    yield gateway
    gateway.close()


TEXTS = """
[channels.texts]
kind = "sms"
link = "kannel"
sender = "Shop"
default_region = "RU"
price_per_segment = 2.5
currency = "RUB"
allow_private = ["127.0.0.0/8"]

[channels.texts.kannel]
url = "http://127.0.0.1:{port}/cgi-bin/sendsms"
username = "shop"
password = "secret"
callback_token = "0123456789abcdef0123"
"""


@pytest.fixture
def texting(new_daemon: Callable[..., Any], omnigate: Any, gateway: Forgetful) -> Operator:
    """An operator whose daemon sends texts through the gateway that forgets to answer."""
    daemon = new_daemon()
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text(path.read_text() + TEXTS.format(port=gateway.port))
    return Operator(daemon.start(), omnigate)


def lose(omnigate: Any, gateway: Forgetful, receiver: Any, until: Any) -> str:
    """Have a text be sent whose answer is lost; returns its id."""
    before = len(receiver.crm.of("message.unknown"))
    sent = omnigate.json("message", "send", "Hi", "--channel", "texts", "--address", NUMBER)
    until(lambda: len(receiver.crm.of("message.unknown")) > before, "nobody knows")
    return str(sent["id"])


def test_what_a_text_would_cost_is_told_and_nothing_is_sent(texting: Any, gateway: Any) -> None:
    to = ("--channel", "texts", "--address", NUMBER)
    told = texting("message", "send", "Привет " * 20, *to, "--dry-run")
    assert told.code == 0, told.err
    assert "ucs2" in told.out
    assert "3 segments in all, 7.5 RUB. Nothing was sent." in told.err
    assert texting.json("message", "list")["items"] == []
    assert gateway.taken == []


def test_what_would_be_refused_is_said_beforehand(texting: Any) -> None:
    to = ("--channel", "texts", "--address", "tel:+112")
    refused = texting("message", "send", "Hi", *to, "--dry-run")
    assert refused.code == 1
    assert "+112" in refused.err


@pytest.mark.parametrize("state", ["sent", "delivered", "failed"])
def test_what_became_of_an_unknown_text_is_told_by_the_operator(
    texting: Any, gateway: Any, receiver: Any, until: Any, state: str
) -> None:
    message = lose(texting, gateway, receiver, until)
    told = texting("message", "resolve", message, f"--{state}")
    assert told.code == 0, told.err
    assert f"{message} is {state} now" in told.out
    until(lambda: receiver.crm.of(f"message.{state}"), "the CRM hears of it")
    assert texting.json("dead", "list")["items"] == []
    assert len(gateway.taken) == 1, "it was never sent again"
    again = texting("message", "resolve", message, f"--{state}")
    assert again.code == 1
    assert "nothing about it is unknown" in again.err


def test_an_unknown_text_is_sent_again_when_the_operator_replays_it(
    texting: Any, gateway: Any, receiver: Any, until: Any
) -> None:
    lose(texting, gateway, receiver, until)
    (letter,) = texting.json("dead", "list", "--reason", "unknown")["items"]
    assert texting("dead", "replay", str(letter["id"])).code == 0
    until(lambda: len(gateway.taken) == 2, "it is sent once more")


@pytest.mark.parametrize("words", [(), ("--sent", "--failed")])
def test_it_has_to_be_said_what_became_of_it(texting: Any, words: tuple[str, ...]) -> None:
    refused = texting("message", "resolve", "msg_" + "0" * 26, *words)
    assert refused.code == 2
    assert "Give one of --sent, --delivered and --failed." in refused.err


def test_a_message_that_is_not_there_is_said_to_be_missing(texting: Any) -> None:
    refused = texting("message", "resolve", "msg_" + "0" * 26, "--sent")
    assert refused.code == 1
    assert "There is no such message" in refused.err
