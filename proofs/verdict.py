"""What a run comes to: what was acknowledged, held against the store and against what arrived."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from proofs.customers import Book
from proofs.daemon import Daemon
from proofs.receiver import REPLY, Inbox, Receiver, is_replied_to

_MOST: Final = 10
"""So many of a kind are named; the rest is counted."""


@dataclass
class Verdict:
    """The figures, and everything that is wrong."""

    acknowledged: int = 0
    delivered: int = 0
    lost: set[str] = field(default_factory=set)
    duplicated: list[str] = field(default_factory=list)
    """What stands in the store more than once."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.lost and not self.duplicated and not self.problems

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged} delivered {self.delivered} lost {len(self.lost)}"
            f" duplicated {len(self.duplicated)}"
        )

    def complaints(self) -> Iterator[str]:
        """Say what is wrong, a line each."""
        for what, names in (("lost", sorted(self.lost)), ("duplicated", self.duplicated)):
            if names:
                yield f"{what}: {', '.join(names[:_MOST])}{' …' if len(names) > _MOST else ''}"
        yield from self.problems[:_MOST]
        if len(self.problems) > _MOST:
            yield f"and {len(self.problems) - _MOST} more problems"


async def judge(daemon: Daemon, book: Book, receiver: Receiver) -> Verdict:
    """Judge a run whose daemon has stopped with nothing left to deliver."""
    verdict = Verdict(acknowledged=book.acknowledged, problems=list(book.complaints))
    _arrivals(verdict, book, receiver)
    with closing(connect(daemon.folder)) as store:
        _rows(verdict, store, book)
        _sequences(verdict, store, receiver.crm, receiver.books)
        _leftovers(verdict, store)
        _files(verdict, store, daemon.folder / "files", book)
    for name, inbox in (("crm", receiver.crm), ("books", receiver.books)):
        _order(verdict, name, inbox)
    _order_of_answers(verdict, receiver.answers)
    if receiver.forged:
        verdict.problems.append(f"badly signed: {len(receiver.forged)}, {receiver.forged[0]}")
    if receiver.followed:
        verdict.problems.append(f"redirects were followed {receiver.followed} times")
    try:
        await daemon.omnigate("db", "check")
    except RuntimeError as error:
        verdict.problems.append(str(error))
    return verdict


def connect(folder: Path) -> sqlite3.Connection:
    """Return a connection that only reads the store."""
    return sqlite3.connect(f"file:{folder}/store.db?mode=ro", uri=True, timeout=10)


def owed(folder: Path) -> int:
    """Return how many deliveries are not settled yet."""
    with closing(connect(folder)) as store:
        count: int = store.execute("SELECT count(*) FROM outbox").fetchone()[0]
    return count


def _arrivals(verdict: Verdict, book: Book, receiver: Receiver) -> None:
    everywhere = receiver.crm.texts.keys() & receiver.books.texts.keys()
    arrived = (book.messages & everywhere) | (book.answers.keys() & receiver.answers.texts.keys())
    verdict.delivered = len(arrived)
    verdict.lost = (book.messages | book.answers.keys()) - arrived
    replies = {REPLY + text for text in book.messages if is_replied_to(text)}
    if missing := replies - receiver.answers.texts.keys():
        verdict.problems.append(f"replies of the CRM that were never sent: {_some(missing)}")


def _rows(verdict: Verdict, store: sqlite3.Connection, book: Book) -> None:
    """Count what is stored: everything once, and nothing that nobody wrote."""
    received = Counter(
        row[0]
        for row in store.execute(
            "SELECT external_id FROM message WHERE direction = 'inbound' AND channel = 'app'"
        )
    )
    sent = Counter(
        json.loads(row[0])["text"]
        for row in store.execute("SELECT content FROM message WHERE direction = 'outbound'")
    )
    verdict.lost |= book.messages - received.keys()
    verdict.lost |= book.answers.keys() - sent.keys()
    stored = received + sent
    verdict.duplicated += sorted(text for text, count in stored.items() if count > 1)
    events = store.execute(
        "SELECT message_id, type, count(*) FROM event WHERE type IN"
        " ('message.received', 'message.sent') GROUP BY 1, 2 HAVING count(*) > 1"
    )
    verdict.duplicated += [f"{kind} of {message}" for message, kind, _ in events]
    strange = stored.keys() - book.messages - book.answers.keys()
    if strange := {text for text in strange if not text.startswith(REPLY)}:
        verdict.problems.append(f"stored, but acknowledged to nobody: {_some(strange)}")
    unsent = store.execute(
        "SELECT count(*) FROM message WHERE direction = 'outbound' AND state <> 'sent'"
    ).fetchone()[0]
    if unsent:
        verdict.problems.append(f"{unsent} answers are not marked as sent")


