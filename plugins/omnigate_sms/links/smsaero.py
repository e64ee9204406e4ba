"""SMS Aero, API v2: JSON out with HTTP Basic, a call for each state.

The provider's own client falls back to plain http where TLS fails; here nothing but https is spoken.

Source: the provider's client ``smsaero_python`` 3.1 (read 2026-11-22). What it does not show is unverified.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field, SecretStr

import omnigate
from omnigate_sms.link import Incoming, Report, Said, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import fields, moment, need, number, part_of
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.provider import UnsignedLink, sent_as

STATES: Final[Mapping[str, State]] = {
    "0": "unknown",  # in the queue
    "1": "delivered",
    "2": "failed",  # unverified, from here on
    "3": "sent",
    "4": "unknown",  # waiting for a status
    "6": "failed",
    "8": "unknown",  # with the moderators
}
"""By ``status``."""
NO_MONEY_WORDS: Final = ("no credits", "not enough money", "insufficient")
_NOT_A_NUMBER: Final = ("number", "phone")


class SmsAeroConfig(UnsignedConfig):
    """Which account it is."""

    email: str = Field(
        min_length=3,
        max_length=200,
        pattern=r"^[^\s:@]+@[^\s:@]+$",
        description="The account's login.",
    )
    api_key: SecretStr = Field(min_length=1, description="The account's API key.")
    url: omnigate.ReceiverUrl = Field(
        "https://gate.smsaero.ru/v2",
        description="Where the API is; the reserves are https://gate.smsaero.org/v2 and …net/v2.",
    )
    test: bool = Field(
        False, description="Have the provider only pretend to send: nobody gets anything."
    )


class SmsAero(UnsignedLink):
    """Send through SMS Aero; take its calls."""

    kind = "smsaero"
    Config = SmsAeroConfig
    config: SmsAeroConfig
    unverified = (
        "The statuses 2, 3, 4, 6 and 8 and the fields of calls (id, status …) are general knowledge.",
        "The fields of texts that come in (id, from or number, to or sign, text) are guessed.",
        "Which refusals mean that there is no money is told by words of the answer.",
    )

    async def _send(self, text: Text) -> omnigate.Sent:
        given = {
            "number": text.to,
            "text": text.text,
            "sign": text.sender,
            "callbackUrl": self.receipts_to(text),
        }
        answer = await self._asked("sms/testsend" if self.config.test else "sms/send", given)
        said = answer.object()
        taken = said.get("data")
        if isinstance(taken, list) and len(taken) == 1:
            taken = taken[0]
        if said.get("success") is True and isinstance(taken, dict) and "id" in taken:
            return sent_as(taken["id"])
        raise _refusal(said, answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._asked("balance", {})
        said = answer.object()
        if answer.status in (401, 403) or said.get("success") is False:
            words = omnigate.one_line(said.get("message") or f"answered {answer.status}")
            return omnigate.Health("down", f"SMS Aero: {words}; are email and api_key right?")
        data = said.get("data")
        if answer.status != 200 or not isinstance(data, dict):
            return answer.unexpected()
        return omnigate.Health("up", f"balance {omnigate.one_line(data.get('balance', 'unknown'))}")

    async def _asked(self, what: str, given: Mapping[str, Any]) -> omnigate.Answer:
        # unwrapped to be sent
        pair = f"{self.config.email}:{self.config.api_key.get_secret_value()}"
        basic = base64.b64encode(pair.encode()).decode()
        return await self._ask(
            "POST",
            f"{self.config.url.rstrip('/')}/{what}",
            json=given,
            headers={"authorization": f"Basic {basic}"},
        )

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt or the text that a call brings."""
        said = fields(request)
        return [_report(said, request) if "status" in said else _incoming(said, request)]


def _refusal(said: Mapping[str, Any], answer: omnigate.Answer) -> omnigate.OmnigateError:
    if answer.status in (401, 403) or not said or answer.status >= 500:
        return meanings.of_status(answer)
    if answer.status == 429:
        return meanings.of_status(answer)
    if "success" not in said and "result" not in said:
        return meanings.of_status(answer)
    words = omnigate.one_line(
        said.get("message") or said.get("reason") or said.get("result") or "no reason"
    )
    lower = f"{words} {said.get('result', '')}".lower()
    if answer.status == 402 or any(one in lower for one in NO_MONEY_WORDS):
        return omnigate.Meaning.NO_MONEY.error(f"SMS Aero: {words}", answer.status)
    if said.get("success") is True:  # it was taken, and we cannot tell under which name
        return omnigate.Uncertain("SMS Aero took the text and did not say what it calls it")
    data = said.get("data")
    if isinstance(data, dict) and any(one in data for one in _NOT_A_NUMBER):
        return omnigate.Meaning.BAD_NUMBER.error(f"SMS Aero: {words}")
    return omnigate.Meaning.REFUSED.error(f"SMS Aero: {words}")


def _report(said: Mapping[str, str], request: omnigate.Request) -> Report:
    status = need(said, "status")
    state = STATES.get(status, "unknown")
    words = " ".join(filter(None, [status, said.get("extendStatus", "").strip()]))
    return Report(
        external_id=need(said, "id"),
        reference=part_of(request.query),
        state=state,
        error=words if state == "failed" else None,
        occurred_at=moment(said.get("dateAnswer"), request.received_at_seconds),
    )


def _incoming(said: Mapping[str, str], request: omnigate.Request) -> Incoming:
    if "text" not in said:
        raise omnigate.BadPayload("there is neither a status nor a text in the call")
    return Incoming(
        external_id=said.get("id") or None,
        source=number(need(said, "from", "number")),
        destination=number(said.get("to") or said.get("sign") or ""),
        text=said["text"],
        occurred_at=moment(said.get("dateCreate"), request.received_at_seconds),
    )
