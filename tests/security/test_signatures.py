"""Signed requests at the door of a real daemon: forged, changed, stale, caught and played again."""

from __future__ import annotations

import base64
import json
import random
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from omnigate.signing import Signer
from tests.security.daemon import SECRET

PATHS = ("messages", "receipts", "typing")
FIELDS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def message(external_id: str) -> bytes:
    said = {"external_id": external_id, "conversation": "c-1", "sender": {"address": "app:c-1"}}
    return json.dumps({**said, "text": f"signed {external_id}"}).encode()


def signed(body: bytes, *, ago: float = 0, webhook_id: str = "req_1") -> dict[str, str]:
    """Sign as an application does that uses the official library."""
    moment = datetime.fromtimestamp(int(time.time() - ago), UTC)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(webhook_id, moment, body.decode()),
    }


def post(daemon: Any, body: bytes, headers: Mapping[str, str | bytes]) -> int:
    return int(daemon.call("POST", "/channels/app/messages", body, headers).status)


def stored(daemon: Any) -> int:
    return len(daemon.get("/v1/messages?direction=inbound&limit=200")["items"])


def test_what_the_official_library_signs_is_taken_and_what_is_delivered_it_verifies(
    daemon: Any, until: Any
) -> None:
    """S6."""
    body = message("official")
    assert post(daemon, body, signed(body)) == 202
    until(lambda: "signed official" in daemon.crm.texts, "the event is delivered")
    heard = [one for one in daemon.crm.heard if one.path == "/crm"]
    for one in heard:
        headers = {name.lower(): value for name, value in one.headers.items()}
        assert Webhook(SECRET).verify(one.body, headers) == json.loads(one.body)


# ---- S7 -------------------------------------------------------------------------------------------


def odd_values(chance: random.Random, good: str) -> Iterator[bytes]:
    """Yield what may stand in a header and is not what should stand there."""
    place = chance.randrange(len(good))
    signs = bytes(sign for sign in range(0x21, 0x100) if sign != 0x7F)
    yield b""
    yield good[:place].encode()
    yield good[place:].encode()
    yield good.encode() * 20
    yield good[:place].encode() + bytes(chance.choices(signs, k=3)) + good[place:].encode()
    yield bytes(chance.choices(signs, k=chance.randrange(1, 300)))
    yield "\u00e9\u0416\U0001f98a".encode()
    yield b"\xed\xa0\x80\xff\xfe"
    yield b"v1," * 500
    yield b" ".join([b"v1,AAAA"] * 500)
    yield b"v1,=== v1, v2,x ,"
    yield b"9" * 4000
    yield b"-1"
    yield b"1e9"
    yield "١٧٠٠٠٠٠٠٠٠".encode()
    yield b"nan"


def forgeries(seed: int) -> Iterator[dict[str, str | bytes]]:
    """Yield headers that prove nothing."""
    chance = random.Random(seed)
    body = message("forged")
    good = signed(body)
    yield {}
    for name in FIELDS:
        yield {other: value for other, value in good.items() if other != name}
    for _ in range(3):
        for name in FIELDS:
            for value in odd_values(chance, good[name]):
                if value.strip() != good[name].encode():
                    yield {**good, name: value}
        values = list(good.values())
        chance.shuffle(values)
        if values != list(good.values()):
            yield dict(zip(FIELDS, values, strict=True))


def answers(daemon: Any, seed: int) -> dict[int, int]:
    """Send all forgeries; return how often each status came back."""
    statuses: dict[int, int] = {}
    body = message("forged")
    for headers in forgeries(seed):
        # Anything after the good one in a list would be a good signature in bad company.
        status = post(daemon, body, headers)
        statuses[status] = statuses.get(status, 0) + 1
    return statuses


def test_no_forged_header_is_an_error_of_ours_and_none_is_taken(daemon: Any) -> None:
    """S7."""
    seed = random.randrange(2**32)
    print("seed", seed)
    before = stored(daemon)
    statuses = answers(daemon, seed)
    assert set(statuses) == {401}
    assert statuses[401] > 100
    assert stored(daemon) == before


NAIVE = """
import hmac
from omnigate import signing
def verify(self, headers, body, now, tolerance_seconds=300.0):
    given = headers["webhook-signature"]
    expected = self.sign(headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    if not hmac.compare_digest(given, expected):
        raise signing.Unauthorized("no")
    return headers["webhook-id"]
signing.Signer.verify = verify
signing.Signer.check_headers = lambda *_: ("", "")
"""


