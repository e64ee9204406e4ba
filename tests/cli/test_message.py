"""Messages as lines of a table."""

from __future__ import annotations

import pytest

from omnigate.cli import message


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"text": "Hello", "location": {"latitude": 1.0}}, "Hello"),
        ({"text": None, "attachments": [{"kind": "photo"}, {}]}, "[photo], [file]"),
        ({"text": "", "location": {"latitude": 1.0}}, "[location]"),
        (
            {"text": None, "shared_contact": {"phone": "+79161234567", "email": None}},
            "[contact +79161234567]",
        ),
        ({"text": None, "shared_contact": {"phone": None, "email": None}}, "[contact]"),
        ({"text": None}, ""),
    ],
)
def test_a_message_without_words_says_what_it_has(said, shown):
    assert message.row(said)["text"] == shown
