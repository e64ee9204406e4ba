"""Whom a message goes to, and through which channel: a conversation, an address, or a contact at its best."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from omnigate.capabilities import Capabilities, Estimate
from omnigate.channel import ChannelConfig
from omnigate.errors import Refused
from omnigate.flow.reaching import ONLY_WHERE_KNOWN, best_way
from omnigate.model.address import Address
from omnigate.model.outbound import (
    Notices,
    OutboundMessage,
    OutboundPart,
    ToContact,
    ToConversation,
)
from omnigate.store.conversationreads import read_conversation
from omnigate.store.reach import find_at, read_reach
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey


class Outlet(Protocol):
    """A channel that messages can be sent through."""

    @property
    def key(self) -> ChannelKey:
        """Name, kind and priority."""

    @property
    def destination_id(self) -> int:
        """The channel's row among the destinations."""

    @property
    def capabilities(self) -> Capabilities:
        """What a part may carry."""

    @property
    def config(self) -> ChannelConfig | None:
        """Its configuration; None when the plugin is broken."""

    @property
    def reaches_any(self) -> bool:
        """Whether `conversation_of` says nothing of whom the channel can write to."""

    def conversation_of(self, address: Address) -> str:
        """Return the conversation that writing to an address begins; raises `Refused`."""

    def estimate(self, part: OutboundPart) -> Estimate | None:
        """Return what sending a part would come to; raises `Refused`."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can be written to."""

    outlet: Outlet
    conversation_id: str | None
    """None where there is none yet."""
    address: Address
    external_id: str
    contact_id: str | None = None


class Recipients:
    """Finds whom messages go to."""

    def __init__(self, store: Store, outlets: Callable[[], Mapping[str, Outlet]]) -> None:
        self._store = store
        self._outlets = outlets

    async def find(self, message: OutboundMessage, channels: Collection[str] | None) -> Recipient:
        """Return whom a message goes to; ``channels`` limits where the caller may write.

        Raises `Refused` with ``not_found``, ``no_channel`` or ``no_address``, or as the channel does.
        """
        if isinstance(message.to, ToConversation):
            row = await self._store.read(read_conversation, message.to.conversation)
            if row is None or (channels is not None and row.channel not in channels):
                raise Refused("not_found", "there is no such conversation")
            outlet = self._outlet(row.channel)
            return Recipient(outlet, row.id, Address(row.address), row.external_id)
        name = message.to.channel
        if channels is not None and name not in channels:
            raise Refused("no_channel", f"there is no channel {name!r}")
        if isinstance(message.to, ToContact):
            return await self._at_best(message, message.to, channels)
        outlet, address = self._outlet(name), message.to.address
        return Recipient(outlet, None, address, await self._external_id(outlet, address))

    async def _external_id(self, outlet: Outlet, address: Address) -> str:
        """Return what a channel calls the conversation that writing to an address begins or goes on."""
        try:
            return outlet.conversation_of(address)
        except Refused as error:
            if error.code != ONLY_WHERE_KNOWN:
                raise
            known = await self._store.read(find_at, outlet.key.name, address)
            if known is None:
                raise
            return known

    async def _at_best(
        self, message: OutboundMessage, to: ToContact, channels: Collection[str] | None
    ) -> Recipient:
        """Return where a contact is best written to on a channel."""
        outlet = self._outlet(to.channel)
        reach = await self._store.read(read_reach, to.contact, to.channel, channels)
        if reach is None:
            raise Refused("not_found", "there is no such contact")
        found = best_way(reach.ways, outlet, notices_of(message, outlet))
        if found is None:
            known_at = ", ".join(sorted({f"{way.address.scheme}:" for way in reach.ways}))
            raise Refused(
                "no_address",
                f"the contact has no address that {to.channel!r} can write to; it is known at"
                f" {known_at or 'none'}",
            )
        address, external_id = found
        return Recipient(outlet, None, address, external_id, reach.contact_id)

    def _outlet(self, name: str) -> Outlet:
        outlet = self._outlets().get(name)
        if outlet is None:
            raise Refused("no_channel", f"there is no channel {name!r} in the configuration")
        return outlet


def notices_of(message: OutboundMessage, outlet: Outlet) -> Notices | None:
    """Return whom a message may go to if nobody has asked for it; None: it is an answer."""
    if message.purpose != "notice":
        return None
    return "consent" if outlet.config is None else outlet.config.notices
