"""Answers that come after they were given up: they tell what became of a text that nobody knew of.

Such a text is held as ``unknown`` by the channel, under its own id alone. So what a late answer says is
handed in like a receipt that gives that id. So are the receipts of its segments, put together: those that
follow, and those that came before it, which told nobody anything then. An answer outlives neither its session
nor the process, and neither does what is kept here. A receipt that gives our own number of a segment back
stands for the answer, should that never come.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import omnigate
from omnigate_sms.link import Deliver, Report, Said, State, Text

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

KEPT_LIMIT: Final = 1000
"""Segments of texts answered late that are still known as theirs."""
HEARD_LIMIT: Final = 10_000
"""Segments whose receipts are remembered: at 100 a second, of the last minute and more."""
SETTLE_SECONDS: Final = 0.5

_RANK: Final[Mapping[State, int]] = {
    "unknown": 0,
    "sent": 1,
    "failed": 2,
    "delivered": 3,
    "read": 4,
}


_Numbered = tuple[int, str]
"""Our number of a segment, and whom it went to."""


@dataclass(slots=True)
class _Text:
    """A text answered late."""

    part: str
    ids: Sequence[str]
    states: dict[str, State] = field(default_factory=dict)

    def about(self, report: Report) -> Report:
        """Return what a report of a segment says of the text."""
        known = self.states.get(report.external_id, "unknown")
        self.states[report.external_id] = max(known, report.state, key=_RANK.__getitem__)
        states = [self.states.get(one, "sent") for one in self.ids]
        state = "failed" if "failed" in states else min(states, key=_RANK.__getitem__)
        return replace(report, external_id=self.ids[0], reference=self.part, state=state)


class Late:
    """See the module."""

    def __init__(self, deliver: Deliver, log: FilteringBoundLogger) -> None:
        self._deliver = deliver
        self._log = log
        self._texts: OrderedDict[str, _Text] = OrderedDict()
        self._heard: OrderedDict[str, Report] = OrderedDict()
        self._doubted: OrderedDict[_Numbered, tuple[str, Sequence[str]]] = OrderedDict()
        self._numbered: OrderedDict[_Numbered, Report] = OrderedDict()
        self._telling: set[asyncio.Task[None]] = set()

    def taken(self, part: str, ids: Sequence[str]) -> None:
        """Hear that a text was taken after all, whole, and what its segments are called."""
        text = self._know(part, ids)
        heard = [self._heard[one] for one in ids if one in self._heard]
        self._tell(_report(part, ids[0], "sent"), *[text.about(one) for one in heard])

    def numbered(self, number: int, to: str) -> None:
        """Hear that a segment is about to be sent under a number: whatever had it before is long over."""
        self._numbered.pop((number, to), None)
        self._doubted.pop((number, to), None)

    def doubted(self, text: Text, ids: Sequence[str], number: int) -> None:
        """Hear that the last segment of a text got no answer: our number of it, and the ids of the others."""
        key = (number, text.to)
        if (heard := self._numbered.get(key)) is not None:
            self.taken(text.id, [*ids, heard.external_id])
            return
        self._doubted[key] = (text.id, tuple(ids))
        if len(self._doubted) > KEPT_LIMIT:
            self._doubted.popitem(last=False)

    def refused(self, part: str, words: str) -> None:
        """Hear that a segment was not taken, and so the text never will be whole by itself."""
        self._tell(_report(part, part, "failed", words))

    async def deliver(self, said: Sequence[Said], notes: omnigate.Notes | None = None) -> None:
        """Keep what came in; receipts of texts answered late name the part. Raises as `Deliver` does."""
        await self._deliver([self.named(one) for one in said], notes)

    async def settled(self) -> None:
        """Wait until what was heard is kept, but not for long."""
        if self._telling:
            await asyncio.wait(self._telling, timeout=SETTLE_SECONDS)

    def named(self, said: Said) -> Said:
        """Return what came in; a receipt of a text answered late names the part."""
        if not isinstance(said, Report):
            return said
        self._remember(said)
        text = self._texts.get(said.external_id) or self._recognised(said)
        return text.about(said) if text is not None else said

    def _know(self, part: str, ids: Sequence[str]) -> _Text:
        """Return a text that was taken whole, from now on known by its segments."""
        text = _Text(part, tuple(ids))
        for one in ids:
            self._texts[one] = text
        while len(self._texts) > KEPT_LIMIT:
            self._texts.popitem(last=False)
        return text

    def _recognised(self, report: Report) -> _Text | None:
        """Return the text in doubt that a report is about by our number, if it is about one."""
        if report.number is None or report.to is None:
            return None
        doubted = self._doubted.pop((report.number, report.to), None)
        if doubted is None:
            return None
        part, ids = doubted
        text = self._know(part, [*ids, report.external_id])
        for one in ids:
            if one in self._heard:
                text.about(self._heard[one])
        return text

    def _remember(self, report: Report) -> None:
        """Keep what goes furthest of what is said of a segment: its answer may be on its way."""
        known = self._heard.pop(report.external_id, report)
        is_further = _RANK[known.state] > _RANK[report.state]
        self._heard[report.external_id] = known if is_further else report
        if len(self._heard) > HEARD_LIMIT:
            self._heard.popitem(last=False)
        if report.number is not None and report.to is not None:
            self._numbered[report.number, report.to] = report
            if len(self._numbered) > HEARD_LIMIT:
                self._numbered.popitem(last=False)

    def _tell(self, *reports: Report) -> None:
        task = asyncio.create_task(self._keep(reports), name="smpp late answer")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _keep(self, reports: Sequence[Report]) -> None:
        try:
            await self._deliver(reports)
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._log.warning(
                "a late answer could not be stored; the text stays unknown",
                part=reports[0].reference,
                reason=str(error),
            )


def _report(part: str, external_id: str, state: State, error: str | None = None) -> Report:
    return Report(
        external_id=external_id,
        reference=part,
        state=state,
        error=error,
        occurred_at=datetime.now(UTC),
    )
