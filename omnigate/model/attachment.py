"""Files, places and cards that travel with a message."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from omnigate.model.address import Address
from omnigate.model.text import JsonObject, Model, ShortText, Text

AttachmentKind = Literal["image", "video", "audio", "voice", "file", "sticker"]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A size: exact in every JSON reader, and no more than a database column holds."""
AttachmentState = Literal["pending", "ready", "failed"]


class Attachment(Model):
    """A file as a CRM sees it. ``url`` is always Omnigate's own: signed and expiring."""

    id: str
    kind: AttachmentKind = "file"
    mime: str = "application/octet-stream"
    size_bytes: int | None = None
    name: str | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    caption: str | None = None
    url: str | None = None
    sha256: str | None = None
    inline: bool = False
    """It is shown within the message's ``html``."""
    state: AttachmentState = "pending"


class AttachmentRef(Model):
    """A file as a channel hands it in: what it is and how the channel can fetch it later.

    Give ``url`` when anyone may fetch it, ``ref`` when only the channel can (a provider's file id:
    the host hands it back to ``Channel.fetch``), or ``id`` when the bytes are with the host already
    (``ChannelHost.save_file``). A provider's URL or token never leaves the daemon.
    """

    kind: AttachmentKind = "file"
    mime: ShortText | None = None
    size_bytes: Count | None = None
    name: ShortText | None = None
    width: Count | None = None
    height: Count | None = None
    duration_seconds: float | None = Field(None, ge=0)
    caption: Text | None = None
    inline: bool = False
    """It is shown within the message's ``html``, as ``cid:`` and its ``id``."""
    id: str | None = None
    url: str | None = Field(None, max_length=4096)
    ref: JsonObject | None = None


class Location(Model):
    """A point on the earth, WGS 84 degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    accuracy_metres: float | None = Field(None, ge=0)
    title: ShortText | None = None
    address: ShortText | None = None


class SharedContact(Model):
    """A contact card that somebody sent."""

    display_name: ShortText | None = None
    phone: ShortText | None = None
    email: ShortText | None = None
    address: Address | None = None
    own: bool = False
    """The platform vouches that the card is the sender's own."""
