"""Waiting for a descriptor, whatever its number: ``select`` takes none above 1023."""

import select


def is_readable(descriptor: int, within_seconds: float | None) -> bool:
    """Tell whether there is something to read, or an end to see, waiting for it; None: for ever."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(None if within_seconds is None else within_seconds * 1000))
