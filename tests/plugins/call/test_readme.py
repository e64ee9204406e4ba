"""The guide says what is so: its sections are good, and what nobody has verified is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import omnigate_call
import pytest
from omnigate_call import Calls
from omnigate_call.agents import RUNG_BY
from omnigate_call.config import CallConfig
from omnigate_call.making import DRIVERS
from omnigate_call.providers import PROVIDERS

from omnigate.testing import FakeHost

GUIDE = Path(omnigate_call.__file__).with_name("README.md")
SECTIONS = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def with_secrets(value: Any) -> Any:
    """Return a section with something in the place of each file."""
    if isinstance(value, dict):
        if value.keys() == {"file"}:
            return "a-secret-of-some-length"
        return {key: with_secrets(inner) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("section", SECTIONS)
def test_the_sections_of_the_guide_are_good(section):
    (given,) = tomllib.loads(section)["channels"].values()
    assert given.pop("kind") == Calls.kind
    Calls(Calls.Config.model_validate(with_secrets(given)), FakeHost("calls"))


def test_there_are_sections_of_both_switches():
    assert len(SECTIONS) == 2


def test_what_was_never_verified_is_in_the_guide():
    lines = [
        f"- `{kind}`: {said}" for kind, driver in PROVIDERS.items() for said in driver.unverified
    ]
    _, _, after = GUIDE.read_text().partition("<!-- unverified -->\n")
    said, _, _ = after.partition("<!-- /unverified -->")
    assert said == "".join(f"{line}\n" for line in lines)


def test_every_driver_is_in_the_guide_and_in_the_configuration():
    assert set(CallConfig.tables()) == set(DRIVERS)
    for name in DRIVERS:
        assert f"`{name}`" in GUIDE.read_text() or f'driver = "{name}"' in GUIDE.read_text()


def test_what_agents_need_is_in_the_guide():
    assert set(RUNG_BY) == set(DRIVERS)
    for kind in sorted(set(RUNG_BY) & set(PROVIDERS)):
        needs = " or ".join(f"`{need}`" for need in RUNG_BY[kind])
        assert f"| `{kind}` | {needs} |" in GUIDE.read_text()


def test_every_code_of_a_refusal_is_in_the_guide():
    sources = (Path(omnigate_call.__file__).parent / "admitting.py").read_text()
    sources += (Path(omnigate_call.__file__).parent / "limits.py").read_text()
    codes = set(re.findall(r'Refused\(\s*"(\w+)"', sources))
    assert codes >= {"own_number", "no_consent", "limit_reached"}
    for code in codes:
        assert f"`{code}`" in GUIDE.read_text()
