"""The command line: Typer, one file for each noun. Exit codes: 0 ok, 1 failed, 2 usage or configuration."""

from __future__ import annotations

import sys
from itertools import takewhile

import typer
from typer.main import get_command

from omnigate.cli import usage
from omnigate.cli.app import build
from omnigate.cli.failure import Failed
from omnigate.cli.problems import heading, note_problems
from omnigate.cli.terminal import clean, json_line, note, say
from omnigate.errors import ConfigError, OmnigateError


def main() -> None:
    """Run the command line on the process's arguments; always ends by ``SystemExit``.

    What an operator can cause is said in words, one line what and one what to do, without a
    traceback; with ``--json`` a script finds the same on the standard output, on one line.
    """
    root = get_command(build())
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
        say(json_line(failed.document()))
    if any(problem.where for problem in failed.problems):
        note_problems(failed.problems)
    if failed.what != heading(failed.problems):
        note(clean(failed.what))
    for line in failed.remedy.splitlines():
        note(f"  {clean(line)}")
    sys.exit(failed.exit_code)


def _misconfigured(error: ConfigError) -> Failed:
    failed = Failed(heading(error.problems), code="configuration", problems=error.problems)
    failed.exit_code = 2
    return failed


def _is_json_wanted() -> bool:
    """Tell whether a script reads the answer: also when the arguments could not be understood."""
    return "--json" in takewhile(lambda word: word != "--", sys.argv[1:])
