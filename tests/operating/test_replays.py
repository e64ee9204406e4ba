"""``omnigate events show|replay|replays`` through the real command line against a real daemon."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any


def add_backend(daemon: Any, name: str, url: str) -> None:
    """Write one more backend into the configuration, without a route."""
    path = daemon.folder / "omnigate.toml"
    text = path.read_text()
    crm = re.search(r"\[backends\.crm\]\n.*?\n(?=\[\[routes\]\])", text, re.DOTALL)
    assert crm is not None
    section = crm[0].replace("[backends.crm]", f"[backends.{name}]")
    section = re.sub(r"(?m)^url = .*$", f'url = "{url}"', section)
    path.write_text(text.replace("[[routes]]", f"{section}[[routes]]", 1))


def sequences(endpoint: Any, conversation: str) -> list[int]:
    """Return the sequences of a conversation's events as they first came."""
    came = [one.json["sequence"] for one in endpoint.deliveries if one.conversation == conversation]
    return list(dict.fromkeys(came))


def test_history_goes_to_a_backend_that_was_not_there(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator()
    for number in range(6):
        omnigate.daemon.say(f"text {number}", conversation=f"c-{number % 2}")
    until(lambda: len(receiver.crm.deliveries) == 8, "the others have it")
    add_backend(omnigate.daemon, "late", f"{receiver.url}/late")
    assert omnigate("reload").code == 0
    done = omnigate("events", "replay", "--to", "late", "--since", "1h", "--rate", "1000")
    assert done.code == 0, done.err
    assert done.out == "Replay 1 to late is done: 8 of 8 events delivered.\n"
    late = receiver.at("late")
    assert all(one.replay for one in late.deliveries)
    assert all(one.json["gap"] == [] for one in late.deliveries)
    assert sequences(late, "c-0") == sequences(late, "c-1") == [1, 2, 3, 4]
    original = {one.id: one.json for one in receiver.crm.deliveries}
    assert {one.id: one.json for one in late.deliveries} == original, "the same ids and bodies"
    assert not any(one.replay for one in receiver.crm.deliveries), "nobody else hears of it"
    (listed,) = omnigate.json("events", "replays")["items"]
    assert (listed["state"], listed["queued"], listed["pending"]) == ("done", 8, 0)
    said = next(one.json for one in late.deliveries if one.text == "text 3")
    steps = omnigate.json("message", "trace", said["id"])["steps"]
    ends = [(one["destination"], one["replay"]) for one in steps if one["step"] == "delivered"]
    assert ends == [("crm", None), ("late", True)], "a trace says so when all is over, too"
    assert (
        "to backend late, replayed, attempt 1: 204" in omnigate("message", "trace", said["id"]).out
    )
    shown = omnigate("events", "show", said["id"]).out
    assert re.findall(r"(?m)^replayed +to backend (\w+), 20", shown) == ["late"]
    assert "late" in omnigate("events", "replays").out
    assert omnigate.is_sound()


def test_a_window_is_cut_out_by_event_type_and_channel(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator(
        more_backends={"late": f'url = "{receiver.url}/late"\nevents = ["button.*"]\n'}
    )
    for number in range(5):
        omnigate.daemon.say(f"text {number}")
    until(lambda: len(receiver.crm.texts()) == 5, "all are delivered")
    ids = {one.text: one.id for one in receiver.crm.of("message.received")}
    assert receiver.at("late").deliveries == []
    begin = ["events", "replay", "--to", "late", "--rate", "1000"]
    window = ["--since", ids["text 1"], "--until", ids["text 3"]]
    assert omnigate(*begin, *window).out.endswith("0 of 0 events delivered.\n"), (
        "it subscribes to none"
    )
    assert omnigate(*begin, *window, "--type", "message.*").code == 0
    assert receiver.at("late").texts() == ["text 1", "text 2", "text 3"]
    assert omnigate(*begin, "--since", "1d", "--type", "*", "--channel", "site").code == 0
    assert len(receiver.at("late").deliveries) == 3, "nothing came by that channel"


def test_an_interrupted_replay_goes_on_and_leaves_nothing_out(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator(more_backends={"late": f'url = "{receiver.url}/late"\nevents = []\n'})
    daemon, late = omnigate.daemon, receiver.at("late")
    for number in range(30):
        daemon.say(f"text {number}", conversation=f"c-{number % 3}")
    words = ["events", "replay", "--to", "late", "--since", "1h", "--type", "message.*"]
    begun = omnigate.json(*words, "--rate", "20", "--detach")
    assert (begun["state"], begun["total"]) == ("running", 30)
    until(lambda: len(late.deliveries) >= 5, "it has begun")
    daemon.kill()
    daemon.start()
    until(lambda: len(set(late.texts())) == 30, "everything has come")
    until(
        lambda: omnigate.json("events", "replays")["items"][0]["state"] == "done", "the job is done"
    )
    (job,) = omnigate.json("events", "replays")["items"]
    assert (job["queued"], job["total"]) == (30, 30), "nothing was queued twice or left out"
    for name in ("c-0", "c-1", "c-2"):
        came = sequences(late, name)
        assert came == sorted(came)
    assert omnigate.is_sound()


def test_a_replay_to_a_backend_that_is_down_is_cancelled_with_what_it_has_pending(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(503 if delivery.replay else 204)
    omnigate = operator(schedule="[0.2]")
    for number in range(10):
        omnigate.daemon.say(f"text {number}", conversation=f"c-{number}")
    until(lambda: len(receiver.crm.texts()) == 10, "all are delivered")
    words = ["events", "replay", "--to", "crm", "--since", "1h", "--type", "message.received"]
    begun = omnigate.json(*words, "--rate", "100", "--detach")
    until(
        lambda: omnigate.json("events", "replays")["items"][0]["pending"] == 10, "all are pending"
    )
    other = omnigate.json(*words, "--rate", "0.01", "--detach")
    cancel = ["events", "replays", "--cancel", str(other["id"])]
    unasked = omnigate(*cancel)
    assert unasked.code == 2, "nobody is there to say yes"
    assert re.search(r"End replay 2 to crm after \d of 10 events, and drop the \d", unasked.err)
    assert "--yes" in unasked.err
    assert omnigate.json("events", "replays")["items"][0]["state"] == "running"
    ended = omnigate(*cancel, "--yes")
    assert ended.code == 0, ended.err
    assert ended.out == "Replay 2 to crm is cancelled: 0 of 10 events delivered, 10 dropped.\n"
    queue = omnigate.json("queue", "drop", "--to", "crm", "--yes")
    assert queue["count"] == 10
    assert omnigate.daemon.status("crm")["pending"] == 0
    again = omnigate("events", "replays", "--cancel", str(begun["id"]))
    assert again.code == 1
    assert "Replay 1 is done; there is nothing to cancel." in again.err
    assert omnigate.is_sound()


def test_leaving_the_progress_does_not_end_the_replay(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator(more_backends={"late": f'url = "{receiver.url}/late"\nevents = []\n'})
    for number in range(12):
        omnigate.daemon.say(f"text {number}")
    config = str(omnigate.daemon.folder / "omnigate.toml")
    words = ["events", "replay", "--to", "late", "--since", "1h", "--type", "message.*"]
    watching = subprocess.Popen(
        [sys.executable, "-m", "omnigate", *words, "--rate", "4", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: receiver.at("late").deliveries, "it has begun")
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert watching.returncode == 0, err
    assert "goes on by itself" in err
    assert "is running" in out
    until(lambda: len(set(receiver.at("late").texts())) == 12, "it went on")
