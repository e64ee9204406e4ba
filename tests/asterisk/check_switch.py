"""The Asterisk under test itself: it takes nothing from off this machine."""

from __future__ import annotations

import pytest

from tests.asterisk.configured import RTP_PORTS
from tests.asterisk.desks import ami_desk, ended

pytestmark = pytest.mark.anyio


async def test_everything_is_on_loopback(asterisk, phone):
    """Also while two talk; its resolver, for which there is no setting, asks only 127.0.0.1."""
    phone("agent", "answers")
    phone("customer", "hangs_up")
    async with ami_desk(asterisk) as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
        sockets = asterisk.sockets()
        await ended(at, asterisk, call_id)
    ports = {port for _, address, port in sockets if address.is_loopback}
    assert {asterisk.ports.http, asterisk.ports.manager, asterisk.ports.sip} <= ports
    assert len([port for port in ports if RTP_PORTS[0] <= port <= RTP_PORTS[1]]) >= 4
    elsewhere = [(protocol, port) for protocol, address, port in sockets if not address.is_loopback]
    assert len(elsewhere) <= 2, sockets
    for protocol, port in elsewhere:
        assert protocol == "udp", sockets
        assert port not in asterisk.ports, sockets
    # Without this file there is one server of names: 127.0.0.1.
    assert not (asterisk.root / "etc/resolv.conf").exists()
