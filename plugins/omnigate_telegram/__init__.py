"""Telegram bots: what people write to them, and what the company answers.

`channel` tells what a bot does, `updates` what an update means, `receiving` how it comes, `sending` what
goes out, `api` how the platform is called. Source: Bot API 10.1 and the source of its server.
"""

from __future__ import annotations

from collections.abc import Sequence

import omnigate
from omnigate_telegram.channel import Telegram

__all__ = ["Telegram"]


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``telegram``."""
    return [Telegram]
