"""Reading what a real daemon measures, as Prometheus does."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families


class Exported(NamedTuple):
    """What a scrape brought: samples by name, each with its labels and value."""

    samples: dict[str, list[tuple[dict[str, str], float]]]
    families: set[str]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples that have these labels."""
        chosen = [value for known, value in self.samples[name] if labels.items() <= known.items()]
        assert chosen, f"no {name} with {labels}"
        return sum(chosen)


def parse(text: str) -> Exported:
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    families = set()
    for family in text_string_to_metric_families(text):
        families.add(family.name + ("_total" if family.type == "counter" else ""))
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Exported(samples, families)


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("omnigate", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def scrape(daemon: Any) -> Exported:
    """Return what the operator's socket serves."""
    connection = SocketConnection(daemon.folder / "omnigate.sock")
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert str(answer.getheader("Content-Type")).startswith("text/plain; version=")
        return parse(answer.read().decode())
    finally:
        connection.close()
