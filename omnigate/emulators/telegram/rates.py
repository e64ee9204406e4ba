"""How often a bot may send, where a test wants that looked after.

Source: fact sheet, section 7: about one message a second to a chat with short bursts, 20 a minute to a
group, about 30 a second in all. The platform's real limits adapt; these are its published guidance.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import ceil

from omnigate.emulators.telegram.errors import flood


@dataclass(slots=True)
class Rates:
    """So many messages in so many seconds; the bursts are unverified."""

    per_chat: tuple[int, float] = (3, 3.0)
    per_group: tuple[int, float] = (20, 60.0)
    per_bot: tuple[int, float] = (30, 1.0)
    _spent: dict[tuple[int, str], deque[float]] = field(
        default_factory=lambda: defaultdict(deque), init=False
    )

    def spend(self, bot_id: int, chat_id: str, now: float) -> None:
        """Count a message; raises ``Refused`` with the seconds to wait where it is one too many."""
        per_chat = self.per_group if chat_id.startswith(("-", "@")) else self.per_chat
        windows = [((bot_id, chat_id), per_chat), ((bot_id, ""), self.per_bot)]
        for key, (most, seconds) in windows:
            sent = self._spent[key]
            while sent and sent[0] <= now - seconds:
                sent.popleft()
            if len(sent) >= most:
                raise flood(max(ceil(sent[0] + seconds - now), 1))
        for key, _ in windows:
            self._spent[key].append(now)
