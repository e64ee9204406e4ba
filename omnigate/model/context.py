"""Where a customer comes from: what a channel knows around the message itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from omnigate.model.attachment import Location
from omnigate.model.text import Model, ShortText, Timestamp

Link = Annotated[str, Field(max_length=2000)]
Scalar = str | int | float | bool


class Utm(Model):
    """Campaign parameters of a landing page."""

    source: ShortText | None = None
    medium: ShortText | None = None
    campaign: ShortText | None = None
    term: ShortText | None = None
    content: ShortText | None = None


class PageVisit(Model):
    """One page of the visitor's trail."""

    url: Link
    title: ShortText | None = None
    at: Timestamp | None = None


class Geo(Model):
    """A coarse place found by network address."""

    country: ShortText | None = None
    region: ShortText | None = None
    city: ShortText | None = None
    latitude: float | None = None
    longitude: float | None = None


class SaidBefore(Model):
    """A message of the conversation that somebody came from."""

    direction: Literal["inbound", "outbound"]
    at: Timestamp
    text: ShortText | None = None
    author: ShortText | None = None
    attachments: int = Field(0, ge=0)
    """How many files stood beside the text."""


class HandedOver(Model):
    """Where the customer comes from: another conversation, carried on here by a token."""

    id: ShortText
    """Of the handover."""
    conversation: ShortText
    """Our id of the conversation it began in."""
    channel: ShortText
    kind: ShortText
    page: Link | None = None
    title: ShortText | None = None
    proven: bool
    """It is proven to be the same customer, and both are one contact now. Otherwise nothing of what was
    said is told here."""
    messages: list[SaidBefore] = Field(default_factory=list, max_length=10)
    """The latest, oldest first."""
    withheld: bool = False
    """Page, title and messages are left out: whoever reads this may not read that channel."""


class Context(Model):
    """The visit around a conversation. Newer values replace older ones field by field."""

    page: Link | None = None
    title: ShortText | None = None
    referrer: Link | None = None
    landing_page: Link | None = None
    utm_first: Utm | None = None
    utm_last: Utm | None = None
    trail: list[PageVisit] = Field(default_factory=list, max_length=20)
    language: ShortText | None = None
    time_zone: ShortText | None = None
    viewport: ShortText | None = None
    visits: int | None = Field(None, ge=0)
    ip: ShortText | None = None
    user_agent: ShortText | None = None
    geo: Geo | None = None
    location: Location | None = None
    handover: HandedOver | None = None
    custom: dict[Annotated[str, Field(max_length=100)], Scalar | None] = Field(
        default_factory=dict, max_length=50
    )
    """Fields of the company's own site or form."""
