"""Getting mails out of a folder that is open: what is to be known first, the whole, or what fits of it.

Nothing here marks a mail as read. Whoever is asked for a mail that is gone meanwhile says nothing of it.

Source: RFC 3501 section 6.4.5 (FETCH), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from omnigate_email.imap.mailparts import TEXT_BYTES, remark_of, smaller, structure_of
from omnigate_email.imap.replies import Unreadable, Value, internal_date, number, words
from omnigate_email.imap.troubles import MailTrouble, reading

HEADER_BYTES: Final = 512 * 1024
"""So much of the headers of a mail that is too large."""
_ENVELOPE_BYTES: Final = 1024 * 1024

Query: TypeAlias = Callable[[str, str, int], list[dict[str, Value]]]
"""Asks for items of mails: their numbers, the items, and how many bytes that may be at most. Raises
`MailTrouble`, `ServerTrouble`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a mail before it is fetched."""

    uid: int
    size_bytes: int
    arrived_at: datetime
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What was fetched of a mail."""

    raw: bytes
    headers: bytes
    """As the server has them; the whole mail where all of it was fetched."""
    remark: str = ""
    """What was left out."""


def facts_of(query: Query, uids: Sequence[int]) -> dict[int, Facts]:
    """Return the facts of mails, without those that are gone."""
    many = ",".join(map(str, uids))
    items = query(many, "(UID RFC822.SIZE INTERNALDATE FLAGS)", _ENVELOPE_BYTES)
    with reading(many):
        told = [_facts(item) for item in items if {"RFC822.SIZE", "INTERNALDATE"} <= item.keys()]
    found = {one.uid: one for one in told}
    return {uid: found[uid] for uid in uids if uid in found}


def content_of(query: Query, facts: Facts, limit_bytes: int) -> Content | None:
    """Return a mail, or its headers and texts when it is larger; None when it is gone."""
    if facts.size_bytes > limit_bytes:
        return _texts(query, facts, limit_bytes)
    raw = _section(query, facts.uid, "", limit_bytes)
    return Content(raw, raw) if raw is not None else None


def _texts(query: Query, facts: Facts, limit_bytes: int) -> Content | None:
    uid = facts.uid
    try:
        items = query(str(uid), "(UID BODYSTRUCTURE)", _ENVELOPE_BYTES)
    except MailTrouble:  # then the headers alone
        items = []
    headers = _part(query, uid, "HEADER", HEADER_BYTES)
    if headers is None:
        return None
    structure = structure_of(_item(uid, items, "BODYSTRUCTURE"))
    texts = []
    for part in structure.texts:
        # The headers of the only part are the mail's.
        mime = None if structure.single else _part(query, uid, f"{part.section}.MIME", HEADER_BYTES)
        texts.append((mime or b"", _part(query, uid, part.section, TEXT_BYTES) or b""))
    remark = remark_of(facts.size_bytes, limit_bytes, structure)
    return Content(smaller(headers, texts, structure), headers, remark)


def _part(query: Query, uid: int, section: str, most_bytes: int) -> bytes | None:
    return _section(query, uid, section, most_bytes, f"<0.{most_bytes}>")


def _section(
    query: Query, uid: int, section: str, most_bytes: int, partial: str = ""
) -> bytes | None:
    """Return a section of a mail; None when the mail is gone."""
    items = query(str(uid), f"(UID BODY.PEEK[{section}]{partial})", most_bytes)
    content = _item(uid, items, f"BODY[{section}]")
    if content is None:
        return None
    if not isinstance(content, bytes):
        raise MailTrouble("the server gives nothing for it")
    return content


def _item(uid: int, items: list[dict[str, Value]], name: str) -> Value:
    """Return an item of a mail, an empty list for NIL; None when nothing is told of it.

    The server tells of other mails too, as others change them.
    """
    for item in items:
        if item.get("UID") == str(uid).encode() and name in item:
            return item[name] if item[name] is not None else []
    return None


def _facts(item: dict[str, Value]) -> Facts:
    arrived_at = item["INTERNALDATE"]
    if not isinstance(arrived_at, bytes):
        raise Unreadable("INTERNALDATE is no date")
    return Facts(
        uid=number(item.get("UID")),
        size_bytes=number(item["RFC822.SIZE"]),
        arrived_at=internal_date(arrived_at),
        flags=words(item.get("FLAGS")),
    )
