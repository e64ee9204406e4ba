"""S39: a receiver that answers with harm: the event counts as delivered, the harm goes nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.daemon import SECRET, SECTIONS, Said
from tests.security.watch import MEGABYTE, SLOWEST_SECONDS, Watchman

NOBODY = "00000000000000000000000000"


def one(**fields: object) -> bytes:
    """Return an answer with one message that has more in it than text."""
    return json.dumps({"messages": [{"text": "canary", **fields}]}).encode()


REFUSED: dict[str, bytes] = {
    "broken JSON": b'{"messages":',
    "nesting": b'{"messages":' + b"[" * 60_000,
    "more than 64 KiB": b'{"messages":[{"text":"' + b"canary" * 12_000 + b'"}]}',
    "half a character": b'{"messages":[{"text":"canary\\ud800"}]}',
    "nothing but NUL": b'{"messages":[{"text":"\\u0000"}]}',
    "eleven messages": json.dumps({"messages": [{"text": "canary"}] * 11}).encode(),
    "thousands of messages": json.dumps({"messages": [{"text": "c"}] * 4000}).encode(),
    "messages that are none": b'{"messages":"canary"}',
    "messages in an object": b'{"messages":{"0":{"text":"canary"}}}',
    "text that is a number": one(text=5),
    "text that is a list": one(text=["canary"]),
    "no text": b'{"messages":[{"text":"  \\n "}]}',
    "a message within a message": b'{"messages":[{"messages":[{"text":"canary"}]}]}',
    "a script behind a button": one(
        buttons=[[{"label": "x", "kind": "url", "value": "javascript:alert(1)"}]]
    ),
    "a script in capitals": one(
        buttons=[[{"label": "x", "kind": "url", "value": "JaVaScRiPt:alert(1)//https://x"}]]
    ),
    "data behind a button": one(
        buttons=[[{"label": "x", "kind": "url", "value": "data:text/html,x"}]]
    ),
    "a button of a kind that is none": one(
        buttons=[[{"label": "x", "kind": "exec", "value": "x"}]]
    ),
    "a thousand buttons": one(buttons=[[{"label": "x"}] * 20] * 50),
    "a script as a picture": one(author={"avatar_url": "javascript:alert(1)"}),
    "a file of this machine": one(attachments=[{"url": "file:///etc/passwd"}]),
    "a file that is not there": one(attachments=[{"id": f"att_{NOBODY}"}]),
    "eleven files": one(attachments=[{"url": "https://x.invalid/"}] * 11),
    "an end before the calendar": one(expires_at="0001-01-01T00:00:00+14:00"),
    "an end that is past": one(expires_at="2020-01-01T00:00:00Z"),
    "a reply to nothing": one(reply_to=f"msg_{NOBODY}"),
    "another conversation": one(to={"conversation": f"cnv_{NOBODY}"}),
    "another channel": one(to={"channel": "site", "address": "webchat:x"}),
    "a field that is not ours": one(sender="admin", direction="inbound", id=f"msg_{NOBODY}"),
    "extensions that are no object": one(extensions=[1]),
    "no JSON at all": b'\xff\xfe"messages"',
    "a page": b'<html>"messages"</html>',
}


def outbound(daemon: Any) -> list[dict[str, Any]]:
    return list(daemon.get("/v1/messages?direction=outbound&limit=200")["items"])


def deliver(daemon: Any, until: Any, name: str, said: bytes) -> None:
    """Have the receiver answer like this once; returns when the conversation has gone on."""
    name = name.replace(" ", "-")
    daemon.crm.says.append(said)
    assert daemon.say(name, f"about {name}", conversation=f"c-{name}").status == 202
    until(lambda: not daemon.crm.says, "the answer is given")
    # What comes after it in the same conversation shows that the delivery has been settled.
    assert daemon.say(f"{name}-2", f"after {name}", conversation=f"c-{name}").status == 202
    until(lambda: f"after {name}" in daemon.crm.texts, "the conversation goes on")
    assert daemon.crm.texts.count(f"about {name}") == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_harmful_answer_sends_nothing_and_costs_no_event(
    daemon: Any, until: Any, name: str
) -> None:
    before = len(outbound(daemon))
    deliver(daemon, until, name, REFUSED[name])
    assert len(outbound(daemon)) == before


def test_a_good_answer_goes_to_its_own_conversation(daemon: Any, until: Any) -> None:
    """The proof that the tests above can fail; and control characters reach an application as data."""
    text = "canary \x1b[31m\u202e<script>alert(1)</script>\r\nX-Evil: 1"
    before = {said["id"] for said in outbound(daemon)}
    deliver(daemon, until, "good", one(text=text))
    (sent,) = [said for said in outbound(daemon) if said["id"] not in before]
    assert sent["text"] == text
    until(lambda: any(heard.path == "/answers" for heard in daemon.crm.heard), "it is sent")
    (posted,) = [heard for heard in daemon.crm.heard if heard.path == "/answers"]
    assert json.loads(posted.body)["conversation"] == "c-good"
    assert json.loads(posted.body)["text"] == text
    assert "X-Evil" not in posted.headers


# ---- how an answer comes --------------------------------------------------------------------------

HEADS: dict[str, Said] = {
    "a hundred megabytes": Said(200, b"x" * 100 * MEGABYTE),
    "an error of megabytes": Said(500, b"x" * 20 * MEGABYTE),
    "a header of a megabyte": Said(200, b"", {"X-A": "x" * MEGABYTE}),
    "a thousand headers": Said(200, b"", {f"X-{number}": "x" * 50 for number in range(1000)}),
    "something compressed": Said(200, b"\x1f\x8b" + b"x" * 1000, {"Content-Encoding": "gzip"}),
    "compressed as nobody can": Said(200, b"x", {"Content-Encoding": "br, zstd"}),
    "cookies": Said(200, b"", {"Set-Cookie": "a=b; Domain=example.org"}),
    "an upgrade": Said(101, b"", {"Upgrade": "h2c", "Connection": "Upgrade"}),
    "a status that is none": Said(999, b"x"),
    "a wait for ever": Said(503, b"", {"Retry-After": "9" * 60}),
    "a wait in the past": Said(503, b"", {"Retry-After": "-1"}),
    "a wait that is none": Said(429, b"", {"Retry-After": "\u0661"}),
    "half a length": Said(200, b"", {"Content-Length": "5"}),
    "a type that is none": Said(200, b'{"messages":[]}', {"Content-Type": "\x01/\x02"}),
}


def backends() -> str:
    """Return a configuration with a receiver for each way of answering, beside the honest one."""
    made = "".join(
        f'[backends.h{number}]\nkind = "webhook"\nsecret = "{SECRET}"\ntimeout_seconds = 3\n'
        f'url = "http://127.0.0.1:{{crm}}/h{number}"\nallow_private = ["127.0.0.0/8"]\n'
        for number in range(len(HEADS))
    )
    names = ", ".join(f'"h{number}"' for number in range(len(HEADS)))
    return SECTIONS.replace('backends = ["crm"]', f'backends = ["crm", {names}]') + made


def test_no_way_of_answering_harms_anything(new_daemon: Any, until: Any) -> None:
    """Memory stays where it is, others are served, and every receiver is judged by its answer."""
    daemon = new_daemon(sections=backends())
    answers = {f"/h{number}": said for number, said in enumerate(HEADS.values())}
    daemon.crm.behave = lambda heard: answers.get(heard.path, Said())

    def are_judged() -> bool:
        found = daemon.operate("GET", "/admin/status")[1]["destinations"]
        backends = [one for one in found if one["direction"] == "backend"]
        return all(one["last_error"] or one["last_success_at"] for one in backends)

    with Watchman(daemon) as watchman:
        assert daemon.say("1", "hello").status == 202
        until(are_judged, "each receiver has been judged")
    until(lambda: "hello" in daemon.crm.texts, "whoever answers well has heard it")
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 80 * MEGABYTE
    assert all("Cookie" not in heard.headers for heard in daemon.crm.heard)
    assert len(outbound(daemon)) == 0


UNCHECKED = """
import json
import omnigate, omnigate_webhook
class Anything:
    @staticmethod
    def model_validate_json(body):
        said = [omnigate.Content(text=one["text"]) for one in json.loads(body)["messages"]]
        return omnigate.Reply.model_construct(messages=said)
omnigate_webhook.Answer = Anything
"""


def test_a_backend_that_checks_nothing_is_found(new_daemon: Any, until: Any) -> None:
    """Sabotage twin."""
    broken = new_daemon(prelude=UNCHECKED)
    broken.crm.says.append(REFUSED["another conversation"])
    assert broken.say("1", "hello").status == 202
    until(lambda: len(outbound(broken)) > 0, "what should have been refused is sent")
