"""PDUs to octets and back; pure.

A PDU has a head of 16 octets (length of all, command, status, sequence number; big-endian), the fields of
its command and optional parameters. A stream whose lengths make no sense cannot be read any further; a
body that makes none costs only its PDU, and its sender is told why.

Source: SMPP 3.4 issue 1.2, sections 3.2 and 5.1 (read by way of two libraries, 2026-11-22).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from omnigate_sms.smpp import statuses, tlv
from omnigate_sms.smpp.bodies import BODY_OF, NOTHING, RESPONSE, Body, Field, Octet, Octets, Text
from omnigate_sms.smpp.tlv import Tlv

HEAD_BYTES: Final = 16
LIMIT_BYTES: Final = 70_000
"""No PDU is longer: a message_payload has at most 64 KiB."""
SEQUENCE_LIMIT: Final = 0x7FFFFFFF

_HEAD: Final = struct.Struct(">IIII")
_LENGTH: Final = struct.Struct(">I")
_CHARSET: Final = "latin-1"
_UNDECODED: Final = 0x0000
"""A tag that the standard gives to no parameter."""


class OutOfSync(ValueError):
    """A length makes no sense: nothing after it can be read, and the connection has to be closed."""


class Malformed(ValueError):
    """A PDU cannot be understood; the next one can."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        """What its sender is to be told."""


class Head(NamedTuple):
    """What every PDU begins with, after its length."""

    command: int
    status: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One unit of the protocol."""

    command: int
    status: int = statuses.OK
    sequence: int
    body: Body = NOTHING
    parameters: tuple[Tlv, ...] = ()
    octets: bytes = field(default=b"", compare=False, repr=False)
    """As it came; empty for what is ours."""

    @property
    def head(self) -> Head:
        """What it begins with."""
        return Head(self.command, self.status, self.sequence)


class Framer:
    """Cuts a stream of octets into PDUs; keeps what is not whole yet, at most one PDU."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """Yield the PDUs that are whole now.

        Raises:
            OutOfSync: after the last good one; there are none behind it.
        """
        self._kept += octets
        at = 0
        try:
            while len(self._kept) - at >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._kept, at)
                if not HEAD_BYTES <= length <= LIMIT_BYTES:
                    raise OutOfSync(f"a PDU claims to be {length} octets long")
                if len(self._kept) - at < length:
                    return
                at += length
                yield bytes(self._kept[at - length : at])
        finally:
            del self._kept[:at]


def encode(pdu: Pdu) -> bytes:
    """Return the octets of a PDU; raises ``ValueError`` naming the field that cannot be written."""
    out = bytearray(HEAD_BYTES)
    for one in pdu.body.fields:
        out += _written(one, getattr(pdu.body, one.name))
    out += tlv.write(pdu.parameters)
    if len(out) > LIMIT_BYTES:
        raise ValueError(f"a PDU of {len(out)} octets is too long")
    _HEAD.pack_into(out, 0, len(out), pdu.command, pdu.status, pdu.sequence)
    return bytes(out)


def read_head(frame: bytes) -> Head:
    """Return what a PDU of the stream begins with."""
    return Head._make(_HEAD.unpack_from(frame)[1:])


def decode(frame: bytes) -> Pdu:
    """Return a PDU of the stream.

    Of an answer, fields at the end may be missing: an error often comes without a body.

    Raises:
        Malformed: its command is not known, or its body makes no sense.
    """
    command, status, sequence = read_head(frame)
    if (kind := BODY_OF.get(command)) is None:
        raise Malformed(statuses.BAD_COMMAND, f"command 0x{command:08X} is not known")
    answer = bool(command & RESPONSE)
    values: dict[str, Any] = {}
    at = HEAD_BYTES
    for one in kind.fields:
        if answer and at == len(frame):
            break
        values[one.name], at = _read(one, frame, at)
    if answer and not kind.fields:
        at = len(frame)  # of what follows where nothing should, nothing is wanted
    try:
        parameters = tlv.read(frame[at:])
    except ValueError as error:
        raise Malformed(statuses.BAD_TLV_STREAM, str(error)) from None
    return Pdu(
        command=command,
        status=status,
        sequence=sequence,
        body=kind(**values),
        parameters=parameters,
        octets=frame,
    )


def undecoded(frame: bytes) -> Pdu:
    """Return what stands for a PDU that `decode` fails at by a mistake of ours.

    It says nothing, and equals another only if their octets do.
    """
    whole = Tlv(_UNDECODED, frame[HEAD_BYTES:])
    return Pdu(**read_head(frame)._asdict(), parameters=(whole,), octets=frame)


def _written(field: Field, value: Any) -> bytes:
    if isinstance(field, Octet):
        if not 0 <= value <= 0xFF:
            raise ValueError(f"{field.name} must be 0 to 255, not {value}")
        return bytes([value])
    if isinstance(field, Octets):
        if len(value) > field.most:
            raise ValueError(f"{field.name} has {len(value)} octets; {field.most} are the most")
        return bytes([len(value)]) + bytes(value)
    try:
        octets = value.encode(_CHARSET) + b"\0"
    except UnicodeEncodeError:
        raise ValueError(f"{field.name} has characters that cannot be written") from None
    if b"\0" in octets[:-1]:
        raise ValueError(f"{field.name} must not contain NUL")
    if len(octets) > field.size:
        raise ValueError(f"{field.name} has more than {field.size - 1} characters")
    return bytes(octets)


def _read(field: Field, frame: bytes, at: int) -> tuple[Any, int]:
    """Return a field's value and where the next one begins."""
    if isinstance(field, Text):
        last = at + (field.read_size or field.size)
        if (end := frame.find(b"\0", at, last)) < 0:
            status = field.complaint if last <= len(frame) else statuses.BAD_COMMAND_LENGTH
            raise Malformed(status, f"{field.name} does not end where it must")
        return frame[at:end].decode(_CHARSET), end + 1
    if at >= len(frame):
        raise Malformed(statuses.BAD_COMMAND_LENGTH, f"{field.name} is missing")
    if isinstance(field, Octet):
        return frame[at], at + 1
    end = at + 1 + frame[at]
    if frame[at] > field.most or end > len(frame):
        raise Malformed(statuses.BAD_MESSAGE_LENGTH, f"{field.name} is longer than what is there")
    return frame[at + 1 : end], end
