"""S42: whatever stands in a query, it is a value: never a command, never a wish for everything at once."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from omnigate.server.app import ADMIN, PUBLIC
from omnigate.server.operations import Operation

LISTS = [
    operation
    for operation in (*PUBLIC, *ADMIN)
    if operation.query is not None and operation.method == "GET" and "{" not in operation.path
]
COMMANDS = [
    "' OR '1'='1",
    '" OR ""="',
    "'; DROP TABLE event; --",
    "1; ATTACH DATABASE '/tmp/x' AS x",
    "') UNION SELECT token, sha256 FROM token --",
    "%' ESCAPE '%",
    "%",
    "_",
    "\\",
    "x' AND 1=randomblob(1000000000) --",
    "{{7*7}}${7*7}%s%n",
    "\x00",
    "\udcff",
    "🦊" * 200,
    "x" * 7000,
    "../../etc/passwd",
    "<script>alert(1)</script>",
]
NUMBERS = ["-1", "0", "1e9", "0x10", "1000000000", "9" * 40, "9" * 5000, "NaN", "٣"]
PLACES: list[Any] = [
    [],
    [1, 2, 3, 4],
    [-1],
    [2**63],
    [10**400],
    [1.5],
    [True],
    [None],
    ["' OR 1=1 --"],
    [["x"]],
    {"a": 1},
    "x",
    [2**63 - 1, 2**63 - 1],
    ["\x00", "\x00"],
]


def sealed(place: object) -> str:
    """Forge a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def asked(operation: Operation) -> Iterator[tuple[str, str, bool]]:
    """Yield field, value and whether the value can only be refused."""
    fields = operation.query.model_fields if operation.query else {}
    for name in fields:
        for value in COMMANDS:
            yield name, value, name in ("limit", "wait")
        for value in NUMBERS:
            if name in ("limit", "wait"):
                yield name, value, name == "limit" or value != "0"
        if name in ("cursor", "after"):
            for place in PLACES:
                yield name, sealed(place), False
    yield "no_such_field", "1", True


def offences(daemon: Any) -> Iterator[str]:
    """Name the queries that are answered with an error of ours, or with more than was asked for."""
    for operation in LISTS:
        public = operation in PUBLIC
        endless = operation.path.endswith("/stream")
        for name, value, must_be_refused in asked(operation):
            query = f"{name}={quote(value.encode('utf-8', 'surrogateescape'), safe='')}"
            named = f"{operation.path}?{query[:60]}"
            if public:
                if endless and not must_be_refused:
                    continue
                answer = daemon.call("GET", f"{operation.path}?{query}", token=daemon.token)
                status = answer.status
                found = answer.json().get("items", ()) if status == 200 else ()
            else:
                status, body = daemon.operate("GET", f"{operation.path}?{query}")
                found = (body or {}).get("items", ())
            if status not in (200, 400, 404, 414, 422):
                yield f"{named} answers {status}"
            elif must_be_refused and status == 200:
                yield f"{named} is taken"
            elif public and value in COMMANDS and len(found) > 0:
                yield f"{named} finds {len(found)}"


@pytest.fixture(scope="module")
def full(daemon: Any) -> Any:
    """A daemon with something to find."""
    for number in range(3):
        text = f"50% of {number}_x"
        assert daemon.say(f"q{number}", text, conversation=f"c-{number}").status == 202
    return daemon


def test_every_parameter_is_only_ever_a_value(full: Any) -> None:
    before = {path: full.get(path) for path in ("/v1/messages", "/v1/conversations")}
    assert list(offences(full)) == []
    assert {path: full.get(path) for path in before} == before
    assert full.operate("GET", "/admin/store/check")[1] == {"ok": True, "problems": []}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/conversations", "/v1/contacts"])
def test_a_cursor_of_another_caller_shows_nothing_that_is_not_the_callers(
    full: Any, path: str
) -> None:
    """A cursor says where to go on, not what may be seen."""
    cursor = full.get(f"{path}?limit=1")["next"]
    assert cursor is not None
    other = full.new_token("other", "messages:read", "contacts:write", channel="site")
    answer = full.call("GET", f"{path}?cursor={cursor}", token=other)
    assert answer.json()["items"] == []


UNCHECKED = """
from omnigate.server import operations
operations._query = lambda request, operation: (
    operation.query.model_construct(**request.query) if operation.query else None
)
"""


def test_parameters_that_nobody_checks_are_found(new_daemon: Any) -> None:
    """Sabotage twin."""
    broken = new_daemon(prelude=UNCHECKED)
    assert broken.say("1", "x").status == 202
    assert any("answers 500" in offence for offence in offences(broken))
