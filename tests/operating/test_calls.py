"""Calls as operators and CRMs have them: the real command line, a real daemon, telephones of paper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.commandline import Result
from tests.e2e.daemon import Daemon
from tests.e2e.deadline import wait_until
from tests.e2e.scraping import scrape
from tests.operating.conftest import Operator
from tests.phones.paper import add_section, dialled, install

NUMBER = "+79161234567"


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    return tmp_path / "paper"


@pytest.fixture
def office(
    new_daemon: Callable[..., Daemon],
    omnigate: Callable[..., Result],
    tmp_path: Path,
    paper: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Operator:
    """A daemon with telephones, and somebody beside it."""
    (tmp_path / "plugin").mkdir()
    monkeypatch.setenv("PYTHONPATH", install(tmp_path / "plugin"))
    daemon = new_daemon()
    add_section(daemon.folder / "omnigate.toml", paper)
    return Operator(daemon.start(), omnigate)


def say(office: Operator, call: dict[str, Any], state: str | None, **more: Any) -> None:
    """Be the platform that tells a step of the first attempt."""
    seconds = more.pop("seconds", 0)
    at = datetime.fromisoformat(call["requested_at"]) + timedelta(seconds=seconds)
    step = {
        "external_id": f"{call['id']}-{state}-{seconds}",
        "conversation": call["customer"],
        "occurred_at": at.isoformat(),
        "call": call["id"],
        "attempt": 1,
        "state": state,
        **more,
    }
    status, _ = office.daemon.request("POST", "/channels/phone/steps", [step])
    assert status == 200


def talk(office: Operator, call: dict[str, Any]) -> None:
    """Have both answer and talk for a minute."""
    say(office, call, "agent_ringing", seconds=1)
    say(office, call, "agent_answered", seconds=3)
    say(office, call, "customer_ringing", seconds=4)
    say(office, call, "customer_answered", seconds=9)
    say(office, call, "bridged", seconds=9)
    say(office, call, "completed", seconds=69, leg="customer", cause=16)


def state(office: Operator, call: dict[str, Any]) -> str:
    return str(office.json("call", "show", call["id"])["state"])


def take_back(office: Operator, call: dict[str, Any]) -> None:
    """Take back a call under way: by the answer it may have ended, or be about to."""
    said = office("call", "cancel", call["id"]).out.removeprefix(f"{call['id']} is ")
    assert said == "cancelled.\n" or said.endswith("; it is being ended.\n")


def rung(office: Operator, paper: Path, call: dict[str, Any]) -> None:
    wait_until(lambda: dialled(paper)[call["id"], 1] == 1, "it is dialled")
    wait_until(lambda: state(office, call) != "requested", "that is known")


def test_an_operator_has_a_customer_called_and_follows_it(office: Operator, paper: Path) -> None:
    said = office("call", "request", NUMBER, "--agent", "sales", "--note", "asks about bikes")
    assert said.code == 0, said.err
    assert said.out.startswith(f"phone calls {NUMBER} now. Follow it: omnigate call show cal_")
    call = office.json("call", "show", said.out.split()[-1])
    rung(office, paper, call)
    talk(office, call)
    shown = office("call", "show", call["id"]).out
    for words in ("completed", "sales", "asks about bikes", "operator", "5 s", "1 min", "agent"):
        assert words in shown
    listed = office("call", "list").out.splitlines()
    assert listed[0].split()[:4] == ["ID", "CHANNEL", "CUSTOMER", "STATE"]
    assert listed[1].split()[:4] == [call["id"], "phone", NUMBER, "completed"]
    crm = office.daemon.receiver.crm
    kinds = ["requested", "ringing", "answered", "ringing", "answered", "ended"]
    wait_until(lambda: crm.of("call.ended"), "the CRM knows")
    told = [one.json for one in crm.deliveries if one.json["type"].startswith("call.")]
    assert [one["type"] for one in told] == [f"call.{kind}" for kind in kinds]
    assert told[-1]["data"]["call"]["talk_seconds"] == 60.0
    assert [one["sequence"] for one in told] == list(range(2, 8))
    began = next(one.json for one in crm.deliveries if one.json["type"] == "conversation.started")
    arrived = [one.json["id"] for one in crm.deliveries]
    assert arrived.index(began["id"]) < arrived.index(told[0]["id"])
    assert began["id"] < told[0]["id"], "whoever sorts by id sees the same order"


def test_a_call_for_later_waits_and_can_be_taken_back(office: Operator, paper: Path) -> None:
    said = office("call", "request", NUMBER, "--at", "2h")
    assert f"phone calls {NUMBER} in 1 h 59 min" in said.out or "in 2 h" in said.out
    call = office.json("call", "list")["items"][0]
    assert "calls on phone 0 in progress, 1 waiting" in " ".join(office("status").out.split())
    assert (
        office("call", "cancel", call["id"]).out == f"Cancelled {call['id']}: nobody is called.\n"
    )
    again = office("call", "cancel", call["id"])
    assert (again.code, "has ended" in again.err) == (1, True)
    assert dialled(paper) == {}


def test_a_call_under_way_is_hung_up(office: Operator, paper: Path) -> None:
    call = office.json("call", "request", NUMBER)
    rung(office, paper, call)
    say(office, call, "customer_ringing")
    take_back(office, call)
    wait_until(lambda: state(office, call) == "cancelled", "it is ended")
    shown = " ".join(office("call", "show", call["id"]).out.split())
    assert "state cancelled taken back yes" in shown


def test_a_call_goes_on_while_its_channel_is_paused_and_can_be_ended(
    office: Operator, paper: Path
) -> None:
    call = office.json("call", "request", NUMBER)
    rung(office, paper, call)
    assert "A call that has begun goes on to its end" in office("channel", "pause", "phone").err
    assert office("call", "request", "+79161234568").code == 1
    say(office, call, "customer_ringing")
    assert state(office, call) == "customer_ringing"
    office.daemon.stop()
    office.daemon.start()
    assert hears(office), "it is followed after a restart, too, from its first moment"
    say(office, call, "customer_answered", seconds=5)
    take_back(office, call)
    wait_until(lambda: state(office, call) == "cancelled", "it is ended")
    wait_until(lambda: not hears(office), "its channel is at rest")
    assert office.json("channel", "show", "phone")["state"] == "paused"


def hears(office: Operator) -> bool:
    """Tell whether the channel that calls people takes in what its platform tells."""
    return bool(office.daemon.request("POST", "/channels/phone/steps", [])[0] == 200)


def test_a_channel_is_drained_once_its_calls_have_ended(office: Operator, paper: Path) -> None:
    call = office.json("call", "request", NUMBER)
    rung(office, paper, call)
    drained = office("channel", "drain", "phone", "--no-wait")
    assert "only then is phone drained" in drained.err
    talk(office, call)
    wait_until(
        lambda: office.json("channel", "show", "phone")["state"] == "paused", "it is drained"
    )
    assert state(office, call) == "completed"


def test_what_may_have_been_dialled_is_held_until_somebody_decides(
    office: Operator, paper: Path
) -> None:
    (paper / "lost").touch()
    (paper / "mute").touch()
    call = office.json("call", "request", NUMBER)
    wait_until(lambda: state(office, call) == "unknown", "it is held")
    assert "1 UNKNOWN (see: omnigate call list --state unknown)" in office("status").out
    (listed,) = office.json("call", "list", "--state", "unknown")["items"]
    assert listed["id"] == call["id"]
    assert office("call", "resolve", call["id"]).code == 2
    (paper / "lost").unlink()
    assert office("call", "resolve", call["id"], "--again").code == 0
    wait_until(lambda: dialled(paper)[call["id"], 2] == 1, "it is tried again")
    assert office("call", "resolve", call["id"], "--failed").code == 1
    assert f"omnigate call resolve {call['id']}" in office.daemon.log()


def test_whom_to_call_is_said_in_one_way(office: Operator) -> None:
    assert office("call", "request").code == 2
    assert (
        office("call", "request", NUMBER, "--contact", "ctc_06f9cz3n8e5k1t7v2m4r0s9h6c").code == 2
    )
    nonsense = office("call", "request", "911; rm -rf")
    assert (nonsense.code, "no number that can be called" in nonsense.err) == (1, True)
    often = office("call", "request", "+79160000000")
    assert (often.code, "too often" in often.err) == (1, True)
    assert office("call", "request", NUMBER, "--channel", "app").code == 1
    assert office("call", "request", NUMBER, "--at", "tomorrow").code == 2
    assert office("call", "show", "msg_06f9cz3n8e5k1t7v2m4r0s9h6c").code == 2
    assert office.json("call", "list")["items"] == []


def test_a_customer_who_answers_is_the_one_who_wrote(office: Operator, paper: Path) -> None:
    daemon = office.daemon
    daemon.say("Please call me", "anna")
    (chat,) = office.json("conversation", "list")["items"]
    call = office.json("call", "request", NUMBER, "--conversation", chat["id"])
    rung(office, paper, call)
    talk(office, call)
    crm = daemon.receiver.crm
    wait_until(lambda: crm.of("contact.merged"), "they are one")
    contacts = {item["contact"]["id"] for item in office.json("conversation", "list")["items"]}
    assert len(contacts) == 1
    context = office.json("conversation", "show", call["conversation"])["context"]["handover"]
    assert context["proven"]
    assert [said["text"] for said in context["messages"]] == ["Please call me"]
    again = office.json("call", "request", "--contact", contacts.pop())
    assert again["customer"] == NUMBER


def test_a_recording_is_fetched_and_served(office: Operator, paper: Path) -> None:
    call = office.json("call", "request", NUMBER)
    rung(office, paper, call)
    talk(office, call)
    recording = {"kind": "audio", "mime": "audio/wav", "ref": {"name": "r-1"}}
    say(office, call, None, seconds=80, recording=recording)
    crm = office.daemon.receiver.crm
    wait_until(lambda: crm.of("call.recorded"), "the CRM knows")

    def ready() -> Any:
        shown = office.json("call", "show", call["id"])["recording"]
        return shown if shown["state"] == "ready" else None

    shown = wait_until(ready, "it is fetched")
    address = f"{office.daemon.address}/media/{shown['url'].partition('/media/')[2]}"
    with urlopen(address, timeout=10) as answer:
        assert answer.read().startswith(b"RIFF")


def test_metrics_tell_how_calls_end_and_what_waits(office: Operator, paper: Path) -> None:
    call = office.json("call", "request", NUMBER)
    office.json("call", "request", "+79161234568", "--at", "1h")
    rung(office, paper, call)
    talk(office, call)
    scraped = scrape(office.daemon)
    assert scraped.value("omnigate_calls_ended_total", channel="phone", state="completed") == 1
    assert scraped.value("omnigate_calls_open", channel="phone", state="waiting") == 1


def test_a_restart_goes_on_with_what_waits(office: Operator, paper: Path) -> None:
    # As a delay: a moment might be past before the command looks at it.
    call = office.json("call", "request", NUMBER, "--at", "3s")
    office.daemon.stop()
    assert office("call", "list").out.count(call["id"]) == 1, "the store alone knows it too"
    office.daemon.start()
    rung(office, paper, call)
    assert sum(dialled(paper).values()) == 1