def _sequences(
    verdict: Verdict, store: sqlite3.Connection, complete: Inbox, partial: Inbox
) -> None:
    """See that every conversation counts from 1 without a hole, and that all of it arrived."""
    rows = store.execute(
        "SELECT conversation.external_id, count(*), count(DISTINCT sequence), max(sequence)"
        " FROM event JOIN conversation ON conversation.id = conversation_id GROUP BY 1"
    )
    for conversation, count, distinct, highest in rows:
        if not count == distinct == highest:
            verdict.problems.append(f"{conversation}: {count} events, sequences up to {highest}")
        if sorted(complete.order[conversation]) != list(range(1, highest + 1)):
            verdict.problems.append(f"{conversation}: not every event arrived at the CRM")
        if not set(partial.order[conversation]) <= set(complete.order[conversation]):
            verdict.problems.append(f"{conversation}: events arrived that are not in the store")


def _leftovers(verdict: Verdict, store: sqlite3.Connection) -> None:
    for table in ("outbox", "dead", "quarantine"):
        count = store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        if count:
            verdict.problems.append(f"{count} rows are left in {table}")
    pending, leased = store.execute(
        "SELECT coalesce(sum(pending), 0), coalesce(sum(state <> 0), 0) FROM lane"
    ).fetchone()
    if pending or leased:
        verdict.problems.append(f"lanes: {pending} pending, {leased} not idle")


def _files(verdict: Verdict, store: sqlite3.Connection, shelf: Path, book: Book) -> None:
    rows = dict(store.execute("SELECT id, sha256 FROM attachment WHERE state = 'ready'"))
    for id_, digest in book.files.items():
        path = shelf / digest[:2] / digest
        if rows.get(id_) != digest or not path.is_file():
            verdict.problems.append(f"the upload {id_} is gone")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            verdict.problems.append(f"the upload {id_} is damaged")
    if book.files and (halves := list(shelf.glob(".*"))):
        verdict.problems.append(f"half-written files are left: {len(halves)}")


def _order(verdict: Verdict, name: str, inbox: Inbox) -> None:
    for conversation, sequences in inbox.order.items():
        if any(later <= earlier for earlier, later in pairwise(sequences)):
            verdict.problems.append(f"{name}: {conversation} came out of order")
    for conversation, texts in inbox.said.items():
        if not _counts_up(texts):
            verdict.problems.append(f"{name}: messages of {conversation} came out of order")
    if inbox.doubled:
        verdict.problems.append(f"{name}: under two ids: {_some(inbox.doubled)}")


def _order_of_answers(verdict: Verdict, answers: Inbox) -> None:
    for conversation, texts in answers.said.items():
        own = [text for text in texts if not text.startswith(REPLY)]
        if not _counts_up(own):
            verdict.problems.append(f"answers: messages to {conversation} came out of order")
        # Replies are queued while the customer's messages are delivered, so in their order.
        if not _counts_up([text for text in texts if text.startswith(REPLY)], gaps=True):
            verdict.problems.append(f"answers: replies to {conversation} came out of order")
    if answers.doubled:
        verdict.problems.append(f"answers: under two ids: {_some(answers.doubled)}")


def _counts_up(texts: Iterable[str], *, gaps: bool = False) -> bool:
    numbers = [int(text.rpartition("-")[2]) for text in texts]
    if gaps:
        return all(earlier < later for earlier, later in pairwise(numbers))
    return numbers == list(range(len(numbers)))


def _some(names: Iterable[str]) -> str:
    known = sorted(names)
    return ", ".join(known[:_MOST]) + (f" and {len(known) - _MOST} more" if known[_MOST:] else "")
