"""Omnigate's own web chat: a widget for any site, and the server side it talks to."""

from __future__ import annotations

from collections.abc import Sequence

import omnigate
from omnigate_webchat.channel import Webchat


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Return the web chat."""
    return [Webchat]
