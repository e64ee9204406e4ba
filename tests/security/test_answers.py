"""A receiver of webhooks that answers with harm: the event counts as delivered, the harm goes nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

TOKEN = "canary-token-of-the-application"
CASES = {
    "broken JSON": b'{"messages":',
    "nesting": b'{"messages":' + b"[" * 60_000,
    "more than 64 KiB": b'{"messages":[{"text":"' + b"canary" * 12_000 + b'"}]}',
    "half a character": b'{"messages":[{"text":"canary\\ud800"}]}',
    "nothing but NUL": b'{"messages":[{"text":"\\u0000"}]}',
    "eleven messages": json.dumps({"messages": [{"text": "canary"}] * 11}).encode(),
}
MESSAGES: dict[str, dict[str, Any]] = {
    "a script behind a button": {
        "buttons": [[{"label": "x", "kind": "url", "value": "javascript:alert(1)"}]]
    },
    "a script as a picture": {"author": {"avatar_url": "javascript:alert(1)"}},
    "an end before the calendar": {"expires_at": "0001-01-01T00:00:00+14:00"},
    "an end that is past": {"expires_at": "2020-01-01T00:00:00Z"},
    "a reply to nothing": {"reply_to": "msg_00000000000000000000000000"},
    "a file that is not there": {"attachments": [{"id": "att_00000000000000000000000000"}]},
    "another conversation": {"to": {"conversation": "cnv_00000000000000000000000000"}},
}
for what, fields in MESSAGES.items():
    CASES[what] = json.dumps({"messages": [{"text": "canary", **fields}]}).encode()


@pytest.mark.parametrize("said", CASES.values(), ids=CASES.keys())
def test_a_harmful_answer_sends_nothing_and_costs_no_event(daemon, until, said, request):
    name = request.node.callspec.id.replace(" ", "-")
    daemon.crm.says.append(said)
    assert daemon.say(name, f"about {name}", conversation=f"c-{name}").status == 202
    until(lambda: f"about {name}" in daemon.crm.texts, "the event has arrived")
    until(lambda: not daemon.crm.says, "the answer is given")
    # What comes after it in the same conversation shows that the delivery has been settled.
    assert daemon.say(f"{name}-2", f"after {name}", conversation=f"c-{name}").status == 202
    until(lambda: f"after {name}" in daemon.crm.texts, "the conversation goes on")
    assert daemon.crm.texts.count(f"about {name}") == 1
    listed = daemon.call("GET", "/v1/messages?direction=outbound", token=daemon.token).json()
    assert listed["items"] == []
