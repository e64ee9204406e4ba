"""A field that names a channel is compared with the channels that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

import omnigate
from omnigate import config
from omnigate.channel import NamesChannel
from omnigate.plugins import Catalogue


class Button(omnigate.Model):
    """A table within a table."""

    channel: omnigate.ChannelName = Field(min_length=1, description="Who calls.")


class Chat(omnigate.Channel):
    """A channel that leads to others."""

    kind = "chat"

    class Config(omnigate.ChannelConfig):
        continue_in: list[omnigate.ChannelName] | Literal[False] | None = Field(
            None, description="Where to carry on."
        )
        call: Button | None = Field(None, description="A button.")
        by_language: dict[str, omnigate.ChannelName] = Field({}, description="One a language.")
        fallback: Annotated[str | None, NamesChannel()] = Field(None, description="Another.")
        phone: omnigate.CallChannelName | None = Field(None, description="Who calls, surely.")
        carry_on: list[omnigate.LinkedChannelName] = Field([], description="With links.")
        words: list[str] = Field([], description="Anything.")

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Linked(Chat):
    """A channel that links lead to."""

    kind = "linked"

    def handover_link(self, token: str) -> str | None:
        return f"https://bot.example/{token}"


class Phone(omnigate.CallChannel):
    """A channel that calls people."""

    kind = "phone"

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        raise NotImplementedError

    async def dial(self, call: omnigate.Call) -> dict[str, str]:
        raise NotImplementedError

    async def hang_up(self, call: omnigate.Call) -> None:
        raise NotImplementedError

    def offer(self) -> omnigate.CallOffer:
        raise NotImplementedError


def warned(folder: Path, keys: str, more: str = "") -> list[tuple[str, str, str]]:
    path = folder / "omnigate.toml"
    path.write_text(
        f"[channels.site]\nkind = 'chat'\n{keys}\n"
        "[channels.telegram]\nkind = 'chat'\n"
        "[channels.phone]\nkind = 'chat'\nenabled = false\n"
        f"{more}\n"
    )
    catalogue = Catalogue(
        {"chat": Chat, "phone": Phone, "linked": Linked},
        {},
        {"cracked": "it cannot be imported"},
        ("chat", "phone", "linked", "cracked"),
    )
    found = config.load(path, lambda _: catalogue).warnings
    return [
        (item.key, item.message, item.hint)
        for item in found
        if item.key.startswith("channels.site.")
    ]


@pytest.mark.parametrize(
    ("keys", "key", "hint"),
    [
        ("continue_in = ['telegram', 'telegrm']", "continue_in[1]", "did you mean telegram?"),
        ("call = {channel = 'telegrams'}", "call.channel", "did you mean telegram?"),
        ("by_language = {ru = 'x'}", "by_language.ru", "known here: phone (not enabled), telegram"),
        ("fallback = 'sites'", "fallback", "known here: phone (not enabled), telegram"),
    ],
)
def test_the_name_of_no_channel_is_a_warning(
    tmp_path: Path, keys: str, key: str, hint: str
) -> None:
    (found,) = warned(tmp_path, keys)
    assert found[0] == f"channels.site.{key}"
    assert found[1].startswith("no channel is called ")
    assert found[2] == hint


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "continue_in = false",
        "continue_in = ['telegram']",
        "call = {channel = 'telegram'}",
        "by_language = {telegrm = 'telegram'}",
        "words = ['telegrm']",
    ],
)
def test_names_that_are_there_and_words_that_name_nothing_are_not(
    tmp_path: Path, keys: str
) -> None:
    assert warned(tmp_path, keys) == []


def test_a_channel_that_is_not_started_leads_nowhere(tmp_path: Path) -> None:
    assert warned(tmp_path, "call = {channel = 'phone'}") == [
        ("channels.site.call.channel", "phone is not enabled", "")
    ]


SWITCH = "[channels.switch]\nkind = 'phone'"


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        (SWITCH, "known here: switch"),
        ("", "a channel that does is added by: omnigate channel add"),
    ],
)
def test_a_channel_that_is_to_call_and_calls_nobody_is_a_warning(
    tmp_path: Path, more: str, hint: str
) -> None:
    assert warned(tmp_path, "phone = 'telegram'", more) == [
        ("channels.site.phone", "telegram calls nobody", hint)
    ]


def test_a_channel_to_carry_on_in_that_has_no_links_is_a_warning(tmp_path: Path) -> None:
    more = "[channels.bot]\nkind = 'linked'"
    assert warned(tmp_path, "carry_on = ['bot']", more) == []
    assert warned(tmp_path, "carry_on = ['bot', 'telegram']", more) == [
        (
            "channels.site.carry_on[1]",
            "nobody can carry on in telegram: it has no links",
            "known here: bot",
        )
    ]
    ((_, _, hint),) = warned(tmp_path, "carry_on = ['x']", more)
    assert hint.startswith("known here: bot")
    assert "telegram" not in hint


@pytest.mark.parametrize("keys", ["phone = 'switch'", "call = {channel = 'telegram'}", ""])
def test_one_that_calls_is_right_and_others_need_not(tmp_path: Path, keys: str) -> None:
    assert warned(tmp_path, keys, SWITCH) == []


def test_the_name_of_nobody_who_is_to_call_is_a_warning(tmp_path: Path) -> None:
    ((key, message, hint),) = warned(tmp_path, "phone = 'swich'", SWITCH)
    assert (key, message) == ("channels.site.phone", "no channel is called 'swich'")
    assert hint == "did you mean switch?"


def test_what_a_visitor_of_the_web_chat_is_offered_are_names_of_channels() -> None:
    from omnigate_webchat.config import WebchatConfig

    from omnigate.config.naming import names_in

    given = WebchatConfig.model_validate(
        {
            "allowed_origins": ["https://shop.example.org"],
            "continue_in": ["telegram"],
            "call": {"channel": "phone"},
        }
    )
    assert isinstance(given, BaseModel)
    found = {(found.place, found.name, found.mark.calls) for found in names_in(given, ())}
    assert found == {
        (("continue_in", 0), "telegram", False),
        (("call", "channel"), "phone", True),
    }


def test_channels_that_nobody_gets_to_as_they_stand_are_named_as_such(tmp_path: Path) -> None:
    more = "[channels.bot]\nkind = 'linked'\n[channels.cracked]\nkind = 'cracked'"
    ((_, _, hint),) = warned(tmp_path, "carry_on = ['x']", more)
    assert hint == "known here: bot, cracked (its plugin is broken)"


def test_so_are_those_with_mistakes_of_their_own(tmp_path: Path) -> None:
    more = "[channels.bot]\nkind = 'linked'\nno_such_key = 1"
    with pytest.raises(omnigate.ConfigError) as caught:
        warned(tmp_path, "carry_on = ['x']", more)
    hints = [item.hint for item in caught.value.warnings if item.key.startswith("channels.site.")]
    assert hints == ["known here: bot (has mistakes)"]
