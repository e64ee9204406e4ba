"""Who writes a mail, and which conversation it belongs to, as far as the store knows.

The order is that of `omnigate_email.meaning.threads`: a token of ours, ids that are answered, a tag in the
subject for the conversation's own sender, and else a conversation begins. Whoever else writes into a
conversation is another participant: the company's answers go on to whom the conversation is with.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import omnigate
from omnigate_email.addresses import OwnAddresses, same
from omnigate_email.arriving import Arrival
from omnigate_email.mail import Mail, Mailbox
from omnigate_email.meaning import threads
from omnigate_email.meaning.automatic import is_machine
from omnigate_email.meaning.tokens import Tokens, recipients_of

LONGEST_ID: Final = 500
NOWHERE: Final = "sender.invalid"
"""The domain of senders of whom no address can be read. Source: RFC 2606 section 2."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail belongs."""

    conversation: str
    known: omnigate.ConversationInfo | None
    """What the store knows of it; None when it begins."""

    def is_with(self, address: str) -> bool:
        """Tell whether the conversation is with this address, or begins with it."""
        return self.known is None or same(address, self.known.address.path)


def writer_of(mail: Mail, own_addresses: OwnAddresses, arrival: Arrival) -> Mailbox:
    """Return who is to be answered; see `is_nobody` for a mail that does not tell.

    That is ``From``: what ``Reply-To`` says anybody can write, and an answer that goes elsewhere than to the
    person who is shown gives away what was meant for them. But where ``From`` is our own address or one that
    nobody reads, as forms on web sites and market places have it, the customer stands in ``Reply-To``.

    Without a usable ``From`` it is ``Sender``, else whom the envelope names. A mail that has none of these is
    of a sender of its own: strangers must not end up as one contact.
    """
    author = mail.author
    if author is None or not _is_address(author.address):
        return _who_else(mail, own_addresses, arrival)
    if author.address in own_addresses or is_machine(author.address):
        strangers = (one for one in mail.reply_to if one.address not in own_addresses)
        answered = next(strangers, author)
        return answered if _is_address(answered.address) else author
    return author


def is_nobody(address: str) -> bool:
    """Tell whether an address only stands for a sender who told none: nothing can be sent there."""
    return address.endswith(f"@{NOWHERE}")


def _who_else(mail: Mail, own_addresses: OwnAddresses, arrival: Arrival) -> Mailbox:
    """Return whose a mail without a usable ``From`` is."""
    told = [mail.sender] if mail.sender is not None else []
    noted = mail.headers.get("return-path", ()) if arrival.sender is None else (arrival.sender,)
    told += [Mailbox(one.strip("<> ")) for one in noted]
    for one in told:
        if one.address not in own_addresses and _is_address(one.address):
            return one
    name = mail.author.name if mail.author else None
    # Of all bytes: an id is the sender's to choose, and would let them in with somebody else.
    digest = hashlib.sha256(arrival.fingerprint.encode()).digest()[:10]
    return Mailbox(f"{base64.b32encode(digest).decode().lower()}@{NOWHERE}", name)


def customers_of(mail: Mail, own_addresses: OwnAddresses) -> Sequence[Mailbox]:
    """Return to whom a mail of our own people goes; nobody when only we are meant."""
    strangers = (one for one in (*mail.to, *mail.cc) if one.address not in own_addresses)
    return [one for one in strangers if _is_address(one.address)]


async def place_of(
    mail: Mail,
    writer: Mailbox,
    envelope: Sequence[str],
    tokens: Tokens,
    host: omnigate.ChannelHost,
    *,
    by_subject: bool,
) -> Place:
    """Return where a mail belongs. Raises `StoreError`."""
    conversation = threads.conversation_by_headers(mail, tokens, recipients_of(mail, envelope))
    if conversation is not None:
        return Place(conversation, await host.conversation(conversation))
    if ids := threads.ids_to_look_up(mail):
        known = await host.conversations_of(ids)
        if found := next((known[one] for one in ids if one in known), None):
            return Place(found.external_id, found)
    if by_subject and (tagged := threads.subject_token(mail.subject)) is not None:
        place = Place(tagged, await host.conversation(tagged))
        if place.known is not None and place.is_with(writer.address):
            return place
    return await begun_with(mail, writer, tokens, host)


async def begun_with(
    mail: Mail, whom: Mailbox, tokens: Tokens, host: omnigate.ChannelHost
) -> Place:
    """Return the conversation that a mail begins with somebody, whatever it answers. Raises `StoreError`."""
    begun = threads.new_conversation_id(mail, tokens, whom)
    return Place(begun, await host.conversation(begun))


def message_id_of(mail: Mail) -> str | None:
    """Return a mail's own id, if it is one that can be kept and found again."""
    said = mail.message_id or ""
    return said if said.isascii() and said.isprintable() and 0 < len(said) <= LONGEST_ID else None


def _is_address(text: str) -> bool:
    try:
        omnigate.mailto(text)
    except ValueError:
        return False
    return True
