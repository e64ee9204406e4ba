"""What gets into a dial string: a number, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_call.dialstring import check_endpoint, check_template, filled

from tests.plugins.call.desks import ANNA


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30))
def test_nothing_but_a_number_gets_into_a_dial_string(text):
    try:
        dialled = filled("PJSIP/{number}@trunk", text)
    except ValueError:
        return
    assert dialled == f"PJSIP/+{text[1:]}@trunk"
    assert text[1:].isascii()
    assert text[1:].isdecimal()


def test_a_template_has_one_place_for_the_number():
    assert filled(check_template("Local/{digits}@out"), ANNA) == "Local/79161234567@out"
    bad = ["PJSIP/trunk", "PJSIP/{number}{number}", "PJSIP/{number}@a&PJSIP/1", "{number}", "a,b"]
    for text in bad:
        with pytest.raises(ValueError, match="customers are dialled"):
            check_template(text)
    for text in ("100", "PJSIP/1&PJSIP/2", "PJSIP/1,2", "PJSIP/1|x", "PJSIP/", "PJSIP/ü"):
        with pytest.raises(ValueError, match="one phone"):
            check_endpoint(text)
