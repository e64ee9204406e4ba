"""S15, S16: bodies and forms that would grow: nothing is unpacked, and forms have few lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.watch import (
    API,
    APPLICATION,
    MEGABYTE,
    SLOWEST_SECONDS,
    WIDGET,
    Watchman,
    proven,
    with_visit,
)

SAID = (
    b'{"external_id":"bomb","conversation":"bomb","sender":{"address":"app:bomb"},"text":"small"}'
)


@pytest.fixture(scope="module")
def target(daemon: Any) -> Any:
    """A daemon that a visitor of the site has a pass for."""
    return with_visit(daemon)


# ---- S15 ------------------------------------------------------------------------------------------


def compressed(how: str) -> bytes:
    """Return fifty megabytes of white space and a message, made small."""
    plain = b" " * 50 * MEGABYTE + SAID
    packed = zlib.compress(plain) if how == "deflate" else gzip.compress(plain)
    return gzip.compress(packed) if "," in how else packed


ENCODINGS = ["gzip", "deflate", "x-gzip", "br", "zstd", "gzip, gzip", "identity, gzip", "GZIP"]


def unpacked(daemon: Any, how: str) -> list[str]:
    """Throw a compressed body at every endpoint; name those that took it."""
    body = compressed(how)
    found = []
    for method, path in (*API, *APPLICATION, *WIDGET):
        fields = {**proven(path, daemon), "Content-Encoding": how}
        if not 400 <= daemon.call(method, path, body, fields).status < 500:
            found.append(path)
    return found


@pytest.mark.parametrize("how", ENCODINGS)
def test_nothing_compressed_is_ever_unpacked(target: Any, how: str) -> None:
    """S15."""
    with Watchman(target) as watchman:
        assert unpacked(target, how) == []
    assert watchman.grown_bytes < 25 * MEGABYTE
    assert watchman.longest_seconds < SLOWEST_SECONDS


def test_a_compressed_file_is_kept_as_it_came(target: Any) -> None:
    """S15: never unpacked, not even where any bytes are welcome."""
    body = compressed("gzip")
    fields = {
        **proven("/v1/media", target),
        "Content-Encoding": "gzip",
        "Content-Type": "text/plain",
    }
    with Watchman(target) as watchman:
        answer = target.call("POST", "/v1/media", body, fields)
    assert answer.status == 201
    assert answer.json()["size_bytes"] == len(body)
    assert watchman.grown_bytes < 25 * MEGABYTE


UNPACKING = """
from aiohttp import web_protocol
make = web_protocol.RequestHandler.__init__
def unpacking(self, *args, **options):
    make(self, *args, **{**options, "auto_decompress": True})
web_protocol.RequestHandler.__init__ = unpacking
"""


def test_a_listener_that_unpacks_is_found(new_daemon: Any) -> None:
    """Sabotage twin of S15: the same fifty megabytes are unpacked, and taken or held in memory."""
    broken = with_visit(new_daemon(prelude=UNPACKING))
    with Watchman(broken) as watchman:
        found = unpacked(broken, "gzip")
    small = gzip.compress(SAID)
    fields = {**proven(APPLICATION[0][1], broken), "Content-Encoding": "gzip"}
    status = broken.call("POST", APPLICATION[0][1], small, fields).status
    assert status == 202 or found or watchman.grown_bytes > 25 * MEGABYTE


# ---- S16 ------------------------------------------------------------------------------------------

HEAD = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
END = b"\r\n--B--\r\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
KIND = "multipart/form-data; boundary=B"
FIELD = b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
FORMS: dict[str, tuple[str, bytes]] = {
    "a hundred thousand fields": (KIND, FIELD * 100_000 + HEAD + b"\r\n" + PNG + END),
    "a field with a megabyte of headers": (KIND, b"--B\r\n" + b"X-A: y\r\n" * 130_000 + b"\r\nx" + END),
    "a header of a megabyte": (KIND, HEAD + b"X-A: " + b"y" * MEGABYTE + b"\r\n\r\n" + PNG + END),
    "forms within forms": (
        KIND,
        b"".join(
            b"--B%s\r\nContent-Type: multipart/mixed; boundary=B%d\r\n\r\n"
            % (b"%d" % n if n else b"", n + 1)
            for n in range(500)
        ),
    ),
    "a form within the file": (
        KIND,
        HEAD + b"Content-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n\r\nx\r\n--C--" + END,
    ),
    "a file that is compressed": (
        KIND,
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 30 * MEGABYTE) + END,
    ),
    "a file in base64": (KIND, HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nQUJD" + END),
    "a file in quoted-printable": (
        KIND,
        HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=41" + END,
    ),
    "an encoding that nobody knows": (
        KIND,
        HEAD + b"Content-Transfer-Encoding: x-bomb\r\n\r\nx" + END,
    ),
    "no end": (KIND, HEAD + b"\r\n" + PNG),
    "no boundary": ("multipart/form-data", HEAD + b"\r\n" + PNG + END),
    "an empty boundary": ('multipart/form-data; boundary=""', HEAD + b"\r\n" + PNG + END),
    "a boundary of a thousand": (f"multipart/form-data; boundary={'B' * 1000}", b"--" + b"B" * 1000),
    "a boundary of odd signs": ("multipart/form-data; boundary=a\tb", b"--a\tb\r\n\r\n"),
    "another boundary": ("multipart/form-data; boundary=C", HEAD + b"\r\n" + PNG + END),
    "nothing but boundaries": (KIND, b"--B\r\n" * 200_000),
    "a preamble without end": (KIND, b"x" * 4 * MEGABYTE),
    "a preamble of lines": (KIND, b"\r\n" * 2 * MEGABYTE),
    "a line that never ends": (KIND, b"--B\r\nContent-Disposition: " + b"x" * 4 * MEGABYTE),
    "an epilogue": (KIND, b"--B--\r\n" + b"x" * MEGABYTE),
}  # fmt: skip
UPLOADS = [("POST", "/v1/media"), ("POST", "/channels/site/upload")]


def uploaded(daemon: Any, name: str) -> Iterator[str]:
    """Throw a form at every endpoint that takes files; name what did not refuse it."""
    kind, body = FORMS[name]
    for method, path in UPLOADS:
        answer = daemon.call(method, path, body, {**proven(path, daemon), "Content-Type": kind})
        if not 400 <= answer.status < 500:
            yield f"{path} answers {answer.status}"


@pytest.mark.parametrize("name", FORMS)
def test_no_form_is_a_bomb(target: Any, name: str) -> None:
    """S16."""
    with Watchman(target) as watchman:
        assert list(uploaded(target, name)) == []
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 30 * MEGABYTE


@pytest.mark.parametrize("length", [b"1_0", b"99999999", b"-1", b"1"])
def test_a_length_within_a_form_is_not_believed(target: Any, length: bytes) -> None:
    """S16. Source: RFC 7578 section 4.8."""
    body = HEAD + b"Content-Length: " + length + b"\r\n\r\n" + PNG + END
    for method, path in UPLOADS:
        fields = {**proven(path, target), "Content-Type": KIND}
        answer = target.call(method, path, body, fields)
        assert answer.status == 201
        assert answer.json()["size_bytes"] == len(PNG)


def test_a_form_that_nobody_looks_at_is_found(new_daemon: Any) -> None:
    """Sabotage twin of S16."""
    broken = with_visit(
        new_daemon(prelude="from omnigate.server import files\nfiles._plain = lambda part: part")
    )
    assert next(uploaded(broken, "a file in base64")).startswith("/v1/media")
