"""What the meanings of one batch of items are worked out with."""

from __future__ import annotations

from typing import NamedTuple

from omnigate.store.arriving import Arrivals
from omnigate.store.attachments import AttachmentShelf
from omnigate.store.correspondence import Correspondence
from omnigate.store.ledger import Ledger
from omnigate.store.messages import MessageIndex
from omnigate.store.receipts import Receipts
from omnigate.store.record import Recorder
from omnigate.store.transaction import RecordedEvent, Transaction


class Meaning(NamedTuple):
    """The event that an item came down to."""

    position: int
    event_id: str
    sequence: int | None
    message_id: str | None


class Batch:
    """The conversations, messages, files and receipts that the items of one batch refer to."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.ledger = Ledger(transaction)
        self.recorder = Recorder(transaction)
        self.shelf = AttachmentShelf(transaction)
        self.index = MessageIndex(transaction)
        self.receipts = Receipts(transaction, self.recorder, self.ledger)
        self.arrivals = Arrivals(transaction, self.ledger, self.recorder, self.index)
        self.correspondence = Correspondence(transaction, self.ledger, self.recorder, self.arrivals)

    def load(self) -> None:
        """Load the messages, files, receipts and handovers that are wanted."""
        self.index.load()
        self.shelf.load()
        self.receipts.load()
        self.arrivals.load()


def meaning_of(recorded: RecordedEvent, message_id: str | None = None) -> Meaning:
    """Return an event that was recorded as what an item came down to."""
    return Meaning(recorded.position, recorded.id, recorded.sequence, message_id)
