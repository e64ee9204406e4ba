"""A plugin that blocks the event loop is named, and does no harm beyond the time that it takes."""

from __future__ import annotations

import json
from typing import Any

SLEEPY = """
import time
import omnigate_http
takes = omnigate_http.Http._messages
async def sleeps(self, request):
    body = await request.read()
    if b"sleep" in body:
        time.sleep(2.5)
    return await takes(self, request)
omnigate_http.Http._messages = sleeps
"""


def lines(daemon: Any, logger: str) -> list[dict[str, Any]]:
    found = (json.loads(line) for line in daemon.log().splitlines() if line.startswith("{"))
    return [line for line in found if logger in line["event"]]


def test_a_plugin_that_blocks_the_loop_is_named_with_the_place(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = new_daemon().start(SLEEPY)
    daemon.say("awake")
    assert lines(daemon, "stands still") == []
    daemon.say("sleep")
    until(lambda: lines(daemon, "goes on"), "it is over")
    (accused,) = lines(daemon, "stands still")
    assert accused["plugin"] == "channel app"
    assert "<string>:8" in accused["where"][0], "the line of the sleep"
    assert lines(daemon, "goes on")[0]["stood_seconds"] >= 2
    daemon.say("awake again")
    until(lambda: len(set(receiver.crm.texts())) == 3, "all has come")
