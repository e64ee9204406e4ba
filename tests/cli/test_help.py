"""Every command explains itself at eighty columns: nothing cut off, no types of Python."""

import re
import sys
from typing import Any

import pytest
from typer.core import TyperOption

from omnigate.cli.app import tree
from omnigate.cli.help import span

WIDTH = 80
STYLE = re.compile(r"\x1b\[[0-9;]*m")
TYPES = re.compile(
    r"<(str|int|float|bool|path|file|list\[\w+\])( range)?>|-\w+ (TEXT|INTEGER|FLOAT|PATH)\b|x<=|x>=|NoneType"
)


def commands() -> dict[str, Any]:
    """Return every command there is, nouns too, by the words that call it."""
    root: Any = tree()
    found = {"": root}
    for name, command in root.commands.items():
        found[name] = command
        found |= {
            f"{name} {verb}": inner for verb, inner in getattr(command, "commands", {}).items()
        }
    return found


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("LINES", "25")


@pytest.mark.parametrize("boxed", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("words", commands())
def test_help_fits_a_terminal_and_speaks_no_python(omnigate, narrow, monkeypatch, words, boxed):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: boxed)
    result = omnigate(*words.split(), "--help")
    assert (result.code, result.err) == (0, "")
    shown = STYLE.sub("", result.out)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert TYPES.search(shown) is None, shown
    assert ("╭" in shown) is boxed


def test_no_line_of_a_listing_is_cut_off(omnigate, narrow):
    for words, command in commands().items():
        if not hasattr(command, "commands"):
            continue
        listing = omnigate(*words.split(), "--help").out
        assert "..." not in listing.partition("Commands:")[2], f"{words}:\n{listing}"


def test_the_first_line_is_a_sentence_of_its_own():
    for words, command in commands().items():
        first = (command.help or "").partition("\n\n")[0]
        assert "\n" not in first, words
        assert first.endswith("."), f"{words}: {first}"


def test_whatever_takes_a_value_says_how_the_value_is_called():
    for words, command in commands().items():
        for parameter in command.params:
            if isinstance(parameter, TyperOption) and not parameter.is_flag:
                assert parameter.metavar, f"{words} {parameter.name}"


def test_the_check_finds_what_typer_shows_by_itself():
    for text in (
        "--limit <int range>",
        "ID <list[int]>",
        "[1<=x<=200]",
        "--name TEXT",
        "--json <bool>",
    ):
        assert TYPES.search(text), text


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [(1, 200, "1 to 200"), (0, None, "0 or more"), (None, 5, "5 or less"), (None, None, "")],
)
def test_a_range_is_said_in_words(least, most, said):
    assert span(least, most) == said
