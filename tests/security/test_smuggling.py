"""Requests that two servers could read differently: nothing hidden in one is ever carried out."""

from __future__ import annotations

import json

import pytest

TOKEN = "canary-token-of-the-application"
FIELDS = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n".encode()
HIDDEN_BODY = json.dumps(
    {
        "external_id": "hidden",
        "conversation": "hidden",
        "sender": {"address": "app:hidden"},
        "text": "hidden",
    }
).encode()
POST = b"POST /channels/app/messages HTTP/1.1\r\n" + FIELDS
HIDDEN = POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN_BODY) + HIDDEN_BODY
CASES = {
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
    "two encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a tab that is none": b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with underscores": b"Content-Length: 1_0\r\n\r\n0123456789",
    "a length with a sign": b"Content-Length: +2\r\n\r\n{}",
    "a line that ends with LF": b"X: y\nContent-Length: 2\r\n\r\n{}",
    "a line that ends with CR": b"X: y\rContent-Length: 2\r\n\r\n{}",
    "a folded line": b"X: y\r\n Content-Length: 2\r\n\r\n{}",
    "a negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a chunk size of another notation": b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunks that end with LF": b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
    "endless trailers": b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
    "chunks within chunks": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks that are not last": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunks in quotes": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a bell before the chunks": b"Transfer-Encoding: \x07chunked\r\n\r\n0\r\n\r\n",
    "an empty encoding": b"Transfer-Encoding: \r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "a length in hexadecimal": b"Content-Length: 0x2\r\n\r\n{}",
    "a length of other digits": "Content-Length: ٢\r\n\r\n{}".encode(),
    "a length of many digits": b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "an empty length": b"Content-Length: \r\n\r\n{}",
    "NUL in a name": b"Content\x00-Length: 2\r\n\r\n{}",
    "a header without a name": b": 2\r\n\r\n{}",
    "a header without a colon": b"Content-Length\r\n\r\n{}",
    "a chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with an underscore": b"Transfer-Encoding: chunked\r\n\r\n0_2\r\n{}\r\n0\r\n\r\n",
    "a chunk size that overflows": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n{}",
    "a chunk extension with a line": b"Transfer-Encoding: chunked\r\n\r\n2;a=\n\r\n{}\r\n0\r\n\r\n",
    "a trailer that is a line": b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n\r\n",
}


def is_refused(answer) -> bool:
    """Tell whether a request was refused as such: nobody looked what its body says."""
    return answer.status == 400 and b"not JSON" not in answer.raw


@pytest.mark.parametrize("head", CASES.values(), ids=CASES.keys())
def test_what_is_ambiguous_is_refused_and_the_connection_ended(daemon, head):
    answer = daemon.send(POST + head + HIDDEN)
    assert is_refused(answer), answer.raw
    assert b" 202 " not in answer.raw
    listed = daemon.call("GET", "/v1/messages", token=daemon.token)
    assert listed.json()["items"] == []


@pytest.mark.parametrize("path", ["/nope", "/healthz", "/v1/messages"])
def test_a_body_that_nobody_reads_is_no_request(daemon, path):
    method = b"POST" if path == "/v1/messages" else b"GET"
    head = method + b" " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n"
    daemon.send(head + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN)
    listed = daemon.call("GET", "/v1/messages", token=daemon.token)
    assert listed.json()["items"] == []


def test_what_is_hidden_would_have_been_understood(daemon):
    """The proof that the tests above can fail."""
    assert daemon.send(HIDDEN).status == 202


@pytest.mark.parametrize(
    "start",
    [
        b"POST /channels/app/messages HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
        b"POST /channels/app/messages HTTP/2.0\r\nContent-Length: 0\r\n",
        b"POST  /channels/app/messages  HTTP/1.1\r\nContent-Length: 0\r\n",
        b"POST /channels/app/messages\r\nContent-Length: 0\r\n",
        b"POST /channels/app/messages HTTP/1.1 \r\nContent-Length: 0\r\n",
        b"PO\x0bST /channels/app/messages HTTP/1.1\r\nContent-Length: 0\r\n",
        b"POST /channels/app/messages\x00 HTTP/1.1\r\nContent-Length: 0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
    ],
)
def test_a_first_line_that_is_none_carries_nothing(daemon, start):
    listed = "/v1/messages?limit=200"
    before = daemon.call("GET", listed, token=daemon.token).json()
    answer = daemon.send(start + FIELDS + b"\r\n" + HIDDEN.replace(b"hidden", b"first-line"))
    assert answer.raw == b"" or 400 <= answer.status < 500, answer.raw
    assert daemon.call("GET", listed, token=daemon.token).json() == before


def test_chunks_with_extensions_and_trailers_are_one_body(daemon):
    """What the standard allows is understood: only the honest request comes of it (RFC 9112 section 7.1)."""
    body = HIDDEN_BODY.replace(b"hidden", b"chunked")
    chunks = b'%x;a=b;c="d"\r\n%b\r\n0\r\nX-Trailer: y\r\n\r\n' % (len(body), body)
    head = b"Transfer-Encoding: chunked\r\n\r\n"
    answer = daemon.send(POST + head + chunks)
    assert (answer.status, answer.raw.count(b"HTTP/1.1 ")) == (202, 1)
    said = [one["text"] for one in daemon.get("/v1/messages")["items"]]
    assert "chunked" in said


def understood(daemon) -> int:
    """Return how many ambiguous requests are answered with anything but a refusal."""
    return sum(not is_refused(daemon.send(POST + head + HIDDEN)) for head in CASES.values())


LENIENT = """
from aiohttp import web_protocol, http_parser
class Lenient(http_parser.HttpRequestParserPy):
    def parse_headers(self, lines):
        headers, raw, close, encoding, upgrade, chunked = super().parse_headers(
            [line for line in lines if not line.lower().startswith((b"transfer-encoding", b"x: y"))]
        )
        return headers, raw, close, encoding, upgrade, chunked
web_protocol.HttpRequestParser = Lenient
"""


def test_a_parser_that_overlooks_a_header_is_found(new_daemon):
    """Sabotage twin: with a parser that overlooks a Transfer-Encoding they come through."""
    assert understood(new_daemon(prelude=LENIENT)) > 1
