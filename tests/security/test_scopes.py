"""Every operation of the API against every token: only the right scope and the right channel open it.

The matrix is made of the table that the API itself is made of, so a new operation is in it at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omnigate.server.app import ADMIN, PUBLIC
from omnigate.server.operations import Operation
from omnigate.store.tokens import SCOPES
from tests.phones.paper import SECTION, install
from tests.security.daemon import SECTIONS, Crm, Daemon

SECURED = [operation for operation in PUBLIC if operation.secured]
FOREIGN = ("https://evil.example", "null", "http://localhost:1", "")
SHARED = "tel:+79160000007"
"""A phone that two customers have."""
NOBODY = "00000000000000000000000000"


def path_of(operation: Operation, known: Mapping[str, str] | None = None) -> str:
    """Return the path with an identifier in it: of something known, or of nothing."""
    resource = operation.path.removeprefix("/v1/").partition("/")[0]
    return re.sub(r"\{[^}]*\}", (known or {}).get(resource, f"cnv_{NOBODY}"), operation.path)


def head(
    daemon: Any, operation: Operation, path: str, token: str | None, **fields: str
) -> tuple[int, str]:
    """Make a call and return status and head of the answer: that of a stream has no end."""
    body = b"{}" if operation.body or operation.raw_body else b""
    given = {
        "Host": f"127.0.0.1:{daemon.port}",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    } | {name.replace("_", "-"): value for name, value in fields.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    received = b""
    with daemon.connect() as stream:
        stream.sendall(f"{operation.method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        while b"\r\n\r\n" not in received and (chunk := stream.recv(65536)):
            received += chunk
    return int(received[9:12]), received.partition(b"\r\n\r\n")[0].decode().lower()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return how a daemon is made that also calls people, with telephones of paper."""
    phones = tmp_path_factory.mktemp("phones")
    (phones / "paper").mkdir()
    sections = SECTIONS + SECTION.format(folder=phones / "paper")
    return {"sections": sections, "environment": {"PYTHONPATH": install(phones)}}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, house: Any) -> Iterator[Daemon]:
    """One daemon for all of the matrix."""
    crm = Crm()
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), crm, **house)
    yield daemon
    daemon.end()
    crm.end()
    assert daemon.errors == []


@pytest.fixture(scope="module")
def known(daemon: Any) -> dict[str, str]:
    """What there is to get at: a message of a conversation with a contact, a file in it, a call …"""
    return things(daemon)


def things(daemon: Any) -> dict[str, str]:
    """Have something of everything that the API lists; return what it is called."""
    file = {"url": "https://files.invalid/a"}
    assert daemon.say("theirs", "canary", attachments=[file]).status == 202
    message = daemon.get("/v1/messages")["items"][0]
    for name in ("anna", "boris"):
        sender = {"address": f"app:{name}", "verified": True, "also": [f"user:{name}"]}
        assert daemon.say(name, "hello", conversation=name, sender=sender).status == 202
    for name in ("anna", "boris"):
        sender = {"address": f"app:{name}", "verified": True, "also": [SHARED]}
        assert daemon.say(f"{name}-2", "me", conversation=name, sender=sender).status == 202
    status, call = daemon.operate("POST", "/v1/calls", {"number": "+79161234567"})
    assert status == 202
    chat = {"conversation": message["conversation"]}
    status, handover = daemon.operate("POST", "/v1/handovers", chat)
    assert status == 201
    return {
        "handovers": handover["id"],
        "calls": call["id"],
        "messages": message["id"],
        "conversations": message["conversation"],
        "contacts": daemon.get(f"/v1/conversations/{message['conversation']}")["contact"]["id"],
        "events": daemon.get("/v1/events")["items"][0]["id"],
        "media": message["attachments"][0]["id"],
    }


def offences_of_scopes(daemon: Any) -> Iterator[str]:
    """Name the operations that a token opens or shuts out wrongly."""
    tokens = {scope: daemon.new_token(scope, scope) for scope in SCOPES}
    all_but = {
        scope: daemon.new_token(scope, *(set(SCOPES) - {scope, "admin"})) for scope in SCOPES
    }
    for operation in SECURED:
        named, path = f"{operation.method} {operation.path}", path_of(operation)
        if head(daemon, operation, path, None)[0] != 401:
            yield f"{named} is open to strangers"
        for scope, token in tokens.items():
            allowed = scope in (operation.scope, "admin")
            if (head(daemon, operation, path, token)[0] not in (401, 403)) != allowed:
                yield f"{named} with {scope}"
        if head(daemon, operation, path, all_but[str(operation.scope)])[0] != 403:
            yield f"{named} with all scopes but {operation.scope}"


