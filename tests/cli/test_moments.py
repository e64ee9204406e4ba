"""Times as operators write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from omnigate.cli import moments
from omnigate.cli.failure import WrongUsage


@pytest.mark.parametrize("given", ["2020-01-01", "2020-01-01T09:30+03:00"])
def test_what_is_past_is_no_time_to_call_at(given):
    with pytest.raises(WrongUsage, match=r"--at 2020.*: this is past"):
        moments.later("--at", given)


@pytest.mark.parametrize("given", ["yesterday", "", "2h ago", "99999999w"])
def test_what_is_no_time_is_said_with_what_is(given):
    with pytest.raises(WrongUsage, match="this is not a time") as caught:
        moments.later("--at", given)
    assert "a delay (30min, 2h)" in caught.value.remedy


def test_a_delay_is_from_now_and_a_time_stays_what_it_is():
    later = datetime.fromisoformat(moments.later("--at", "2h") or "")
    assert timedelta(hours=1.9) < later - datetime.now(UTC) < timedelta(hours=2.1)
    assert moments.later("--at", "2999-01-01T09:30+03:00") == "2999-01-01T06:30:00.000Z"
    assert moments.later("--at", None) is None
