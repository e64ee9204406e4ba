"""An emulated platform in a thread, bots of it in a daemon's configuration, and looks into the store."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, TypeVar

from omnigate.cli.client import Client
from omnigate.emulators.telegram import Bot, TelegramEmulator
from tests.e2e.apart import Apart

T = TypeVar("T")
LOOPBACK = 'allow_private = ["127.0.0.0/8"]'


class Platform(Apart):
    """The emulated platform in a thread of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.telegram = TelegramEmulator(local=True, **options)
        self.do(self.telegram.__aenter__())

    def end(self) -> None:
        self.do(self.telegram.__aexit__(None, None, None))
        self.close()


def give(daemon: Any, platform: Platform, bot: Bot, mode: str, name: str = "bot") -> None:
    """Write a bot into the configuration."""
    path: Path = daemon.folder / "omnigate.toml"
    polls = "poll_seconds = 1" if mode == "poll" else ""
    path.write_text(
        f'{path.read_text()}\n[channels.{name}]\nkind = "telegram"\ntoken = "{bot.token}"\n'
        f'mode = "{mode}"\napi_url = "{platform.telegram.url}"\n{LOOPBACK}\n{polls}\n'
    )


def rows(daemon: Any, query: str) -> list[tuple[Any, ...]]:
    """Look into the store."""
    store = sqlite3.connect(f"file:{daemon.folder}/store.db?mode=ro", uri=True)
    try:
        return store.execute(query).fetchall()
    finally:
        store.close()


def hides(daemon: Any, *secrets: str) -> None:
    """Check that nothing that a daemon wrote, nor what it tells of itself and of messages, has a secret."""
    for path in daemon.folder.rglob("*"):
        if path.is_file() and path.name != "omnigate.toml":
            content = path.read_bytes()
            for secret in secrets:
                assert secret.encode() not in content, path.name
    operator = Client(daemon.folder / "omnigate.sock")
    traces = [f"/admin/messages/{one}/trace" for (one,) in rows(daemon, "SELECT id FROM message")]
    for path in ("/admin/status", "/admin/doctor", "/admin/channels/bot", *traces):
        told = json.dumps(operator.get(path))
        assert not any(secret in told for secret in secrets), path
