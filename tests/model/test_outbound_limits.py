"""Buttons from a CRM: what is too much or no address is refused by name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from omnigate.model.outbound import Button, Content


@pytest.mark.parametrize(
    "value", ["http://\nx", "https://a b", "javascript:alert(1)", "//host", ""]
)
def test_a_url_button_leads_to_a_web_address_and_nowhere_else(value):
    with pytest.raises(ValidationError, match=r"http or https|needs a value"):
        Button(label="Go", kind="url", value=value)


def test_a_row_has_at_most_twenty_buttons():
    row = [{"label": str(number)} for number in range(21)]
    fits = Content.model_validate({"text": "Choose", "buttons": [row[:20]]})
    assert len(fits.buttons[0]) == 20
    with pytest.raises(ValidationError, match="at most 20"):
        Content.model_validate({"text": "Choose", "buttons": [row]})
