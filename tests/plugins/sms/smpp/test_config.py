"""What the link can be told, and what it remembers of texts on their way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omnigate_sms import segments
from omnigate_sms.config import SmsConfig
from omnigate_sms.smpp import SmppConfig, progress
from omnigate_sms.smpp.progress import Progress, Unfinished
from omnigate_sms.smpp.submitting import Submit, cut
from pydantic import ValidationError

import omnigate
from tests.plugins.sms.smpp.links import text

LEAST = {"host": "smsc.example", "system_id": "shop", "password": "s3cret-pw"}


def test_three_settings_are_enough() -> None:
    config = SmppConfig.model_validate(LEAST)
    assert (config.port, config.bind, config.window, config.tls) == (2775, "transceiver", 10, False)
    assert config.tls_context() is None
    assert "s3cret-pw" not in repr(config)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in SmppConfig.model_fields.values())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"window": 0}, "window"),
        ({"window": 101}, "window"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"response_timeout_seconds": 31}, "response_timeout_seconds"),
        ({"system_id": "a" * 16}, "system_id"),
        ({"system_id": "a\0b"}, "system_id"),
        ({"password": "пароль-s3cret"}, "ASCII"),
        ({"long_messages": "udh7"}, "long_messages"),
        ({"ca_file": "/nowhere.pem", "tls": True}, "certificate authorities"),
        ({"windows": 3}, "windows"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_shown(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        SmppConfig.model_validate({**LEAST, **wrong})
    assert "s3cret" not in str(caught.value)


def test_authorities_without_tls_are_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("")
    with pytest.raises(ValidationError, match="tls = true"):
        SmppConfig.model_validate({**LEAST, "ca_file": "/etc/ssl/certs/ca-certificates.crt"})


def begun(part: str, said: str = "x") -> Progress:
    submits: list[Submit] = list(cut(text(said * 300), SmppConfig.model_validate(LEAST), 1))
    return Progress(text(said * 300, id=part), submits)


def test_a_text_goes_on_only_as_the_text_it_was() -> None:
    unfinished = Unfinished()
    unfinished.keep(begun("prt_1"))
    assert unfinished.resume(text("y" * 300)) is None
    unfinished.keep(begun("prt_1"))
    assert unfinished.resume(text("x" * 300)) is not None
    assert unfinished.resume(text("x" * 300)) is None, "it is on its way again"


def test_texts_begun_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "KEPT_LIMIT", 2)
    unfinished = Unfinished()
    for number in range(3):
        unfinished.keep(begun(f"prt_{number}"))
    known = [unfinished.resume(text("x" * 300, id=f"prt_{number}")) for number in range(3)]
    assert [one is not None for one in known] == [False, True, True]


def test_a_whole_that_no_parameter_can_carry_is_refused() -> None:
    config = SmppConfig.model_validate({**LEAST, "long_messages": "payload"})
    with pytest.raises(omnigate.Refused, match="too_long"):
        cut(text("я" * 40_000), config, 1)


@pytest.mark.parametrize("alphabet", ["gsm", "latin1", "ascii"])
@pytest.mark.parametrize("way", ["udh8", "udh16", "sar"])
@pytest.mark.parametrize("word", ["é", "[€]", "plain ", "я", "Ω"])
def test_what_is_told_before_a_text_is_sent_is_what_it_comes_to(
    alphabet: str, way: str, word: str
) -> None:
    """The channel counts, and charges for, exactly the segments that leave."""
    said = word * 200
    smpp = {**LEAST, "default_alphabet": alphabet, "long_messages": way}
    config = SmsConfig.model_validate({"link": "smpp", "smpp": smpp, "default_region": "RU"})
    assert config.smpp is not None
    measured = segments.measure(
        said, width_bits=config.width_bits, only_ucs2=config.only_ucs2(said)
    )
    submits = cut(text(said), config.smpp, 1)
    assert len(submits) == measured.segments
    assert {one.body.data_coding for one in submits} == {8 if measured.encoding == "ucs2" else 0}
