"""Handovers: one-time tokens that carry a customer from one conversation to another channel.

They are made here; those that come back are used where messages are taken in (`omnigate.store.arriving`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from omnigate import ids
from omnigate.calling import CallChannel
from omnigate.flow.contained import PluginMisbehaved, contained
from omnigate.flow.supervisor import ChannelRunner
from omnigate.handovertoken import LENGTH, digest_of, new_handover_token
from omnigate.hosting import Handover, HandoverWay
from omnigate.store.conversationreads import read_conversation
from omnigate.store.handovers import NewHandover, make_handovers, read_handover
from omnigate.store.store import Store

LIFETIME_SECONDS: Final = 24 * 3600
SHORTEST_LIFETIME_SECONDS: Final = 60
LONGEST_LIFETIME_SECONDS: Final = 30 * 24 * 3600
LONGEST_LINK: Final = 1000

_LINK: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
"""An address as RFC 3986 section 3 writes one: a scheme, and no blanks or controls."""
_CODE: Final = frozenset({"javascript", "data", "vbscript", "file", "blob"})
"""Schemes that run in the page that shows a link, or read what is on the customer's machine."""

_SAMPLE: Final = "0" * LENGTH
"""Looks like a token, and is none: to ask whether there is a link at all."""

log = structlog.get_logger("handovers")


class Handovers:
    """Makes tokens."""

    def __init__(self, store: Store, channels: Callable[[], Mapping[str, ChannelRunner]]) -> None:
        self._store = store
        self._channels = channels

    async def make(
        self,
        conversation_id: str,
        *,
        channels: Sequence[str] | None = None,
        seen: Collection[str] | None = None,
        lifetime_seconds: float = LIFETIME_SECONDS,
        offered: bool = False,
    ) -> Handover | None:
        """Make a token for the customer of a conversation; durable on return.

        It is good for any one of ``channels``, also those that have no link for it; without them, for all
        at work that have one and are among ``seen``, if that is given. Never for the channel that the
        conversation is in, nor for one that calls people: nobody brings a token there. Those that are
        ``offered`` by the conversation's own channel are one offer, see `omnigate.store.handovers`. None
        when there is no such conversation, or no such channel. Raises `StoreError`.
        """
        source = await self._store.read(read_conversation, conversation_id)
        if source is None:
            return None
        token = new_handover_token()
        ways = self._ways(token, but=source.channel, among=channels if channels else seen)
        good = [way.channel for way in ways]
        if channels is not None:
            named = self._taking() & set(channels) - {source.channel}
            good = [name for name in dict.fromkeys(channels) if name in named]
        if not good:
            return None
        expires_at = int(self._store.now() + 1000 * lifetime_seconds)
        wanted = NewHandover(
            id=ids.handover_id(),
            token_sha256=digest_of(token),
            conversation_id=source.id,
            channels=good,
            expires_at=expires_at,
            offered=offered,
        )
        if not await self._store.writer.do(make_handovers, wanted):
            return None
        until = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=expires_at)
        return Handover(wanted.id, token, until, ways)

    async def is_open(self, handover_id: str) -> bool:
        """Tell whether a token is good now: neither used nor expired, nor its offer over."""
        found = await self._store.read(read_handover, handover_id, self._store.now())
        return found is not None and found.state == "open"

    def channels(self, *, but: str) -> list[str]:
        """Return the names of the channels at work that have a link, except one."""
        return [way.channel for way in self._ways(_SAMPLE, but=but, among=None)]

    def _taking(self) -> set[str]:
        """Return the names of the channels in which a customer can bring a token."""
        there = self._channels().values()
        return {known.name for known in there if not isinstance(known.channel, CallChannel)}

    def _ways(self, token: str, *, but: str, among: Collection[str] | None) -> list[HandoverWay]:
        """Return where a token can be used by following a link, in the order of the configuration."""
        ways = []
        for runner in self._channels().values():
            wanted = runner.name != but and (among is None or runner.name in among)
            if wanted and (link := _link_of(runner, token)) is not None:
                ways.append(HandoverWay(runner.name, runner.kind, link))
        return ways


def _link_of(runner: ChannelRunner, token: str) -> str | None:
    """Return the link of a channel that takes customers in; None where there is none."""
    if runner.channel is None or runner.health.intake_closed:
        return None
    try:
        with contained:
            link: object = runner.channel.handover_link(token)
        if link is None:
            return None
        if not isinstance(link, str) or not is_link(link):
            shown = repr(link).replace(token, "…")  # whoever brings the token is the customer
            raise PluginMisbehaved(f"handover_link returned {shown:.200}")
    except Exception:
        log.exception("a channel has no link to carry on with", channel=runner.name)
        return None
    return link


def is_link(text: str) -> bool:
    """Tell whether a text is a link that can be shown to a customer."""
    return (
        len(text) <= LONGEST_LINK
        and _LINK.fullmatch(text) is not None
        and text.partition(":")[0] not in _CODE
    )
