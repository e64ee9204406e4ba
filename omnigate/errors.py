"""Every error of Omnigate; the class says what the host must do.

Plugins raise these; the host reacts. Nothing here carries a secret: messages name the key or the
header at fault, never its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OmnigateError(Exception):
    """The root of all errors that Omnigate raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration, in the terms of the person who can mend it."""

    where: str
    """File the mistake stands in."""
    key: str
    """Dotted key, for example ``channels.site.kind``; empty when the whole file is meant."""
    message: str
    """What is wrong."""
    hint: str = ""
    """What to do; empty when the message says it."""
    line: int | None = None
    """Where in the file, from 1; None when that is not known."""

    def __str__(self) -> str:
        where = self.where if self.line is None else f"{self.where}:{self.line}"
        place = f"{where}: {self.key}" if self.key else where
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(OmnigateError):
    """The operator must edit the configuration: the command line exits with 2."""

    def __init__(self, problems: Sequence[Problem] | str, warnings: Sequence[Problem] = ()) -> None:
        if isinstance(problems, str):
            problems = [Problem(where="configuration", key="", message=problems)]
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        """What is worth a second look meanwhile."""
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StoreError(OmnigateError):
    """The store cannot be opened, written or migrated: intake answers 503, nothing is acknowledged."""


class Overloaded(OmnigateError):
    """The store has too much waiting to accept more: intake answers 503 with ``Retry-After``."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unauthorized(OmnigateError):
    """The caller is unproven: 401 with an empty body, counted, nothing stored."""


class BadPayload(OmnigateError):
    """Authentic but not understood: kept raw in quarantine, the platform gets its success answer."""


class NotReady(OmnigateError):
    """The platform is down: ``run()`` is started again with back-off; said once, and once when over."""


class CredentialsRejected(OmnigateError):
    """Our own credentials are refused: this channel or backend stops, health turns red, others go on."""


class DestinationUnavailable(OmnigateError):
    """The whole destination is down or throttling: its lanes wait, the breaker counts."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        pause: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """What the destination asked for (Retry-After), if it did."""
        self.status = status
        """The protocol's status code, for the operator."""
        self.pause = pause
        """The destination said it is gone for good (410): keep the queue, wait for the operator."""


class RetryLater(OmnigateError):
    """This one item failed for now: its lane waits by the schedule, bounded by the order policy."""

    def __init__(
        self, message: str, *, after_seconds: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds
        """When the platform wants it again (a limit per chat): the lane waits so long, up to an hour, and
        no patience is used up."""
        self.status = status


class Refused(OmnigateError):
    """Never try this item again: an event becomes a dead letter, a message ``message.failed``."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        """Short machine-readable cause, for example ``recipient_blocked``."""
        self.reason = reason
        """One sentence for a person."""


class Uncertain(OmnigateError):
    """The send may have happened: resolved by the ambiguity rule of the channel's capabilities."""


class NoAnswer(Uncertain):
    """A request may have arrived, and no answer came to go by. What only asks may ask again."""
