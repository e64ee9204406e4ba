"""``omnigate run``, ``check`` and ``stop``: the daemon as a whole."""

from __future__ import annotations

import time
from typing import Final

import typer

from omnigate import config, plugins
from omnigate.cli import terminal
from omnigate.cli.failure import Failed, problem_document
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.problems import note_warnings
from omnigate.cli.reach import running
from omnigate.cli.trial import refusals
from omnigate.errors import ConfigError

_STOP_DEADLINE_SECONDS: Final = 60.0
_STOP_POLL_SECONDS: Final = 0.1


def run(config_path: ConfigPath = None) -> None:
    """Run the daemon until Ctrl-C, SIGTERM or omnigate stop."""
    loaded = config.load(config_path, plugins.load)
    note_warnings(loaded.warnings)
    # The daemon brings in the server and the store: no other command should wait for them.
    from omnigate import gateway  # noqa: PLC0415

    raise typer.Exit(gateway.run(loaded))


def check(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Check the configuration, all problems at once.

    Finds whatever a reload would refuse: also makes every channel and backend, and runs none.
    """
    found = config.look(config_path, plugins.load)
    loaded = found.sound
    problems = found.problems if loaded is None else (*found.problems, *refusals(loaded))
    if problems or loaded is None:
        raise ConfigError(problems, found.warnings)
    if as_json:
        terminal.say_json(
            {
                "ok": not loaded.broken,
                "files": [str(path) for path in loaded.files],
                "problems": [],
                "warnings": [problem_document(item) for item in loaded.warnings],
            }
        )
    else:
        note_warnings(loaded.warnings)
        verdict = "is usable" if loaded.warnings else "is good"
        terminal.say(
            f"{loaded.path} {verdict}: "
            f"{_count(len(loaded.channels), 'channel')}, {_count(len(loaded.backends), 'backend')}, "
            f"{_count(len(loaded.settings.routes), 'route')}."
        )
    if loaded.broken:
        raise typer.Exit(1)


def stop(config_path: ConfigPath = None) -> None:
    """Stop the daemon and wait for its end."""
    with running(config_path) as client:
        client.post("/admin/stop")
    deadline = time.monotonic() + _STOP_DEADLINE_SECONDS
    while client.reachable():
        if time.monotonic() > deadline:
            raise Failed(
                f"The daemon still answers after {_STOP_DEADLINE_SECONDS:g} s.",
                "It finishes attempts in flight; a second SIGTERM ends it at once.",
            )
        time.sleep(_STOP_POLL_SECONDS)
    terminal.say("Stopped.")


def reload(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Have the daemon read its configuration again.

    What did not change goes on untouched; a configuration with mistakes changes nothing.
    """
    with running(config_path, noting=False) as client:
        answer = client.post("/admin/reload")
    if as_json:
        terminal.say_json(answer)
        return
    changed = {what: answer[what] for what in ("added", "replaced", "removed") if answer[what]}
    for what, members in changed.items():
        terminal.say(f"{what}: {', '.join(members)}")
    if answer["tables"]:
        terminal.say(f"taken over: {_tables(answer['tables'])}")
    if not changed and not answer["tables"]:
        rest = " else" if answer["restart_needed"] else ""
        terminal.say(f"Nothing{rest} has changed.")
    for warning in answer["warnings"]:
        terminal.note(f"warning: {terminal.clean(warning)}")
    if answer["restart_needed"]:
        terminal.note(f"Changes of {_tables(answer['restart_needed'])} hold only after a restart.")


def _tables(names: list[str]) -> str:
    return ", ".join(f"[[{name}]]" if name == "routes" else f"[{name}]" for name in names)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
