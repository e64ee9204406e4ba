"""Jasmin's HTTP API: it takes texts under ids of its own, and calls us until it reads ``ACK/Jasmin``.

Receipts of level 1 tell whether the operator took a text, of level 2 what became of it: in the word of the
operator's receipt (DELIVRD …), though the manual promises an ESME_* name. Both are understood.

Source: Jasmin 0.11, "HTTP API" (read 2026-11-22); answers, receipts and texts that come in were compared
with what its releases 0.11.0 and 0.11.1 do. The latter loses receipts by itself, of whatever text:
"'SubmitSM' object has no attribute 'response'" stands in its messages.log then.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import Field, SecretStr

import omnigate
from omnigate_sms.gsm import is_gsm
from omnigate_sms.link import Incoming, Report, Said, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import fields, moment, need, number, part_of
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.provider import UnsignedLink, sent_as
from omnigate_sms.receipts import BY_WORD

ACKNOWLEDGED: Final = b"ACK/Jasmin"
BY_WORDS: Final[Sequence[tuple[str, omnigate.Meaning]]] = (
    ("Authentication failure", omnigate.Meaning.NO_RIGHT),
    (
        "Authorization failed",
        omnigate.Meaning("refused", "not_allowed", "what may this user of Jasmin send?"),
    ),
    ("Cannot charge", omnigate.Meaning.NO_MONEY),
    ("throughput exceeded", meanings.THROTTLED),
    (
        "No route found",
        omnigate.Meaning("unavailable", advice="give Jasmin a route for it", seconds=60.0),
    ),
    ("no bound connectors", omnigate.Meaning("unavailable", seconds=30.0)),
    ("Cannot send submit_sm", omnigate.Meaning("unavailable", seconds=30.0)),
)
"""What Jasmin's words after ``Error`` mean: the same status stands for several of them."""
ENCODINGS: Final[Mapping[str, Literal["gsm7", "ucs2", "latin1", "ascii", "binary"]]] = {
    "0": "gsm7",
    "1": "ascii",
    "2": "binary",
    "3": "latin1",
    "4": "binary",
    "8": "ucs2",
}
"""By the ``coding`` of a text that came in."""
_SUCCESS: Final = re.compile(r'^Success "([^"]{1,200})"')
_ERROR: Final = re.compile(r'^Error "(.*)"$', re.DOTALL)
_UCS2: Final = 8
_SECONDS_PER_MINUTE: Final = 60


class JasminConfig(UnsignedConfig):
    """How Jasmin is reached."""

    url: omnigate.ReceiverUrl = Field(
        description=(
            "Where Jasmin's HTTP API is: http://127.0.0.1:1401, say; http:// only inside allow_private."
        )
    )
    username: str = Field(min_length=1, max_length=30, description="The user's name in Jasmin.")
    password: SecretStr = Field(min_length=1, max_length=30, description="The user's password.")
    receipts: Literal["operator", "phone", "both"] = Field(
        "both",
        description=(
            "What Jasmin tells of: that the operator took a text, what became of it on its way to the "
            "phone, or both."
        ),
    )


_LEVELS: Final = {"operator": "1", "phone": "2", "both": "3"}


class Jasmin(UnsignedLink):
    """Send through Jasmin; hear of receipts and texts from it."""

    kind = "jasmin"
    Config = JasminConfig
    config: JasminConfig

    async def _send(self, text: Text) -> omnigate.Sent:
        form = {
            "to": text.to,
            "dlr": "yes",
            "dlr-url": self.receipts_to(text),
            "dlr-level": _LEVELS[self.config.receipts],
            "dlr-method": "POST",
        }
        if is_gsm(text.text):
            form |= {"coding": "0", "content": text.text}
        else:
            form |= {"coding": str(_UCS2), "hex-content": text.text.encode("utf-16-be").hex()}
        if text.sender:
            form["from"] = text.sender
        if text.valid_seconds is not None:
            minutes = max(1, round(text.valid_seconds / _SECONDS_PER_MINUTE))
            form["validity-period"] = str(minutes)
        answer = await self._asked("send", form)
        if answer.status == 200 and (taken := _SUCCESS.match(answer.words())):
            return sent_as(taken[1])
        raise _refusal(answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._asked("balance", {})
        if answer.status == 403:
            return omnigate.Health("down", f"Jasmin: {answer.words()}")
        said = answer.object()
        if answer.status != 200 or "balance" not in said:
            return answer.unexpected()
        return omnigate.Health(
            "up", f"Jasmin takes texts; balance {omnigate.one_line(said['balance'])}"
        )

    async def _asked(self, what: str, form: Mapping[str, str]) -> omnigate.Answer:
        credentials = {
            "username": self.config.username,
            # unwrapped to be sent
            "password": self.config.password.get_secret_value(),
        }
        url = f"{self.config.url.rstrip('/')}/{what}"
        if what == "balance":  # it knows no other method, and no header for the credentials
            return await self._ask("GET", url, params=credentials)
        return await self._ask("POST", url, data={**form, **credentials})

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt or the text that a call brings."""
        # The ``content`` of a text in UCS-2 is its bare octets, which are no text: ``binary`` is what counts.
        said = fields(request, also="latin-1")
        return [_report(said, request) if "message_status" in said else _incoming(said, request)]

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return the very words without which Jasmin calls again."""
        return omnigate.Response(body=ACKNOWLEDGED)


def _refusal(answer: omnigate.Answer) -> omnigate.OmnigateError:
    told = _ERROR.match(answer.words())
    if told is None:
        return meanings.of_status(answer)
    for words, meaning in BY_WORDS:
        if words in told[1]:
            return meaning.error(f"Jasmin: {told[1]}", answer.status)
    if answer.status == 400:
        return omnigate.Meaning.BAD_REQUEST.error(f"Jasmin: {told[1]}")
    return meanings.of_status(answer)


def _report(said: Mapping[str, str], request: omnigate.Request) -> Report:
    status = said["message_status"].strip().upper()
    state: State
    if status.startswith("ESME_"):
        state = "sent" if status == "ESME_ROK" else "failed"
    else:
        state = BY_WORD.get(status, "unknown")
    error = None
    if state == "failed":
        code = said.get("err", "").strip()
        error = f"{status} {code}" if code and code.strip("0") else status
    return Report(
        external_id=need(said, "id"),
        reference=part_of(said),
        state=state,
        error=error,
        occurred_at=moment(None, request.received_at_seconds),
    )


def _coding(said: str) -> str:
    """Return a coding in digits: release 0.11.1 sends it as one octet, the manual names a number."""
    return str(ord(said)) if len(said) == 1 and not said.isdigit() else said


def _incoming(said: Mapping[str, str], request: omnigate.Request) -> Incoming:
    """Return a text; its octets are certain, ``content`` is what Jasmin made of them."""
    encoding = ENCODINGS.get(_coding(said.get("coding", "0")))
    data: bytes | None = None
    if encoding is not None and "binary" in said:
        try:
            data = binascii.unhexlify(said["binary"])
        except (binascii.Error, ValueError):
            raise omnigate.BadPayload("binary is not hexadecimal") from None
    return Incoming(
        external_id=need(said, "id"),
        source=number(need(said, "from")),
        destination=number(said.get("to", "")),
        text=said.get("content", "") if data is None else None,
        data=data,
        encoding=encoding or "gsm7",
        occurred_at=moment(None, request.received_at_seconds),
    )
