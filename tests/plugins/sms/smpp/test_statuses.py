"""What statuses say to a person."""

from __future__ import annotations

import pytest
from omnigate_sms.config import SmsConfig
from omnigate_sms.smpp import SmppConfig, statuses


@pytest.mark.parametrize("status", [0x58, 0x14, 0x0A, 0x0B, 0x0D, 0x45, 0x400])
def test_a_refusal_says_its_name_its_number_and_what_to_do(status: int) -> None:
    words = statuses.words(status)
    assert f"0x{status:02X}" in words
    assert ("ESME_" in words) == (status < 0x400)
    assert statuses.advice(status)


def test_what_is_not_known_has_to_be_asked() -> None:
    assert statuses.words(0x4FF) == "status 0x4FF, the operator's own"
    assert statuses.advice(0x4FF) == statuses.ASK


def test_advice_names_only_keys_that_there_are() -> None:
    known = {*SmppConfig.model_fields, *SmsConfig.model_fields}
    named = {
        word.strip(",;:")
        for advice in statuses.ADVICE.values()
        for word in advice.split()
        if "_" in word
    }
    assert named
    assert named <= known
    assert statuses.ADVICE.keys() <= statuses.NAMES.keys()
