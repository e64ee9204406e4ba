"""Calls: the company's phone and the customer's are rung and brought together.

`channel` tells what a call is to Omnigate, `driver` what every way to place one has in common: `ari` and
`ami` speak to an Asterisk of one's own, `providers` holds those that are rented.
"""

from __future__ import annotations

from collections.abc import Sequence

import omnigate
from omnigate_call.channel import Calls

__all__ = ["Calls"]


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``call``."""
    return [Calls]
