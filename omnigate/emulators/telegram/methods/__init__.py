"""The methods of the Bot API, by their names."""

from __future__ import annotations

from omnigate.emulators.telegram.methods import editing, looking, media, receiving, sending
from omnigate.emulators.telegram.query import Method

METHODS: dict[str, Method] = {
    **receiving.METHODS,
    **looking.METHODS,
    **sending.METHODS,
    **media.METHODS,
    **editing.METHODS,
}

BY_LOWER_NAME = {name.lower(): name for name in METHODS}
"""Methods are called in any case (fact sheet, section 1)."""