def test_who_verifies_as_one_writes_it_first_is_found(new_daemon: Any) -> None:
    """Sabotage twin of S7: text that is not ASCII, a header that is missing, a time that is none."""
    broken = new_daemon(prelude=NAIVE)
    assert answers(broken, 1).get(500, 0) > 5


# ---- S8, S13 --------------------------------------------------------------------------------------


def stale_and_taken(daemon: Any) -> list[float]:
    """Return the ages in seconds at which a good signature is still taken."""
    taken: list[float] = []
    for number, ago in enumerate((400, 3600, 86400 * 365, -400, -86400)):
        body = message(f"stale-{number}")
        if post(daemon, body, signed(body, ago=ago)) != 401:
            taken.append(ago)
    return taken


def changed_and_taken(daemon: Any) -> list[str]:
    """Change a signed request in one place; return where that was not noticed."""
    body = message("changed")
    headers = signed(body)
    bodies = [
        body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        for place in range(0, len(body), 7)
    ]
    bodies += [body + b" ", body[:-1], b" " + body, b"[" + body + b"]", b""]
    later = str(int(headers["webhook-timestamp"]) + 1)
    moved = {"webhook-id": "req_1.1", "webhook-timestamp": headers["webhook-timestamp"][1:]}
    changes = [{"webhook-timestamp": later}, {"webhook-id": "req_2"}, moved]
    return [
        *(repr(other) for other in bodies if post(daemon, other, headers) != 401),
        *(repr(change) for change in changes if post(daemon, body, {**headers, **change}) != 401),
    ]


def test_a_caught_request_is_of_no_use_later(daemon: Any) -> None:
    """S8."""
    assert stale_and_taken(daemon) == []


def test_a_request_played_again_at_once_says_nothing_new(daemon: Any) -> None:
    """S8: within the tolerance it proves itself again, and its message is known."""
    body = message("again")
    headers = signed(body)
    assert post(daemon, body, headers) == 202
    before = stored(daemon)
    for _ in range(3):
        again = daemon.call("POST", "/channels/app/messages", body, headers)
        assert again.json() == {"accepted": 0, "duplicates": 1}
    assert stored(daemon) == before


@pytest.mark.parametrize("path", PATHS)
def test_a_signature_for_another_secret_opens_nothing(daemon: Any, path: str) -> None:
    other = "whsec_" + base64.b64encode(b"another secret of 32 bytes, fine").decode()
    body = message("other")
    headers = Signer([other]).headers("req_1", int(time.time()), body)
    assert daemon.call("POST", f"/channels/app/{path}", body, headers).status == 401


def test_what_was_changed_after_signing_is_refused(daemon: Any) -> None:
    """S13."""
    assert changed_and_taken(daemon) == []


TIMELESS = "from omnigate import signing\nsigning.Signer.check_headers.__defaults__ = (1e12,)\n"
TIMELESS += "signing.Signer.verify.__defaults__ = (1e12,)"
BODILESS = """
from omnigate import signing
verify = signing.Signer.verify
signing.Signer.verify = lambda self, headers, body, now: self.check_headers(headers, now)
"""


def test_who_checks_no_clock_and_who_checks_no_body_is_found(new_daemon: Any) -> None:
    """Sabotage twins of S8 and S13."""
    timeless = new_daemon(prelude=TIMELESS)
    assert len(stale_and_taken(timeless)) == 5
    assert changed_and_taken(timeless) == []
    bodiless = new_daemon(prelude=BODILESS)
    assert len(changed_and_taken(bodiless)) > 10
    assert stale_and_taken(bodiless) == []


# ---- before the body ------------------------------------------------------------------------------


def unread_bytes(daemon: Any, headers: Mapping[str, str]) -> int:
    """Begin a request of 15 MB; return how much of it could be sent before it was refused."""
    fields = {"Host": "x", "Content-Type": "application/json", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    size = 15_000_000
    start = f"POST /channels/app/messages HTTP/1.1\r\n{head}Content-Length: {size}\r\n\r\n"
    with daemon.connect() as stream:
        stream.sendall(start.encode())
        stream.settimeout(1.0)
        with suppress(TimeoutError):
            return 0 if stream.recv(65536).startswith(b"HTTP/1.1 401") else size
        stream.settimeout(10.0)
        sent = 0
        with suppress(OSError, socket.timeout):
            while sent < size:
                sent += stream.send(b"x" * 65536)
    return sent


def test_a_stranger_is_turned_away_before_the_body_is_read(daemon: Any) -> None:
    stale = {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, stale):
        assert unread_bytes(daemon, headers) == 0, headers
    assert unread_bytes(daemon, signed(message("large"))) > 0
