"""What is left of a configuration with mistakes: enough to find the daemon that was started before them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from omnigate.config import reading
from omnigate.config.settings import Settings
from omnigate.config.tables import DEFAULT_URL, Admin, Store
from omnigate.errors import ConfigError

_HEADER: Final = re.compile(r"\s*\[\s*(?P<table>[A-Za-z_-]+)\s*\]\s*(#.*)?")
_WANTED: Final = {"admin": "socket", "store": "url"}


def socket_of(path: Path | None) -> Path | None:
    """Return where the daemon's socket should be; None when there is no configuration at all.

    Goes through the main file line by line, so that one that is broken hides no other. What cannot be
    understood counts as not set.
    """
    try:
        main = reading.find(path)
        lines = main.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except (ConfigError, OSError):
        return None
    found = _values(lines)
    try:
        settings = Settings(
            admin=Admin(socket=found.get("socket")), store=Store(url=found.get("url", DEFAULT_URL))
        )
    except ValueError:
        settings = Settings()
    return settings.anchored(main.parent).socket


def _values(lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    table = ""
    for line in lines:
        if header := _HEADER.fullmatch(line):
            table = header["table"]
        elif key := _WANTED.get(table):
            try:
                values = tomllib.loads(line)
            except tomllib.TOMLDecodeError:
                continue
            if key in values:
                found[key] = values[key]
    return found
