"""The guide says what is so: its sections are good, and what nobody has verified is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import omnigate_sms
import pytest
from omnigate_sms import Sms
from omnigate_sms.config import SmsConfig
from omnigate_sms.links import LINKS

GUIDE = Path(omnigate_sms.__file__).with_name("README.md")
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
    assert given.pop("kind") == Sms.kind
    SmsConfig.model_validate(with_secrets(given))


def test_there_are_sections_of_three_links():
    assert len(SECTIONS) == 3


def test_what_was_never_verified_is_in_the_guide():
    lines = [f"- `{kind}`: {said}" for kind, link in LINKS.items() for said in link.unverified]
    _, _, after = GUIDE.read_text().partition("<!-- unverified -->\n")
    said, _, _ = after.partition("<!-- /unverified -->")
    assert said == "".join(f"{line}\n" for line in lines)


def test_every_link_is_in_the_guide():
    for name in SmsConfig.tables():
        assert f"`{name}`" in GUIDE.read_text() or f'link = "{name}"' in GUIDE.read_text()
