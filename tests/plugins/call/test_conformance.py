"""What every channel that calls people must keep, for each way to place calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omnigate_call import Calls

from omnigate.testing.calls import CallChannelConformance
from tests.plugins.call.desks import section


class TestCallsByAri(CallChannelConformance):
    channel_class = Calls

    def config(self, platform_url: str) -> Mapping[str, Any]:
        return section(platform_url)


class TestCallsByAmi(CallChannelConformance):
    channel_class = Calls

    def config(self, platform_url: str) -> Mapping[str, Any]:
        table = {
            "host": "127.0.0.1",
            "port": 9,
            "username": "omnigate",
            "password": "a-secret-of-the-manager",
            "customer_endpoint": "PJSIP/{number}@trunk",
        }
        given = section(platform_url, driver="ami", ami=table)
        del given["ari"]
        return given
