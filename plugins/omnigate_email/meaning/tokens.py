"""Tokens in addresses: how an answer finds its conversation, and a bounce the mail it is about.

A conversation's id is 96 bits that only this installation can make; its token is the id and a seal of
64 bits more, both keyed by the installation's secret. So nobody can write into a conversation, or say
that a mail has failed, without having been sent the token. Case means nothing in a token: mail servers
fold local parts.
Source: RFC 5233 (subaddresses); RFC 4648 section 6 (base32), in lower case, without padding.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from omnigate_email.mail import Mail

DELIMITER: Final = "+"
"""What most servers have between a mailbox and its detail (``recipient_delimiter`` of Postfix)."""
LONGEST_LOCAL_PART: Final = 64
"""Source: RFC 5321 section 4.5.3.1.1."""

_ID_BYTES: Final = 12
_SEAL_BYTES: Final = 8
_ID: Final = re.compile(r"[a-z2-7]{20}")
_TOKEN: Final = re.compile(r"[a-z2-7]{32}")
_PART: Final = re.compile(r"msg_([0-9a-v]{26})\.(\d{1,4})")
_PART_TOKEN: Final = re.compile(r"([0-9a-v]{26})\.(\d{1,4})\.([a-z2-7]{13})")

_RECIPIENT_HEADERS: Final = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to")
"""Where mail servers note the recipient of the envelope: Postfix, Dovecot, Exim, others."""
_MOST_ADDRESSES: Final = 200
_IN_HEADER: Final = re.compile(r"[^\s<>,;:\"()]{1,200}@[^\s<>,;:\"()]{1,255}")


class Tokens:
    """Makes and recognises the tokens of one channel."""

    def __init__(self, secret: bytes, *, delimiter: str = DELIMITER) -> None:
        """Take the secret that everything is keyed by, and what stands before the detail of an address."""
        self._secret = secret
        self._delimiter = delimiter

    def new_conversation(self, *what: str) -> str:
        """Return the id of the conversation that is told by these texts: the same for the same.

        It cannot be foreseen by anybody who has not the secret.
        """
        lengths = ",".join(str(len(one)) for one in what)
        return _base32(self._keyed("conversation", lengths, *what)[:_ID_BYTES])

    def of(self, conversation: str) -> str:
        """Return a conversation's token; raises ``ValueError`` for an id that was not made here."""
        if not is_conversation(conversation):
            raise ValueError("the id of a mail conversation has 20 characters of a-z and 2-7")
        identity = _bytes_of(conversation)
        return _base32(identity + self._seal("token", conversation))

    def conversation(self, token: str) -> str | None:
        """Return the conversation that a token is of, or None when it was not made here."""
        token = token.lower()
        if not _TOKEN.fullmatch(token):
            return None
        conversation = _base32(_bytes_of(token)[:_ID_BYTES])
        return conversation if hmac.compare_digest(self.of(conversation), token) else None

    def of_part(self, part_id: str) -> str:
        """Return the token for the envelope's sender of one mail, where its bounces go.

        It has at most 45 characters. Raises ``ValueError`` for what is not ``msg_….<index>``.
        """
        if not (found := _PART.fullmatch(part_id)):
            raise ValueError("a part's id is written msg_<26 characters>.<index>")
        return f"{found[1]}.{found[2]}.{_base32(self._seal('part', part_id))}"

    def part(self, token: str) -> str | None:
        """Return the id of the part that a token is of, or None when it was not made here."""
        token = token.lower()
        if not (found := _PART_TOKEN.fullmatch(token)):
            return None
        part_id = f"msg_{found[1]}.{found[2]}"
        return part_id if hmac.compare_digest(self.of_part(part_id), token) else None

    def plus_address(self, address: str, token: str) -> str:
        """Return an address with a token as its detail.

        Raises ``ValueError`` when the part before the ``@`` would have more than 64 characters: another
        address has to be chosen then, or threads be told by their headers only.
        """
        local, _, domain = address.rpartition("@")
        detailed = f"{local}{self._delimiter}{token}"
        if not local or len(detailed.encode()) > LONGEST_LOCAL_PART:
            raise ValueError(
                f"{address} has no room for a token: at most"
                f" {LONGEST_LOCAL_PART - len(token) - len(self._delimiter)} characters before the @"
            )
        return f"{detailed}@{domain}"

    def conversation_in(self, addresses: Iterable[str]) -> str | None:
        """Return the conversation of the first token of ours in these addresses."""
        details = self._details(addresses)
        return next((found for one in details if (found := self.conversation(one))), None)

    def conversation_in_id(self, message_id: str) -> str | None:
        """Return the conversation that stands in a Message-ID of ours, or None: see `message_id_for`."""
        local, _, _ = message_id.strip("<> \t").partition("@")
        return self.conversation(local.rpartition(".")[2])

    def _details(self, addresses: Iterable[str]) -> Iterable[str]:
        for address in islice(addresses, _MOST_ADDRESSES):
            local = address.rpartition("@")[0]
            _, delimiter, detail = local.rpartition(self._delimiter)
            # Rewritten for forwarding: SRS0=hash=day=shop.example=support+token@relay.example.
            if delimiter:
                yield detail.partition("=")[0]

    def _seal(self, purpose: str, text: str) -> bytes:
        return self._keyed(purpose, text)[:_SEAL_BYTES]

    def _keyed(self, purpose: str, *texts: str) -> bytes:
        said = "\0".join((purpose, *texts)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, said, "sha256")


def is_conversation(text: str) -> bool:
    """Tell whether a text has the shape of a mail conversation's id."""
    return _ID.fullmatch(text) is not None and _base32(_bytes_of(text)) == text


def recipients_of(mail: Mail, envelope: Sequence[str] = ()) -> Sequence[str]:
    """Return every address that a mail went to, the most trustworthy first; at most 200.

    The envelope's come first, then what mail servers have noted of it, then ``To`` and ``Cc``.
    """
    noted = (
        found[0]
        for header in _RECIPIENT_HEADERS
        for value in mail.headers.get(header, ())
        for found in _IN_HEADER.finditer(value)
    )
    written = (one.address for one in (*mail.to, *mail.cc))
    every = dict.fromkeys(one.strip("<> ") for group in (envelope, noted, written) for one in group)
    return tuple(islice(every, _MOST_ADDRESSES))


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _bytes_of(text: str) -> bytes:
    padded = text.upper() + "=" * (-len(text) % 8)
    return base64.b32decode(padded)
