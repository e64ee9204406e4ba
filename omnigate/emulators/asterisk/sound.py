"""What is heard in a recording: two people who take turns, as tones."""

from __future__ import annotations

import io
import math
import struct
import wave
from typing import Final

RATE: Final = 8000
"""Samples a second, as on the phone."""
LONGEST_SECONDS: Final = 60.0
"""A longer talk is recorded no longer: it is a tone."""
_VOICES: Final = (180.0, 240.0)
_TURN_SECONDS: Final = 0.8


def talk(seconds: float) -> bytes:
    """Return a WAV file of a talk, at least a tenth of a second long."""
    count = round(RATE * min(max(seconds, 0.1), LONGEST_SECONDS))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(struct.pack(f"<{count}h", *map(_sample, range(count))))
    return file.getvalue()


def _sample(number: int) -> int:
    at = number / RATE
    turn, within = divmod(at, _TURN_SECONDS)
    # Each turn swells and fades: a tone that is cut off cracks.
    loudness = math.sin(math.pi * within / _TURN_SECONDS)
    return round(6000 * loudness * math.sin(2 * math.pi * _VOICES[int(turn) % 2] * at))
