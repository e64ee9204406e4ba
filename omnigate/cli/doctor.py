"""``omnigate doctor``: is everything as it should be?"""

from __future__ import annotations

from typing import Any, Final

import typer

from omnigate.cli import tables, terminal
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import examined

_SIGNS: Final = {"good": "ok", "warning": "warning", "bad": "failed"}


def doctor(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Ask platforms and backends, look at disk, clock, versions.

    Works before the first start too. Sends nothing to customers and changes nothing.
    """
    with examined(config_path) as client:
        answer = client.get("/admin/doctor")
    if as_json:
        terminal.say_json(answer)
    else:
        _show(answer["findings"])
    if not answer["ok"]:
        raise typer.Exit(1)


def _show(findings: list[dict[str, Any]]) -> None:
    tables.say_table(
        {"": "sign", "WHAT": "subject", "FOUND": "message"},
        [{**known, "sign": _SIGNS[known["state"]]} for known in findings],
        "Nothing was looked at.",
        whole=True,
    )
    remedies = [known for known in findings if known["remedy"] and known["state"] != "good"]
    if remedies:
        terminal.note("\nWhat to do")
    for known in remedies:
        terminal.note(f"{known['subject']}: {terminal.clean(known['remedy'])}")
