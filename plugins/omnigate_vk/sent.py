"""Which of our messages have not been read yet, so that one event can tell of all of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_CONVERSATIONS: Final = 20_000
_MESSAGES: Final = 100


class SentMessages:
    """Numbers of what was sent lately, by conversation. Forgotten with the process."""

    def __init__(self) -> None:
        self._unread: OrderedDict[int, list[int]] = OrderedDict()

    def add(self, peer_id: int, cmid: int) -> None:
        """Note a message that the platform took."""
        numbers = self._unread.pop(peer_id, [])
        if cmid not in numbers:
            numbers.append(cmid)
        self._unread[peer_id] = numbers[-_MESSAGES:]
        if len(self._unread) > _CONVERSATIONS:
            self._unread.popitem(last=False)

    def up_to(self, peer_id: int, cmid: int) -> list[int]:
        """Return the messages that somebody has read who read up to a number.

        The number itself is always among them: what it stands for may have been sent before a restart,
        or its answer may still be on the way.
        """
        earlier = {number for number in self._unread.get(peer_id, ()) if number < cmid}
        return [*sorted(earlier), cmid]

    def read(self, peer_id: int, cmid: int) -> None:
        """Forget what was read and stored as read."""
        left = [number for number in self._unread.get(peer_id, ()) if number > cmid]
        if left:
            self._unread[peer_id] = left
        else:
            self._unread.pop(peer_id, None)
