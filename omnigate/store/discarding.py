"""Files that go: rows of attachments, and the bytes on disk that no other row names.

Bytes go within the turn and before its COMMIT. Whatever cuts that short, a row without bytes is left,
which can be asked for again; bytes without a row could not be found any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from omnigate.store.schema import attachment
from omnigate.store.transaction import Transaction, chunks

Discard = Callable[[str], object]
"""Removes the bytes with a hash from the disk, for good; what is not there it lets be."""


class Dropped(NamedTuple):
    """Files to go, by the ids of their attachments."""

    attachment_ids: Sequence[str]
    discard: Discard
    """Called within the turn, so that nobody takes the bytes up meanwhile."""


class ForgottenFiles(NamedTuple):
    """Files, by their hash, that no row need name any more."""

    hashes: Sequence[str]
    discard: Discard
    """Called within the turn, so that nobody takes the bytes up meanwhile."""


def attachment_ids_of(connection: Connection, message_ids: Sequence[str]) -> list[str]:
    """Return the ids of the files that messages bear."""
    return list(connection.scalars(_OF_MESSAGES, {"ids": message_ids}))


def attachments_of(connection: Connection, message_ids: Sequence[str]) -> list[Any]:
    """Return what is known of the files that messages or calls bear."""
    query = select(attachment).where(attachment.c.message_id.in_(message_ids))
    return list(connection.execute(query.order_by(attachment.c.id)))


def drop_files(transaction: Transaction, items: Sequence[Dropped]) -> list[int]:
    """Delete attachments, and from the disk what no other names; return how many files went."""
    counts = []
    for item in items:
        hashes = transaction.connection.scalars(
            delete(attachment)
            .where(attachment.c.id.in_(item.attachment_ids))
            .returning(attachment.c.sha256)
        ).all()
        counts.append(
            _forget(transaction, [each for each in hashes if each is not None], item.discard)
        )
    return counts


def forget_files(transaction: Transaction, items: Sequence[ForgottenFiles]) -> list[int]:
    """Remove those files that no row names any more; return how many there were."""
    return [_forget(transaction, item.hashes, item.discard) for item in items]


def unnamed(connection: Connection, hashes: Sequence[str]) -> list[str]:
    """Return those hashes that no row names, each once."""
    left = list(dict.fromkeys(hashes))
    for some in chunks(left):
        named = set(connection.scalars(_NAMED, {"hashes": some}))
        left = [digest for digest in left if digest not in named]
    return left


def names_any(connection: Connection) -> bool:
    """Tell whether any row names a file that is here."""
    return connection.scalar(_ANY) is not None


def _forget(transaction: Transaction, hashes: Sequence[str], discard: Discard) -> int:
    gone = unnamed(transaction.connection, hashes)
    for digest in gone:
        discard(digest)
    return len(gone)


_OF_MESSAGES: Final = (
    select(attachment.c.id)
    .where(attachment.c.message_id.in_(bindparam("ids", expanding=True)))
    .order_by(attachment.c.id)
)
_NAMED: Final = select(attachment.c.sha256).where(
    attachment.c.sha256.in_(bindparam("hashes", expanding=True))
)
_ANY: Final = select(attachment.c.sha256).where(attachment.c.sha256.is_not(None)).limit(1)
