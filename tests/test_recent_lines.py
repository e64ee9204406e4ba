"""The last lines about each channel are kept as they were written: masked, bounded, and no others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from omnigate import logs
from omnigate.logs import RecentLines

CANARY = "cAnary7Z"


@pytest.fixture
def recent(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecentLines]:
    """A memory of its own for one test, behind the real configuration of logging."""
    before = structlog.get_config()
    fresh = RecentLines(lines=5, channels=3)
    monkeypatch.setattr(logs, "recent", fresh)
    logs.configure("info", "json")
    yield fresh
    structlog.configure(**before)


def said(recent: RecentLines, channel: str) -> list[str]:
    return [line.event for line in recent.of(channel)]


def test_only_lines_about_a_channel_are_kept(recent: RecentLines) -> None:
    log = structlog.get_logger()
    log.info("for nobody")
    log.info("for the bot", channel="bot")
    log.bind(channel="site").warning("for the site")
    log.debug("too quiet", channel="bot")
    assert said(recent, "bot") == ["for the bot"]
    assert [(line.level, line.event) for line in recent.of("site")] == [("warning", "for the site")]
    assert said(recent, "nobody") == []


def test_what_is_kept_is_masked_and_commands_no_terminal(recent: RecentLines) -> None:
    """S37, S38: it is taken over after the log's own redaction."""
    log = structlog.get_logger()
    log.info(
        f"calls https://x.example/bot123:{CANARY}abcdefghijklmnop/getMe",
        channel="bot",
        token=CANARY,
        headers={"Authorization": f"Bearer {CANARY}"},
        name="\x1b[2Jbold\r\nforged",
    )
    try:
        raise RuntimeError(f"Bearer {CANARY}abcdefgh")
    except RuntimeError as error:
        log.error("it failed", channel="bot", exc_info=error)
    kept = json.dumps([line._asdict() for line in recent.of("bot")])
    assert CANARY not in kept
    assert "\\u001b" not in kept
    assert "\x1b" not in kept
    assert "RuntimeError" in kept


def test_without_redaction_the_canary_is_found(
    recent: RecentLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin: what the memory is handed before the redaction would show it."""

    def pass_on(logger: Any, method: str, event: Any) -> Any:
        return event

    monkeypatch.setattr(logs, "redact", pass_on)
    logs.configure("info", "json")
    structlog.get_logger().info("hello", channel="bot", token=CANARY)
    assert CANARY in recent.of("bot")[0].fields


def test_a_channel_keeps_its_last_lines_and_no_more(recent: RecentLines) -> None:
    log = structlog.get_logger()
    for number in range(12):
        log.info(f"line {number}", channel="bot")
    assert said(recent, "bot") == [f"line {number}" for number in range(7, 12)]
    last = recent.of("bot")[-1].number
    assert recent.of("bot", last) == []
    log.info("one more", channel="bot")
    assert [line.event for line in recent.of("bot", last)] == ["one more"]


def test_many_names_do_not_fill_the_memory(recent: RecentLines) -> None:
    log = structlog.get_logger()
    log.info("kept", channel="bot")
    for number in range(50):
        log.info("hello", channel=f"guess-{number}")
        log.info("still here", channel="bot")
    assert said(recent, "bot")[-1] == "still here"
    assert said(recent, "guess-48") == ["hello"]
    assert said(recent, "guess-3") == []


def test_a_very_long_line_is_cut(recent: RecentLines) -> None:
    log = structlog.get_logger()
    log.info("long", channel="bot", text="x" * 100_000)
    log.info("deep", channel="bot", stack="x" * 100_000, number=7)
    long, deep = recent.of("bot")
    assert len(long.fields) < 100
    assert json.loads(deep.fields)["number"] == 7


def test_keeping_a_line_costs_little() -> None:
    """A hundred lines in far less than a tenth of a second: no channel logs that much."""
    recent = RecentLines()
    began = time.thread_time()  # whatever else the machine does meanwhile
    for _ in range(100):
        recent.keep(None, "info", {"event": "hello", "channel": "bot", "level": "info"})
    assert time.thread_time() - began < 0.1
