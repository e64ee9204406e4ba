"""The promises of every channel and intake, kept by texts."""

from __future__ import annotations

import pytest
from omnigate_sms import Sms
from omnigate_sms.links import LINKS

import omnigate
from omnigate.testing import ChannelConformance, IntakeConformance, Sample
from omnigate.testing.channels import NOBODY

from .conftest import ANNA, SECRET, ScriptedSms, body, section


class Texts(ChannelConformance):
    def part(self):
        return (
            super()
            .part()
            .model_copy(update={"address": omnigate.tel("+" + ANNA), "conversation": "+" + ANNA})
        )


class TestOverAScriptedLink(Texts, IntakeConformance):
    channel_class = ScriptedSms
    junk_statuses = frozenset(range(200, 300))

    def config(self, platform_url):
        return section()

    def authentic(self, path, body):
        return {"x-secret": SECRET}

    def samples(self):
        return [
            Sample(body(said="Здравствуйте", external_id="1")),
            Sample(body(said="Без номера")),
            Sample(body(said="СТОП", external_id="3"), items=2, path="/hook/status"),
            Sample(body(external_id="4", state="delivered")),
            Sample(body(said="start", external_id="5"), items=2),
        ]


TABLES = {
    "smpp": {"host": "127.0.0.1", "port": 9, "system_id": "shop", "password": "smscs-pw"},
    "kannel": section()["kannel"],
    "jasmin": {"url": NOBODY, "username": "shop", "password": "jasmins-password"},
    "twilio": {"url": NOBODY, "account_sid": "AC" + "0" * 32, "auth_token": "twilios-auth-token"},
    "vonage": {"url": NOBODY, "api_key": "shopkey", "api_secret": "vonages-secret"},
    "smscru": {"url": NOBODY, "login": "shop", "password": "smscrus-password"},
    "smsaero": {"url": NOBODY, "email": "shop@example.com", "api_key": "smsaeros-api-key"},
    "exolve": {"url": NOBODY, "api_key": "exolves-api-key"},
    "custom": {
        "url": NOBODY,
        "secrets": {"key": "customs-secret-key"},
        "headers": {"authorization": "Bearer {secret.key}"},
        "body": {"to": "{to}", "text": "{text}"},
        "answer": {"id": "/id"},
    },
}
"""The table of each link, of a provider that is not there."""


def test_every_link_is_judged():
    assert TABLES.keys() == {"smpp", *LINKS}


@pytest.mark.parametrize("link", sorted(TABLES), scope="class")
class TestOverTheLinks(Texts):
    channel_class = Sms

    @pytest.fixture(autouse=True)
    def _link(self, link):
        self.link = link

    def config(self, platform_url):
        return {
            "link": self.link,
            self.link: TABLES[self.link],
            "default_region": "RU",
            "sender": "Shop",
        }
