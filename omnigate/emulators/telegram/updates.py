"""Updates of one bot: numbered, kept for a day, given in order until confirmed.

Theory of operation: every update gets the next id when it happens, if the bot wants its kind, and
waits in ``pending``. Long polling confirms by asking for what comes after; the webhook sender
confirms one at a time. Faults of delivery are made here: ``hold`` and ``release`` delay and reorder,
``repeat`` delivers a second time, ``inject`` delivers what no platform of today sends.

Source: fact sheet, section 2; ``do_get_updates``, ``add_update_impl`` and
``get_allowed_update_types`` of the published server.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Final

from omnigate.emulators.telegram.changes import Changes
from omnigate.emulators.telegram.limits import QUIET_WEEK_SECONDS, UPDATE_LIFE_SECONDS

KINDS: Final = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "guest_message",
)
"""Those of the fact sheet; a newer platform has more, see ``inject``."""
ON_REQUEST: Final = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Only for bots that name them."""
DEFAULT_KINDS: Final = frozenset(KINDS) - ON_REQUEST


@dataclass(frozen=True, slots=True)
class Update:
    """One update as it goes over the wire."""

    id: int
    kind: str
    body: Mapping[str, Any]
    queue: int
    """Updates of one queue reach a webhook one after the other."""
    expires_at: float


class UpdateQueue:
    """What one bot has yet to hear."""

    def __init__(self, random: Random, clock: Callable[[], float]) -> None:
        self._random = random
        self._clock = clock
        self.next_id = random.randrange(100_000_000, 900_000_000)
        self._pending: OrderedDict[int, Update] = OrderedDict()
        self._deliveries = 0
        self.past: list[Update] = []
        """Every update that ever was, wanted ones only, in the order they happened."""
        self.allowed = DEFAULT_KINDS
        self.changes = Changes()
        self.listener: Callable[[int, Update], None] | None = None
        """Told of every delivery, with its number: the webhook sender, while there is one."""
        self._last_put_at = clock()
        self._held: list[Update] | None = None
        self._in_order = True

    @property
    def pending(self) -> list[Update]:
        """What waits to be heard, in the order of delivery."""
        return list(self._pending.values())

    @property
    def has_default_kinds(self) -> bool:
        """Whether the bot has chosen no kinds of its own."""
        return self.allowed == DEFAULT_KINDS

    def deliveries(self) -> list[tuple[int, Update]]:
        """Return what waits with the numbers to ``drop`` it by."""
        return list(self._pending.items())

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._pending)

    def put(
        self, kind: str, payload: Any, queue: int, *, life_seconds: float = UPDATE_LIFE_SECONDS
    ) -> Update | None:
        """Number an update and let it wait; none where the bot does not want its kind."""
        if kind not in self.allowed:
            return None
        return self._add(kind, {kind: payload}, queue, life_seconds)

    def inject(self, body: Mapping[str, Any], *, queue: int = 0) -> Update:
        """Deliver anything: a kind or a field of tomorrow, or what is wrong in every way."""
        kind = next((name for name in body if name != "update_id"), "")
        return self._add(kind, body, queue, UPDATE_LIFE_SECONDS)

    def repeat(self, update: Update) -> None:
        """Deliver an update again, under the same id, after all that wait."""
        self._in_order = False
        self._deliver(update)

    def hold(self) -> None:
        """Keep updates back from now on; they are numbered as they happen."""
        self._held = [] if self._held is None else self._held

    def release(self, order: Callable[[list[Update]], Iterable[Update]] = list) -> None:
        """Deliver what was held, in any order: ``reversed``, or a shuffle."""
        held, self._held = self._held or [], None
        ordered = list(order(held))
        self._in_order = self._in_order and ordered == held
        for update in ordered:
            self._deliver(update)

    def renumber(self) -> None:
        """Let the next id be any, as after a week without updates."""
        self.next_id = self._random.randrange(1, 2**31 - 1_000_000)
        self._in_order = self._in_order and not self._pending

    def choose(self, allowed: str) -> None:
        """Take ``allowed_updates`` of a call: nothing known is the default, no list is no change."""
        try:
            names = json.loads(allowed) if allowed else None
        except ValueError:
            return
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            known = frozenset(name.lower() for name in names) & frozenset(KINDS)
            self.allowed = known or DEFAULT_KINDS

    def get(self, offset: int, limit: int) -> list[Update]:
        """Forget what lies before ``offset`` and return what waits, at most ``limit``.

        A negative offset keeps only so many of the last; one beyond the last id forgets nothing.
        """
        self._expire()
        if offset < 0:
            while len(self._pending) > -offset:
                self._pending.popitem(last=False)
        elif offset > 0 and (offset <= self.next_id or not self._in_order):
            self._forget(offset)
        return list(islice(self._pending.values(), limit))

    def drop(self, delivery: int) -> None:
        """Forget one delivery: it was accepted or given up."""
        self._pending.pop(delivery, None)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._pending.clear()

    def _add(self, kind: str, body: Mapping[str, Any], queue: int, life: float) -> Update:
        now = self._clock()
        if not self._pending and now - self._last_put_at > QUIET_WEEK_SECONDS:
            self.renumber()
        self._last_put_at = now
        update = Update(self.next_id, kind, {"update_id": self.next_id, **body}, queue, now + life)
        self.next_id += 1
        self.past.append(update)
        if self._held is None:
            self._deliver(update)
        else:
            self._held.append(update)
        return update

    def _deliver(self, update: Update) -> None:
        self._deliveries += 1
        self._pending[self._deliveries] = update
        if self.listener is not None:
            self.listener(self._deliveries, update)
        self.changes.notify()

    def _forget(self, offset: int) -> None:
        if not self._in_order:
            kept = [item for item in self._pending.items() if item[1].id >= offset]
            self._pending = OrderedDict(kept)
            return
        while self._pending and self._oldest().id < offset:
            self._pending.popitem(last=False)

    def _expire(self) -> None:
        now = self._clock()
        while self._pending and self._oldest().expires_at < now:
            self._pending.popitem(last=False)

    def _oldest(self) -> Update:
        return next(iter(self._pending.values()))
