"""The command line: Typer, one file for each noun. Exit codes: 0 ok, 1 failed, 2 usage or configuration."""

from __future__ import annotations

import gc
import sys
from itertools import takewhile
from typing import Final

import typer

from omnigate.cli import usage
from omnigate.cli.app import tree
from omnigate.cli.failure import Failed
from omnigate.cli.problems import heading, note_problems, note_warnings
from omnigate.cli.terminal import clean, json_line, note, put
from omnigate.errors import ConfigError, OmnigateError

COLLECTION: Final = (20_000, 20, 20)
"""Garbage is looked for less often than usual: modules that are being loaded are none, and messages hardly
ever make cycles. To look took a tenth of a daemon's start and a twentieth of its work under load."""


def main() -> None:
    """Run the command line on the process's arguments; always ends by ``SystemExit``.

    What an operator can cause is said in words, one line what and one what to do, without a
    traceback; with ``--json`` a script finds the same on the standard output, on one line.
    """
    gc.set_threshold(*COLLECTION)
    root = tree()
    try:
        sys.exit(root(prog_name="omnigate", standalone_mode=False))
    except typer.TyperException as error:
        if usage.is_help(error):
            note(error.message)
            sys.exit(2)
        _end(usage.explained(error))
    except typer.Abort:
        _end(Failed("Nothing was changed."))
    except ConfigError as error:
        _end(_misconfigured(error))
    except Failed as error:
        is_refusal = error.problems and not any(problem.where for problem in error.problems)
        _end(usage.as_options(error, root, sys.argv[1:]) if is_refusal else error)
    except OmnigateError as error:
        _end(Failed(str(error)))
    except OSError as error:
        # A file that cannot be used in a way that no command foresaw: too long a name, a full disk.
        where = "" if error.filename is None else f"{error.filename}: "
        _end(Failed(f"{where}{(error.strerror or str(error)).lower()}.", "Check what you named."))


def _end(failed: Failed) -> None:
    if _is_json_wanted():
        put(json_line(failed.document()))
    if any(problem.where for problem in failed.problems):
        note_problems(failed.problems)
        note_warnings(failed.warnings)
    if failed.what != heading(failed.problems):
        note(clean(failed.what))
    for line in failed.remedy.splitlines():
        note(f"  {clean(line)}")
    sys.exit(failed.exit_code)


def _misconfigured(error: ConfigError) -> Failed:
    failed = Failed(
        heading(error.problems),
        code="configuration",
        problems=error.problems,
        warnings=error.warnings,
    )
    failed.exit_code = 2
    return failed


def _is_json_wanted() -> bool:
    """Tell whether a script reads the answer: also when the arguments could not be understood."""
    return "--json" in takewhile(lambda word: word != "--", sys.argv[1:])
