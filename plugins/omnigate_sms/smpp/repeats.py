"""Texts that the SMSC brings again, told from new ones that say the same.

SMPP gives no id to what a customer writes. But an SMSC brings a text again for one reason only: it has not
read that we took it. So a text is *in doubt* from its arrival until it is proven that our answer was read:
the SMSC has answered something that we asked after it on that session (where nothing else is asked,
`omnigate_sms.smpp.session` enquires). Then:

* in a living session the same words again are a new text, in the same second too; but for those that come
  under the sequence number of one in doubt, or while one has waited for its answer so long that an SMSC may
  have given it up;
* after a new bind, what equals a text still in doubt is that text, once for each, whatever the clock says. An
  SMSC does that first of all: an hour after the bind it is believed to have come round to it.

What is in doubt is noted in the transaction that stores the text, and so outlives a kill: an answer that
never left is recognised. What is proven is taken away within seconds. Nothing is thrown away here: a text
that is brought again is handed in under the id that it had, and the store knows whether it has it. So a text
that could not be stored the first time is stored the second.

"The same" is all that a PDU says but its sequence number, parameters such as user_message_reference and
source_subaddress included. An SMSC that names its texts (receipted_message_id) is believed at all times.

What remains: a customer who says the same words again within the hour after a bind, and whose words
before it were in doubt and had arrived, is not heard the second time. And a text is heard twice that was in
doubt when more than `KEPT_LIMIT` came after it, or that comes again later than all this. Ids that are not
the SMSC's own begin with ``weak:``.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import omnigate
from omnigate_sms.smpp import tlv
from omnigate_sms.smpp.pdu import Pdu

PREFIX: Final = "brought:"
"""Of the notes."""
KEPT_LIMIT: Final = 5000
"""Texts in doubt at a time; the oldest are forgotten."""
DOUBTED_FOR: Final = timedelta(hours=1)
"""How long after a bind the SMSC may bring what it brought before."""
NOTED_FOR: Final = timedelta(hours=25)
"""What was brought so long before a start of ours is over: operators try for a day."""
OVERDUE_SECONDS: Final = 10.0
"""After so long an SMSC may have given up waiting for an answer; few give up sooner."""
TIDY_SECONDS: Final = 5.0
LEAVE_SECONDS: Final = 0.5
NOTES_AT_ONCE: Final = 200

_PASSING: Final = frozenset({tlv.MORE_MESSAGES_TO_SEND, tlv.CONGESTION_STATE})
"""Parameters that say how busy the SMSC is just now."""


@dataclass(slots=True, eq=False)
class Known:
    """A text in doubt."""

    external_id: str
    likeness: str
    brought_at: datetime
    visit: Visit | None = None
    """The session that brought it last; None once that is over, or has given it up."""
    sequence: int = 0
    arrived_at: float = 0.0
    """By the clock of the loop."""
    answer: int | None = None
    """Which of the session's answers was its."""
    ends_at: datetime | None = None
    """Until when it is believed to come again; None while no session was bound that could bring it."""

    @property
    def note(self) -> str:
        """The key of its note."""
        return PREFIX + self.external_id.partition(":")[2]


