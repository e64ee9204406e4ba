"""Events on the terminal: one or two coloured lines each; in a pipe one JSON envelope a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from pydantic import Field

import omnigate
from omnigate_console.paint import paint
from omnigate_console.writer import Writer


class Console(omnigate.Backend):
    """Write events to the standard output; an event is delivered when it is written."""

    kind = "console"
    summary = "Events on the terminal, JSON lines in a pipe."

    class Config(omnigate.BackendConfig):
        """What is written and where."""

        output: Literal["stdout", "stderr"] = Field(
            "stdout", description="Which of the daemon's own streams to write to."
        )
        format: Literal["auto", "pretty", "json"] = Field(
            "auto", description="auto: pretty on a terminal, one JSON envelope a line elsewhere."
        )
        colour: bool | None = Field(
            None, description="Colours; by default on a terminal unless NO_COLOR is set."
        )

    config: Config

    @cached_property
    def _writer(self) -> Writer:
        stream = sys.stdout if self.config.output == "stdout" else sys.stderr
        return Writer(stream.fileno())

    @cached_property
    def _pretty(self) -> bool:
        if self.config.format == "auto":
            return self._writer.is_terminal
        return self.config.format == "pretty"

    @cached_property
    def _colour(self) -> bool:
        if self.config.colour is None:
            return self._writer.is_terminal and not os.environ.get("NO_COLOR")
        return self.config.colour

    async def deliver(self, event: omnigate.Event) -> None:
        """Write the event. Waits while nobody reads, without holding up anything else."""
        text = paint(event, colour=self._colour).encode() if self._pretty else event.body + b"\n"
        try:
            await self._writer.write(text)
        except OSError as error:
            raise omnigate.DestinationUnavailable(
                f"{self.config.output} cannot be written: {error.strerror}"
            ) from None

    async def close(self) -> None:
        """Let the writing thread end once it is idle."""
        self._writer.close()


@omnigate.hookimpl
def omnigate_backends() -> Sequence[type[omnigate.Backend]]:
    """Offer the kind ``console``."""
    return [Console]
