"""How conversations and messages of VK are called in Omnigate, and reactions too.

A conversation is its peer: a user's id, or 2000000000 and more for a chat of several people. A message is
``<peer>:<its number in the conversation>``.
"""

from __future__ import annotations

import re
from typing import Final

import omnigate

SCHEME: Final = "vk"
CHAT_PEERS: Final = 2_000_000_000
"""Peers above are chats of several people."""

_PEER: Final = re.compile(r"-?[1-9][0-9]{0,17}")
_MESSAGE: Final = re.compile(r"(-?[1-9][0-9]{0,17}):([0-9]{1,18})")

REACTIONS: Final = dict(enumerate("❤🔥😂👍💩❓😭😡👎👌😄🤔🙏😘😍🎉", start=1))
"""Reactions by number; the pictures are general knowledge, unchecked."""
_NUMBERS: Final = {emoji: number for number, emoji in REACTIONS.items()}


def address_of(user_id: int) -> omnigate.Address:
    """Return the address of a person, or of a community, whose id is below zero."""
    return omnigate.Address(f"{SCHEME}:{user_id}")


def message_name(peer_id: int, cmid: int) -> str:
    """Return what a message is called."""
    return f"{peer_id}:{cmid}"


def peer_of(conversation: str) -> int:
    """Read a conversation's id; raises `Refused` when it is none of VK's."""
    if not _PEER.fullmatch(conversation):
        raise omnigate.Refused("bad_address", f"{conversation!r} is no conversation of VK")
    return int(conversation)


def number_of(external_id: str) -> int:
    """Return the number of a message in its conversation; raises `Refused` when it is no message."""
    found = _MESSAGE.fullmatch(external_id)
    if found is None:
        raise omnigate.Refused("bad_message", f"{external_id!r} is no message of VK")
    return int(found[2])


def emoji_of(reaction_id: int) -> str:
    """Return a reaction as people see it; one that nobody knows by its number."""
    return REACTIONS.get(reaction_id, f"vk:{reaction_id}")


def reaction_of(emoji: str) -> int:
    """Return the number of a reaction; raises `Refused` for what the platform does not have."""
    plain = emoji.rstrip("\ufe0f")
    number = _NUMBERS.get(plain)
    if number is None and plain.startswith("vk:") and plain[3:].isdecimal():
        number = int(plain[3:])
    if number is None:
        known = " ".join(REACTIONS.values())
        raise omnigate.Refused("no_such_reaction", f"VK has no reaction {emoji}; it has {known}")
    return number
