"""``omnigate quarantine`` through the real command line against a real daemon."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = '''
"""A channel whose platform says more with every version."""

from datetime import UTC, datetime

import omnigate


class Callback(omnigate.Payload):
    """What the platform posts."""

    id: str
    {field}: str


class Gate(omnigate.WebhookChannel):
    """Understand what this version knows of."""

    kind = "gate"
    summary = "For tests."
    capabilities = omnigate.Capabilities()

    def authenticate(self, request: omnigate.Request) -> None:
        if request.headers.get("X-Token") != "let me in":
            raise omnigate.Unauthorized("X-Token is missing or wrong")

    def parse(self, request: omnigate.Request):
        callback = request.json(Callback)
        if callback.{field} == "boom":
            raise RuntimeError("a mistake of the plugin's")
        assert "x-token" not in request.headers or request.remote, "secrets are not kept"
        return [
            omnigate.InboundMessage(
                external_id=callback.id,
                conversation="c-1",
                occurred_at=datetime.fromtimestamp(request.received_at_seconds, UTC),
                sender=omnigate.Profile(address="app:anna"),
                text=callback.{field},
            )
        ]

    async def send(self, part):
        raise omnigate.Refused("no_way_back", "this channel only takes messages in")


@omnigate.hookimpl
def omnigate_channels():
    return [Gate]
'''


class Plugin:
    """A distribution of its own, found by its entry point; its code can be exchanged."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        about = directory / "omnigate_gate-1.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: omnigate-gate\nVersion: 1\n")
        (about / "entry_points.txt").write_text("[omnigate]\ngate = omnigate_gate\n")

    def understands(self, field: str) -> None:
        """Write the version that reads what was said from this field."""
        (self.directory / "omnigate_gate.py").write_text(PLUGIN.replace("{field}", field))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    plugin = Plugin(tmp_path / "plugin")
    plugin.understands("text")
    known = os.environ.get("PYTHONPATH")
    places = [str(plugin.directory), *([known] if known else [])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # versions change within a second
    return plugin


@pytest.fixture
def gated(operator: Callable[..., Any], plugin: Plugin) -> Any:
    """Somebody beside a daemon with that channel."""
    return operator(site_more='\n[channels.gate]\nkind = "gate"\n')


def post(daemon: Any, body: bytes, token: str = "let me in") -> int:
    """Be the platform; returns the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    try:
        connection.request("POST", "/channels/gate/hook", body, {"X-Token": token, "Date": "now"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_what_a_newer_version_understands_is_taken_in_once(
    gated: Any, plugin: Plugin, receiver: Any, until: Any
) -> None:
    omnigate = gated
    assert post(omnigate.daemon, b'{"id": "1", "text": "hello"}') == 200
    assert post(omnigate.daemon, b'{"id": "2", "words": "nobody knew this"}') == 200
    assert post(omnigate.daemon, b'{"id": "3", "words": "forged"}', token="no") == 401
    (kept,) = omnigate.json("quarantine", "list")["items"]
    assert (kept["channel"], kept["size_bytes"]) == ("gate", 40)
    listed = omnigate("quarantine", "list", "--channel", "gate")
    assert "text: is missing" in listed.out
    shown = omnigate("quarantine", "show", str(kept["id"]))
    assert shown.code == 0, shown.err
    assert '{"id": "2", "words": "nobody knew this"}' in shown.out
    assert "POST /hook" in shown.out
    assert "let me in" not in shown.out, "secrets are not kept"

    still = omnigate("quarantine", "retry", str(kept["id"]))
    assert still.code == 1, "it is not understood by this version"
    assert "text: is missing" in still.err
    assert len(omnigate.json("quarantine", "list")["items"]) == 1

    plugin.understands("words")
    omnigate.daemon.stop()
    omnigate.daemon.start()
    done = omnigate("quarantine", "retry", "--channel", "gate")
    assert (done.code, done.out) == (0, "Taken in: 1 request.\n")
    told = [json.loads(line) for line in omnigate.daemon.log().splitlines()]
    assert [
        (line["count"], line["refused"], line["selection"])
        for line in told
        if line["event"] == "quarantine tried again"
    ] == [(0, 1, {"ids": str(kept["id"])}), (1, 0, {"channel": "gate"})]
    until(lambda: "nobody knew this" in receiver.crm.texts(), "the backend has it")
    assert omnigate.json("quarantine", "list")["items"] == []
    assert post(omnigate.daemon, b'{"id": "2", "words": "nobody knew this"}') == 200
    assert post(omnigate.daemon, b'{"id": "4", "words": "after"}') == 200
    until(lambda: "after" in receiver.crm.texts(), "what came after is there")
    assert receiver.crm.texts().count("nobody knew this") == 1, (
        "the platform repeats itself in vain"
    )


def test_the_reason_is_that_of_the_last_try(gated: Any, plugin: Plugin) -> None:
    omnigate = gated
    assert post(omnigate.daemon, b'{"id": "1", "words": "boom"}') == 200
    assert post(omnigate.daemon, b"\xff\x00 not text") == 200
    plugin.understands("words")
    omnigate.daemon.stop()
    omnigate.daemon.start()
    result = omnigate("quarantine", "retry", "--all")
    assert result.code == 1
    first, second = reversed(omnigate.json("quarantine", "list")["items"])
    assert first["reason"] == "parse raised RuntimeError"
    assert "words" not in second["reason"]
    assert "ff 00 20 6e 6f 74" in omnigate("quarantine", "show", str(second["id"])).out
    # What the plugin raised is in the log, once; the daemon itself goes on.
    path = omnigate.daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace('[channels.gate]\nkind = "gate"\n', ""))
    assert omnigate("reload").code == 0
    gone = omnigate("quarantine", "retry", "--all")
    assert gone.code == 1
    assert "channel gate is not there" in gone.err
    assert len(omnigate.json("quarantine", "list")["items"]) == 2, "they stay"
    log = omnigate.daemon.folder / "log"
    assert log.read_text().count("a mistake of the plugin's") >= 1
    log.write_text(log.read_text().replace("Traceback", "(the plugin's own)"))


def test_without_a_daemon_the_quarantine_can_be_seen_and_emptied_but_not_retried(
    gated: Any,
) -> None:
    omnigate = gated
    for number in range(3):
        assert post(omnigate.daemon, b"junk %d" % number) == 200
    omnigate.daemon.stop()
    counted = omnigate("quarantine", "drop", "--channel", "gate", "--dry-run")
    assert counted.out == "3 requests would be dropped.\n"
    oldest, *_ = reversed(omnigate.json("quarantine", "list")["items"])
    assert "junk 0" in omnigate("quarantine", "show", str(oldest["id"])).out
    retried = omnigate("quarantine", "retry", "--all")
    assert retried.code == 1
    assert "not running" in retried.err
    assert "Only the daemon has the channels" in retried.err
    assert omnigate("quarantine", "drop", str(oldest["id"])).out == "Dropped 1 request.\n"
    unasked = omnigate("quarantine", "drop", "--all")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    assert omnigate.json("quarantine", "drop", "--all", "--yes") == {"count": 2, "refused": []}
    empty = omnigate("quarantine", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "The quarantine is empty." in empty.err
