"""VK communities: what people write to them, and what the company answers.

`channel` tells what a community does, `events` and `messages` what an event means, `callback` and `polling`
how events come, `afterwards` what is done once they are stored, `sending` what goes out, `api` how the
platform is called. Source: vendor schema 5.199; what was not found there says so where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import omnigate
from omnigate_vk.channel import Vk

__all__ = ["Vk"]


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``vk``."""
    return [Vk]
