"""Asking for a call where the daemon says no, and taking one back whose channel may not be at work."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from omnigate import rfc3339

CHANNELS: list[dict[str, str]] = []
"""The channels of the daemon."""
CALL: dict[str, str | None] = {"state": "bridged", "ended_at": None}
"""How a call is that was taken back."""


class Refusing(BaseHTTPRequestHandler):
    """A daemon that was not told of any consent."""

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        code = "invalid_number" if said.get("consent") else "no_consent"
        problem = {"title": "Conflict", "status": 409, "code": code, "detail": f"{code}; ask again"}
        self.answer(409, problem)

    def do_DELETE(self) -> None:
        self.answer(200, {"channel": "phone", "cancel_asked": True, **CALL})

    def do_GET(self) -> None:
        self.answer(200, {"items": CHANNELS})

    def answer(self, status: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def config(directory: Path) -> Iterator[str]:
    (directory / "omnigate.toml").write_text('[admin]\nsocket = "s"\n')
    (directory / "omnigate.toml").chmod(0o600)
    with UnixStreamServer(str(directory / "s"), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield str(directory / "omnigate.toml")
        server.shutdown()
        thread.join(10)


def test_who_must_consent_first_is_told_how_to_say_so(omnigate, config):
    refused = omnigate("call", "request", "+79161234567", "--config", config)
    assert refused.code == 1
    assert "agreed to the channel's consent text" in refused.err
    assert "If the customer has: --consent" in refused.err
    shown = json.loads(omnigate("call", "request", "+79161234567", "--json", "-c", config).out)
    assert shown["code"] == "no_consent"


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ({"name": "phone", "state": "up", "message": ""}, "it is being ended."),
        ({"name": "phone", "state": "paused", "message": ""}, "it is being ended."),
        (
            {"name": "phone", "state": "down", "message": "no route"},
            "it is ended once phone is up: it is down (no route). See: omnigate doctor",
        ),
        (
            {"name": "site", "state": "up", "message": ""},
            "phone is not at work any more, so nobody can end it. See: omnigate call resolve -h",
        ),
    ],
    ids=["up", "paused", "down", "gone"],
)
def test_whoever_takes_a_call_back_hears_when_it_is_ended(
    omnigate, config, monkeypatch, channel, said
):
    monkeypatch.setitem(globals(), "CHANNELS", [channel])
    taken = omnigate("call", "cancel", f"cal_{'0' * 26}", "--config", config)
    assert (taken.code, taken.err) == (0, "")
    assert taken.out == f"cal_{'0' * 26} is bridged; {said}\n"


def test_one_that_has_ended_by_then_is_not_said_to_be_ending(omnigate, config, monkeypatch):
    monkeypatch.setitem(CALL, "state", "cancelled")
    monkeypatch.setitem(CALL, "ended_at", "2026-11-23T10:00:00.000Z")
    taken = omnigate("call", "cancel", f"cal_{'0' * 26}", "--config", config)
    assert (taken.code, taken.out) == (0, f"cal_{'0' * 26} is cancelled.\n")


def test_any_other_no_is_said_as_it_is(omnigate, config):
    refused = omnigate("call", "request", "+79161234567", "--consent", "--config", config)
    assert refused.code == 1
    assert "nvalid_number; ask again" in refused.err
    assert "--consent" not in refused.err


class Closed(Refusing):
    """A daemon whose people are there again in a day."""

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        now = datetime.now(UTC)
        opens_at = rfc3339(now + timedelta(days=1))
        asked_for = str(said.get("callback_at", ""))
        answer = {
            "id": "cal_06f9d0r2k8m4t1v6s3c0h5n9eg",
            "channel": "calls",
            "customer": said["number"],
            "requested_at": rfc3339(now),
            "callback_at": max(asked_for, opens_at),
            "attempt": 0,
        }
        body = json.dumps(answer).encode()
        self.send_response(202)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([], ", as it is closed until then."),
        (["--at", "30min"], ", as it is closed until then."),
        (["--at", "3d"], "."),
    ],
)
def test_a_call_that_waits_for_working_hours_says_so(omnigate, directory, more, why):
    (directory / "omnigate.toml").write_text('[admin]\nsocket = "s"\n')
    (directory / "omnigate.toml").chmod(0o600)
    with UnixStreamServer(str(directory / "s"), Closed) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        path = str(directory / "omnigate.toml")
        done = omnigate("call", "request", "+79161234567", *more, "--config", path)
        server.shutdown()
        thread.join(10)
    assert done.code == 0
    when, _, _ = done.out.partition(" Follow it")
    assert when.startswith("calls calls +79161234567 in ")
    assert when.endswith(why)
    assert ("closed" in when) == (why != ".")
