"""Numbers are read as people write them, and only those that the rules name are let through."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from omnigate import (
    COSTLY_PREFIXES,
    ConfigError,
    Country,
    NumberRules,
    Refused,
    Region,
    number_of,
    read_number,
    require_phonenumbers,
)

RULES = NumberRules(
    default_region="RU",
    countries=["RU", "DE"],
    denied_prefixes=[*COSTLY_PREFIXES, "+7809"],
    types=["fixed_line", "mobile", "fixed_line_or_mobile"],
)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("8 (916) 123-45-67", None, "+79161234567"),
        ("9161234567", None, "+79161234567"),
        ("+7 916 123 45 67", "DE", "+79161234567"),
        ("030 123456", "DE", "+4930123456"),
        ("810 49 30 123456", None, "+4930123456"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, region, number):
    assert RULES.number(text, region) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("112", "bad_number"),
        ("nonsense", "bad_number"),
        ("", "bad_number"),
        ("+7916", "bad_number"),
        ("1" * 1000, "bad_number"),
        ("+77012345678", "not_allowed"),  # Kazakhstan, which shares +7
        ("+1 212 555 0123", "not_allowed"),
        ("8 809 123 45 67", "not_allowed"),
        ("8 800 555 35 35", "number_type"),
        ("+881612345678", "not_allowed"),
    ],
)
def test_what_no_rule_lets_through_is_refused(text, code):
    with pytest.raises(Refused) as caught:
        RULES.number(text)
    assert caught.value.code == code


def test_a_satellite_phone_is_valid_and_mobile_and_of_none_of_all_countries():
    open_rules = NumberRules(default_region="RU", countries=["*"], types=["mobile"])
    with pytest.raises(Refused, match="allowed_prefixes"):
        open_rules.number("+881612345678")
    with pytest.raises(Refused, match="denied_prefixes"):
        replace(open_rules, denied_prefixes=COSTLY_PREFIXES).number("+881612345678")
    wanted = replace(open_rules, allowed_prefixes=["+8816"])
    assert wanted.number("+881612345678") == "+881612345678"


@pytest.mark.parametrize("number", ["+870773111632", "+882161234567", "+979123456789"])
def test_what_fraud_dials_is_of_no_country(number):
    with pytest.raises(Refused, match=r"not_allowed.*satellite"):
        NumberRules(default_region="RU", countries=["*"]).number(number)


def test_a_denied_beginning_wins_over_an_allowed_one():
    rules = NumberRules(default_region="RU", allowed_prefixes=["+7701"], denied_prefixes=["+77012"])
    assert rules.number("+77011234567") == "+77011234567"
    with pytest.raises(Refused):
        rules.number("+77012345678")


def test_refused_types_are_refused_where_no_types_are_listed():
    rules = NumberRules(default_region="RU", refused_types=["toll_free"])
    with pytest.raises(Refused) as caught:
        rules.number("88005553535")
    assert caught.value.code == "number_type"
    assert rules.number("89161234567") == "+79161234567"


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text("0123456789+ ()-@&,;=/\n", max_size=30),
        st.integers(0, 10**12).map(lambda digits: f"+7916{digits}&PJSIP/100@trunk"),
    )
)
def test_whatever_is_typed_comes_out_as_plus_and_digits_or_not_at_all(text):
    try:
        number = RULES.number(text)
    except Refused:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", number, re.ASCII)


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("79161234567", "+79161234567"),
        ("+79161234567", "+79161234567"),
        ("89161234567", "+79161234567"),
        ("100", None),
        ("shop", None),
        ("", None),
        ("٠٩١٦١٢٣٤٥٦٧", None),
        ("4920100000000000", None),  # valid by the German plan, a digit too many for E.164
    ],
)
def test_providers_spell_numbers_without_the_plus(source, number):
    assert number_of(source, "RU") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8 (916) 123-45-67", "+79161234567"),
        ("+44 20 7946 0958", "+442079460958"),
        ("12", None),
        ("nobody", None),
        ("1" * 1000, None),
        ("+49 201 0000000000 0", None),
    ],
)
def test_a_number_is_read_whatever_its_country(text, number):
    assert read_number(text, "RU") == number


def test_countries_are_two_letters_that_exist():
    class Where(BaseModel):
        region: Region
        countries: list[Country]

    assert Where(region="RU", countries=["*", "KZ"]).region == "RU"
    for region in ("ru", "RUS", "ZZ", "*"):
        with pytest.raises(ValidationError):
            Where(region=region, countries=[])


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    require_phonenumbers("call")
    monkeypatch.setattr("omnigate.numbers.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"omnigate\[call\]"):
        require_phonenumbers("call")
