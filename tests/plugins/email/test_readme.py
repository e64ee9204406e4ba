"""The guide says what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import omnigate_email
import pytest
from omnigate_email import Email, sending, telling
from omnigate_email.channel import LARGEST_FILE_BYTES
from omnigate_email.config import AcknowledgeConfig, EmailConfig

GUIDE = Path(omnigate_email.__file__).with_name("README.md").read_text()
SECTIONS = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def with_secrets(value: Any) -> Any:
    """Return a section with something in the place of each file."""
    if isinstance(value, dict):
        if value.keys() == {"file"}:
            return "a-secret-of-some-length"
        return {key: with_secrets(inner) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("section", SECTIONS)
def test_the_sections_of_the_guide_are_good(section: str) -> None:
    (given,) = tomllib.loads(section)["channels"].values()
    assert given.pop("kind") == Email.kind
    EmailConfig.model_validate(with_secrets(given))


def test_the_keys_that_the_guide_names_are_there() -> None:
    names = set(EmailConfig.model_fields)
    for key in (
        *("plus_addresses", "authserv_id", "subject_tags", "staff_folders", "template_file"),
        *("signature", "answer_marker", "sent_copy", "acknowledge", "loop_mails"),
    ):
        assert key in names
        assert f"`{key}" in GUIDE


def test_the_numbers_of_the_guide_are_those_of_the_code() -> None:
    assert EmailConfig.model_fields["loop_mails"].default == 20
    assert "`loop_mails` mails (20)" in GUIDE
    assert LARGEST_FILE_BYTES == 20 * 1024 * 1024
    assert "20 MiB go as links" in GUIDE
    fields = AcknowledgeConfig.model_fields
    assert (fields["per_sender_per_hour"].default, fields["per_hour"].default) == (3, 100)


def test_what_a_crm_may_add_and_what_it_gets_is_in_the_guide() -> None:
    for name in sending.Extension.model_fields:
        assert f"`extensions.mail.{name}`" in GUIDE
    source = Path(telling.__file__).read_text()
    _, _, after = source.partition("told: dict[str, Any] = {")
    for name in re.findall(r'^ +"(\w+)":', after.partition("}\n")[0], re.MULTILINE):
        if name != "from":  # told where the customer is not who it says
            assert f"`{name}`" in GUIDE or f"`extensions.mail.{name}`" in GUIDE, name
