"""The demo's scratch directory: a configuration as an operator writes it, secrets beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from omnigate.signing import new_secret

HOST: Final = "127.0.0.1"
HOOK: Final = "/crm/omnigate"
"""Where the demo's CRM takes webhooks."""

_CONFIG: Final = """\
[server]
listen = "{host}:{daemon_port}"
public_url = "http://{host}:{daemon_port}"

[store]
url = "sqlite:///omnigate.db"
min_free_bytes = 33554432

[media]
max_file_bytes = 10485760

[log]
level = "warning"

[channels.site]
kind = "webchat"
allowed_origins = ["http://{host}:{page_port}", "http://localhost:{page_port}"]
title = {{ en = "Pedal & Pine", ru = "Pedal & Pine" }}
languages = ["en", "ru"]
theme = {{ color = "#0f766e" }}
peek = true

[channels.site.uploads]
max_bytes = 10485760

[backends.crm]
kind = "webhook"
url = "http://{host}:{page_port}{hook}"
secret = {{ file = "crm.secret" }}
allow_private = ["127.0.0.0/8"]
include_ephemeral = true

[[routes]]
channels = ["*"]
backends = ["crm"]
"""


class Emulated(Protocol):
    """What is there instead of a platform, and becomes a channel."""

    @property
    def section(self) -> str:
        """The channel's part of the configuration."""

    @property
    def secret(self) -> str:
        """What is needed to get in."""

    @property
    def secret_file(self) -> str:
        """The name of the file in which the section looks for it."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """What lies in the scratch directory."""

    directory: Path
    config: Path
    secret: str
    """Signs the webhooks."""

    @property
    def token(self) -> Path:
        """The file of the API token, so that a command line can use it without showing it."""
        return self.directory / "token"

    def keep_token(self, clear: str) -> None:
        """Write the token where only this user can read it."""
        self.token.touch(mode=0o600)
        self.token.write_text(clear, encoding="utf-8")


@contextmanager
def scratch(page_port: int, daemon_port: int, emulated: Sequence[Emulated]) -> Iterator[Scratch]:
    """Make the directory, readable by this user only; it goes away with everything in it.

    What is emulated becomes a channel each.
    """
    with tempfile.TemporaryDirectory(prefix="omnigate-demo-") as name:
        directory = Path(name)
        made = Scratch(directory, directory / "omnigate.toml", new_secret())
        (directory / "crm.secret").write_text(made.secret, encoding="utf-8")
        text = _CONFIG.format(host=HOST, page_port=page_port, daemon_port=daemon_port, hook=HOOK)
        for each in emulated:
            (directory / each.secret_file).write_text(each.secret, encoding="utf-8")
            text += f"\n{each.section}"
        made.config.write_text(text, encoding="utf-8")
        for file in directory.iterdir():
            file.chmod(0o600)
        yield made
