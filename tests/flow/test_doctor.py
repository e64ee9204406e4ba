"""The doctor names every host that data goes to, and no other."""

from __future__ import annotations

from omnigate_sms import Sms

from omnigate.flow.doctor import _hosts


def test_an_address_that_is_called_by_others_is_not_among_those_that_data_goes_to() -> None:
    told = {
        "default_region": "RU",
        "sender": "Shop",
        "link": "kannel",
        "kannel": {
            "url": "https://kannel.example.com/cgi-bin/sendsms",
            "username": "u",
            "password": "p",
            "callback_url": "https://chat.example.org/channels/texts/hook",
        },
    }
    assert _hosts(Sms.Config.model_validate(told)) == {"kannel.example.com"}
