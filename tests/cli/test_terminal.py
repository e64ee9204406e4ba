"""What is printed cannot command a terminal, and is aligned in a pipe."""

import json

from omnigate.cli import terminal

HOSTILE = "a\x1b]0;owned\x07\nb\x9b31m\u202ec\u200b\ud800"


def test_text_of_customers_cannot_command_the_terminal(capsys):
    terminal.say_table({"TEXT": "text"}, [{"text": HOSTILE}], "")
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


def test_columns_are_aligned_in_a_pipe(capsys):
    rows: list[dict[str, str | None]] = [
        {"id": "1", "name": "long name"},
        {"id": "22", "name": None},
    ]
    terminal.say_table({"ID": "id", "NAME": "name"}, rows, "")
    assert capsys.readouterr().out.splitlines() == ["ID  NAME", "1   long name", "22"]


def test_an_empty_table_says_so_beside_the_answer(capsys):
    terminal.say_table({"ID": "id"}, [], "There are none.")
    assert capsys.readouterr() == ("", "There are none.\n")


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


def test_an_identifier_stays_on_one_line_on_a_narrow_screen(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    known = "cnv_06h04037vlo3rdl03knldfli40"
    rows = [{"id": known, "said": "many words " * 9, "more": "and more " * 5}]
    terminal.say_table({"ID": "id", "SAID": "said", "MORE": "more"}, rows, "")
    shown = capsys.readouterr().out
    assert known in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert terminal.is_narrow()
    monkeypatch.setenv("COLUMNS", "120")
    assert not terminal.is_narrow()
