"""Plugin code contained: whatever it raises reaches the host as an ordinary exception."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final


class PluginMisbehaved(Exception):
    """A plugin raised what ends a task or the process; the text and the cause say what."""


class _Containment:
    """Stateless, so that one serves all; entered for every delivery, so it must be cheap."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A coroutine that is thrown away gets GeneratorExit, which nobody may answer.
        if error is None or isinstance(error, Exception | KeyboardInterrupt | GeneratorExit):
            return
        if isinstance(error, asyncio.CancelledError):
            if _is_wanted():
                return
            raise PluginMisbehaved("the plugin cancelled itself") from error
        raise PluginMisbehaved(f"the plugin raised {type(error).__name__}") from error


def _is_wanted() -> bool:
    """Tell whether somebody asked the running task to end."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


contained: Final = _Containment()
"""``with contained:`` around every call of a plugin, awaited or not.

`SystemExit`, a cancellation that nobody asked for and the like become `PluginMisbehaved`; what the host
cancels and Ctrl-C pass.
"""
