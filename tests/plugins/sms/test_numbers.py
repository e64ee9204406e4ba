"""Numbers as providers and people spell them, and which of them are written to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import numbers
from omnigate_sms.config import SmsConfig

import omnigate

from .conftest import section


def writable(**config: Any) -> numbers.Writable:
    return numbers.Writable(SmsConfig.model_validate(section(**config)))


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("79161234567", "tel:+79161234567"),
        ("+79161234567", "tel:+79161234567"),
        ("89161234567", "tel:+79161234567"),
        ("9161234567", "tel:+79161234567"),
        ("77012345678", "tel:+77012345678"),
        ("447700900123", "tel:+447700900123"),  # kept for films, so that no plan has it
        ("900", "sms:900"),
        ("SBERBANK", "sms:SBERBANK"),
        ("Альфа Банк", "sms:%D0%90%D0%BB%D1%8C%D1%84%D0%B0%20%D0%91%D0%B0%D0%BD%D0%BA"),
        (" +79161234567 ", "tel:+79161234567"),
        ("", "sms:unknown"),
        ("+", "sms:%2B"),
        ("00000000000", "sms:00000000000"),
        ("4920100000000000", "sms:4920100000000000"),  # longer than any number
        ("٧٩١٦١٢٣٤٥٦٧", None),
    ],
)
def test_a_sender_has_one_address_however_it_is_spelt(source, address):
    found = numbers.address_of(source, "RU")
    assert found.scheme == "sms" if address is None else found == address


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.from_regex(r"\A\+?[0-9]{0,30}\Z"), st.text("\ud800\x00 %+")))
def test_whatever_a_provider_calls_a_sender_is_an_address(source):
    address = numbers.address_of(source, "RU")
    assert address.scheme in ("tel", "sms")
    assert len(numbers.place_of(address)) <= 480


@pytest.mark.parametrize(
    "path", ["+79161234567", "89161234567", "+7 (916) 123-45-67", "9161234567", "+7-916-1234567"]
)
def test_a_number_is_written_to_however_it_is_spelt(path):
    assert writable().number(omnigate.Address("tel:" + path.replace(" ", ""))) == "+79161234567"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("sms:SBERBANK", "bad_address"),
        ("telegram:42", "bad_address"),
        ("tel:112", "bad_number"),
        ("tel:+7916123456", "bad_number"),
        ("tel:+0", "bad_number"),
        ("tel:x", "bad_number"),
        ("tel:" + "9" * 400, "bad_number"),
        ("tel:+78091234567", "number_type"),  # premium rate
        ("tel:+77012345678", "not_allowed"),  # Kazakhstan has the same code of country
        ("tel:+447911123456", "not_allowed"),
    ],
)
def test_what_costs_more_or_reaches_nobody_is_refused(address, code):
    with pytest.raises(omnigate.Refused) as caught:
        writable().number(omnigate.Address(address))
    assert caught.value.code == code


def test_countries_and_prefixes_say_where_texts_go():
    kazakh, british = omnigate.tel("+77012345678"), omnigate.tel("+447911123456")
    assert writable(countries=["RU", "KZ"]).number(kazakh) == "+77012345678"
    assert writable(allowed_prefixes=["+7701"]).number(kazakh) == "+77012345678"
    assert writable(countries=["*"]).number(british) == "+447911123456"
    with pytest.raises(omnigate.Refused, match="denied_prefixes"):
        writable(countries=["*"], denied_prefixes=["+44791"]).number(british)
    with pytest.raises(omnigate.Refused, match="denied_prefixes"):
        writable(allowed_prefixes=["44"], denied_prefixes=["4479"]).number(british)
    with pytest.raises(omnigate.Refused, match="not in countries"):
        writable(countries=["KZ"]).number(omnigate.tel("+79161234567"))


def test_a_plan_that_nobody_knows_yet_can_be_allowed():
    young = omnigate.Address("tel:+72001234567")
    with pytest.raises(omnigate.Refused, match="no valid number"):
        writable(countries=["*"]).number(young)
    assert writable(allowed_prefixes=["+7200"]).number(young) == "+72001234567"
    with pytest.raises(omnigate.Refused, match="no valid number"):
        writable(allowed_prefixes=["+7200"]).number(omnigate.Address("tel:+7200"))


def test_types_that_are_refused_can_be_chosen():
    toll_free = omnigate.tel("+78002000600")
    assert writable().number(toll_free) == "+78002000600"
    with pytest.raises(omnigate.Refused, match="toll_free"):
        writable(refused_types=["toll_free"]).number(toll_free)
    assert writable(refused_types=[]).number(omnigate.tel("+78091234567")) == "+78091234567"


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(min_size=1), st.from_regex(r"\A\+?[0-9;=ext. ]{1,30}\Z")))
def test_any_path_is_a_number_or_refused(path):
    try:
        address = omnigate.Address(f"tel:{path}")
    except ValueError:
        return
    try:
        number = writable(countries=["*"]).number(address)
    except omnigate.Refused:
        return
    assert omnigate.tel(number)


@pytest.mark.parametrize("number", ["+881612345678", "+882161234567", "+883120123456789"])
def test_satellites_are_of_no_country_and_have_to_be_allowed_by_name(number):
    address = omnigate.Address(f"tel:{number}")
    with pytest.raises(omnigate.Refused, match=r"not_allowed.*satellite.*allowed_prefixes"):
        writable(countries=["*"]).number(address)
    assert writable(allowed_prefixes=["+88"]).number(address) == number
