"""What the listing of conversations shows of each."""

import pytest

from omnigate.cli import conversation


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({"display_name": "Anna"}, "Anna"),
        ({}, "+79161234567"),
        ({"address": "mailto:anna@example.org"}, "anna@example.org"),
        ({"address": "vk:1", "phone": "+79161234500"}, "+79161234500"),
        ({"address": "vk:1"}, "ctc_1"),
        ({"address": None}, "ctc_1"),
    ],
)
def test_a_customer_without_a_name_is_listed_by_number_or_mail_address(known, shown):
    who = {"id": "ctc_1", "display_name": None, "phone": None, "email": None} | known
    address = who.pop("address", "tel:+79161234567")
    row = conversation._row(
        {
            "contact": who,
            "address": address,
            "channel": {"name": "texts"},
            "updated_at": "2026-11-22T10:00:00.000Z",
        }
    )
    assert row["contact"] == shown
