"""Patience with plugins: how long a call of one may take, and whose a cancellation is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from omnigate.flow.contained import PluginMisbehaved, contained
from omnigate.flow.tasks import is_told_to_end

GivenT = TypeVar("GivenT")
ResultT = TypeVar("ResultT")


async def within(
    seconds: float, method: Callable[[GivenT], Awaitable[ResultT]], given: GivenT
) -> ResultT:
    """Call a plugin's method in the attempt's own task; raises `TimeoutError` after so long.

    A plugin that cancels that task does not end the attempt: a cancellation that reaches it is its
    failure, as `PluginMisbehaved`; one that would reach the host after it returned is taken back.
    """
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(seconds):
            with contained:
                result = await method(given)
    except asyncio.CancelledError as error:
        if task is None or is_told_to_end(task):
            raise
        await _take_back(task)
        raise PluginMisbehaved("the plugin cancelled the attempt") from error
    if task is not None and task.cancelling() and not is_told_to_end(task):
        await _take_back(task)
    return result


async def _take_back(task: asyncio.Task[object]) -> None:
    """Have the current task go on as if nobody had cancelled it; what is still to come comes here."""
    while task.cancelling():
        task.uncancel()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    if is_told_to_end(task):
        raise asyncio.CancelledError
