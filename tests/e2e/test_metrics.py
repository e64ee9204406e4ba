"""What Prometheus gets of a real daemon, over the socket and over a port of its own."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.scraping import parse, scrape
from tests.ports import free_port


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def add_to_config(daemon: Any, text: str) -> None:
    path = daemon.folder / "omnigate.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


def test_counts_what_comes_in_what_goes_out_and_what_waits(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda one: answer(503 if len(receiver.crm.deliveries) == 1 else 204)
    for number in range(3):
        daemon.say(f"m-{number}", f"c-{number}")
    daemon.say("m-0", "c-0")
    assert daemon.request("POST", "/channels/app/messages", {}, token="wrong")[0] == 401
    until(lambda: len(set(receiver.crm.texts())) == 3, "all have come")
    to_crm = {"direction": "backend", "destination": "crm"}
    until(
        lambda: (
            scrape(daemon).value("omnigate_deliveries_total", outcome="delivered", **to_crm) == 6
        ),
        "all is counted",
    )
    until(lambda: scrape(daemon).value("omnigate_pending_items", **to_crm) == 0, "all is settled")
    exported = scrape(daemon)
    intake = {
        labels["outcome"]: value
        for labels, value in exported.samples["omnigate_intake_total"]
        if labels["channel"] == "app"
    }
    assert intake == {
        "stored": 3,
        "duplicate": 1,
        "refused": 0,
        "unauthorized": 1,
        "quarantined": 0,
    }
    assert exported.value("omnigate_deliveries_total", reason="destination", **to_crm) == 1
    assert exported.value("omnigate_attempt_seconds_count", **to_crm) == 7
    assert exported.value("omnigate_delivery_seconds_count", **to_crm) == 6
    assert exported.value("omnigate_acknowledge_seconds_count", channel="app") == 4
    assert exported.value("omnigate_acknowledge_seconds_bucket", channel="app", le="+Inf") == 4
    assert exported.value("omnigate_events_total", type="message.received", channel="app") == 3
    assert exported.value("omnigate_destination_state", state="ok", **to_crm) == 1
    assert exported.value("omnigate_oldest_pending_age_seconds", **to_crm) == 0
    assert exported.value("omnigate_ready") == 1
    assert exported.value("omnigate_writer_turn_items_count") > 0
    assert exported.value("omnigate_writer_commit_seconds_sum") > 0
    assert exported.value("process_resident_memory_bytes") > 1_000_000
    assert exported.value("omnigate_disk_free_bytes") > 0


def test_what_waits_and_what_is_dead_is_told_again_after_a_restart(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda one: answer(422)
    daemon.say("poison")
    dead = {"direction": "backend", "destination": "crm"}
    until(lambda: scrape(daemon).value("omnigate_dead_letters", **dead) == 2, "both are dead")
    assert scrape(daemon).value("omnigate_deliveries_total", outcome="dead", **dead) == 2
    receiver.crm.behave = lambda one: answer(410)
    daemon.say("later")
    until(
        lambda: scrape(daemon).value("omnigate_destination_state", state="paused", **dead) == 1,
        "it is paused",
    )
    daemon.stop()
    daemon.start()
    exported = scrape(daemon)
    assert exported.value("omnigate_dead_letters", **dead) == 2
    assert exported.value("omnigate_pending_items", **dead) == 1
    assert exported.value("omnigate_oldest_pending_age_seconds", **dead) > 0
    assert exported.value("omnigate_destination_state", state="paused", **dead) == 1
    assert exported.value("omnigate_deliveries_total", outcome="dead", **dead) == 0


def test_a_port_of_their_own_serves_the_metrics_and_nothing_else_and_the_public_one_never(
    new_daemon: Any,
) -> None:
    daemon = new_daemon()
    port = free_port()
    add_to_config(daemon, f'[admin]\nmetrics_listen = "127.0.0.1:{port}"')
    daemon.start()
    base = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{base}/metrics", timeout=10) as answered:
        assert parse(answered.read().decode()).families == scrape(daemon).families
    for path in ("/", "/healthz", "/admin/status", "/v1/messages", "/channels/app/messages"):
        assert status_of(base + path) == 404, path
    for path in ("/metrics", "/admin/metrics", "/v1/metrics"):
        assert status_of(daemon.address + path) == 404, path


def test_without_the_key_nothing_but_the_socket_and_the_public_port_is_open(daemon: Any) -> None:
    assert daemon.process is not None
    inodes = set()
    for link in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, so nothing that listens
            if match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
                inodes.add(match[1])
    listening = [
        int(fields[1].split(":")[1], 16)
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[3] == "0A" and fields[9] in inodes
    ]
    assert listening == [daemon.port]