def offences_of_channels(daemon: Any, known: Mapping[str, str]) -> Iterator[str]:
    """Name the operations by which a token of one channel gets at things of another."""
    scopes = [scope for scope in SCOPES if scope != "admin"]
    other = daemon.new_token("site", *scopes, channel="site")
    own = daemon.new_token("own", *scopes, channels=["app", "phone"])
    for operation in SECURED:
        path = path_of(operation, known)
        if operation.method == "GET" and "{" not in operation.path and "stream" not in path:
            if listed(daemon.call("GET", path, token=other).json(), "site"):
                yield f"GET {path} lists what is of another channel"
            if not listed(daemon.call("GET", path, token=own).json(), "site"):
                yield f"GET {path} does not list what is of its own channel"
        elif "{" in operation.path:
            status = head(daemon, operation, path, other)[0]
            if status not in (404, 422):
                yield f"{operation.method} {operation.path} answers {status}"
            if operation.method == "GET" and head(daemon, operation, path, own)[0] != 200:
                yield f"GET {operation.path} of its own channel"


def listed(answer: Any, channel: str) -> list[Any]:
    """Return what an answer lists; of figures by channel those of other channels."""
    if "items" in answer:
        return list(answer["items"])
    return [figures for figures in answer["channels"] if figures["channel"] != channel]


def offences_of_pages(daemon: Any) -> Iterator[str]:
    """Name the operations that a page of another site may call with somebody's token."""
    token = daemon.new_token("page", *SCOPES)
    for operation in SECURED:
        named, path = f"{operation.method} {operation.path}", path_of(operation)
        for origin in FOREIGN:
            status, answer = head(daemon, operation, path, token, Origin=origin)
            if status != 403 or "access-control-" in answer:
                yield f"{named} from {origin!r}: {status}"


def test_each_operation_takes_its_own_scope_and_no_other(daemon: Any) -> None:
    """S35."""
    assert len(SECURED) > 10
    assert list(offences_of_scopes(daemon)) == []


def test_a_token_of_one_channel_gets_at_nothing_of_another(daemon: Any, known: Any) -> None:
    """S35."""
    assert list(offences_of_channels(daemon, known)) == []


def test_revoked_and_expired_tokens_open_nothing(daemon: Any, until: Any) -> None:
    """S35."""
    # Not at once: a token that would be over before it is made is refused.
    soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    expired = daemon.new_token("brief", *SCOPES, expires_at=soon)
    revoked = daemon.new_token("gone", *SCOPES)
    listed = daemon.operate("GET", "/admin/tokens")[1]["items"]
    (gone,) = (token["id"] for token in listed if token["name"] == "gone")
    assert daemon.operate("DELETE", f"/admin/tokens/{gone}")[0] == 204
    check = SECURED[0]
    until(lambda: head(daemon, check, path_of(check), expired)[0] == 401, "the token has expired")
    for operation in SECURED:
        for token in (expired, revoked):
            assert head(daemon, operation, path_of(operation), token)[0] == 401, operation.path


def test_the_operators_operations_are_not_on_the_public_listener(daemon: Any, known: Any) -> None:
    """S36."""
    token = daemon.new_token("admin", "admin")
    for operation in ADMIN:
        for path in (path_of(operation), "/v1" + path_of(operation), "//" + path_of(operation)):
            assert head(daemon, operation, path, token)[0] == 404, operation.path


def test_a_page_of_another_site_may_call_nothing(daemon: Any) -> None:
    """S36."""
    assert list(offences_of_pages(daemon)) == []


def test_no_preflight_is_answered_and_no_simple_request_is_taken(daemon: Any) -> None:
    """S36: what a browser sends without asking first changes nothing."""
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for operation in (*PUBLIC, *ADMIN):
        answer = daemon.call("OPTIONS", path_of(operation), b"", asked)
        assert answer.status in (404, 405), operation.path
        assert "access-control-" not in answer.head
    simple = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
    for operation in SECURED:
        if operation.body is not None:
            for kind in simple:
                fields = {"Content-Type": kind}
                path = path_of(operation)
                answer = daemon.call(operation.method, path, b"{}", fields, token=daemon.token)
                assert answer.status == 415, operation.path


def test_a_token_counts_in_its_header_only(daemon: Any) -> None:
    """S36: a browser adds cookies by itself, and addresses end up in logs."""
    token = daemon.token
    for path, fields in (
        (f"/v1/messages?token={token}", {}),
        (f"/v1/messages?access_token={token}", {}),
        ("/v1/messages", {"Cookie": f"token={token}; authorization=Bearer {token}"}),
        ("/v1/messages", {"X-Api-Key": token}),
    ):
        assert daemon.call("GET", path, b"", fields).status == 401


BROKEN = {
    "scopes": "from omnigate.server import auth\nauth.Caller.may = lambda *_: True",
    "channels": "from omnigate.server import auth\nauth.Caller.sees = lambda *_: True",
    "pages": "from omnigate.server import operations\n"
    "operations.Api._refuse_foreign_page = lambda *_: None",
}


def test_each_check_that_is_left_out_is_found(new_daemon: Any, house: Any) -> None:
    """Sabotage twin: one guard missing, and its matrix, no other, names operations."""
    for missing, prelude in BROKEN.items():
        broken = new_daemon(prelude=prelude, **house)
        found = things(broken)
        offences = {
            "scopes": list(offences_of_scopes(broken)),
            "channels": list(offences_of_channels(broken, found)),
            "pages": list(offences_of_pages(broken)),
        }
        assert offences[missing], missing
        if missing != "channels":
            assert not offences["pages" if missing == "scopes" else "scopes"]
