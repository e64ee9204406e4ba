"""What a ``command_status`` says, and what follows from it.

Source: SMPP 3.4 issue 1.2, section 5.1.3 (values compared with two libraries, 2026-11-22). What follows is
custom: a status that is not in the table is the operator's own and counts against the one text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["ok", "throttled", "transient", "configuration", "permanent"]
"""``throttled``: the whole link is too fast. ``transient``: the same again may be taken later.
``configuration``: we are not who we say, or may not do it. ``permanent``: this text will never be taken."""

OK: Final = 0x00
BAD_MESSAGE_LENGTH: Final = 0x01
BAD_COMMAND_LENGTH: Final = 0x02
BAD_COMMAND: Final = 0x03
BAD_BIND_STATE: Final = 0x04
ALREADY_BOUND: Final = 0x05
SYSTEM_ERROR: Final = 0x08
BAD_SOURCE: Final = 0x0A
BAD_DESTINATION: Final = 0x0B
TRY_LATER: Final = 0x64
"""ESME_RX_T_APPN: what we answer when a text could not be stored; the SMSC brings it again."""
BAD_TLV_STREAM: Final = 0xC0

THROTTLED: Final = frozenset({0x14, 0x58})
TRANSIENT: Final = frozenset({0x08, 0x64, 0xFE})
CONFIGURATION: Final = frozenset({0x04, 0x05, 0x0D, 0x0E, 0x0F})

NAMES: Final[Mapping[int, str]] = {
    0x00: "ESME_ROK",
    0x01: "ESME_RINVMSGLEN",
    0x02: "ESME_RINVCMDLEN",
    0x03: "ESME_RINVCMDID",
    0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND",
    0x06: "ESME_RINVPRTFLG",
    0x07: "ESME_RINVREGDLVFLG",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x0C: "ESME_RINVMSGID",
    0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD",
    0x0F: "ESME_RINVSYSID",
    0x11: "ESME_RCANCELFAIL",
    0x13: "ESME_RREPLACEFAIL",
    0x14: "ESME_RMSGQFUL",
    0x15: "ESME_RINVSERTYP",
    0x33: "ESME_RINVNUMDESTS",
    0x34: "ESME_RINVDLNAME",
    0x40: "ESME_RINVDESTFLAG",
    0x42: "ESME_RINVSUBREP",
    0x43: "ESME_RINVESMCLASS",
    0x44: "ESME_RCNTSUBDL",
    0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON",
    0x49: "ESME_RINVSRCNPI",
    0x50: "ESME_RINVDSTTON",
    0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP",
    0x54: "ESME_RINVREPFLAG",
    0x55: "ESME_RINVNUMMSGS",
    0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED",
    0x62: "ESME_RINVEXPIRY",
    0x63: "ESME_RINVDFTMSGID",
    0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN",
    0x66: "ESME_RX_R_APPN",
    0x67: "ESME_RQUERYFAIL",
    0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD",
    0xC2: "ESME_RINVPARLEN",
    0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL",
    0xFE: "ESME_RDELIVERYFAILURE",
    0xFF: "ESME_RUNKNOWNERR",
    # SMPP 5.0
    0x100: "ESME_RSERTYPUNAUTH",
    0x101: "ESME_RPROHIBITED",
    0x102: "ESME_RSERTYPUNAVAIL",
    0x103: "ESME_RSERTYPDENIED",
    0x104: "ESME_RINVDCS",
}

_CODES: Final[Mapping[int, str]] = {
    BAD_MESSAGE_LENGTH: "too_long",
    BAD_SOURCE: "bad_sender",
    0x48: "bad_sender",
    0x49: "bad_sender",
    BAD_DESTINATION: "bad_address",
    0x50: "bad_address",
    0x51: "bad_address",
}

_SOURCE: Final = "have the operator allow the sender, or correct sender, source_ton and source_npi"
_DESTINATION: Final = "correct the number, or destination_ton and destination_npi"
_PIECES: Final = "set another of long_messages"
_LET_IN: Final = "check system_id, password and bind"
ADVICE: Final[Mapping[int, str]] = {
    BAD_MESSAGE_LENGTH: _PIECES,
    BAD_BIND_STATE: "the operator has forgotten our bind, which is made anew; if it goes on, set bind",
    ALREADY_BOUND: "stop what else binds with this system_id, or have the operator allow more binds",
    0x08: "it is the operator's trouble, and tried again",
    BAD_SOURCE: _SOURCE,
    0x48: _SOURCE,
    0x49: _SOURCE,
    BAD_DESTINATION: _DESTINATION,
    0x50: _DESTINATION,
    0x51: _DESTINATION,
    0x07: "set registered_delivery to what the operator allows",
    0x0D: _LET_IN,
    0x0E: _LET_IN,
    0x0F: _LET_IN,
    0x14: "the operator has more of ours than it takes: lower rate_per_second",
    0x15: "set service_type to what the operator names",
    0x43: _PIECES,
    0x53: "set system_type to what the operator names",
    0x58: "lower rate_per_second to what the operator grants",
    0x61: "correct validity_seconds",
    0x62: "correct validity_seconds",
    BAD_TLV_STREAM: _PIECES,
    0xC1: _PIECES,
}
"""What the operator of Omnigate can do; of the others the SMSC's operator has to be asked."""
ASK: Final = "ask the operator why"


def kind(status: int) -> Kind:
    """Return what follows from a status."""
    if status == OK:
        return "ok"
    if status in THROTTLED:
        return "throttled"
    if status in TRANSIENT:
        return "transient"
    return "configuration" if status in CONFIGURATION else "permanent"


def words(status: int) -> str:
    """Return a status for a person: its name, where it has one, and its number."""
    name = NAMES.get(status)
    return f"{name} (0x{status:02X})" if name else f"status 0x{status:02X}, the operator's own"


def advice(status: int) -> str:
    """Return what to do about a refusal."""
    return ADVICE.get(status, ASK)


def code(status: int) -> str:
    """Return the machine-readable cause of a refusal."""
    return _CODES.get(status, "refused_by_provider")
