"""S45: a person is erased, and nothing of what was said is found anywhere in the store's directory."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from omnigate_sms import segments

from tests.e2e.bots import rows
from tests.e2e.forked import Ended, Forked
from tests.e2e.phones import ANNA, Phones, give
from tests.e2e.phones import LONG as LONG_TEXT
from tests.e2e.test_call_provider import new_exchange
from tests.plugins.call.providers.lines import CUSTOMER

__all__ = ["new_exchange"]  # a fixture

NAME = "Zanna-cAnary7"
OTHER = "Borya-stays8"
CANARIES = (
    NAME,
    "tel+cAnary7",
    "said-cAnary7",
    "answered-cAnary7",
    "file-cAnary7",
    "refused-cAnary7",
    "context-cAnary7",
)
FILE = b"file-cAnary7 " * 50
LONG = "x" * 3000
"""Makes rows overflow their page, as long messages do."""


def run(forked: Forked, daemon: Any, *arguments: str, code: int = 0) -> Ended:
    done = forked.run(daemon.folder, *arguments)
    assert done.code == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def found(folder: Path, canaries: tuple[str, ...] = CANARIES) -> list[str]:
    """Return where in the store's directory something personal stands: database, log and files."""
    places = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in ("omnigate.toml", "log"):
            continue
        content = path.read_bytes()
        places += [f"{path.name}: {one}" for one in canaries if one.encode() in content]
        places += [f"{path.name}: {one}, in its name" for one in canaries if one in path.name]
    return places


def say(daemon: Any, *numbers: int, who: str = "cAnary7", **more: Any) -> None:
    messages = [
        {
            "external_id": f"m-{who[:2]}-{number}",
            "conversation": f"tel+{who}",
            "sender": {
                "address": f"app:tel+{who}",
                "display_name": NAME if who == "cAnary7" else OTHER,
            },
            "text": f"said-{who} {number} {LONG}",
            **more,
        }
        for number in numbers
    ]
    status, answer = daemon.request("POST", "/channels/app/messages", messages)
    assert status == 202, answer


def contact(daemon: Any, who: str = "cAnary7") -> str:
    listed = daemon.get(f"/v1/contacts?address=app:tel%2B{who}")["items"]
    return str(listed[0]["id"])


def live_a_little(daemon: Any, receiver: Any, answer: Any, until: Callable[..., Any]) -> str:
    """Have a person write, be answered, send a file, be refused by the CRM; return the contact."""
    receiver.crm.behave = lambda delivery: (
        answer(422, b"refused-cAnary7 " + str(delivery.text).encode())
        if "poison" in str(delivery.text)
        else answer()
    )
    receiver.answers.behave = lambda delivery: (
        answer(400, b"refused-cAnary7")
        if "bad" in str(delivery.json.get("text"))
        else answer(200, b'{"external_id": "out-1"}')
    )
    for number in range(0, 30, 10):
        page = f"https://shop.example/context-cAnary7/{number}"
        say(daemon, *range(number, number + 10), context={"page": page})
        say(daemon, *range(number, number + 10), who="stays8")
    say(daemon, 30, text="poison said-cAnary7")
    who = contact(daemon)
    conversation = daemon.get(f"/v1/conversations?contact={who}")["items"][0]["id"]
    file = upload(daemon)
    daemon.send(
        {"conversation": conversation}, "answered-cAnary7", key="k-1", attachments=[{"id": file}]
    )
    daemon.send({"conversation": conversation}, "bad answered-cAnary7")
    until(lambda: receiver.crm.of("message.failed"), "a message was refused")
    return who


def upload(daemon: Any) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    headers = {"authorization": f"Bearer {daemon.token}", "content-type": "text/plain"}
    try:
        connection.request("POST", "/v1/media?name=file-cAnary7.txt", FILE, headers)
        answered = connection.getresponse()
        assert answered.status == 201
        return str(json.loads(answered.read())["id"])
    finally:
        connection.close()


