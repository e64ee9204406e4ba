"""Hostile pages and hostile visitors: they get at nothing that is not theirs, and break nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

ORIGIN = "https://shop.example.org"
SITE = "/channels/site"
PNG = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"
STRANGE_ORIGINS = [
    "null",
    "https://evil.example",
    f"{ORIGIN}/",
    ORIGIN.upper(),
    f"{ORIGIN}.evil.example",
    f"{ORIGIN}:443",
    "http://shop.example.org",
    f"{ORIGIN}, https://evil.example",
]
ENDPOINTS = [
    ("POST", "session"),
    ("POST", "commands"),
    ("POST", "upload"),
    ("GET", "events"),
    ("GET", "history"),
    ("GET", "socket"),
]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "omni.v1",
}


def session(daemon: Any, said: object = None) -> dict[str, Any]:
    """Open a visit as the widget does."""
    answer = daemon.post(f"{SITE}/session", said if said is not None else {}, Origin=ORIGIN)
    assert answer.status == 200, answer.raw
    return dict(answer.json())


def commands(daemon: Any, token: str, *frames: object) -> list[dict[str, Any]]:
    """Carry out commands; returns the answers."""
    body = {"frames": frames}
    answer = daemon.post(f"{SITE}/commands", body, token=token, Origin=ORIGIN)
    assert answer.status == 200, answer.raw
    return list(answer.json()["frames"])


def say(cid: str, **data: object) -> dict[str, Any]:
    return {"t": "msg.send", "cid": cid, "d": data}


def upload(daemon: Any, token: str, content: bytes, name: bytes = b"a.png") -> Any:
    """Upload a file."""
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    headers = {"Origin": ORIGIN, "Content-Type": "multipart/form-data; boundary=XX"}
    body = head + content + b"\r\n--XX--\r\n"
    return daemon.call("POST", f"{SITE}/upload", body, headers, token=token)


@pytest.fixture(scope="module")
def visit(daemon: Any) -> dict[str, Any]:
    """Somebody who has written."""
    opened = session(daemon)
    said = commands(daemon, opened["connection_token"], say("aaaaaaaa", text="my secret"))
    assert said[0]["t"] == "ack"
    return opened


@pytest.mark.parametrize("origin", STRANGE_ORIGINS)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a_page_of_another_site_gets_nothing_even_with_a_good_token(
    daemon, visit, method, path, origin
):
    more = UPGRADE if path == "socket" else {}
    headers = {"Origin": origin, **more}
    token = visit["connection_token"]
    answer = daemon.call(method, f"{SITE}/{path}", b"{}", headers, token=token)
    answer.assert_refused()
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.head


def test_a_form_of_another_site_is_no_way_in(daemon, visit):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Origin": ORIGIN, "Content-Type": kind}
        for path in ("session", "commands"):
            token = visit["connection_token"]
            daemon.call("POST", f"{SITE}/{path}", b"{}", headers, token=token).assert_refused()


def test_only_the_token_of_a_visit_opens_it(daemon, visit):
    token = visit["connection_token"]
    claims, _, mac = token.partition(".")
    flipped = "A" if claims[5] != "A" else "B"
    for wrong in (
        "",
        "x",
        ".",
        visit["visitor_token"],
        f"{claims}.",
        f"{claims[:5]}{flipped}{claims[6:]}.{mac}",
        token[:-1],
        f"{token}x",
        "\u00ff\u00fe.\u00ff",
        "x" * 7000,
    ):
        answer = daemon.call(
            "GET", f"{SITE}/history", b"", {"Authorization": f"Bearer {wrong}".encode()}
        )
        assert answer.status == 401, wrong
        again = session(daemon, {"visitor_token": wrong}) if wrong else {"visitor": None}
        assert again["visitor"] != visit["visitor"] or wrong == visit["visitor_token"]


def test_a_broken_value_of_a_page_does_not_cost_the_conversation(daemon):
    early, late = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
    page = {"url": "https://shop.example.org/"}
    context = {
        "page": "javascript:alert(1)",
        "title": "a\0b",
        "trail": [{**page, "at": early}, {**page, "at": late}] * 50,
        "visits": 10**30,
        "utm_first": "x",
        "language": 5,
        "custom": {"a": 10**400, "b": [1], "x" * 500: "y" * 5000, "c": float("inf")},
    }
    token = session(daemon, {"context": context})["connection_token"]
    answers = commands(
        daemon,
        token,
        say("bbbbbbbb", text="hello"),
        {"t": "context.update", "cid": "bbbbbbbc", "d": {"context": context}},
    )
    assert [answer["t"] for answer in answers] == ["ack", "ack"]


def test_nobody_attaches_or_reads_what_somebody_else_uploaded(daemon, visit):
    ticket = upload(daemon, visit["connection_token"], PNG).json()["id"]
    other = session(daemon)["connection_token"]
    answers = commands(
        daemon,
        other,
        say("cccccccc", attachments=[ticket]),
        say("cccccccd", attachments=["att_00000000000000000000000000"]),
        {**say("ccccccce", text="mine"), "conversation": visit["visitor"]},
    )
    assert [answer["t"] for answer in answers] == ["error", "error", "ack"]
    history = daemon.call("GET", f"{SITE}/history", token=other)
    assert "my secret" not in history.raw.decode()
    assert "mine" not in daemon.call("GET", f"{SITE}/history", token=visit["connection_token"]).head


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"a\xe2\x80\xaegnp.exe", "agnp.exe"),
        (b"..\\..\\boot.ini", "boot.ini"),
        (b"x" * 300, "x" * 200),
        (b"\xed\xa0\x80.png", "png"),
    ],
)
def test_a_file_is_what_its_bytes_say_and_its_name_is_harmless(daemon, visit, name, kept):
    answer = upload(daemon, visit["connection_token"], PNG, name)
    assert answer.status == 201, answer.raw
    assert answer.json()["name"] == kept
    assert answer.json()["mime"] == "image/png"


def test_programs_are_not_taken(daemon, visit):
    upload(daemon, visit["connection_token"], b"MZ\x90\x00").assert_refused()
    upload(daemon, visit["connection_token"], b"").assert_refused()


def test_junk_frames_are_answered_and_change_nothing(daemon, visit):
    token = visit["connection_token"]
    before = daemon.call("GET", f"{SITE}/history", token=token).json()
    junk = [
        {},
        {"t": 5},
        {"t": "hello", "d": {}},
        {"t": "msg.send"},
        say("../../..", text="x"),
        say("dddddddd", text="\0\0"),
        say("dddddddd", text=5),
        say("dddddddd", text="x" * 20_000),
        say("dddddddd", button="x" * 2000),
        {"t": "rating", "cid": "dddddddd", "d": {"score": 99}},
        {"t": "read", "d": {"ids": ["x"]}},
        {"t": "location", "d": {"latitude": 1e999, "longitude": 0}},
        {"t": "form.submit", "cid": "dddddddd", "d": {"form": "prechat", "fields": {}}},
        {"t": "invite", "d": {"rule": "x", "action": "shown"}},
    ]
    answers = commands(daemon, token, *junk)
    assert [answer["t"] for answer in answers] == ["error"] * len(junk)
    for body in (b"[" * 60_000, b'{"frames":[1]}', b'{"frames":[{"t":"\\ud800"}]}', b"\xff"):
        daemon.post(f"{SITE}/commands", body, token=token, Origin=ORIGIN).assert_refused()
    assert daemon.call("GET", f"{SITE}/history", token=token).json() == before
    assert "my secret" in json.dumps(before)
