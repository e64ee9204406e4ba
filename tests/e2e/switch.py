"""The company's telephone system, emulated: an Asterisk, the agent's phone and the customer's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from omnigate.emulators.asterisk import AsteriskEmulator, Phone
from tests.e2e.apart import Apart

NUMBER = "+79161234567"
CALLS = """
[channels.phone]
kind = "call"
driver = "ari"
default_region = "RU"
agents = {{ maya = "PJSIP/maya" }}
caller_id = "+74951234567"
retry_after_seconds = []
allow_private = ["127.0.0.0/8"]
[channels.phone.limits]
per_number_per_hour = 0
[channels.phone.ari]
url = "{url}"
username = "{user}"
password = "{password}"
customer_endpoint = "PJSIP/{{number}}@trunk"
[channels.site.call]
channel = "phone"
session_seconds = 0
"""
LONG_ENOUGH = timedelta(seconds=15)
"""A talk of so long proves whose number it is."""


class Switch:
    """The company's telephone system: Maya's phone, and the customer's."""

    def __init__(self, platform: Apart) -> None:
        self.platform = platform
        self.asterisk: AsteriskEmulator = platform.call(AsteriskEmulator)
        platform.do(self.asterisk.__aenter__())
        self.agent = self.asterisk.add_phone("PJSIP/maya")
        self.customer = self.asterisk.add_phone("PJSIP/*@trunk")

    def is_now(self, phone: Phone, state: str) -> None:
        """Wait until a phone does something."""
        changes = self.asterisk.changes
        self.platform.do(changes.wait_for(lambda: phone.state == state, 60))

    def touch(self, does: Callable[[], None]) -> None:
        self.platform.call(does)

    def follows(self, daemon: Any, until: Any) -> None:
        """Have the daemon die, and come back to the calls that go on."""
        made = len(self.asterisk.requests)
        again(daemon)
        asks = self.asterisk.requests
        until(lambda: any(path.endswith("/subscription") for _, path in asks[made:]), "it follows")

    def talk_is_long(self) -> None:
        self.asterisk.switch.ahead += LONG_ENOUGH

    @property
    def rung(self) -> list[int]:
        """How often each phone was dialled."""
        return [len(self.agent.rung), len(self.customer.rung)]

    def give(self, daemon: Any) -> None:
        """Write the telephones into the configuration, and the call button of the channel ``site``."""
        known, path = self.asterisk, daemon.folder / "omnigate.toml"
        calls = CALLS.format(url=known.url, user=known.user, password=known.password)
        path.write_text(path.read_text() + calls)

    def end(self) -> None:
        self.platform.do(self.asterisk.__aexit__(None, None, None))


def again(daemon: Any, sabotage: str = "") -> None:
    """Have it die as by a loss of power, and come back."""
    daemon.kill()
    daemon.start(sabotage)


def once(found: list[Any]) -> list[Any]:
    """Return deliveries without repetitions: whoever is killed may not have noted an answer."""
    return list({one.id: one for one in found}.values())