def test_after_an_erasure_nothing_that_was_said_is_anywhere(
    new_daemon: Any, receiver: Any, answer: Any, until: Any, tmp_path: Path, forked: Forked
) -> None:
    """Told first, erased then, and somebody new afterwards; history has no holes."""
    daemon = new_daemon(schedule="[0.2]").start()
    daemon.allow("messages:send", "messages:read", "events:read", "contacts:write", "media")
    who = live_a_little(daemon, receiver, answer, until)
    assert {place.split(": ")[1] for place in found(daemon.folder)} >= set(CANARIES)
    conversation = daemon.get(f"/v1/conversations?contact={who}")["items"][0]["id"]
    history = daemon.get("/v1/events?limit=200")["items"]
    check_export(forked, daemon, who, tmp_path / "zanna.json", tmp_path / "files")

    told = run(forked, daemon, "contact", "erase", who, "--yes", "--reason", "asked for")
    assert f"Erased {who}: 33 messages" in told.stdout
    unknown = "ctc_" + "0" * 26
    assert (
        "no such contact"
        in run(forked, daemon, "contact", "erase", unknown, "--yes", code=1).stderr
    )
    assert "neither" in run(forked, daemon, "contact", "erase", "zanna", "--yes", code=2).stderr
    assert found(daemon.folder) == []
    assert found(daemon.folder, ("said-stays8", OTHER))

    erased = until(lambda: receiver.crm.of("contact.erased"), "backends hear of it")[0].json
    assert erased["data"]["contact"]["id"] == erased["contact"]["id"] == who
    assert erased["data"]["contact"]["reason"] == "asked for"
    assert erased["contact"]["addresses"] == []
    kept = [(one["id"], one["type"], one["sequence"]) for one in history]
    later = daemon.get("/v1/events?limit=200")["items"]
    assert [(one["id"], one["type"], one["sequence"]) for one in later][: len(kept)] == kept
    assert json.loads(run(forked, daemon, "db", "check", "--json").stdout)["ok"]

    left = run(forked, daemon, "contact", "export", who).stdout
    assert not [canary for canary in CANARIES if canary in left]
    check_that_only_somebody_new_is_there(daemon, who, conversation)


def check_export(forked: Forked, daemon: Any, who: str, target: Path, files: Path) -> None:
    run(forked, daemon, "contact", "export", who, "--output", str(target), "--files", str(files))
    assert target.stat().st_mode & 0o077 == 0
    known = json.loads(target.read_text())
    assert [one["id"] for one in known["contacts"]] == [who]
    assert [one["address"] for one in known["addresses"]] == ["app:tel+cAnary7"]
    assert [one["external_id"] for one in known["conversations"]] == ["tel+cAnary7"]
    sequences = [one["sequence"] for one in known["events"] if one["sequence"] is not None]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(known["messages"]) == 33
    assert {"answered-cAnary7", "bad answered-cAnary7"} <= {
        one["text"] for one in known["messages"]
    }
    assert [one["name"] for one in known["files"]] == ["file-cAnary7.txt"]
    (saved,) = files.iterdir()
    assert saved.read_bytes() == FILE
    assert saved.stat().st_mode & 0o077 == 0
    assert "stays8" not in target.read_text()


def check_that_only_somebody_new_is_there(daemon: Any, who: str, conversation: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"display_name": "x"}), ("DELETE", None)):
        status, _ = daemon.request(method, f"/v1/contacts/{who}", body, token=daemon.token)
        assert status == 410
    message = {"to": {"conversation": conversation}, "text": "still there?"}
    status, _ = daemon.request("POST", "/v1/messages", message, token=daemon.token)
    assert status == 410
    say(daemon, 100)
    assert contact(daemon) != who
    (fresh,) = daemon.get(f"/v1/conversations?contact={contact(daemon)}")["items"]
    assert fresh["id"] != conversation
    assert fresh["last_sequence"] == 2


def test_what_is_still_owed_about_an_erased_person_never_goes_out(
    new_daemon: Any, receiver: Any, until: Any, forked: Forked
) -> None:
    """Erased without a daemon, while the CRM was down; what others said goes out when it is back."""
    receiver.down()
    daemon = new_daemon(schedule="[0.5]").start()
    say(daemon, *range(230))
    say(daemon, 1, who="stays8")
    who = contact(daemon)
    daemon.stop()
    refused = {
        (who,): (2, "Add --yes"),
        ("app:nobody", "--yes"): (1, "Nobody is known"),
    }
    for arguments, (code, words) in refused.items():
        assert words in run(forked, daemon, "contact", "erase", *arguments, code=code).stderr
    told = run(forked, daemon, "contact", "erase", "app:tel+cAnary7", "--yes", "--json")
    assert "The daemon is not running" in told.stderr
    assert json.loads(told.stdout)["cancelled"] == 231
    assert found(daemon.folder) == []
    assert "erased already" in run(forked, daemon, "contact", "erase", who, "--yes", code=1).stderr
    assert json.loads(run(forked, daemon, "db", "check", "--json").stdout)["ok"]
    receiver.up()
    daemon.start()
    until(lambda: "said-stays8" in str(receiver.crm.texts()), "others are served")
    assert "cAnary7" not in str(receiver.crm.deliveries)


