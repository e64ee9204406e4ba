"""What a message would become, told without sending it: its parts, what is lost on the way, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from omnigate.capabilities import Estimate
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.outbound import OutboundPart
from omnigate.store.outbound import PartContent


class Estimates(Protocol):
    """A channel, as far as it can tell what sending would come to."""

    def estimate(self, part: OutboundPart) -> Estimate | None:
        """Return what sending a part would come to; raises `Refused`."""


class _Shown(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, use_attribute_docstrings=True)


class PreviewedPart(_Shown):
    """One send that the message would need."""

    text: str | None
    attachments: int
    """How many files it would carry."""
    segments: int | None = None
    """How many messages the platform would count; null where it counts none."""
    encoding: str | None = None
    length: int | None = None
    """Of the text, in the units that the platform counts."""
    room: int | None = None
    """How much more would fit before another segment is needed."""
    cost: Decimal | None = None
    currency: str | None = None


class Preview(_Shown):
    """What a message would become; nothing was sent or stored."""

    parts: list[PreviewedPart]
    segments: int | None
    """Of all parts; null where the platform counts none."""
    cost: Decimal | None
    """Of all parts, in ``currency``; null where prices are not known."""
    currency: str | None
    degraded: list[str] = Field(default_factory=list)
    """What the channel could not carry and how it would be sent instead."""


def preview(
    said: Message,
    parts: Sequence[PartContent],
    channel: Estimates,
    conversation: str,
    address: Address,
) -> Preview:
    """Ask the channel about each part; raises `Refused` when it would refuse one."""
    asked = [channel.estimate(part) for part in outbound_parts(said, parts, conversation, address)]
    shown = [_part(content, estimate) for content, estimate in zip(parts, asked, strict=True)]
    estimates = [one for one in asked if one is not None]
    costs = [one.cost for one in estimates if one.cost is not None]
    is_known = bool(costs) and len(costs) == len(parts)
    return Preview(
        parts=shown,
        segments=sum(one.segments for one in estimates) if estimates else None,
        cost=sum(costs, Decimal(0)) if is_known else None,
        currency=estimates[0].currency if is_known else None,
        degraded=said.degraded,
    )


def outbound_parts(
    said: Message, parts: Sequence[PartContent], conversation: str, address: Address
) -> Iterator[OutboundPart]:
    """Iterate over the parts of a message as its channel would be asked to send them."""
    for index, content in enumerate(parts):
        yield OutboundPart(
            id=f"{said.id}.{index}",
            message=said.id,
            index=index,
            parts=len(parts),
            conversation=conversation,
            address=address,
            text=content.text,
            subject=content.subject,
            attachments=content.attachments,
            location=content.location,
            buttons=content.buttons,
            author=content.author,
            reply_to=content.reply_to,
            automatic=content.automatic,
            extensions=content.extensions,
        )


def _part(content: PartContent, estimate: Estimate | None) -> PreviewedPart:
    part = PreviewedPart(text=content.text, attachments=len(content.attachments))
    if estimate is None:
        return part
    return part.model_copy(
        update={
            "segments": estimate.segments,
            "encoding": estimate.encoding,
            "length": estimate.length,
            "room": estimate.room,
            "cost": estimate.cost,
            "currency": estimate.currency,
        }
    )
