"""Hours that never open are told by check."""

from __future__ import annotations

from pathlib import Path

import pytest
from omnigate_call import Calls

from omnigate import config
from omnigate.plugins import Catalogue

NEVER = "days = {}"
WEEKENDS = 'days = { sat = ["09:00-18:00"] }'


@pytest.mark.parametrize(
    ("hours", "agents_hours", "places"),
    [
        (NEVER, WEEKENDS, ["channels.phone.hours"]),
        (WEEKENDS, NEVER, ["channels.phone.agents.night.hours"]),
        ("days = { mon = [] }", WEEKENDS, ["channels.phone.hours"]),
        (WEEKENDS, WEEKENDS, []),
    ],
)
def test_hours_in_which_nobody_ever_is_there_are_a_warning(
    tmp_path: Path, hours: str, agents_hours: str, places: list[str]
) -> None:
    path = tmp_path / "omnigate.toml"
    path.write_text(f"""
[channels.phone]
kind = "call"
driver = "ari"
default_region = "RU"
[channels.phone.hours]
time_zone = "UTC"
{hours}
[channels.phone.agents.night]
endpoint = "PJSIP/1"
[channels.phone.agents.night.hours]
time_zone = "UTC"
{agents_hours}
[channels.phone.ari]
url = "https://pbx.example.org"
username = "omnigate"
password = "p"
customer_endpoint = "PJSIP/{{number}}@trunk"
""")
    path.chmod(0o600)
    found = config.load(path, lambda _: Catalogue({"call": Calls}, {}, {}, ("call",))).warnings
    assert [each.key for each in found if each.key.endswith("hours")] == places