def test_an_erasure_killed_before_any_commit_leaves_nothing_when_asked_for_again(
    new_daemon: Any, receiver: Any, answer: Any, until: Any, tmp_path: Path, forked: Forked
) -> None:
    """Killed with what it removed from the disk gone and its turn not committed, at every turn."""
    daemon = new_daemon(schedule="[0.2]").start()
    daemon.allow("messages:send", "messages:read", "events:read", "contacts:write", "media")
    who = live_a_little(daemon, receiver, answer, until)
    daemon.stop()
    assert set(CANARIES) <= {place.split(": ")[1] for place in found(daemon.folder)}
    for turn in count(1):
        folder = tmp_path / f"turn-{turn}"
        shutil.copytree(daemon.folder, folder)
        if erase(forked, folder, who, f"commit:{turn}=kill") == 0:
            break
        assert erase(forked, folder, who) == 0
        assert found(folder) == [], f"killed at turn {turn}"
    assert turn > 6, "every step is a turn at least"


def erase(forked: Forked, folder: Path, who: str, failpoint: str = "") -> int:
    """Erase without a daemon; return the exit code, which must be that of a kill if it is not 0."""
    done = forked.run(folder, "contact", "erase", who, "--yes", failpoint=failpoint)
    assert done.code in (0, -signal.SIGKILL), done.stderr
    return done.code


def test_a_call_is_ended_after_its_customer_was_erased_and_the_daemon_killed(
    new_exchange: Any, until: Any, forked: Forked
) -> None:
    """By what the provider calls it, which is kept until then, and no longer."""
    line = new_exchange("novofon")
    provider, daemon = line.provider, line.daemon

    def releases() -> list[Any]:
        return [one for one in provider.asked if (one.json or {}).get("method") == "release.call"]

    provider.script = lambda asked: "silence" if asked in releases() else None
    call = line.ask()
    until(lambda: line.shown(call)["provider_ids"], "the provider has it")
    (session,) = line.shown(call)["provider_ids"].values()
    run(forked, daemon, "contact", "erase", f"tel:{CUSTOMER}", "--yes")
    assert line.shown(call)["customer"] == ""
    until(releases, "it is to be ended")
    daemon.kill()
    provider.script = None
    before = len(releases())
    daemon.start()
    until(lambda: line.shown(call)["state"] == "cancelled", "it is ended")
    assert [str(one.json["params"]["call_session_id"]) for one in releases()[before:]] == [session]
    daemon.stop()
    assert found(daemon.folder, (CUSTOMER[1:],)) == []
    said = [*rows(daemon, "SELECT body FROM call"), *rows(daemon, "SELECT body FROM event_body")]
    assert said
    assert session not in str(said)


def test_pieces_of_a_long_text_that_wait_go_with_whose_they_are(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any, forked: Forked
) -> None:
    """Out of what the channel has noted, and out of its memory: what comes later is all there is."""
    daemon = give(new_daemon(), phones, "incomplete_after_seconds = 3600")
    phones.say("Hello")
    until(lambda: receiver.crm.texts() == ["Hello"], "the CRM knows her")
    canaries = wait_with(daemon, phones, 7)
    assert found(daemon.folder, canaries) != []
    told = json.loads(run(forked, daemon, "contact", "export", f"tel:+{ANNA}").stdout)
    assert {json.loads(note["value"])["piece"]["data"] for note in told["notes"]} == set(canaries)
    run(forked, daemon, "contact", "erase", f"tel:+{ANNA}", "--yes")
    assert found(daemon.folder, canaries) == []
    assert json.loads(run(forked, daemon, "db", "check", "--json").stdout)["ok"]

    last = segments.cut(LONG_TEXT, 7)[-1]
    phones.say_piece(last)
    until(lambda: len(receiver.crm.texts()) == 2, "what comes afterwards is of somebody new")
    assert receiver.crm.texts()[1] == last.data.decode("utf-16-be", "replace")
    assert len(receiver.crm.of("conversation.started")) == 2
    phones.say("Bye")
    until(lambda: "Bye" in receiver.crm.texts(), "what came after is there")
    assert len(receiver.crm.texts()) == 3


def wait_with(daemon: Any, phones: Phones, reference: int) -> tuple[str, ...]:
    """Have all but the last piece of a text come; return what the store says of them, and nowhere else."""
    for piece in segments.cut(LONG_TEXT, reference)[:-1]:
        phones.say_piece(piece)
    noted = [json.loads(value) for (value,) in rows(daemon, _PIECES)]
    assert len(noted) == len(segments.cut(LONG_TEXT, reference)) - 1
    return tuple(note["piece"]["data"] for note in noted)


_PIECES = "SELECT value FROM note WHERE key LIKE 'piece:%'"
