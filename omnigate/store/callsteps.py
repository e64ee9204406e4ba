"""What channels tell of calls, in one batch of items."""

from __future__ import annotations

from omnigate.model.attachment import Attachment
from omnigate.model.call import Call, CallUpdate
from omnigate.store.attachments import AttachmentShelf
from omnigate.store.callproof import Proof, is_proof
from omnigate.store.calls import Calls, StoredCall
from omnigate.store.callstates import advance, concerns
from omnigate.store.ledger import Ledger
from omnigate.store.messages import MessageIndex
from omnigate.store.record import Recorder, milliseconds_of
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import RecordedEvent, Transaction


class CallSteps:
    """Interprets the steps of calls."""

    def __init__(
        self,
        transaction: Transaction,
        ledger: Ledger,
        recorder: Recorder,
        shelf: AttachmentShelf,
        index: MessageIndex,
    ) -> None:
        self._shelf = shelf
        self._ledger = ledger
        self._now = transaction.now
        self._proof_seconds = transaction.trust.call_proof_seconds
        self._calls = Calls(transaction, ledger, recorder)
        self._proof = Proof(transaction, ledger, recorder, index)

    def want(self, item: CallUpdate) -> None:
        """Have the call of an item loaded by `load`."""
        self._calls.want(item.call)
        if item.recording is not None and item.recording.id is not None:
            self._shelf.want(item.recording.id)

    def load(self) -> None:
        """Load what was asked for."""
        self._calls.load()

    def flush(self) -> None:
        """Write the calls down; after the conversations."""
        self._calls.flush()

    def take(self, channel: ChannelKey, item: CallUpdate) -> RecordedEvent | None:
        """Record what became of a call; None when nothing is told of it.

        A call that is unknown, or another channel's, is let be.
        """
        stored = self._calls.find(item.call)
        if stored is None or stored.channel != channel.name or not concerns(stored.call, item):
            return None
        change = advance(
            stored.call,
            stored.given,
            item,
            recording=self._recording(stored, item),
            cancel_asked=stored.cancel_asked_at is not None,
            is_cut=stored.cut_at is not None,
        )
        stored.given = change.given
        if item.attempt != stored.call.attempt:  # begun, whatever was said when it was dialled
            stored.begun_at, stored.cut_at = self._now, None
        # Before the end is told: it is then told of the contact that the answer has made one.
        self._judge(stored, change.call, item)
        recorded = self._calls.change(
            stored,
            change.call,
            change.told,
            occurred_at=milliseconds_of(item.occurred_at),
            due_at=milliseconds_of(change.due_at) if change.due_at else stored.due_at,
        )
        return recorded[0] if recorded else None

    def _recording(self, stored: StoredCall, item: CallUpdate) -> Attachment | None:
        if item.recording is None or stored.call.recording is not None:
            return None
        if self._calls.is_erased(stored):  # whose voice it would be
            return None
        taken = self._shelf.take(stored.channel, stored.id, [item.recording])
        return taken[0] if taken else None

    def _judge(self, stored: StoredCall, call: Call, item: CallUpdate) -> None:
        """Draw the conclusions from an answer, once; ``call`` is what the call comes to now."""
        if stored.is_judged or not is_proof(call, self._proof_seconds):
            return
        stored.is_judged = True
        asked_in = self._ledger.by_id.get(call.from_conversation or "")
        self._proof.take(
            call, self._calls.thread(stored), asked_in, milliseconds_of(item.occurred_at)
        )
