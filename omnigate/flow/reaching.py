"""Where a contact is best written to: the one address out of many that a message goes to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.outbound import Notices
from omnigate.store.reach import Way

ONLY_WHERE_KNOWN: Final = "no_address"
"""The code of an address that a channel can write to only where there is a conversation already."""


class Writable(Protocol):
    """A channel, as far as it tells whom it can write to."""

    @property
    def reaches_any(self) -> bool:
        """Whether `conversation_of` says nothing of whom the channel can write to."""

    def conversation_of(self, address: Address) -> str:
        """Return the conversation that writing to an address begins; raises `Refused`."""


def best_way(
    ways: Iterable[Way], channel: Writable, notices: Notices | None
) -> tuple[Address, str] | None:
    """Return the address that a message goes to and the conversation it begins; None if there is none.

    Before all, one where it may go: not blocked, and for a notice with the consent that it needs. Of those
    a proven one, of those the latest used. Where none may be written to the best of the others is
    returned: the store says why not.
    """
    found = [
        (way, external_id)
        for way in ways
        if (external_id := _conversation(way, channel)) is not None
    ]
    if not found:
        return None
    way, external_id = max(found, key=lambda one: _rank(one[0], notices))
    return way.address, external_id


def _conversation(way: Way, channel: Writable) -> str | None:
    # A channel that takes any address knows people by what they have written from, and by nothing else.
    if channel.reaches_any and way.external_id is None:
        return None
    try:
        return channel.conversation_of(way.address)
    except Refused as error:
        return way.external_id if error.code == ONLY_WHERE_KNOWN else None


def _rank(way: Way, notices: Notices | None) -> tuple[bool, bool, bool, int]:
    agrees = notices is None or way.consent != "refused"
    if notices == "consent":
        agrees = way.consent == "granted"
    return not way.is_blocked, agrees, way.is_verified, way.used_at
