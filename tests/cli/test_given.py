"""``--set key=value``: how lists, tables and secrets are written on a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omnigate_http import Http
from omnigate_webchat.config import WebchatConfig
from omnigate_webhook import Webhook

from omnigate.cli.failure import WrongUsage
from omnigate.cli.given import keys_given


@pytest.mark.parametrize(
    ("model", "texts", "expected"),
    [
        (Webhook.Config, ["url=https://a.example/?x=1"], {"url": "https://a.example/?x=1"}),
        (Webhook.Config, ["events=message.*, contact.*"], {"events": ["message.*", "contact.*"]}),
        (Webhook.Config, ["events=a", "events=b"], {"events": ["a", "b"]}),
        (Webhook.Config, ['events=["a", "b"]'], {"events": ["a", "b"]}),
        (
            Webhook.Config,
            ["concurrency=5", "timeout_seconds=2.5"],
            {"concurrency": 5, "timeout_seconds": 2.5},
        ),
        (
            Webhook.Config,
            ["enabled=no", "include_ephemeral=true"],
            {"enabled": False, "include_ephemeral": True},
        ),
        (Webhook.Config, ["secret=env:CRM"], {"secret": {"env": "CRM"}}),
        (Webhook.Config, ["secrets=env:A,whsec_x"], {"secrets": [{"env": "A"}, "whsec_x"]}),
        (Http.Config, ["headers.x-key=k"], {"headers": {"x-key": "k"}}),
        (Http.Config, ['headers={x-key = "k"}'], {"headers": {"x-key": "k"}}),
        (Http.Config, ["old_token=[not a list]"], {"old_token": "[not a list]"}),
        (
            WebchatConfig,
            ["theme.color=#aabbcc", "uploads.max_bytes=2048"],
            {"theme": {"color": "#aabbcc"}, "uploads": {"max_bytes": 2048}},
        ),
        (
            WebchatConfig,
            ["title.en=Shop", "title.ru=Лавка"],
            {"title": {"en": "Shop", "ru": "Лавка"}},
        ),
        (
            WebchatConfig,
            ['proactive=[{ name = "x", text = "Help?" }]'],
            {"proactive": [{"name": "x", "text": "Help?"}]},
        ),
    ],
)
def test_texts_become_the_keys_of_a_section(
    model: Any, texts: list[str], expected: dict[str, Any]
) -> None:
    assert keys_given(texts, model) == expected


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["url"], "--set key=value"),
        (["=x"], "--set key=value"),
        (["ulr=x"], "Did you mean url?"),
        (["nothing.here=x"], "There is no key 'nothing.here'"),
        (["url=a", "url=b"], "given twice"),
        (["headers.a=1", "headers.a=2"], "given twice"),
        (["headers={}", "headers=[]"], "given twice"),
        (["events=[1,"], "is no TOML"),
        (["secret=file:nowhere"], "there is no file"),
        (["secret=file:"], "names no file"),
        (["secret=env:"], "names no variable"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(texts: list[str], said: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        keys_given(texts, Webhook.Config)
    assert said in f"{refused.value.what} {refused.value.remedy}"


@pytest.mark.parametrize(
    ("text", "said"),
    [("theme.colr=x", "Did you mean theme.color?"), ("theme.nothing_near=x", "Known: theme.")],
)
def test_a_key_of_a_table_is_suggested_as_it_is_to_be_written(text: str, said: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        keys_given([text], WebchatConfig)
    assert refused.value.remedy.startswith(said)


def test_a_relative_path_is_taken_from_where_the_command_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "x").write_text("secret")
    monkeypatch.chdir(tmp_path / "here")
    given = keys_given(["secret=file:x"], Webhook.Config)
    assert given == {"secret": {"file": str(tmp_path / "here" / "x")}}
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongUsage):
        keys_given(["secret=file:x"], Webhook.Config)