class Repeats:
    """The texts in doubt of one link, of all its sessions and of those before a restart."""

    def __init__(
        self,
        host: omnigate.ChannelHost,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._host = host
        self._now = now
        self._secret = host.secret("brought")
        self._is_open = False
        self._bound_at: datetime | None = None
        """When this process was first bound."""
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._alike: dict[str, list[Known]] = {}
        self._visits: set[Visit] = set()
        self._over: set[str] = set()
        """Keys of notes that are to be taken away."""

    def bound(self) -> None:
        """Hear that the SMSC can bring again from now on what is in doubt."""
        now = self._now()
        self._bound_at = self._bound_at or now
        for known in self._known.values():
            if known.visit is None and known.ends_at is None:
                known.ends_at = now + DOUBTED_FOR

    def begin(self, proven: Callable[[], int]) -> Visit:
        """Hear that a session has begun; ``proven`` tells how many of its answers have surely been read."""
        visit = Visit(self, proven)
        self._visits.add(visit)
        return visit

    async def open(self) -> None:
        """Read what was in doubt before a restart, once; raises `omnigate.StoreError`."""
        if self._is_open:
            return
        now = self._now()
        for key, value in (await self._host.notes(PREFIX)).items():
            name = key.removeprefix(PREFIX)
            brought_at = datetime.fromisoformat(value)
            if now - brought_at >= NOTED_FOR:
                self._over.add(key)
            elif f"weak:{name}" not in self._known:
                likeness = name.partition(":")[0]
                ends_at = (self._bound_at or now) + DOUBTED_FOR
                self._add(Known(f"weak:{name}", likeness, brought_at, ends_at=ends_at))
        self._is_open = True

    async def run(self) -> None:
        """Take away notes of what is proven, until cancelled."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            await self.tidy()

    async def tidy(self) -> None:
        """Take away what is in doubt no more; what cannot be taken away now is later."""
        for visit in self._visits:
            visit.settle()
        for known in [one for one in self._known.values() if self._is_past(one)]:
            self._forget(known)
        while self._over:
            keys = sorted(self._over)[:NOTES_AT_ONCE]
            try:
                await self._host.put(notes=dict.fromkeys(keys))
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                self._host.log.info("notes of texts stay for now", reason=str(error))
                return
            self._over.difference_update(keys)

    async def leave(self) -> None:
        """Take away what can be taken away at a stop, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.tidy()

    # ---- for visits -------------------------------------------------------------------------------

    def _likeness(self, pdu: Pdu) -> str:
        said = tuple(sorted(one for one in pdu.parameters if one.tag not in _PASSING))
        whole = repr((pdu.command, astuple(pdu.body), said))
        # Notes say nothing to whoever has not our secret: who wrote what can be erased.
        return hmac.digest(self._secret, whole.encode(), "sha256").hex()[:32]

    def _identify(self, pdu: Pdu, visit: Visit) -> Known:
        likeness, loop_now = self._likeness(pdu), asyncio.get_running_loop().time()
        known = next(
            (
                one
                for one in self._alike.get(likeness, ())
                if self._comes_again(one, pdu, visit, loop_now)
            ),
            None,
        )
        if known is None:
            name = f"{likeness}:{secrets.token_hex(8)}"
            known = Known(f"weak:{name}", likeness, self._now())
            self._add(known)
        else:
            self._host.log.info("the SMSC brings a text again", external_id=known.external_id)
        known.visit, known.sequence = visit, pdu.sequence
        known.arrived_at, known.answer, known.ends_at = loop_now, None, None
        return known

    def _comes_again(self, known: Known, pdu: Pdu, visit: Visit, loop_now: float) -> bool:
        if known.visit is None:
            return not self._is_past(known)
        if known.visit is not visit:
            return False  # that session has yet to give it up
        waits = known.answer is None and loop_now - known.arrived_at >= OVERDUE_SECONDS
        return waits or known.sequence == pdu.sequence

    def _give_up(self, known: Known) -> None:
        """Hear that the SMSC may bring it again in the session that lives."""
        known.visit, known.ends_at = None, self._now() + DOUBTED_FOR

    def _leave(self, visit: Visit) -> None:
        self._visits.discard(visit)
        for known in self._known.values():
            if known.visit is visit:
                known.visit = None

    def _is_past(self, known: Known) -> bool:
        return known.ends_at is not None and self._now() >= known.ends_at

    def _add(self, known: Known) -> None:
        self._known[known.external_id] = known
        self._alike.setdefault(known.likeness, []).append(known)
        self._over.discard(known.note)
        while len(self._known) > KEPT_LIMIT:
            self._forget(next(iter(self._known.values())))

    def _forget(self, known: Known) -> None:
        if self._known.pop(known.external_id, None) is None:
            return
        alike = self._alike[known.likeness]
        alike.remove(known)
        if not alike:
            del self._alike[known.likeness]
        self._over.add(known.note)


class Visit:
    """What one session brings, as far as it is in doubt."""

    def __init__(self, repeats: Repeats, proven: Callable[[], int]) -> None:
        self._repeats = repeats
        self._proven = proven
        self._answered: deque[Known] = deque()

    def identify(self, pdu: Pdu) -> Known | str:
        """Return the text that a PDU brings, or its id where the SMSC gives one."""
        named = (tlv.value(pdu.parameters, tlv.RECEIPTED_MESSAGE_ID) or b"").split(b"\0")[0]
        if named:
            return f"smpp:{named.hex()}:{self._repeats._likeness(pdu)}"  # noqa: SLF001 - of this module
        self.settle()
        return self._repeats._identify(pdu, self)  # noqa: SLF001 - of this module

    @staticmethod
    def notes(texts: Iterable[Known]) -> Mapping[str, str]:
        """Return what is to be committed with texts."""
        return {known.note: known.brought_at.isoformat() for known in texts}

    def answered(self, known: Known, answer: int) -> None:
        """Hear that a text is stored, and which of the session's answers says so."""
        late_by = asyncio.get_running_loop().time() - known.arrived_at
        if late_by >= OVERDUE_SECONDS:
            self._repeats._give_up(known)  # noqa: SLF001 - of this module
            return
        known.answer = answer
        self._answered.append(known)

    def refused(self, known: Known) -> None:
        """Hear that a text was not stored: the SMSC is told to bring it again."""
        self._repeats._give_up(known)  # noqa: SLF001 - of this module

    def settle(self) -> None:
        """Be done with the texts whose answers are proven to have been read."""
        proven = self._proven()
        while self._answered and (self._answered[0].answer or 0) <= proven:
            known = self._answered.popleft()
            if known.visit is self and known.answer is not None:
                self._repeats._forget(known)  # noqa: SLF001 - of this module

    def end(self) -> None:
        """Hear that the session is over."""
        self.settle()
        self._repeats._leave(self)  # noqa: SLF001 - of this module
