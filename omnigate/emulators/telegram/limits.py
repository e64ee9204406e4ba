"""Limits of the Bot API, in its units.

Source: fact sheet, sections 2, 4, 5 and 6. Numbers that the sheet marks as general knowledge are
marked "unverified" here.
"""

from __future__ import annotations

from typing import Final

TEXT_UNITS: Final = 4096
"""UTF-16 units of a message, counted after its mark-up is parsed."""
CAPTION_UNITS: Final = 1024
RAW_TEXT_BYTES: Final = 1 << 15
"""Bytes of a text before anything else is looked at (read in the server)."""
CALLBACK_DATA_BYTES: Final = 64
CALLBACK_ANSWER_UNITS: Final = 200
CALLBACK_LIFE_SECONDS: Final = 150.0
"""An unanswered press is offered to the bot so long (read in the server) and then too old."""
START_PAYLOAD_CHARS: Final = 64
BUTTONS: Final = 100
"""Unverified: third-party sources only."""
ALBUM_ITEMS: Final = (2, 10)
PHOTO_BYTES: Final = 10 * 1024 * 1024
PHOTO_SIDES: Final = 10_000
PHOTO_RATIO: Final = 20
UPLOAD_BYTES: Final = 50 * 1024 * 1024
LOCAL_UPLOAD_BYTES: Final = 2000 * 1024 * 1024
URL_PHOTO_BYTES: Final = 5 * 1024 * 1024
"""Unverified."""
URL_FILE_BYTES: Final = 20 * 1024 * 1024
"""Unverified."""
DOWNLOAD_BYTES: Final = 20 * 1024 * 1024
FILE_PATH_SECONDS: Final = 3600.0
DELETE_SECONDS: Final = 48 * 3600.0
UPDATE_LIFE_SECONDS: Final = 24 * 3600.0
QUIET_WEEK_SECONDS: Final = 7 * 24 * 3600.0
CHAT_ACTION_SECONDS: Final = 5.0
LONG_POLL_SECONDS: Final = 50
SECRET_TOKEN_CHARS: Final = 256
CERTIFICATE_BYTES: Final = 3 * 1024 * 1024
WEBHOOK_PORTS: Final = (443, 80, 88, 8443)
POLL_OPTIONS: Final = (2, 10)
"""Unverified: newer servers take 12, and one."""


def utf16_units(text: str) -> int:
    """Return the length of a text as the platform counts it."""
    return len(text.encode("utf-16-le")) // 2


def utf16_slice(text: str, offset: int, length: int) -> str:
    """Return the part of a text that an entity covers."""
    return text.encode("utf-16-le")[2 * offset : 2 * (offset + length)].decode("utf-16-le")
