"""Channels that follow their conversations and calls: told what was committed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from omnigate.channel import Channel
from omnigate.flow.contained import contained
from omnigate.model.call import Call
from omnigate.model.event import Event
from omnigate.store.transaction import CallChanged, RecordedEvent

log = structlog.get_logger("channels")


class Followers:
    """Tells channels that follow their conversations (`Channel.recorded`) what was committed."""

    def __init__(self, present: Callable[[str], str]) -> None:
        self._present = present
        self._channels: dict[str, Channel] = {}
        self._callers: dict[str, Channel] = {}
        """Channels that want to hear of the calls that were asked for in them."""

    def remove(self, name: str) -> None:
        """Tell a channel nothing more."""
        self._channels.pop(name, None)
        self._callers.pop(name, None)

    def add(self, name: str, channel: Channel) -> None:
        """Have a channel told, if its class wants to hear."""
        if type(channel).recorded is not Channel.recorded:
            self._channels[name] = channel
        if type(channel).call_changed is not Channel.call_changed:
            self._callers[name] = channel

    def tell(self, recorded: Sequence[RecordedEvent]) -> None:
        """Tell the channels concerned, conversation by conversation, in order."""
        if not self._channels:
            return
        groups: dict[tuple[str, str], list[Event]] = {}
        for row in recorded:
            if row.channel in self._channels and row.conversation is not None:
                event = as_event(row, self._present)
                groups.setdefault((row.channel, row.conversation), []).append(event)
        for (name, conversation), events in groups.items():
            try:
                with contained:
                    self._channels[name].recorded(conversation, events)
            except Exception:
                log.exception("channel raised in recorded()", name=name)

    def tell_calls(self, changes: Sequence[CallChanged]) -> None:
        """Tell the channels in which calls were asked for how these stand now."""
        for changed in changes:
            channel = self._callers.get(changed.asked_by or "")
            if channel is None or changed.asked_in is None:
                continue
            call = changed.call
            if call.recording is not None:
                call = Call.model_validate_json(self._present(call.model_dump_json()))
            try:
                with contained:
                    channel.call_changed(changed.asked_in, call)
            except Exception:
                log.exception("channel raised in call_changed()", name=changed.asked_by)


def as_event(row: RecordedEvent, present: Callable[[str], str]) -> Event:
    """Return a stored event as plugins see it, its files' addresses freshly signed."""
    body = present(row.body) if row.media else row.body
    return Event(id=row.id, type=row.type, body=body.encode(), sequence=row.sequence)
