"""What stands in each kind of PDU, field by field.

A field is an octet, a C-octet string (its size counts the NUL) or the short message with its length first.
Strings are read and written in Latin-1, so that every octet but NUL survives.

Source: SMPP 3.4 issue 1.2, section 4 (layouts compared with two libraries, 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, NamedTuple

from omnigate_sms.smpp import statuses

SHORT_MESSAGE_LIMIT_BYTES: Final = 254
VERSION: Final = 0x34
_LENIENT: Final = 256
"""What is taken where an operator gives more than the standard allows: refusing costs a text."""


class Command(IntEnum):
    """Every PDU that either side may send; an answer is its request with the highest bit set."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER = 0x00000002
    BIND_TRANSMITTER_RESP = 0x80000002
    QUERY_SM = 0x00000003
    QUERY_SM_RESP = 0x80000003
    SUBMIT_SM = 0x00000004
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM = 0x00000005
    DELIVER_SM_RESP = 0x80000005
    UNBIND = 0x00000006
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER = 0x00000009
    BIND_TRANSCEIVER_RESP = 0x80000009
    OUTBIND = 0x0000000B
    ENQUIRE_LINK = 0x00000015
    ENQUIRE_LINK_RESP = 0x80000015
    ALERT_NOTIFICATION = 0x00000102
    DATA_SM = 0x00000103
    DATA_SM_RESP = 0x80000103


RESPONSE: Final = 0x80000000
"""The bit of a command that marks an answer."""


class Text(NamedTuple):
    """A C-octet string."""

    name: str
    size: int
    """The most octets, NUL included."""
    complaint: int = statuses.BAD_COMMAND_LENGTH
    """What a sender of a longer one is told."""
    read_size: int = 0
    """The most octets that are read; 0: as many as are written."""


class Octet(NamedTuple):
    """An unsigned integer of one octet."""

    name: str


class Octets(NamedTuple):
    """Octets with their number first."""

    name: str
    most: int


Field = Text | Octet | Octets


@dataclass(frozen=True, slots=True)
class Nothing:
    """The body of what says all by its command."""

    fields: ClassVar[tuple[Field, ...]] = ()


NOTHING: Final = Nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """bind_receiver, bind_transmitter, bind_transceiver."""

    fields: ClassVar[tuple[Field, ...]] = (
        Text("system_id", 16),
        # Eight characters by the standard; some operators give out longer ones.
        Text("password", 65),
        Text("system_type", 13),
        Octet("interface_version"),
        Octet("addr_ton"),
        Octet("addr_npi"),
        Text("address_range", 41),
    )
    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The answers to the three binds."""

    fields: ClassVar[tuple[Field, ...]] = (Text("system_id", 16, read_size=_LENIENT),)
    system_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """submit_sm and deliver_sm."""

    fields: ClassVar[tuple[Field, ...]] = (
        Text("service_type", 6, 0x15),
        Octet("source_addr_ton"),
        Octet("source_addr_npi"),
        Text("source_addr", 21, statuses.BAD_SOURCE),
        Octet("dest_addr_ton"),
        Octet("dest_addr_npi"),
        Text("destination_addr", 21, statuses.BAD_DESTINATION),
        Octet("esm_class"),
        Octet("protocol_id"),
        Octet("priority_flag"),
        Text("schedule_delivery_time", 17, 0x61),
        Text("validity_period", 17, 0x62),
        Octet("registered_delivery"),
        Octet("replace_if_present_flag"),
        Octet("data_coding"),
        Octet("sm_default_msg_id"),
        Octets("short_message", SHORT_MESSAGE_LIMIT_BYTES),
    )
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMessage:
    """data_sm: what is said stands in the parameter message_payload."""

    fields: ClassVar[tuple[Field, ...]] = (
        Text("service_type", 6, 0x15),
        Octet("source_addr_ton"),
        Octet("source_addr_npi"),
        Text("source_addr", 65, statuses.BAD_SOURCE),
        Octet("dest_addr_ton"),
        Octet("dest_addr_npi"),
        Text("destination_addr", 65, statuses.BAD_DESTINATION),
        Octet("esm_class"),
        Octet("registered_delivery"),
        Octet("data_coding"),
    )
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The answers to submit_sm, deliver_sm and data_sm."""

    fields: ClassVar[tuple[Field, ...]] = (Text("message_id", 65, read_size=_LENIENT),)
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """query_sm."""

    fields: ClassVar[tuple[Field, ...]] = (
        Text("message_id", 65, 0x0C),
        Octet("source_addr_ton"),
        Octet("source_addr_npi"),
        Text("source_addr", 21, statuses.BAD_SOURCE),
    )
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queried:
    """query_sm_resp."""

    fields: ClassVar[tuple[Field, ...]] = (
        Text("message_id", 65, read_size=_LENIENT),
        Text("final_date", 17),
        Octet("message_state"),
        Octet("error_code"),
    )
    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbind:
    """outbind: the SMSC asks to be bound to."""

    fields: ClassVar[tuple[Field, ...]] = (Text("system_id", 16), Text("password", 65))
    system_id: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """alert_notification: a phone can be reached again."""

    fields: ClassVar[tuple[Field, ...]] = (
        Octet("source_addr_ton"),
        Octet("source_addr_npi"),
        Text("source_addr", 65, statuses.BAD_SOURCE),
        Octet("esme_addr_ton"),
        Octet("esme_addr_npi"),
        Text("esme_addr", 65, statuses.BAD_DESTINATION),
    )
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


Body = (
    Nothing | Bind | Bound | ShortMessage | DataMessage | Taken | Query | Queried | Outbind | Alert
)

BODY_OF: Final[Mapping[int, type[Body]]] = {
    Command.GENERIC_NACK: Nothing,
    Command.BIND_RECEIVER: Bind,
    Command.BIND_RECEIVER_RESP: Bound,
    Command.BIND_TRANSMITTER: Bind,
    Command.BIND_TRANSMITTER_RESP: Bound,
    Command.QUERY_SM: Query,
    Command.QUERY_SM_RESP: Queried,
    Command.SUBMIT_SM: ShortMessage,
    Command.SUBMIT_SM_RESP: Taken,
    Command.DELIVER_SM: ShortMessage,
    Command.DELIVER_SM_RESP: Taken,
    Command.UNBIND: Nothing,
    Command.UNBIND_RESP: Nothing,
    Command.BIND_TRANSCEIVER: Bind,
    Command.BIND_TRANSCEIVER_RESP: Bound,
    Command.OUTBIND: Outbind,
    Command.ENQUIRE_LINK: Nothing,
    Command.ENQUIRE_LINK_RESP: Nothing,
    Command.ALERT_NOTIFICATION: Alert,
    Command.DATA_SM: DataMessage,
    Command.DATA_SM_RESP: Taken,
}
