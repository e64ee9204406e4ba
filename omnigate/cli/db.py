"""``omnigate db``: the store itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from omnigate import config
from omnigate.cli import tables, terminal
from omnigate.cli.client import Client
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.progress import progress
from omnigate.cli.reach import has_store, require_store, running, store

_LOOK_SECONDS: Final = 0.2


def migrate(config_path: ConfigPath = None) -> None:
    """Bring the store to this version's tables, or make it.

    The daemon does so itself when it starts.
    """
    outline = config.outline(config_path)
    settings = outline.settings
    if Client(settings.socket).reachable():
        terminal.say(f"{settings.store.url} is up to date: the running daemon has seen to it.")
        return
    is_new = not has_store(outline)
    with store(config_path, makes_one=True):  # opening it is what brings it up to date
        if is_new:
            terminal.say(f"Made {settings.store.path}, with nothing in it.")
        else:
            terminal.say(f"{settings.store.url} is up to date.")


def check(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Check the store's file, references, counters."""
    with store(config_path) as client:
        answer = client.get("/admin/store/check")
    if as_json:
        terminal.say_json(answer)
    elif answer["ok"]:
        terminal.say("The store is sound.")
    else:
        terminal.say("The store is damaged:")
        for problem in answer["problems"]:
            terminal.say(f"  {terminal.clean(problem)}")
        terminal.note("Stop the daemon, keep a copy of the file, and restore your last backup.")
    if not answer["ok"]:
        raise typer.Exit(1)


def backup(
    target: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where the copy goes.")],
    files: Annotated[bool, typer.Option(help="Also the files of attachments.")] = True,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Copy the store, also while the daemon works.

    Writes omnigate.db and files/ into the directory. A second backup into the same directory copies
    only the files that are new. To restore, stop the daemon and put both in their places.
    """
    # Reading the store brings in the database: no other command should wait for it.
    from omnigate.store.backup import (  # noqa: PLC0415
        DATABASE,
        FILES,
        back_up_database,
        back_up_files,
    )

    outline = config.outline(config_path)
    settings = outline.settings
    require_store(outline)
    if target.exists() and not target.is_dir():
        raise Failed(f"{target} is a file.", "Name a directory.")
    if target.exists() and target.samefile(settings.store.path.parent):
        raise WrongUsage(f"{target} is where the store itself is.", "Name another directory.")
    with progress("copying the database") as bar:
        size = back_up_database(settings.store.path, target / DATABASE, bar.at)
    copied = 0
    if files and settings.files.is_dir():
        with progress("copying files") as bar:
            copied = back_up_files(settings.files, target / FILES, bar.at)
    if as_json:
        terminal.say_json({"database": str(target / DATABASE), "bytes": size, "files": copied})
        return
    said = f" and {terminal.amount(copied, 'new file')}" if files else ""
    terminal.say(f"Copied {terminal.size(size)}{said} to {target}; the copy is sound.")


def prune(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Forget what is too old now, and make the file smaller.

    The daemon does so every hour by itself, by [retention]; this also gives unused room back.
    """
    with running(config_path) as client:
        before = client.get("/admin/store/prune")
        client.post("/admin/store/prune")
        with progress("pruning") as bar:
            while True:
                answer = client.get("/admin/store/prune")
                if not answer["running"] and answer["started_at"] != before["started_at"]:
                    break
                bar.at(sum(answer["removed"].values()))
                time.sleep(_LOOK_SECONDS)
    if answer["error"]:
        raise Failed(f"The round was not finished: {answer['error']}.", "Try again.")
    if as_json:
        terminal.say_json(answer)
    else:
        _show_removed(answer["removed"])


def _show_removed(removed: dict[str, Any]) -> None:
    if not removed:
        terminal.say("Nothing was too old.")
        return
    tables.say_table(
        {"WHAT": "table", "REMOVED": "rows"},
        [{"table": table, "rows": rows} for table, rows in sorted(removed.items())],
        "",
    )
