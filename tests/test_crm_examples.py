"""What docs/crm.md shows of one customer has the fields that are really sent, all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from omnigate.model.call import Call, CallLeg
from omnigate.model.context import HandedOver, SaidBefore
from omnigate.model.facts import ContactChange, ContactConflict, WaitData
from omnigate.server.handovers import HandoverShown
from omnigate.server.merges import ConflictPage, ConflictShown, MergePage, MergeShown
from omnigate.server.stats import ChannelStats, Stats, TimesShown

PAGE = (Path(__file__).parents[1] / "docs" / "crm.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def example(text: str) -> Any:
    """Return the one line of the examples that has this text; what it leaves out is not in it."""
    lines = [line for block in BLOCK.findall(PAGE) for line in block.splitlines() if text in line]
    assert len(lines) == 1, f"{len(lines)} examples have {text}"
    written = re.sub(r",…(?=[]}])", "", lines[0])
    return json.loads(written if written.startswith("{") else f"{{{written}}}")


@pytest.mark.parametrize(
    ("text", "path", "model"),
    [
        ('"changed":[]', ("contact",), ContactChange),
        ('{"conflict":{', ("conflict",), ContactConflict),
        ('"resolved_at":', (), ConflictPage),
        ('"resolved_at":', ("items", 0), ConflictShown),
        ('"merged_by":', (), MergePage),
        ('"merged_by":', ("items", 0), MergeShown),
        ('"context":{"handover":', ("context", "handover"), HandedOver),
        ('"context":{"handover":', ("context", "handover", "messages", 0), SaidBefore),
        ('"used_in":', (), HandoverShown),
        ('{"wait":{', ("wait",), WaitData),
        ('"median_seconds":', (), Stats),
        ('"median_seconds":', ("channels", 0), ChannelStats),
        ('"median_seconds":', ("channels", 0, "response"), TimesShown),
        ('{"call":{', ("call",), Call),
        ('{"call":{', ("call", "legs", 1), CallLeg),
    ],
)
def test_an_example_has_the_fields_of_its_model(
    text: str, path: tuple[str | int, ...], model: type[BaseModel]
) -> None:
    found = example(text)
    for step in path:
        found = found[step]
    assert list(found) == list(model.model_fields)


def test_an_example_with_another_field_is_found_out() -> None:
    found = example('{"wait":{')["wait"]
    assert list({**found, "more": 1}) != list(WaitData.model_fields)
    with pytest.raises(AssertionError, match="0 examples"):
        example('"never written"')
