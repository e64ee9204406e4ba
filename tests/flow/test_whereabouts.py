"""A listing shows where a channel and its platform meet: who is never called shows no address for calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from aiohttp import web
from omnigate_email import Email
from omnigate_http import Http
from omnigate_sms import Sms
from omnigate_telegram import Telegram
from omnigate_vk import Vk
from omnigate_webchat.channel import Webchat

import omnigate
from omnigate.flow.whereabouts import NOWHERE, whereabouts
from omnigate.testing import FakeHost

URL = "https://chat.example.org"
MAIL: dict[str, Any] = {"address": "a@example.com"}
IMAP = {"host": "imap.example.com", "username": "a", "password": "p"}
SMTP = {"host": "smtp.example.com"}
TEXTS: dict[str, Any] = {"default_region": "RU", "sender": "Shop"}
CASES: list[tuple[str, type[omnigate.Channel], dict[str, Any], str | None]] = [
    ("an application", Http, {"token": "t" * 20}, None),
    ("a site", Webchat, {"allowed_origins": ["https://shop.example"]}, None),
    (
        "a mailbox",
        Email,
        {**MAIL, "imap": IMAP, "smtp": SMTP},
        "imap.example.com:993, smtp.example.com:465",
    ),
    ("a door", Email, {**MAIL, "lmtp": {"listen": "127.0.0.1:2424"}}, "LMTP on 127.0.0.1:2424"),
    (
        "a session",
        Sms,
        {
            **TEXTS,
            "link": "smpp",
            "smpp": {"host": "smsc.example", "system_id": "s", "password": "p"},
        },
        "smsc.example:2775",
    ),
    (
        "a provider",
        Sms,
        {
            **TEXTS,
            "link": "twilio",
            "twilio": {"account_sid": "AC" + "0" * 32, "auth_token": "t" * 32},
        },
        None,
    ),
    ("webhooks", Telegram, {"token": "1:" + "a" * 35, "mode": "webhook"}, None),
    ("polls", Telegram, {"token": "1:" + "a" * 35, "mode": "poll"}, "api.telegram.org"),
    ("long polls", Vk, {"token": "t" * 30, "group_id": 1, "mode": "poll"}, "api.vk.ru"),
]


@pytest.mark.parametrize(
    ("plugin", "keys", "talks_to"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
@pytest.mark.anyio
async def test_it_is_an_address_for_calls_or_what_the_channel_talks_to(
    plugin: type[omnigate.Channel], keys: dict[str, Any], talks_to: str | None
) -> None:
    channel = plugin(plugin.Config.model_validate(keys), FakeHost())
    met = whereabouts("one", channel, URL)
    assert met.talks_to == talks_to
    hook = "/hook" if plugin in (Sms, Telegram, Vk) else ""
    assert met.endpoint == (f"{URL}/channels/one{hook}" if talks_to is None else None)


class Silent(omnigate.Channel):
    """Has no endpoints and says nothing."""

    kind = "silent"
    capabilities = omnigate.Capabilities()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Called(Silent):
    """Has endpoints of its own."""

    def routes(self) -> Iterable[omnigate.Route]:
        return ()


class Hooked(Silent, omnigate.WebhookChannel):
    """Is called by its platform."""

    def authenticate(self, request: omnigate.Request) -> None:
        raise NotImplementedError

    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        raise NotImplementedError


class Raising(Called):
    """Does not know."""

    def talks_to(self) -> str | None:
        raise SystemExit(1)


class Branching(Silent):
    """Serves what is told."""

    paths: Sequence[str] = ()

    async def answer(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    def routes(self) -> Iterable[omnigate.Route]:
        return [omnigate.Route("POST", path, self.answer) for path in self.paths]


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["/hook"], "/hook"),
        (["/hook", "/hook/status"], "/hook"),
        (["/hook", "/hooks"], ""),
        (["/in/{id}/a", "/in/{id}"], "/in"),
        (["/", "/a"], ""),
        ([], ""),
    ],
)
def test_the_address_is_what_all_calls_begin_with(paths: list[str], shown: str) -> None:
    channel = Branching(omnigate.ChannelConfig(), FakeHost())
    channel.paths = paths
    assert whereabouts("one", channel, URL).endpoint == f"{URL}/channels/one{shown}"


@pytest.mark.parametrize(
    ("plugin", "is_called"), [(Silent, False), (Called, True), (Hooked, True), (Raising, False)]
)
def test_only_who_has_endpoints_is_called(plugin: type[Silent], *, is_called: bool) -> None:
    channel = plugin(omnigate.ChannelConfig(), FakeHost())
    met = whereabouts("one", channel, URL)
    assert (met.endpoint is not None) == is_called
    assert met.talks_to is None


def test_a_channel_that_could_not_be_made_is_nowhere() -> None:
    assert whereabouts("one", None, URL) == NOWHERE
