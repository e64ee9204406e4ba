"""S14: JSON that is small on the wire and large in memory, or that parsers read differently.

Every endpoint that takes JSON gets every bomb. Nothing is an error of ours, memory stays where it is,
and others are answered meanwhile.
"""

from __future__ import annotations

import json
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


def said(value: str, name: str = "text") -> str:
    """Return a message of a customer with one value in it, as it is."""
    sender = '"sender":{"address":"app:bomb"}'
    return f'{{"external_id":"bomb","conversation":"bomb",{sender},"{name}":{value}}}'


JSON_BOMBS: dict[str, str] = {
    "depth of lists": "[" * 400_000,
    "depth of lists, closed": "[" * 100_000 + "]" * 100_000,
    "depth of objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "depth within": said("[" * 70 + "]" * 70, "extensions"),
    "depth in a field that nobody knows": said("[" * 1000 + "]" * 1000, "unknown"),
    "width of lists": "[" + "[]," * 250_000 + "[]]",
    "width of objects": "{" + ",".join(f'"{n}":0' for n in range(60_000)) + "}",
    "width within": said(
        "{" + ",".join(f'"k{n}":[{{}}]' for n in range(40_000)) + "}", "extensions"
    ),
    "keys that collide": "{" + ",".join(f'"{n * (2**61 - 1)}":0' for n in range(20_000)) + "}",
    "one key many times": "{" + '"text":"a",' * 60_000 + '"text":"b"}',
    "a number of a million digits": said("9" * 900_000, "extensions"),
    "numbers of many digits": "[" + ",".join(["9" * 4300] * 200) + "]",
    "an exponent": said("1e999999999", "extensions"),
    "exponents": "[" + ",".join(["1e-999999999"] * 50_000) + "]",
    "NaN": said('{"a":NaN}', "extensions"),
    "Infinity": said('{"a":-Infinity}', "extensions"),
    "half a character": said('"\\ud800"'),
    "the other half": said('"\\udc00\\ud83d"'),
    "half a character in a key": said('{"\\udfff":1}', "extensions"),
    "nothing but NUL": said('"\\u0000"'),
    "NUL in a key": said('{"a\\u0000":1}', "extensions"),
    "a bare control character": said('"a\x01b"'),
    "an escape that is none": said('"\\x41"'),
    "bytes that are no text": "\udcff\udcfe",
    "a text of a megabyte": said('"' + "x" * 900_000 + '"'),
    "escapes of a megabyte": said('"' + "\\u0041" * 150_000 + '"'),
    "two documents": said('"a"') + said('"b"'),
    "a comment": said('"a"/*x*/'),
    "a comma too many": said('"a",'),
    "another encoding": said('"a"').encode("utf-16").decode("utf-8", "surrogateescape"),
    "a mark of the byte order": "\ufeff" + said('"a"'),
}
HARMLESS = {
    "one key many times",
    "depth within",
    "width within",
    "an exponent",
    "NaN",
    "Infinity",
    "nothing but NUL",
    "NUL in a key",
    "a text of a megabyte",
    "escapes of a megabyte",
}
"""What an application's or a widget's endpoint may take: it keeps what is good in it, see below."""


@pytest.fixture(scope="module")
def target(daemon: Any) -> Any:
    """A daemon that a visitor of the site has a pass for."""
    return with_visit(daemon)


def taken(daemon: Any, name: str) -> Iterator[str]:
    """Throw one bomb at every endpoint; name what did not refuse it."""
    body = JSON_BOMBS[name].encode("utf-8", "surrogateescape")
    for method, path in (*API, *APPLICATION, *WIDGET):
        answer = daemon.call(method, path, body, proven(path, daemon))
        if not 400 <= answer.status < 500:
            yield f"{path} answers {answer.status}"


@pytest.mark.parametrize("name", JSON_BOMBS)
def test_no_json_is_a_bomb(target: Any, name: str) -> None:
    """S14."""
    with Watchman(target) as watchman:
        found = list(taken(target, name))
    assert [one for one in found if name not in HARMLESS or one.startswith("/v1/")] == []
    assert all("answers 20" in one for one in found)
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 100 * MEGABYTE


def test_what_is_kept_of_a_bomb_is_clean(target: Any, until: Any) -> None:
    """S14: whatever was taken before reaches a CRM as strict JSON that any parser reads."""

    def complain(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert target.say("after the bombs", "after the bombs").status == 202
    until(lambda: "after the bombs" in target.crm.texts, "all that was taken has arrived")
    heard = [one.body.decode() for one in target.crm.heard if one.path == "/crm"]
    for body in heard:
        json.loads(body, parse_constant=complain)
        assert "\\u0000" not in body
        assert "\\ud8" not in body.lower()
        assert len(body) < 4 * MEGABYTE


def test_a_batch_as_large_as_may_be_keeps_nobody_waiting(target: Any) -> None:
    """S14: the sixteen megabytes that only an application may send."""
    bodies = (
        b"[" + b"[]," * 5_000_000 + b"[]]",
        b"[" + b'{"a":[' * 2_000_000,
        b"[{" + b",".join(b'"k%d":0' % number for number in range(1_000_000)) + b"}]",
        b'""' * 8_000_000,
        b'"' + b'\\"' * 8_000_000,
        b'{"text":"' + b"\\u0041" * 2_600_000 + b'"}',
        json.dumps([{"external_id": "x"}] * 1001).encode(),
    )
    path = "/channels/app/messages"
    with Watchman(target) as watchman:
        for body in bodies:
            answer = target.call("POST", path, body, proven(path, target))
            assert 400 <= answer.status < 500, answer.raw[:500]
            assert len(answer.raw) < 64 * 1024
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 150 * MEGABYTE


def test_a_full_batch_of_long_texts_is_taken(target: Any) -> None:
    """The limits are for rubble: a thousand messages full of commas and quotation marks pass."""
    one = {
        "conversation": "full",
        "sender": {"address": "app:full"},
        "text": '"so, [so], {so}" ' * 700,
    }
    batch = [{**one, "external_id": f"full-{number}"} for number in range(1000)]
    path = "/channels/app/messages"
    answer = target.call("POST", path, json.dumps(batch).encode(), proven(path, target))
    assert answer.status == 202, answer.raw[:500]


UNCHECKED = """
from omnigate.server import jsons
jsons.check = lambda content: None
"""


def test_a_missing_look_at_the_json_is_found(new_daemon: Any) -> None:
    """Sabotage twin of S14."""
    broken = with_visit(new_daemon(prelude=UNCHECKED))
    assert broken.say("1", "hello").status == 202
    conversation = broken.get("/v1/conversations")["items"][0]["id"]
    to = f'{{"to":{{"conversation":"{conversation}"}},"text":"x","extensions":'
    for bomb in ('{"a":NaN}}', '{"a":"\\u0000"}}', '{"a":' + "[" * 100 + "]" * 100 + "}}"):
        answer = broken.post("/v1/messages", (to + bomb).encode(), token=broken.token)
        assert answer.status in (202, 422, 500)
        assert answer.status != 400
