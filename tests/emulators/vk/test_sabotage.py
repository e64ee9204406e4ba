"""The checks of this room see a platform that is broken: each one is run against one that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from omnigate.emulators.vk import Community, Person, VkEmulator, limits, methods, sending
from omnigate.emulators.vk.callback import Callback, CallbackServer
from omnigate.emulators.vk.calls import Gate, Method
from omnigate.emulators.vk.conversation import Conversation
from omnigate.emulators.vk.errors import WORDS, Refused
from omnigate.emulators.vk.journal import Event
from omnigate.emulators.vk.long_poll import LongPoll
from omnigate.emulators.vk.message import Message
from omnigate.emulators.vk.world import World
from tests.emulators.clock import Clock
from tests.emulators.vk import (
    test_callback,
    test_customers,
    test_events,
    test_files,
    test_limits,
    test_long_poll,
    test_refusals,
)
from tests.emulators.vk.conftest import Ask
from tests.emulators.vk.receiving import Receiver
from tests.emulators.vk.refusals import GOOD, KEYS, keyboard, text

pytestmark = pytest.mark.anyio

Check = Callable[["Bench"], Any]


@dataclass
class Bench:
    """What the checks need, under one roof."""

    vk: VkEmulator
    shop: Community
    anna: Person
    ask: Ask
    clock: Clock
    http: aiohttp.ClientSession
    receiver: Receiver
    server: CallbackServer
    session: dict[str, str]


@pytest.fixture
def bench(
    vk: VkEmulator,
    shop: Community,
    anna: Person,
    ask: Ask,
    clock: Clock,
    http: aiohttp.ClientSession,
    receiver: Receiver,
    server: CallbackServer,
    session: dict[str, str],
) -> Bench:
    return Bench(vk, shop, anna, ask, clock, http, receiver, server, session)


def _sent_before_never(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sending, "_sent_before", lambda *_: None)


def _anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(World, "check_peer", lambda *_: None)


def _longer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(limits, "MESSAGE_CHARACTERS", 4097)


def _shorter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(limits, "MESSAGE_CHARACTERS", 4095)


def _wider(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(limits, "COLUMNS", 6)


def _other_words(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Refused, "to_json", lambda self, *_: {"error": {"error_code": self.code, "error_msg": "no"}}
    )


def _with_token(patch: pytest.MonkeyPatch) -> None:
    def leak(self: Refused, method: str, arguments: Any) -> dict[str, Any]:
        echoed = [{"key": key, "value": value} for key, value in arguments.items()]
        echoed.append({"key": "method", "value": method})
        return {"error": {"error_code": self.code, "error_msg": "", "request_params": echoed}}

    patch.setattr(Refused, "to_json", leak)


def _no_rights(patch: pytest.MonkeyPatch) -> None:
    open_to_all = {name: Method(one.handler) for name, one in methods.METHODS.items()}
    patch.setattr(
        Gate, "_methods", property(lambda self: open_to_all, lambda *_: None), raising=False
    )


def _endless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("omnigate.emulators.vk.limits.Window.admits", lambda *_: True)


def _kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Conversation, "end_activity", lambda self: None)


def _uncropped(patch: pytest.MonkeyPatch) -> None:
    whole = Message.to_json
    patch.setattr(Message, "to_json", lambda self, cropped=False: whole(self))


def _any_picture(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("omnigate.emulators.vk.uploading.image_mime", lambda data: "image/png")


def _no_peer(patch: pytest.MonkeyPatch) -> None:
    whole = Message.to_json
    patch.setattr(
        Message,
        "to_json",
        lambda self, cropped=False: {k: v for k, v in whole(self).items() if k != "peer_id"},
    )


def _no_secret(patch: pytest.MonkeyPatch) -> None:
    whole = Event.envelope
    patch.setattr(Event, "envelope", lambda self, version, secret="": whole(self, version))


def _no_counter(patch: pytest.MonkeyPatch) -> None:
    whole = Callback._post
    patch.setattr(Callback, "_post", lambda self, url, body, retry: whole(self, url, body, 0))


def _no_confirmation(patch: pytest.MonkeyPatch) -> None:
    async def confirm(self: Callback, server: CallbackServer) -> bool:
        server.status = "ok"
        self._bell.ring()
        return True

    patch.setattr(Callback, "confirm", confirm)


def _ts_as_text(patch: pytest.MonkeyPatch) -> None:
    whole = LongPoll._failed

    def failed(self: LongPoll, key: str, ts: str) -> dict[str, Any] | None:
        body = whole(self, key, ts)
        return body and {name: str(value) for name, value in body.items()}

    patch.setattr(LongPoll, "_failed", failed)


def _eternal_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LongPoll, "_failed", lambda *_: None)


BROKEN: list[tuple[str, Callable[[pytest.MonkeyPatch], None], Check]] = [
    (
        "random_id is ignored",
        _sent_before_never,
        lambda b: test_limits.test_the_same_random_id_is_sent_once_an_hour(
            b.shop, b.anna, b.ask, b.clock
        ),
    ),
    (
        "anybody may be written to",
        _anybody,
        lambda b: test_limits.test_who_may_not_be_written_to_is_not(
            "denied", 901, b.shop, b.anna, b.ask, b.clock
        ),
    ),
    (
        "4097 characters go",
        _longer,
        lambda b: test_refusals.test_messages_send_refuses(
            GOOD | {"peer_id": "ANNA", "message": "я" * 4097},
            914,
            WORDS[914],
            b.shop,
            b.anna,
            b.ask,
        ),
    ),
    (
        "4096 characters do not go",
        _shorter,
        lambda b: test_refusals.test_the_largest_that_is_allowed_is_taken(b.shop, b.anna, b.ask),
    ),
    (
        "six columns go",
        _wider,
        lambda b: test_refusals.test_a_keyboard_is_refused(
            keyboard([text()] * 6),
            911,
            KEYS + "row 0 contains too much columns",
            b.shop,
            b.anna,
            b.ask,
        ),
    ),
    (
        "the words are others",
        _other_words,
        lambda b: test_refusals.test_a_call_is_refused(
            "messages.shout", {}, 3, WORDS[3], b.vk, b.shop, b.anna, b.ask
        ),
    ),
    (
        "the token is echoed",
        _with_token,
        lambda b: test_limits.test_an_error_echoes_the_arguments_and_not_the_token(b.shop, b.ask),
    ),
    (
        "rights are not looked at",
        _no_rights,
        lambda b: test_limits.test_a_token_does_what_its_rights_allow(
            (), "messages.send", b.shop, b.ask
        ),
    ),
    (
        "rates are not watched",
        _endless,
        lambda b: test_limits.test_the_21st_call_of_a_second_is_one_too_many(b.vk, b.ask, b.clock),
    ),
    (
        "typing does not end",
        _kept,
        lambda b: test_customers.test_typing_is_seen_for_some_seconds_or_until_the_message(
            b.shop, b.anna, b.ask, b.clock
        ),
    ),
    (
        "nothing is cropped",
        _uncropped,
        lambda b: test_customers.test_a_cropped_message_is_whole_only_when_it_is_fetched(
            b.shop, b.anna, b.ask
        ),
    ),
    (
        "anything is a picture",
        _any_picture,
        lambda b: test_files.test_the_upload_server_does_not_take(
            "photo", "photo", b"GIF", "a.png", "file is not an image", b.ask, b.http
        ),
    ),
    (
        "events have no secret",
        _no_secret,
        lambda b: test_callback.test_an_event_comes_with_secret_id_and_group(
            b.vk, b.shop, b.anna, b.receiver, b.server
        ),
    ),
    (
        "repeats have no counter",
        _no_counter,
        lambda b: test_callback.test_anything_but_ok_is_repeated_with_a_counter(
            (500, ""), b.vk, b.shop, b.anna, b.receiver, b.server
        ),
    ),
    (
        "anything confirms",
        _no_confirmation,
        lambda b: test_callback.test_a_server_that_does_not_know_the_string_gets_nothing(
            b.vk, b.shop, b.anna, b.receiver
        ),
    ),
    (
        "ts of a failure is a text",
        _ts_as_text,
        lambda b: test_long_poll.test_a_history_that_is_gone_is_failure_1_with_a_number(
            b.shop, b.anna, b.session, b.http
        ),
    ),
    (
        "a key never expires",
        _eternal_key,
        lambda b: test_long_poll.test_an_expired_key_is_failure_2_and_the_ts_stays_good(
            b.shop, b.anna, b.session, b.ask, b.http, b.clock
        ),
    ),
    (
        "messages have no peer",
        _no_peer,
        lambda b: test_events.test_a_customer_can_send("photo", b.vk, b.shop, b.anna),
    ),
]


@pytest.mark.parametrize(
    ("breaking", "check"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
async def test_it_is_seen_that(
    breaking: Callable[[pytest.MonkeyPatch], None],
    check: Check,
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
):
    breaking(monkeypatch)
    with pytest.raises((AssertionError, KeyError, TimeoutError, ValueError)):
        await check(bench)
