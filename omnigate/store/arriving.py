"""Customers who carry on elsewhere: tokens that come back with messages are used, each once.

Theory of operation. A message that brings a token which can be used here begins or goes on with a
conversation, and that learns where the customer comes from, before anything of it is recorded. All of it
is in the transaction that stores the message.

* A token is good once, until it expires or another one of its offer is used (`omnigate.store.handovers`), on
  the channels it was made for; not in the channel it comes from, and not from somebody else in a conversation
  of several people. Whatever is not good is left alone: the message is stored as ever, with what the platform
  gave in ``handover``, and nobody learns why.
* Whoever reads a message learns no token from it, good or not: see `omnigate.store.veil`.
* Whoever brings a token has seen the conversation it was made in. Two contacts become one by it only if
  both sides are certain: the arriving sender's address is verified by its channel - else anybody could
  name another's address, bring a token of their own and become the other - and the address that the first
  conversation runs on is verified too, or such as only that channel gives out (a browser's) - else whoever
  types another's number into a form could become the other.
* Whoever follows a stranger's link is taken for the stranger all the same. An operator who will not have
  that leaves ``handover`` out of ``[identity] merge_on``; then no token makes two contacts one.
* Otherwise the new conversation only names the one it comes from; nothing of what was said is told.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import bindparam, select

from omnigate.handovertoken import digest_of, read_handover_token
from omnigate.model.context import Context, HandedOver, SaidBefore
from omnigate.model.facts import Message
from omnigate.model.inbound import InboundMessage, MessageEdited
from omnigate.store.handovers import UsedHandover, use_handovers
from omnigate.store.identity import Identities
from omnigate.store.ledger import Ledger
from omnigate.store.messages import MessageIndex
from omnigate.store.prepared import Lookup
from omnigate.store.record import Recorder, milliseconds_of
from omnigate.store.schema import conversation, handover
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import Transaction
from omnigate.store.veil import Veil, tokens_in

TOLD_MESSAGES: Final = 10
LONGEST_TOLD: Final = 1000
"""Characters of a message that are told."""


class Arrivals:
    """Uses the tokens that the messages of one operation bring."""

    def __init__(
        self, transaction: Transaction, ledger: Ledger, recorder: Recorder, index: MessageIndex
    ) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._identities = Identities(transaction, ledger, recorder)
        self._index = index
        self._wanted: dict[str, str] = {}
        """Tokens by their digests."""
        self._open: dict[str, Any] = {}
        self._used: list[UsedHandover] = []
        self.veil = Veil()

    def want(self, item: InboundMessage | MessageEdited) -> None:
        """Have `load` look whether what an item brings, or has in its text, are tokens of ours."""
        for token in tokens_in(item):
            self._wanted[digest_of(token)] = token

    def load(self) -> None:
        """Load what was asked for; without it there is nothing to do."""
        if not self._wanted:
            return
        now = self._transaction.now
        for row in _KNOWN.run(self._transaction.connection, sorted(self._wanted)):
            self.veil.hide(self._wanted[row.token_sha256], row.id)
            if row.used_at is None and row.expires_at > now:
                self._open[row.token_sha256] = row
        self._wanted.clear()
        self._ledger.load_ids(row.conversation_id for row in self._open.values())

    def take(self, channel: ChannelKey, item: InboundMessage, thread: Thread) -> bool:
        """Use the token that a message brings, if it is good here; tell whether it was."""
        if not self._open or item.handover is None:
            return False
        digest = digest_of(read_handover_token(item.handover) or "")
        row = self._open.get(digest)
        source = self._ledger.by_id.get(row.conversation_id) if row is not None else None
        if row is None or source is None or not _is_good(row, source, channel, item, thread):
            return False
        self._close(row)
        self._used.append(UsedHandover(row.id, row.conversation_id, bool(row.offered), thread.id))
        proven = _is_certain(source, item) and self._unite(channel, item, thread, source)
        said = None
        if proven:
            said = said_before(self._index.latest(source.id, TOLD_MESSAGES))
        thread.merge_context(came_from(row.id, source, said), by_us=True)
        return True

    def flush(self) -> None:
        """Write down which tokens are used; after the conversations."""
        use_handovers(self._transaction, self._used)
        self._used = []

    def _close(self, used: Any) -> None:
        """Let nobody use a token again, nor another one of the same offer."""
        self._open = {
            digest: row
            for digest, row in self._open.items()
            if row.id != used.id
            and not (used.offered and row.offered and row.conversation_id == used.conversation_id)
        }

    def _unite(
        self, channel: ChannelKey, item: InboundMessage, thread: Thread, source: Thread
    ) -> bool:
        united = self._identities.same(
            source.person,
            thread.person,
            address=str(item.sender.address),
            also=[source.address],
            proof="handover",
            channel=channel,
            occurred_at=milliseconds_of(item.occurred_at),
        )
        return united is not None


def came_from(handover_id: str, source: Thread, said: list[SaidBefore] | None) -> Context:
    """Return the context of a conversation that another one is carried on in.

    With what was said it is proven to be the same customer; without it nothing of that is told.
    """
    visit = Context.model_validate_json(source.context)
    return Context(
        handover=HandedOver(
            id=handover_id,
            conversation=source.id,
            channel=source.channel.name,
            kind=source.channel.kind,
            page=visit.page,
            title=visit.title,
            proven=said is not None,
            messages=said or [],
        )
    )


def said_before(newest_first: list[Message]) -> list[SaidBefore]:
    """Return messages as a context tells them, the oldest first; those taken back are left out."""
    return [
        SaidBefore(
            direction=message.direction,
            at=message.created_at,
            text=message.text[:LONGEST_TOLD] if message.text else None,
            author=message.author.name if message.author else None,
            attachments=len(message.attachments),
        )
        for message in reversed(newest_first)
        if message.state != "deleted"
    ]


def forget_told(transaction: Transaction, *contact_ids: str) -> None:
    """Have conversations of contacts that were parted tell no more what only the other one has said."""
    ledger = Ledger(transaction)
    rows = transaction.connection.execute(_TOLD, {"contact_ids": contact_ids}).all()
    ledger.load_ids(row.id for row in rows)
    for thread in list(ledger.by_id.values()):
        told = Context.model_validate_json(thread.context).handover
        if told is None or not told.proven:
            continue
        ledger.load_ids([told.conversation])
        source = ledger.by_id.get(told.conversation)
        if source is None or source.person.id != thread.person.id:
            silent = told.model_copy(update={"proven": False, "messages": []})
            thread.merge_context(Context(handover=silent), by_us=True)
    ledger.flush()


def _is_good(
    row: Any, source: Thread, channel: ChannelKey, item: InboundMessage, thread: Thread
) -> bool:
    if source.channel.name == channel.name or channel.name not in from_json(row.channels):
        return False
    theirs = str(item.sender.address)
    return any(known.address == theirs for known in thread.person.identities)


def _is_certain(source: Thread, item: InboundMessage) -> bool:
    """Tell whether both the sender and whom the first conversation is with are who they seem to be."""
    if not item.sender.verified:
        return False
    if source.address.startswith(f"{source.channel.kind}:"):
        return True
    return any(
        known.address == source.address and known.verified_at is not None
        for known in source.person.identities
    )


_TOLD: Final = select(conversation.c.id).where(
    conversation.c.contact_id.in_(bindparam("contact_ids", expanding=True)),
    conversation.c.context.contains('"proven":true'),
)
_KNOWN: Final = Lookup(
    lambda keys: select(
        handover.c.id,
        handover.c.token_sha256,
        handover.c.conversation_id,
        handover.c.channels,
        handover.c.expires_at,
        handover.c.offered,
        handover.c.used_at,
    ).where(handover.c.token_sha256.in_(keys))
)
