"""The link that a channel's configuration names."""

from __future__ import annotations

import omnigate
from omnigate_sms.config import SmsConfig
from omnigate_sms.link import Deliver, Link
from omnigate_sms.links import LINKS
from omnigate_sms.smpp.link import SmppLink


def make_link(config: SmsConfig, host: omnigate.ChannelHost, deliver: Deliver) -> Link:
    """Return the link of a channel; no I/O."""
    if config.smpp is not None:
        return SmppLink(config.smpp, host, deliver)
    return LINKS[config.link](getattr(config, config.link), host, deliver)
