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
        readable=False,  # whether it can be read is said where it is read, with what to do
        help="Configuration; else $OMNIGATE_CONFIG, ./omnigate.toml, /etc/omnigate/omnigate.toml.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OfChannel = Annotated[
    str | None, typer.Option("--channel", metavar="NAME", help="Only of this channel.")
]
Limit = Annotated[int, typer.Option(metavar="COUNT", min=1, max=200, help="How many to list.")]
Cursor = Annotated[
    str | None, typer.Option(metavar="CURSOR", help="Go on where the last listing ended.")
]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help=(
            "A key of the kind; repeatable. A list: one,two or the key again. In a table: "
            "imap.host=VALUE. Whatever is longer as TOML: '[{ … }]'. A secret: itself, env:NAME or "
            "file:PATH, taken from where you are."
        ),
    ),
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Keep it even if it does not work yet; exit code 1 says so.")
]
Tests = Annotated[
    bool,
    typer.Option("--test/--no-test", help="Ask the platform or receiver whether it would work."),
]
