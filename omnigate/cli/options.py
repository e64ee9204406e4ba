"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration; else $OMNIGATE_CONFIG, ./omnigate.toml, /etc/omnigate/omnigate.toml.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many to list.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where the last listing ended.")]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the kind; repeatable. Secrets: also env:NAME or file:/path.",
    ),
]
