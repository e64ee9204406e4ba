"""Bodies that mean harm: refused with a reason, never an error of ours, and nothing of them is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.testing.junk import JUNK

TOKEN = "canary-token-of-the-application"
FILE = {"url": "https://files.example.org/a"}
EARLY, LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
MESSAGE = '{"external_id":"bad","conversation":"c","sender":{"address":"app:c"},"text":"canary",%s}'
REFUSED_MESSAGES = {
    "a time before the calendar": f'"occurred_at":"{EARLY}"',
    "a time after the calendar": f'"occurred_at":"{LATE}"',
    "a page visited before the calendar": f'"context":{{"trail":[{{"url":"x","at":"{EARLY}"}}]}}',
    "a size that no database holds": '"attachments":[{"url":"https://x/","size_bytes":9223372036854775808}]',
    "a size with a hundred digits": f'"attachments":[{{"url":"https://x/","size_bytes":1{"0" * 100}}}]',
    "a width that no database holds": '"attachments":[{"url":"https://x/","width":9223372036854775808}]',
    "a file that lasts for ever": '"attachments":[{"url":"https://x/","duration_seconds":1e999}]',
    "a place that is no number": '"location":{"latitude":NaN,"longitude":1}',
    "an endless inaccuracy": '"location":{"latitude":1,"longitude":1,"accuracy_metres":1e999}',
    "an infinite fact": '"context":{"custom":{"a":1e999}}',
    "a file of this machine": '"attachments":[{"url":"file:///etc/passwd"}]',
    "somebody else's file": '"attachments":[{"id":"att_00000000000000000000000000"}]',
    "a reference of the host's": '"attachments":[{"url":"https://x/","ref":{"a":1}}]',
    "nesting without end": f'"extensions":{"[" * 100_000}',
    "nesting that is too deep": f'"extensions":{{"a":{"[" * 100}{"]" * 100}}}',
    "a number of 5 000 digits": f'"extensions":{{"a":{"9" * 5000}}}',
    "half a character": '"subject":"\\ud800"',
    "a field that is not ours": '"recipient":"x"',
}
REFUSED_ANSWERS = {
    "an end before the calendar": {"expires_at": EARLY},
    "an end after the calendar": {"expires_at": LATE},
    "a script behind a button": {
        "buttons": [[{"label": "x", "kind": "url", "value": "javascript:alert(1)"}]]
    },
    "a script as a picture": {"author": {"avatar_url": "javascript:alert(1)"}},
    "lines in an address": {"author": {"avatar_url": "https://x\r\nX-Evil: 1"}},
    "NUL": {"subject": "a\0b"},
    "a reply to nothing": {"reply_to": "msg_00000000000000000000000000"},
    "a file that is not there": {"attachments": [{"id": "att_00000000000000000000000000"}]},
}


def conversations(daemon: Any) -> list[Any]:
    """Return all there are."""
    listed = daemon.call("GET", "/v1/conversations", token=daemon.token)
    return list(listed.json()["items"])


@pytest.fixture(scope="module")
def conversation(daemon: Any) -> str:
    """A conversation that exists."""
    assert daemon.say("good", "hello").status == 202
    return str(conversations(daemon)[0]["id"])


@pytest.mark.parametrize("fields", REFUSED_MESSAGES.values(), ids=REFUSED_MESSAGES.keys())
def test_a_message_that_cannot_be_kept_is_refused_once_and_for_all(daemon, fields):
    before = len(conversations(daemon))
    answer = daemon.post("/channels/app/messages", (MESSAGE % fields).encode(), token=TOKEN)
    answer.assert_refused()
    assert b"canary" not in answer.body
    assert len(conversations(daemon)) == before


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk[:20]))
@pytest.mark.parametrize("path", ["messages", "receipts", "typing"])
def test_junk_is_refused_by_every_endpoint_of_an_application(daemon, path, junk):
    daemon.post(f"/channels/app/{path}", junk, token=TOKEN).assert_refused()
    assert daemon.post(f"/channels/app/{path}", junk).raw.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("fields", REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS.keys())
def test_an_answer_that_cannot_be_sent_is_refused(daemon, conversation, fields):
    body = {"to": {"conversation": conversation}, "text": "canary", **fields}
    answer = daemon.post("/v1/messages", body, token=daemon.token)
    answer.assert_refused()
    assert b"canary" not in answer.body
    listed = daemon.call("GET", f"/v1/conversations/{conversation}/messages", token=daemon.token)
    assert "canary" not in json.dumps(listed.json())
