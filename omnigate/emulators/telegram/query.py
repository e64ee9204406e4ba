"""A call on its way to its method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omnigate.emulators.telegram.arguments import Arguments
from omnigate.emulators.telegram.internet import Internet
from omnigate.emulators.telegram.model import Bot, Message
from omnigate.emulators.telegram.world import World

if TYPE_CHECKING:
    from omnigate.emulators.telegram.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Query:
    """One call of one bot."""

    world: World
    bot: Bot
    method: str
    arguments: Arguments
    internet: Internet
    receiver: Receiver
    """How this bot gets its updates."""

    def show(self, message: Message) -> dict[str, Any]:
        """Return a message as the answer for this bot."""
        return message.as_json(self.world.files, self.bot.id)


@dataclass(frozen=True, slots=True)
class Said:
    """A result with a word about it, which stands beside it in the answer."""

    result: Any
    description: str


Method = Callable[[Query], Awaitable[Any]]
"""Returns the ``result`` of the answer; raises ``Refused``."""
