"""Dashboard, alerts and documentation speak of just what a real daemon measures."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are a distribution of their own

from omnigate.server.measures import METRICS
from tests.e2e.daemon import Daemon
from tests.e2e.deadline import wait_until
from tests.e2e.receiver import Receiver
from tests.e2e.scraping import Exported, scrape
from tests.phones.paper import add_section, install

ROOT = Path(__file__).parents[2]
ADDED_BY_PROMETHEUS = {"instance", "job"}
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$channel": ".*", "$destination": ".*"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """A scrape of a daemon that has something to tell of everything."""
    receiver = Receiver()
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), receiver)
    phones = tmp_path_factory.mktemp("phones")
    add_section(daemon.folder / "omnigate.toml", phones / "paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", install(phones))
        daemon.start()
    try:
        daemon.say("hello")
        wait_until(receiver.at("crm").texts, "it has come")
        yield scrape(daemon)
        daemon.stop()
    finally:
        if daemon.process is not None:
            daemon.kill()
        receiver.end()


def test_the_dashboard_asks_for_nothing_that_is_not_exported(exported: Exported) -> None:
    board = json.loads((ROOT / "docs/grafana.json").read_text())
    assert list(misspelt(exported, queries(board))) == []


def test_the_dashboard_shows_every_metric(exported: Exported) -> None:
    board = json.loads((ROOT / "docs/grafana.json").read_text())
    asked = "\n".join(queries(board))
    unseen = [row.name for row in METRICS if row.name not in asked]
    assert unseen == []


def test_the_dashboard_can_be_imported_anywhere() -> None:
    text = (ROOT / "docs/grafana.json").read_text()
    board = json.loads(text)
    sources = {str(source) for source in every(board, "datasource") if isinstance(source, dict)}
    assert sources == {str({"type": "prometheus", "uid": "${datasource}"})}
    assert not re.search(r"https?://|localhost|\d+\.\d+\.\d+\.\d+", text)
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(numbers) == len(set(numbers))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])


def test_the_alerts_ask_for_nothing_that_is_not_exported(exported: Exported) -> None:
    groups = yaml.safe_load((ROOT / "docs/alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert list(misspelt(exported, [rule["expr"] for rule in rules])) == []
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]


def test_a_query_that_asks_for_what_does_not_exist_is_found(exported: Exported) -> None:
    """The sabotage twin of the tests above."""
    board = json.loads((ROOT / "docs/grafana.json").read_text())
    broken = copy.deepcopy(board)
    broken["panels"][1]["targets"][0]["expr"] = "omnigate_redy"
    assert list(misspelt(exported, queries(broken))) == ["omnigate_redy: omnigate_redy is unknown"]
    for query in (
        'omnigate_pending_items{backend="crm"}',
        "sum by (backend) (omnigate_pending_items)",
        'omnigate_destination_state{state="cracked"}',
        'rate(omnigate_intake_total{outcome=~"stored|lost"}[5m])',
        "rate(omnigate_attempt_seconds[5m])",
        "omnigate_ready and on (backend) omnigate_pending_items",
    ):
        assert list(misspelt(exported, [query])), query


def test_the_table_in_the_documentation_is_the_one_in_the_code(exported: Exported) -> None:
    shown = (ROOT / "docs/operating.md").read_text()
    assert table() in shown, f"put this table into docs/operating.md:\n\n{table()}"
    documented = {row.name for row in METRICS}
    served = {name for name in exported.families if name.startswith("omnigate_")}
    assert served == documented


def table() -> str:
    """Return the metrics as a table for the documentation."""
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for row in METRICS:
        labels = ", ".join(f"`{label}`" for label in row.labels)
        lines.append(f"| `{row.name}` | {row.kind} | {labels} | {row.help} |")
    return "\n".join(lines)


def every(value: Any, key: str) -> Iterator[Any]:
    """Return everything that stands under a key, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from every(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner, key)


def queries(board: Any) -> list[str]:
    """Return every query of a dashboard, its variables put in; those of the variables too."""
    found = [str(expression) for expression in every(board, "expr")]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            wanted = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert wanted, variable
            selector, label = wanted.groups()
            found.append(f"count by ({label}) ({selector})")
    assert len(found) > 40
    for name, value in VARIABLES.items():
        found = [query.replace(name, value) for query in found]
    return found


def misspelt(exported: Exported, asked: list[str]) -> Iterator[str]:
    """Say of queries what in them does not exist."""
    for query in asked:
        reading = _Reading(exported)
        promql_parser.walk(promql_parser.parse(query), reading.visit)
        unknown = reading.named - reading.labels
        if unknown and not reading.complaints:
            reading.complaints.append(f"no such labels: {unknown}")
        yield from (f"{query}: {complaint}" for complaint in reading.complaints)


class _Reading:
    """One query, part by part."""

    def __init__(self, exported: Exported) -> None:
        self.complaints: list[str] = []
        self.labels = set(ADDED_BY_PROMETHEUS)
        """What the metrics of the query have."""
        self.named: set[str] = set()
        """What the query groups by, or joins on."""
        self._exported = exported

    def visit(self, part: Any) -> bool:
        if isinstance(part, promql_parser.VectorSelector):
            samples = self._exported.samples.get(part.name or "")
            if samples is None:
                self.complaints.append(f"{part.name} is unknown")
            else:
                self.labels.update(*(labels for labels, _ in samples))
                self.complaints.extend(_wrong_labels(part, samples))
        elif isinstance(part, promql_parser.AggregateExpr) and part.modifier:
            self.named.update(part.modifier.labels)
        elif (
            isinstance(part, promql_parser.BinaryExpr) and part.modifier and part.modifier.matching
        ):
            self.named.update(part.modifier.matching.labels)
        return True


def _wrong_labels(part: Any, samples: list[tuple[dict[str, str], float]]) -> Iterator[str]:
    for matcher in part.matchers.matchers:
        if matcher.name in ADDED_BY_PROMETHEUS:
            continue
        values = {known.get(matcher.name) for known, _ in samples}
        if values == {None}:
            yield f"{part.name} has no label {matcher.name}"
        elif matcher.value != ".*" and not values.issuperset(matcher.value.split("|")):
            yield f"{matcher.name} is never {matcher.value}"
