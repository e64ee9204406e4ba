"""MTS Exolve: JSON out with a key, and calls whose fields nobody has written down here.

In its API ``number`` is the sender and ``destination`` the customer. City numbers (ABC) and 8-800 numbers
cannot send.

Source: MTS Exolve, "SMS API", methods SendSMS, GetList and GetCount (read 2026-11-22, in part). The fields
of calls are unverified and stand in one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field, SecretStr

import omnigate
from omnigate_sms.link import Incoming, Report, Said, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import fields, moment, need, number
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.provider import UnsignedLink, sent_as

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {  # unverified
    "id": ("message_id", "messageId", "id"),
    "status": ("delivery_status", "status"),
    "source": ("sender", "number", "from"),
    "destination": ("receiver", "destination", "to"),
    "text": ("text", "message"),
    "at": ("date", "created_at", "timestamp"),
}
"""Under which names a call may bring what we want."""
INWARD: Final = frozenset({"incoming", "inbound", "in", "1"})  # unverified
"""By ``direction``, in lower case: the text came in."""
STATES: Final[Mapping[str, State]] = {  # unverified
    "accepted": "unknown",
    "created": "unknown",
    "queued": "unknown",
    "sent": "sent",
    "enroute": "sent",
    "delivered": "delivered",
    "undelivered": "failed",
    "undeliverable": "failed",
    "expired": "failed",
    "rejected": "failed",
    "failed": "failed",
    "deleted": "failed",
    "unknown": "unknown",
}
"""By the last word of a status such as ``DELIVERY_STATUS_DELIVERED``, in lower case."""


class ExolveConfig(UnsignedConfig):
    """Which application it is."""

    api_key: SecretStr = Field(min_length=1, description="The API key of the application.")
    url: omnigate.ReceiverUrl = Field("https://api.exolve.ru", description="Where the API is.")


class Exolve(UnsignedLink):
    """Send through MTS Exolve; take its calls."""

    kind = "exolve"
    Config = ExolveConfig
    config: ExolveConfig
    unverified = (
        "The fields of calls are guessed: they stand in the table FIELDS.",
        "The words of states and of directions are guessed: they stand in the tables STATES and INWARD.",
        "The form of an error's answer (error.code, error.message) is general knowledge.",
        "That GetCount answers with a count is taken from its name.",
    )

    async def _send(self, text: Text) -> omnigate.Sent:
        given = {"number": text.sender, "destination": text.to, "text": text.text}
        answer = await self._asked("SendSMS", given)
        said = answer.object()
        if (
            answer.status == 200
            and isinstance(taken := said.get("message_id"), (str, int))
            and taken
        ):
            return sent_as(taken)
        raise _refusal(said, answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._asked("GetCount", {})
        if answer.status in (401, 403):
            return omnigate.Health("down", "MTS Exolve refuses the key: is api_key right?")
        if answer.status != 200 or "count" not in answer.object():
            return answer.unexpected()
        return omnigate.Health("up", "MTS Exolve accepts the key")

    async def _asked(self, method: str, given: Mapping[str, Any]) -> omnigate.Answer:
        # unwrapped to be sent
        bearer = f"Bearer {self.config.api_key.get_secret_value()}"
        return await self._ask(
            "POST",
            f"{self.config.url.rstrip('/')}/messaging/v1/{method}",
            json=given,
            headers={"authorization": bearer},
        )

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt or the text that a call brings."""
        said = fields(request)
        is_inward = said.get("direction", "").lower() in INWARD
        has_status = any(name in said for name in FIELDS["status"])
        if has_status and not is_inward:
            return [_report(said, request)]
        return [_incoming(said, request)]


def _refusal(said: Mapping[str, Any], answer: omnigate.Answer) -> omnigate.OmnigateError:
    error = said.get("error")
    told = error if isinstance(error, dict) else said
    if answer.status != 400 or "message" not in told:
        return meanings.of_status(answer)
    words = omnigate.one_line(f"{told.get('code', '?')}: {told['message']}")
    return omnigate.Meaning.REFUSED.error(f"MTS Exolve error {words}")


def _field(said: Mapping[str, str], what: str) -> str | None:
    return next((said[name] for name in FIELDS[what] if said.get(name)), None)


def _report(said: Mapping[str, str], request: omnigate.Request) -> Report:
    status = need(said, *FIELDS["status"])
    state = STATES.get(status.lower().rpartition("_")[2], "unknown")
    return Report(
        external_id=need(said, *FIELDS["id"]),
        state=state,
        error=omnigate.one_line(status) if state == "failed" else None,
        occurred_at=moment(_field(said, "at"), request.received_at_seconds),
    )


def _incoming(said: Mapping[str, str], request: omnigate.Request) -> Incoming:
    text = _field(said, "text")
    if text is None:
        raise omnigate.BadPayload("there is neither a status nor a text in the call")
    return Incoming(
        external_id=_field(said, "id"),
        source=number(need(said, *FIELDS["source"])),
        destination=number(_field(said, "destination") or ""),
        text=text,
        occurred_at=moment(_field(said, "at"), request.received_at_seconds),
    )
