"""What our own code fails at, set aside as it came: in quarantine, from where it can be taken in again.

A mistake of ours must not have the SMSC bring a text for ever, with all that come after it behind it. The
PDU is kept whole, but for its sequence number, under the id that the text has here: what the SMSC brings
again is kept once, the same words said twice are kept twice, and what was stored before is not stored again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

import omnigate
from omnigate_sms.link import Incoming, Said
from omnigate_sms.pieces import fits
from omnigate_sms.smpp import reading
from omnigate_sms.smpp.bodies import Command
from omnigate_sms.smpp.config import Alphabet
from omnigate_sms.smpp.pdu import HEAD_BYTES, Malformed, Pdu, decode

METHOD: Final = "SMPP"
_SEQUENCE: Final = slice(HEAD_BYTES - 4, HEAD_BYTES)


async def set_aside(
    host: omnigate.ChannelHost,
    pdu: Pdu,
    external_id: str,
    error: Exception,
    notes: omnigate.Notes,
) -> None:
    """Keep a PDU in quarantine, and notes with it; durable on return.

    Raises `omnigate.Overloaded` or `omnigate.StoreError`.
    """

    def refuse(request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        is_told = isinstance(error, omnigate.BadPayload)
        raise omnigate.BadPayload(
            str(error) if is_told else f"taking it in raised {type(error).__name__}"
        )

    await host.put_updates(refuse, [_as_update(pdu, external_id)], notes=notes)


def taken_out(request: omnigate.Request, alphabet: Alphabet) -> Sequence[Said]:
    """Return what a PDU out of quarantine says; nothing, if there is nothing to keep of it.

    Raises:
        omnigate.BadPayload: it cannot be decoded, or is no PDU: another link of the channel kept it.
    """
    if request.method != METHOD:
        raise omnigate.BadPayload("it did not come by SMPP; the channel had another link then")
    arrived_at = datetime.fromtimestamp(request.received_at_seconds, UTC)
    try:
        said = reading.read(decode(request.body), alphabet, arrived_at)
    except Malformed as error:
        raise omnigate.BadPayload(str(error)) from None
    if isinstance(said, reading.Nothing):
        return ()
    if isinstance(said, Incoming) and not fits(said):
        return [replace(said, external_id=unquote(request.path.rpartition("/")[2]))]
    return [said]


def _as_update(pdu: Pdu, external_id: str) -> omnigate.Request:
    """Return what quarantine keeps, so that `taken_out` finds the same text in it."""
    octets = bytearray(pdu.octets)
    octets[_SEQUENCE] = bytes(4)  # another each time it is brought
    path = f"/{Command(pdu.command).name.lower()}/{quote(external_id, safe=':')}"
    return omnigate.Request(
        method=METHOD,
        path=path,
        # The same words said twice are two texts: quarantine tells them by this.
        query={"path": path},
        headers={},
        body=bytes(octets),
        received_at_seconds=time.time(),
    )
