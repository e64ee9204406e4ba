"""Tables are aligned in a pipe, and can be read on a screen of any width."""

from typing import Any

import pytest

from omnigate.cli import tables, terminal

CONVERSATION = "cnv_06h04037vlo3rdl03knldfli40"


def test_columns_are_aligned_in_a_pipe(capsys):
    rows: list[dict[str, str | None]] = [
        {"id": "1", "name": "long name"},
        {"id": "22", "name": None},
    ]
    tables.say_table({"ID": "id", "NAME": "name"}, rows, "")
    assert capsys.readouterr().out.splitlines() == ["ID  NAME", "1   long name", "22"]


def test_an_empty_table_says_so_beside_the_answer(capsys):
    tables.say_table({"ID": "id"}, [], "There are none.")
    assert capsys.readouterr() == ("", "There are none.\n")


def test_an_identifier_stays_on_one_line_on_a_narrow_screen(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    rows = [{"id": CONVERSATION, "said": "many words " * 9, "more": "and more " * 5}]
    tables.say_table({"ID": "id", "SAID": "said", "MORE": "more"}, rows, "")
    shown = capsys.readouterr().out
    assert CONVERSATION in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_word_stays_on_one_line_on_a_narrow_screen(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    rows = [{"state": "customer_ringing", "said": "many words " * 9}]
    tables.say_table({"STATE": "state", "SAID": "said"}, rows, "")
    assert "customer_ringing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("width", "shown"), [("80", ["ID", "SAID"]), ("120", ["ID", "SAID", "AT", "BY"])]
)
def test_a_narrow_screen_does_without_what_says_nothing_and_what_is_spare(
    capsys, monkeypatch, width, shown
):
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", width)
    rows = [{"id": 1, "said": "", "at": "noon", "by": None}, {"id": 2, "said": "yes", "at": "ten"}]
    columns = {"ID": "id", "SAID": "said", "AT": "at", "BY": "by"}
    tables.say_table(columns, rows, "", spare=("AT",))
    assert capsys.readouterr().out.splitlines()[0].split() == shown


WAITING = {"TO": "to", "CONVERSATION": "whose", "TRIES": "tries", "WHY": "why", "LATE": "late"}


def waiting(**more: Any) -> dict[str, Any]:
    return {"to": "crm", "whose": CONVERSATION, "tries": 3, "why": "", "late": None, **more}


def shown_on(
    columns: dict[str, str],
    rows: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> list[str]:
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    tables.say_table(columns, rows, "", spare=("WHY",))
    return capsys.readouterr().out.splitlines()


def test_a_screen_too_narrow_for_a_table_shows_each_row_by_itself(capsys, monkeypatch):
    rows = [waiting(why="refused: down"), waiting(to="a_longer_name_of_a_bot")]
    assert shown_on(WAITING, rows, capsys, monkeypatch, 48) == [
        "crm",
        f"  conversation {CONVERSATION}",
        "  tries 3 · why refused: down",
        "a_longer_name_of_a_bot",
        f"  conversation {CONVERSATION}",
        "  tries 3",
    ]


def test_what_is_too_long_for_a_line_stays_beside_its_name(capsys, monkeypatch):
    rows = [waiting(why="refused by the CRM, since it is down")]
    assert shown_on(WAITING, rows, capsys, monkeypatch, 30)[-3:] == [
        "  tries 3",
        "  why refused by the CRM,",
        "      since it is down",
    ]


@pytest.mark.parametrize("width", range(45, 111))
def test_nothing_is_broken_however_wide_the_screen_is(capsys, monkeypatch, width):
    address = "http://127.0.0.1:38937/channels/site"
    late = f"2026-11-23, see {address}"
    rows = [waiting(why="refused"), waiting(to="helper", late=late)]
    lines = shown_on(WAITING, rows, capsys, monkeypatch, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert words.count(CONVERSATION) == 2
    assert {"crm", "helper", address} <= set(words)
