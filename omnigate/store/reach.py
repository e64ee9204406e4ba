"""At which addresses a contact can be written to, and what is known of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.facts import Consent
from omnigate.store.schema import address, contact, conversation


class Way(NamedTuple):
    """One address of a contact, as far as writing to it on one channel is concerned."""

    address: Address
    is_verified: bool
    consent: Consent | None
    used_at: int
    """When something last happened there, on whatever channel; when it became known, if nothing did."""
    external_id: str | None
    """What this channel calls the conversation that there is on it; None if there is none."""
    is_blocked: bool
    """The customer wants no messages there on this channel."""


class Reach(NamedTuple):
    """Whom a message is for."""

    contact_id: str
    """Of the contact that it is by now."""
    ways: Sequence[Way]


def read_reach(
    connection: Connection, contact_id: str, channel: str, channels: Collection[str] | None
) -> Reach | None:
    """Return the addresses of a contact, as a channel sees them; None if there is no such contact.

    One that has no conversation on the ``channels`` that the caller may see is not there for it.
    Raises `Refused` (``gone``) for one that was erased.
    """
    row = connection.execute(_CONTACT, {"id": contact_id}).first()
    while row is not None and row.merged_into is not None:
        row = connection.execute(_CONTACT, {"id": row.merged_into}).first()
    if row is None:
        return None
    threads = connection.execute(_THREADS, {"contact_id": row.id}).all()
    if channels is not None and not any(thread.channel in channels for thread in threads):
        return None
    if row.erased_at is not None:
        raise Refused("gone", "the contact was erased")
    held = connection.execute(_ADDRESSES, {"contact_id": row.id})
    return Reach(row.id, [_way(one, threads, channel) for one in held])


def find_at(connection: Connection, channel: str, address: Address) -> str | None:
    """Return what a channel calls the conversation on an address that changed last; None if there is none."""
    return connection.scalar(_LATEST_AT, {"channel": channel, "address": str(address)})


def _way(held: Any, threads: Sequence[Any], channel: str) -> Way:
    theirs = [thread for thread in threads if thread.address == held.address]
    here = [thread for thread in theirs if thread.channel == channel]
    # A message goes into the conversation that changed last.
    latest = max(here, key=lambda thread: thread.updated_at, default=None)
    return Way(
        address=Address(held.address),
        is_verified=held.verified_at is not None,
        consent=held.consent,
        used_at=max((thread.updated_at for thread in theirs), default=held.created_at),
        external_id=latest.external_id if latest is not None else None,
        is_blocked=latest is not None and latest.blocked_at is not None,
    )


_CONTACT: Final = select(contact.c.id, contact.c.merged_into, contact.c.erased_at).where(
    contact.c.id == bindparam("id")
)
_ADDRESSES: Final = select(address).where(address.c.contact_id == bindparam("contact_id"))
_THREADS: Final = select(
    conversation.c.channel,
    conversation.c.address,
    conversation.c.external_id,
    conversation.c.updated_at,
    conversation.c.blocked_at,
).where(conversation.c.contact_id == bindparam("contact_id"))
_LATEST_AT: Final = (
    select(conversation.c.external_id)
    .where(
        conversation.c.channel == bindparam("channel"),
        conversation.c.address == bindparam("address"),
    )
    .order_by(conversation.c.updated_at.desc())
    .limit(1)
)
