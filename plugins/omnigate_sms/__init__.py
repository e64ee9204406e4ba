"""SMS, by SMPP and by the HTTP interfaces of gateways and providers.

`channel` tells what a text is to Omnigate, `link` what every way to the operators has in common: `smpp` is
one, `links` holds the others. `segments` counts and cuts, `reassembly` joins, `limits` keeps the cost in
bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import omnigate
from omnigate_sms.channel import Sms

__all__ = ["Sms"]


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``sms``."""
    return [Sms]
