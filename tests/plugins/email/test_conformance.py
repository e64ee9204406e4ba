"""The mail channel keeps what every channel must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omnigate_email import Email

import omnigate
from omnigate.testing import ChannelConformance


class TestEmail(ChannelConformance):
    """With every secret there is, and servers that nobody runs."""

    channel_class = Email

    def config(self, platform_url: str) -> Mapping[str, Any]:
        login = {"username": "support@shop.test", "password": "canary-password"}
        return {
            "address": "support@shop.test",
            "from_name": "Магазин",
            "intake": "imap",
            "imap": {"host": "127.0.0.1", "port": 9, "tls": "none", **login},
            "smtp": {"host": "127.0.0.1", "port": 9, "tls": "none", **login},
            "plus_addresses": True,
        }

    def part(self) -> omnigate.OutboundPart:
        return omnigate.OutboundPart(
            id="msg_06g600000000000000000000001.0",
            message="msg_06g600000000000000000000001",
            index=0,
            parts=1,
            conversation="a" * 20,
            address=omnigate.mailto("anna@client.test"),
            text="Добрый день",
        )
