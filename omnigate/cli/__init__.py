"""The command line: Typer, one file for each noun. Exit codes: 0 ok, 1 failed, 2 usage or configuration."""

from __future__ import annotations

import sys

from omnigate.cli.app import build
from omnigate.cli.failure import Failed
from omnigate.cli.problems import note_problems
from omnigate.cli.terminal import note
from omnigate.errors import ConfigError, OmnigateError


def main() -> None:
    """Run the command line on the process's arguments; always ends by ``SystemExit``.

    What an operator can cause is said in words, one line what and one what to do, without a
    traceback.
    """
    try:
        build()()
    except ConfigError as error:
        note_problems(error.problems)
        sys.exit(2)
    except Failed as error:
        note(error.what)
        for line in error.remedy.splitlines():
            note(f"  {line}")
        sys.exit(error.exit_code)
    except OmnigateError as error:
        note(str(error))
        sys.exit(1)
