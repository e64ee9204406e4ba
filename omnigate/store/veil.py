"""Tokens of handovers in what customers write: nobody who reads it may carry on in the customer's place.

A token that comes where it is not good - pasted into another channel, sent to the wrong bot - stays good.
So a token of ours is never stored as it came: a message's ``handover`` names the handover by its id, and
in everything else that belongs to a message `MASK` stands in its place. What is no token of ours, such as
a campaign's word in a link, is left as the platform gave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json, to_json

from omnigate.handovertoken import handover_tokens_in, read_handover_token, without_handover_tokens
from omnigate.model.context import Context
from omnigate.model.inbound import InboundMessage, MessageEdited


class Veil:
    """Hides those tokens that are known to be ours."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def hide(self, token: str, handover_id: str) -> None:
        """Let a token not be seen from here on."""
        self._ids[token] = handover_id

    def named(self, written: str | None) -> str | None:
        """Return what a platform gave as the token of a link: the id of the handover if it is one of ours."""
        return self._ids.get(read_handover_token(written or "") or "", written)

    def text(self, text: str | None) -> str | None:
        """Return a text without tokens."""
        return text if text is None or not self._ids else without_handover_tokens(text, self._ids)

    def json(self, text: str) -> str:
        """Return JSON without tokens in the texts that it holds."""
        # Not in the JSON itself: a token could begin with the letter of an escape before it.
        return to_json(self._without(from_json(text))).decode() if self._ids else text

    def context(self, context: Context) -> Context:
        """Return the visit around a message without tokens, such as in the address of a page."""
        if not self._ids:
            return context
        return Context.model_validate(self._without(context.model_dump(exclude_unset=True)))

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return without_handover_tokens(value, self._ids)
        if isinstance(value, dict):
            return {name: self._without(item) for name, item in value.items()}
        return [self._without(item) for item in value] if isinstance(value, list) else value


def tokens_in(item: InboundMessage | MessageEdited) -> Iterator[str]:
    """Return all that may be a token in what a customer wrote; few ordinary messages have any."""
    texts = [item.text, item.html]
    if isinstance(item, InboundMessage):
        if item.handover is not None and (token := read_handover_token(item.handover)) is not None:
            yield token
        texts += [item.subject, item.full_text]
    for text in texts:
        yield from handover_tokens_in(text)
