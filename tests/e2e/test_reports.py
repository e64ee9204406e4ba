"""What the gateway reports on itself: to whom, about what, how often. The daemon is a real process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.e2e.scraping import scrape

OPERATIONAL = ("channel.", "destination.", "delivery.")
SUBSCRIBED = 'events = ["channel.*", "destination.*", "delivery.*"]'
EVERYTHING = "import omnigate.model.event as event; event.OPERATIONAL = frozenset()"
AWAY = """
import asyncio, pathlib
import omnigate, omnigate_http
from omnigate.flow import channel_alerts, supervisor
supervisor.FIRST_PAUSE_SECONDS = supervisor.LONGEST_PAUSE_SECONDS = 0.05
supervisor.PROVEN_SECONDS = 1.0
channel_alerts.HOLD_SECONDS = 0.2
async def run(self):
    if not pathlib.Path({flag!r}).exists():
        raise omnigate.NotReady("the platform is away")
    await asyncio.Event().wait()
omnigate_http.Http.run = run
"""


def reports(endpoint: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return what an endpoint was told about the gateway, repetitions left out."""
    seen = {
        one.id: (one.json["type"], one.json["data"])
        for one in list(endpoint.deliveries)
        if one.json["type"].startswith(OPERATIONAL)
    }
    return list(seen.values())


def kinds(endpoint: Any) -> list[str]:
    return [kind for kind, _ in reports(endpoint)]


def with_operators(new_daemon: Any, receiver: Any, **more: str) -> Any:
    """Return a daemon with a backend for operators and one that takes everything that is said."""
    return new_daemon(
        schedule="[0.05]",
        more_backends={"ops": f'url = "{receiver.url}/ops"\n{SUBSCRIBED}', **more},
    )


def test_a_destination_that_fails_is_reported_to_those_who_asked_but_never_to_itself(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    broken = receiver.at("broken")
    keys = f'url = "{receiver.url}/broken"\nevents = ["*", "destination.*", "delivery.*"]'
    daemon = with_operators(new_daemon, receiver, broken=keys).start()
    broken.behave = lambda one: answer(503)
    for number in range(8):
        daemon.say(f"m-{number}", f"c-{number}")
    ops = receiver.at("ops")
    until(lambda: kinds(ops) == ["destination.failing"], "operators are told")
    ((_, told),) = reports(ops)
    assert (told["destination"]["direction"], told["destination"]["name"]) == ("backend", "broken")
    assert told["destination"]["failures"] >= 4
    assert "503" in told["destination"]["error"]

    daemon.stop()
    daemon.start()
    daemon.say("later", "c-later")
    until(lambda: "later" in receiver.crm.texts(), "the daemon goes on")
    assert kinds(ops) == ["destination.failing"], "a restart repeats nothing"

    broken.behave = lambda one: answer()
    daemon.omnigate("backend", "test", "broken")
    until(lambda: kinds(ops) == ["destination.failing", "destination.recovered"], "and of the end")
    owed = {*(f"m-{number}" for number in range(8)), "later"}
    until(lambda: owed <= set(broken.texts()), "what was owed has come")
    until(lambda: daemon.status("broken")["pending"] == 0, "nothing else is owed")
    assert kinds(broken) == [], "its own failure is not its own business"
    assert kinds(receiver.crm) == [], "everything does not mean the gateway's own affairs"


def test_a_dead_letter_is_reported_but_never_a_report_that_died(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = with_operators(new_daemon, receiver).start()
    ops = receiver.at("ops")
    receiver.crm.behave = lambda one: answer(422 if one.text == "poison" else 204)
    ops.behave = lambda one: answer(422)
    daemon.say("poison")
    until(lambda: kinds(ops) == ["delivery.dead"], "operators are told")
    ((_, told),) = reports(ops)
    dead = told["delivery"]
    assert (dead["direction"], dead["destination"]) == ("backend", "crm")
    assert (dead["reason"], dead["attempts"]) == ("attempts", 5)
    assert "422" in dead["error"]
    until(lambda: daemon.status("ops")["dead"] == 1, "the report is set aside too")
    until(lambda: daemon.status("ops")["pending"] == 0, "and nothing comes of that")
    assert kinds(ops) == ["delivery.dead"]
    assert kinds(receiver.crm) == []
    assert scrape(daemon).value("omnigate_events_total", type="delivery.dead") == 1


def test_a_daemon_whose_everything_includes_its_own_affairs_is_found_out(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    """The sabotage twin of what is said about ``"*"``."""
    keys = f'url = "{receiver.url}/all"'
    daemon = with_operators(new_daemon, receiver, all=keys).start(EVERYTHING)
    receiver.crm.behave = lambda one: answer(422 if one.text == "poison" else 204)
    daemon.say("poison")
    until(lambda: kinds(receiver.at("all")) == ["delivery.dead"], "it tells who did not ask")


def test_a_channel_that_is_away_is_reported_once_and_once_that_it_is_back(
    receiver: Any, new_daemon: Any, until: Any, tmp_path: Path
) -> None:
    flag = tmp_path / "platform-is-up"
    daemon = with_operators(new_daemon, receiver).start(AWAY.format(flag=str(flag)))
    ops = receiver.at("ops")
    until(lambda: kinds(ops) == ["channel.down"], "operators are told")
    ((_, told),) = reports(ops)
    assert told["channel"] == {
        "name": "app",
        "kind": "http",
        "state": "down",
        "message": "the platform is away",
    }
    shown = json.loads(daemon.omnigate("status", "--json"))["channels"]
    assert {one["name"]: one["state"] for one in shown} == {"app": "down", "site": "up"}
    daemon.say("still taken in")
    until(lambda: receiver.crm.texts(), "the channel's other work goes on")
    flag.touch()
    until(lambda: kinds(ops) == ["channel.down", "channel.up"], "it is back")
    assert kinds(receiver.crm) == []


def test_operators_read_on_their_terminal_what_the_gateway_reports_of_itself(
    receiver: Any, new_daemon: Any, answer: Any, until: Any, tmp_path: Path
) -> None:
    flag = tmp_path / "platform-is-up"
    daemon = new_daemon(schedule="[0.05]").start(AWAY.format(flag=str(flag)))
    receiver.crm.behave = lambda one: answer(422 if one.text == "poison" else 204)
    daemon.say("poison")
    until(lambda: daemon.status("crm")["dead"] == 1, "it is given up")
    receiver.crm.behave = lambda one: answer(503)
    for number in range(5):
        daemon.say(f"m-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["state"] == "open", "the breaker is open")
    until(lambda: "channel.down" in daemon.omnigate("events", "tail", "--no-follow"), "it is told")

    told = daemon.omnigate("events", "tail", "--no-follow")
    for wanted in (
        r"delivery\.dead +backend crm  evt_\w+ is dead: attempts: .*422",
        r"destination\.failing +backend crm  failing, 4 failures since 20.*Z: .*503",
        r"channel\.down +channel app  down: the platform is away",
    ):
        assert re.search(rf"^20\S+ \S+Z  {wanted}", told, re.MULTILINE), told
    only = daemon.omnigate("events", "tail", "--no-follow", "--type", "destination.*")
    (line,) = only.splitlines()
    assert line in told
