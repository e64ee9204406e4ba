"""What is said when something goes wrong: where, never with what, and never in somebody else's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from omnigate import logs
from omnigate.store.engine import open_readers, open_writer


@pytest.fixture(autouse=True)
def _own_configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variables(capsys, form):
    logs.configure("info", form)
    message = "what a customer said, " + "canary"
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        structlog.get_logger().error("request failed", exc_info=error)
    said = capsys.readouterr().err
    assert "test_a_traceback_shows_no_local_variables" in said
    assert "canary" in message
    assert "canary" not in said.replace('"canary"', "")
    if form == "json":
        assert "locals" not in json.loads(said)["exception"][0]["frames"][0]


@pytest.mark.parametrize("readers", [False, True])
def test_an_error_of_the_database_quotes_no_parameters(tmp_path, readers):
    writer = open_writer(tmp_path / "store.db")
    with writer.begin() as connection:
        connection.execute(text("create table said (what text)"))
    engine = open_readers(tmp_path / "store.db", 1) if readers else writer
    with pytest.raises(SQLAlchemyError) as caught, engine.begin() as connection:
        connection.execute(text("insert into nowhere values (:what)"), {"what": "canary"})
    assert "canary" not in str(caught.value)
    engine.dispose()
    writer.dispose()


# ---- S38 ------------------------------------------------------------------------------------------

ATTACKS = {
    "a line": "x\n2026-11-22T00:00:00Z [info     ] forged                  level=info",
    "a line for Windows": 'x\r\n{"event": "forged", "level": "critical"}',
    "a line in JSON": 'x"}\n{"event": "forged',
    "colours": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "the cursor": "\x1b[2J\x1b[1;1Hempty\x1b[8m",
    "eight-bit commands": "\x9b31m\x9d0;title\x9c\x90x\x9c",
    "backspaces": "secret\x08\x08\x08\x08\x08\x08public",
    "NUL": "a\x00b\x7fc",
    "other ends of lines": "a\u2028forged\u2029forged\x85forged\x0bforged\x0cforged",
    "text turned round": "\u202eevil\u202c \u2066x\u2069 \u200f\u061c",
    "nothing to see": "a\u200bb\u200dc\ufeffd\u2060",
    "half a character": "\ud800 \udfff",
    "a megabyte": "x" * 1_000_000,
    "markup": "[bold red]x[/] %s %(x)s {x} {0.__class__}",
}
RAW = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


def forgeries(attack: str, form: Any, capsys: Any) -> list[str]:
    """Log an attack wherever text from outside may get to; name what it achieved."""
    logs.configure("info", form)
    log = structlog.get_logger()
    log.warning("honest line", value=attack)
    log.warning("honest line", nested={"deep": [attack, {attack: 1}]}, listed=(attack,))
    try:
        raise RuntimeError(attack)
    except RuntimeError as error:
        log.error("honest line", exc_info=error, error=error)
    lines = capsys.readouterr().err.split("\n")
    found = []
    for line in lines[:-1]:
        if RAW.search(line):
            found.append(f"raw: {line[:100]!r}")
        if len(line) > 60_000:
            found.append("endless")
        if form == "json" and json.loads(line)["event"] != "honest line":
            found.append(f"forged: {line[:100]!r}")
        if (
            form == "console"
            and not line.startswith(("    ", "Traceback"))
            and "honest line" not in line
        ):
            found.append(f"forged: {line[:100]!r}")
    return found


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("name", ATTACKS)
def test_nobody_writes_lines_or_commands_into_the_log(capsys, form, name):
    """S38."""
    assert forgeries(ATTACKS[name], form, capsys) == []


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_that_escapes_nothing_is_found(capsys, monkeypatch, form):
    """Sabotage twin."""
    monkeypatch.setattr(logs, "_clean", lambda value, *, lines: value)
    assert forgeries(ATTACKS["text turned round"], form, capsys)
    if form == "console":
        assert forgeries(ATTACKS["a line"], form, capsys)


def test_what_customers_are_called_commands_no_terminal(daemon, until):
    """S38: in the log, and in every table and page of the command line."""
    for number, attack in enumerate(ATTACKS.values()):
        text = attack.encode("utf-8", "ignore").decode()[:2000]
        sender = {
            "address": f"app:evil-{number}",
            "display_name": text[:200],
            "username": text[:100],
        }
        said = daemon.say(f"evil-{number}", text, conversation=f"evil-{number}", sender=sender)
        assert said.status in (202, 422)
        daemon.call("GET", "/channels/app/" + "%1b%5b31m%0a", b"", {"X-A": "\x1b[31m"})
    conversations = daemon.get("/v1/conversations?limit=200")["items"]
    assert len(conversations) > 5
    for command in (
        ("message", "list"),
        ("message", "list", "--json"),
        ("conversation", "list"),
        ("conversation", "list", "--json"),
        ("status",),
        ("channel", "list"),
        ("contact", "show", conversations[0]["contact"]["id"]),
        ("contact", "show", conversations[-1]["contact"]["id"]),
        ("conversation", "show", conversations[0]["id"]),
        ("conversation", "show", "\x1b[31mnobody\u202e"),
        ("message", "show", "\x1b]0;title\x07"),
    ):
        printed = daemon.omnigate(*command)
        assert printed
        assert RAW.search(printed) is None, (command, printed[:500])
    for line in daemon.log().splitlines():
        assert RAW.search(line) is None
        json.loads(line)
