"""What is printed cannot command a terminal, and is aligned in a pipe."""

import json
import os
import pty
import re
from collections.abc import Callable

import pytest

from omnigate.cli import tables, terminal

HOSTILE = "a\x1b]0;owned\x07\nb\x9b31m\u202ec\u200b\ud800"


def test_text_of_customers_cannot_command_the_terminal(capsys):
    tables.say_table({"TEXT": "text"}, [{"text": HOSTILE}], "")
    terminal.say_fields([("text", HOSTILE)])
    terminal.say_json({"text": HOSTILE.replace("\ud800", "")})
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u200b"} & set(out)


def test_json_keeps_every_character(capsys):
    value = {"text": "Привет \x9b \u202e", "n": 1}
    terminal.say_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "Привет" in out


END = "that is all"
SAID = (
    "  Find out, then: omnigate call resolve cal_06h04037vlo3rdl03knldfli40 --completed or --failed"
)


def on_a_screen(
    monkeypatch: pytest.MonkeyPatch, stream: str, say: Callable[[], None], columns: int = 40
) -> list[str]:
    """Return the lines that a real terminal of so many columns is sent on one of the streams."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ours, its = pty.openpty()
    with os.fdopen(its, "w") as screen, monkeypatch.context() as patch:
        patch.setattr(f"sys.{stream}", screen)
        say()
        print(END, file=screen, flush=True)
        shown = b""
        while not shown.endswith(f"{END}\r\n".encode()):
            shown += os.read(ours, 1000)
    os.close(ours)
    return shown.decode().splitlines()[:-1]


@pytest.mark.parametrize(("stream", "say"), [("stdout", terminal.say), ("stderr", terminal.note)])
def test_a_sentence_is_broken_between_words_on_a_screen_and_nowhere_in_a_pipe(
    capsys, monkeypatch, stream, say
):
    say(SAID)
    written = capsys.readouterr()
    assert (written.out if stream == "stdout" else written.err) == f"{SAID}\n"
    lines = on_a_screen(monkeypatch, stream, lambda: say(SAID))
    assert [word for line in lines for word in line.split()] == SAID.split()
    assert max(map(len, lines)) <= 40
    assert all(line.startswith("  ") for line in lines)


def test_what_is_copied_is_not_broken_on_a_screen(monkeypatch):
    value = {"text": "many words " * 9}
    assert on_a_screen(monkeypatch, "stdout", lambda: terminal.put(SAID)) == [SAID]
    (_, text, _) = on_a_screen(monkeypatch, "stdout", lambda: terminal.say_json(value))
    assert json.loads(f"{{{text}}}") == value


def test_what_is_said_of_a_name_stays_beside_it(monkeypatch):
    fields = [("said", "many words " * 9 + "…"), ("longer", "few words")]
    lines = on_a_screen(monkeypatch, "stdout", lambda: terminal.say_fields(fields))
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert plain[0].startswith("said    many words")
    assert plain[-1] == "longer  few words"
    assert all(line[:8] == " " * 8 for line in plain[1:-1])
    assert max(map(len, plain)) <= 40
    assert [word for line in plain[:-1] for word in line[8:].split()] == fields[0][1].split()


def test_spans_and_sizes_are_for_people():
    assert [terminal.duration(n) for n in (0, 59.6, 3700, 90000)] == [
        "0 s",
        "1 min",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert [terminal.size(n) for n in (10, 2048, 5 << 20, 3 << 40)] == [
        "10 bytes",
        "2.0 KiB",
        "5.0 MiB",
        "3072.0 GiB",
    ]


def test_times_are_shown_in_utc_to_the_second():
    assert terminal.moment("2026-11-21T13:00:00.123+03:00") == "2026-11-21 10:00:00Z"
    assert terminal.moment(None) == ""
    assert terminal.moment("soon") == "soon"


def test_an_address_too_long_for_the_screen_can_be_copied(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    address = "https://shop.example/media/" + "a" * 60
    terminal.say_fields([("recording", f"ready, {address}"), ("note", "many words " * 9)])
    out = capsys.readouterr().out
    assert address in out
    assert max(len(line) for line in out.splitlines() if address not in line) <= 40


def test_a_picture_is_light_on_dark_whatever_the_screens_colours_are(capsys, monkeypatch):
    """Dark on light, as a light screen would have it, is a code that phones do not read."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal.say_picture(["█▀" * 20, "▄ " * 20])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("\x1b[97;40m█▀")
    assert first.count("█") == 20, "no line is broken"
    assert second.startswith("\x1b[97;40m▄ ")
