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
}


@pytest.mark.parametrize("head", CASES.values(), ids=CASES.keys())
def test_what_is_ambiguous_is_refused_and_the_connection_ended(daemon, head):
    answer = daemon.send(POST + head + HIDDEN)
    assert answer.status == 400, answer.raw
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
