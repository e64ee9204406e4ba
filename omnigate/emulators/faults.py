"""Faults to come: what an emulator does wrong, to which calls, and how many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after"]
"""Before the call has any effect, or after it took effect and only the answer is lost."""


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong. What is not set goes as it should."""

    method: str | None = None
    """Only this method; none is any."""
    chat: int | str | None = None
    """Only calls about this chat; none is any."""
    times: int = 1
    """So many calls, then it is over."""
    error: int | None = None
    """The platform refuses with this code, in its own form."""
    description: str | None = None
    """Instead of the words that the platform has for the code."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Goes into the refusal: ``retry_after``, ``migrate_to_chat_id``."""
    status: int | None = None
    """An HTTP answer of a machine in between, with a page for people in it."""
    delay_seconds: float = 0.0
    """The call is worked on so late."""
    hang: When | None = None
    """No answer comes as long as the caller waits."""
    cut: When | None = None
    """The connection is cut without an answer."""
    body: bytes | None = None
    """Comes instead of the answer, after the effect, with status 200: half a JSON text, say."""
    hits: int = 0
    """Calls that it has met."""

    @property
    def before(self) -> bool:
        """Whether the call must have no effect."""
        refused = self.error is not None or self.status is not None
        return refused or "before" in (self.hang, self.cut)

    def concerns(self, method: str, chat: int | str | None) -> bool:
        """Whether it is about such a call."""
        return self.method in (None, method) and (self.chat is None or self.chat == chat)


class Faults:
    """A queue of faults: the oldest that concerns a call meets it."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self.past: list[Fault] = []

    def add(
        self,
        *,
        method: str | None = None,
        chat: int | str | None = None,
        times: int = 1,
        error: int | None = None,
        description: str | None = None,
        retry_after: int | None = None,
        migrate_to: int | None = None,
        status: int | None = None,
        delay_seconds: float = 0.0,
        hang: When | None = None,
        cut: When | None = None,
        body: bytes | None = None,
    ) -> Fault:
        """Queue a fault and return it.

        Raises:
            ValueError: the fault would do nothing, or never
        """
        parameters: dict[str, Any] = {}
        if retry_after is not None:
            parameters["retry_after"] = retry_after
        if migrate_to is not None:
            parameters["migrate_to_chat_id"] = migrate_to
        fault = Fault(
            method,
            chat,
            times,
            error,
            description,
            parameters,
            status,
            delay_seconds,
            hang,
            cut,
            body,
        )
        if times < 1 or not (fault.before or hang or cut or body is not None or delay_seconds > 0):
            raise ValueError("a fault does something, at least once: name error, status, hang, …")
        self.pending.append(fault)
        return fault

    def take(self, method: str, chat: int | str | None = None) -> Fault | None:
        """Return the fault that meets this call, counting it, or none."""
        for fault in self.pending:
            if not fault.concerns(method, chat):
                continue
            fault.hits += 1
            if fault.hits >= fault.times:
                self.pending.remove(fault)
                self.past.append(fault)
            return fault
        return None

    def clear(self) -> None:
        """Let everything go as it should from now on."""
        self.past += self.pending
        self.pending.clear()
