"""Wishes for calls: what a customer is offered before asking for one, and what becomes of the asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from omnigate.model.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A wish that may be followed."""

    customer: Address
    """The number, as ``tel:`` and E.164."""
    callback_at: datetime | None = None
    """When to try it first; None: now."""
    expires_at: datetime
    """When to give it up."""
    agent: str | None = None
    """Who is rung for the company, as events and the API show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffer:
    """What a customer can be told before asking for a call."""

    is_open: bool
    """Somebody would call at once."""
    opens_at: datetime | None = None
    """When somebody will; None while open, or when nobody knows."""
    region: str
    """The country of numbers that are written without one, two letters."""
    regions: tuple[str, ...] = ()
    """Countries that are called; empty: any."""
    consent: Mapping[str, str] = field(default_factory=dict)
    """What the customer has to agree to, by language (``*`` for any other); empty: nothing."""
