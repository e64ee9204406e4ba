"""One customer's story as an operator reads it, and writing first, through the real daemon and commands."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SCOPES = ("messages:send", "messages:read", "events:read", "contacts:write")


def run(daemon: Any, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "omnigate", *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def say(daemon: Any, number: int, text: str) -> None:
    message = {
        "external_id": f"m-{number}",
        "conversation": "anna",
        "sender": {"address": "app:anna", "display_name": "Anna Petrova", "verified": True},
        "text": text,
    }
    status, answer = daemon.request("POST", "/channels/app/messages", [message])
    assert status == 202, answer


def test_a_story_is_read_written_on_and_agreed_to(
    new_daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    daemon = new_daemon().start()
    receiver.answers.behave = lambda delivery: answer(200, b'{"external_id": "out-1"}')
    daemon.allow(*SCOPES)
    say(daemon, 1, "Is the city bike in stock?\x1b[2J")
    say(daemon, 2, "Hello?")
    listed = daemon.get("/v1/contacts?address=app:anna")["items"]
    who = str(listed[0]["id"])
    to = ("--contact", who, "--channel", "app")

    run(daemon, "message", "send", "Yes, it is.", *to)
    until(lambda: receiver.crm.of("message.sent"), "it was sent")
    conversation = daemon.get(f"/v1/conversations?contact={who}")["items"][0]["id"]
    run(daemon, "conversation", "close", conversation)

    shown = run(daemon, "contact", "show", who)
    lines = shown.stdout.splitlines()[shown.stdout.splitlines().index("Timeline") + 2 :]
    assert [line.split(maxsplit=3)[2] for line in lines] == [
        "app",
        "app",
        "app",
        "app",
        "app",
    ]
    assert lines[1].endswith("received  ← Is the city bike in stock?�[2J")
    assert lines[3].endswith("sent      → Yes, it is.")
    assert lines[4].endswith("closed    by api")
    latest = run(daemon, "contact", "show", "app:anna", "--limit", "1")
    assert latest.stdout.endswith("closed  by api\n")
    cursor = latest.stderr.split("--cursor ")[1].strip()
    earlier = run(daemon, "contact", "show", who, "--limit", "1", "--cursor", cursor)
    assert "→ Yes, it is." in earlier.stdout
    first = json.loads(
        run(daemon, "contact", "show", who, "--from-start", "--limit", "1", "--json").stdout
    )
    assert len(first["timeline"]["items"]) == 1

    refused = run(daemon, "contact", "consent", who, "app:anna", "--refused", "--source", "a call")
    assert refused.stdout == "Notices to app:anna: refused.\n"
    told = until(lambda: receiver.crm.of("contact.updated"), "backends hear of it")[-1].json
    assert told["data"]["contact"]["changed"] == ["consents"]
    assert told["contact"]["addresses"][0]["consent"] == "refused"
    assert "refused" in run(daemon, "contact", "show", who).stdout
    notice = ("message", "send", "A sale!", *to, "--purpose", "notice")
    assert "refused to be written to first" in run(daemon, *notice, code=1).stderr
    assert "--granted" in run(daemon, "contact", "consent", who, "app:anna", code=2).stderr
    run(daemon, "contact", "consent", who, "app:anna", "--granted")
    run(daemon, *notice)
    assert "--contact" in run(daemon, "message", "send", "x", "--contact", who, code=2).stderr
