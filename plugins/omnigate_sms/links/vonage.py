"""Vonage's SMS API (rest.nexmo.com): a form out, an answer per segment, calls as form, JSON or GET.

Long texts come in by pieces, each with ``concat-ref``, ``concat-total`` and ``concat-part``. Calls are
signed where the account says so; without a signature secret they are proven by a token.

Source: Vonage's server SDK for Python 4.x, package ``vonage_sms``, and its "Signing messages" guide (read
2026-11-22).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field, SecretStr

import omnigate
from omnigate_sms.gsm import is_gsm
from omnigate_sms.link import Incoming, Report, Said, Segment, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import (
    TOKEN,
    fields,
    moment,
    need,
    number,
    part_of,
)
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.provider import UnsignedLink, Weakness, sent_as, weakness_of
from omnigate_sms.segments import measure

FRESH: Final = timedelta(minutes=5)
"""How old a signed call may be, or how far ahead its clock."""
ERRORS: Final[Mapping[str, omnigate.Meaning]] = {  # unverified, all of them
    "1": meanings.THROTTLED,
    "2": omnigate.Meaning.BAD_REQUEST,
    "3": omnigate.Meaning.BAD_REQUEST,
    "4": omnigate.Meaning.NO_RIGHT,
    "5": omnigate.Meaning.UNCLEAR,
    "6": omnigate.Meaning.BAD_NUMBER,
    "7": omnigate.Meaning.BLOCKED,
    "8": omnigate.Meaning.NO_RIGHT,
    "9": omnigate.Meaning.NO_MONEY,
    "12": omnigate.Meaning("refused", "too_long"),
    "15": meanings.BAD_SENDER,
    "29": omnigate.Meaning(
        "refused", "not_on_whitelist", "the account is a trial: add the number to it"
    ),
}
"""By the ``status`` of a segment in the answer."""
STATES: Final[Mapping[str, State]] = {  # unverified
    "accepted": "sent",
    "buffered": "sent",
    "delivered": "delivered",
    "expired": "failed",
    "failed": "failed",
    "rejected": "failed",
    "deleted": "failed",
    "undeliverable": "failed",
    "unknown": "unknown",
}
"""By the ``status`` of a receipt."""
SHORTEST_TTL_MS: Final = 20_000
LONGEST_TTL_MS: Final = 604_800_000
_MOST_SEGMENTS: Final = 255

Method = Literal["md5hash", "md5", "sha1", "sha256", "sha512"]


class VonageConfig(UnsignedConfig):
    """Which account it is."""

    api_key: str = Field(min_length=1, max_length=100, description="The account's API key.")
    api_secret: SecretStr = Field(min_length=1, description="The account's API secret.")
    signature_secret: SecretStr | None = Field(
        None,
        min_length=1,
        description=(
            "The account's signature secret, where it signs what it calls us with: then unsigned calls are "
            "refused. Ask Vonage to switch signed webhooks on."
        ),
    )
    signature_method: Method = Field(
        "sha256", description="How the account signs; as its settings say."
    )
    url: omnigate.ReceiverUrl = Field(
        "https://rest.nexmo.com",
        description="Where the SMS API is; another host for other regions.",
    )


class Vonage(UnsignedLink):
    """Send through Vonage; take its calls."""

    kind = "vonage"
    Config = VonageConfig
    config: VonageConfig
    unverified = (
        "What the statuses in the answer to a text mean (1, 4, 9 …) is general knowledge.",
        "So are the states of receipts.",
        "The signature method md5hash is the MD5 of the sorted fields and the secret.",
        "The balance is asked for with HTTP Basic authentication.",
    )

    async def _send(self, text: Text) -> omnigate.Sent:
        given = {
            "api_key": self.config.api_key,
            # unwrapped to be sent
            "api_secret": self.config.api_secret.get_secret_value(),
            "from": text.sender,
            "to": text.to,
            "text": text.text,
            "type": "text" if is_gsm(text.text) else "unicode",
            "client-ref": _reference(text),
            "status-report-req": "1",
            "callback": self.callback(),
        }
        if text.valid_seconds is not None:
            ttl = min(max(text.valid_seconds * 1000, SHORTEST_TTL_MS), LONGEST_TTL_MS)
            given["ttl"] = str(ttl)
        answer = await self._ask("POST", f"{self.config.url.rstrip('/')}/sms/json", data=given)
        return _sent(answer)

    async def _check(self) -> omnigate.Health:
        config = self.config
        # unwrapped to be sent
        pair = f"{config.api_key}:{config.api_secret.get_secret_value()}"
        basic = base64.b64encode(pair.encode()).decode()
        answer = await self._ask(
            "GET",
            f"{config.url.rstrip('/')}/account/get-balance",
            headers={"authorization": f"Basic {basic}", "accept": "application/json"},
        )
        if answer.status in (401, 403):
            return omnigate.Health("down", "Vonage refuses the credentials: is api_secret right?")
        said = answer.object()
        if answer.status != 200 or "value" not in said:
            return answer.unexpected()
        return omnigate.Health("up", f"balance {omnigate.one_line(said['value'])}")

    def callback(self, **query: str) -> str:
        """Return the address for calls: bare where they are signed, else with the token in it."""
        if self.config.signature_secret is not None:
            return super(UnsignedLink, self).callback(**query)
        return super().callback(**query)

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is signed and fresh, or bears the token."""
        secret = self.config.signature_secret
        if secret is None:
            super().authenticate(request)
            return
        try:
            given = _signed(request)
        except omnigate.BadPayload as error:
            raise omnigate.Unauthorized(f"the call cannot have been signed: {error}") from None
        # unwrapped to compute what it would sign
        right = signature(given, secret.get_secret_value(), self.config.signature_method)
        if not omnigate.secrets_match(given.get("sig", "").lower(), right):
            raise omnigate.Unauthorized("sig is missing or wrong")
        at = given.get("timestamp", "")
        if not (at.isascii() and at.isdigit() and len(at) <= 12):
            raise omnigate.Unauthorized("timestamp is missing")
        if abs(request.received_at_seconds - int(at)) > FRESH.total_seconds():
            raise omnigate.Unauthorized("the signed call is too old; are the clocks right?")

    def weakness(self) -> Weakness | None:
        """Return what proves calls; None where they are signed."""
        if self.config.signature_secret is not None:
            return None
        weak = weakness_of(self.config, self.kind)
        remedy = f"have signing switched on and give {self.kind}.signature_secret"
        return Weakness(weak.words, f"{remedy}; or {weak.remedy}" if weak.remedy else None)

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt, the text or the piece of one that a call brings; only what is signed counts."""
        is_signed = self.config.signature_secret is not None
        said = _signed(request) if is_signed else fields(request)
        return [_report(said, request) if "status" in said else _incoming(said, request)]


def signature(given: Mapping[str, str], secret: str, method: Method) -> str:
    """Return the signature of a call's fields, in hexadecimal digits."""
    signed = "".join(
        f"&{name}={value.replace('&', '_').replace('=', '_')}"
        for name, value in sorted(given.items())
        if name != "sig"
    )
    if method == "md5hash":
        # The provider's choice; switched on by the operator, for accounts that know no better.
        return hashlib.md5((signed + secret).encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324
    return hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), method).hex()


def _reference(text: Text) -> str:
    """Return what receipts bring back: the part's id, where one receipt tells of all of it.

    Of a text in several segments each has a receipt, and none of them speaks for the whole.
    """
    count = measure(text.text).segments
    return text.id if count == 1 else f"{text.id}/{count}"


def _signed(request: omnigate.Request) -> Mapping[str, str]:
    """Return the fields that a signature covers: those of the body, or, without one, of the address."""
    found = request.fields()
    if found:
        return found
    return {name: value for name, value in request.query.items() if name != TOKEN}


def _sent(answer: omnigate.Answer) -> omnigate.Sent:
    """Return the ids of all segments; some of them may have been refused."""
    segments = answer.object().get("messages")
    if not isinstance(segments, list) or not segments or len(segments) > _MOST_SEGMENTS:
        raise meanings.of_status(answer)
    refused = [one for one in segments if not isinstance(one, dict) or one.get("status") != "0"]
    taken = [str(one["message-id"]) for one in segments if _is_taken(one)]
    if refused and not taken:
        raise _refusal(refused[0])
    if refused:
        raise omnigate.Refused(
            "partly_sent",
            f"{len(taken)} of {len(segments)} segments went out, the rest did not: {_refusal(refused[0])}",
        )
    if len(taken) != len(segments):
        raise omnigate.Uncertain("Vonage took the text and did not say what it calls it")
    return sent_as(taken[0], taken if len(taken) > 1 else ())


def _is_taken(segment: Any) -> bool:
    return (
        isinstance(segment, dict)
        and segment.get("status") == "0"
        and isinstance(segment.get("message-id"), str)
        and bool(segment["message-id"])
    )


def _refusal(segment: Any) -> omnigate.OmnigateError:
    if not isinstance(segment, dict):
        return omnigate.Meaning.UNCLEAR.error("Vonage's answer names no status")
    status = str(segment.get("status"))
    words = omnigate.one_line(segment.get("error-text", "no reason given"))
    meaning = ERRORS.get(status, omnigate.Meaning.REFUSED)
    return meaning.error(f"Vonage status {omnigate.one_line(status)}: {words}")


def _report(said: Mapping[str, str], request: omnigate.Request) -> Report:
    status = said["status"].strip().lower()
    state = STATES.get(status, "unknown")
    code = said.get("err-code", "").strip()
    return Report(
        external_id=need(said, "messageId"),
        reference=part_of(said, "client-ref"),
        state=state,
        error=f"{status} {code}".strip() if state == "failed" else None,
        occurred_at=moment(said.get("message-timestamp"), request.received_at_seconds),
    )


def _incoming(said: Mapping[str, str], request: omnigate.Request) -> Incoming:
    is_binary = said.get("type") == "binary"
    data: bytes | None = None
    if is_binary:
        try:
            data = binascii.unhexlify(said.get("data", ""))
        except (binascii.Error, ValueError):
            raise omnigate.BadPayload("data is not hexadecimal") from None
    return Incoming(
        external_id=need(said, "messageId", "message-id"),
        source=number(need(said, "msisdn")),
        destination=number(said.get("to", "")),
        text=None if is_binary else said.get("text", ""),
        data=data,
        encoding="binary" if is_binary else "gsm7",
        segment=_segment(said) if said.get("concat", "").lower() == "true" else None,
        occurred_at=moment(said.get("message-timestamp"), request.received_at_seconds),
    )


def _segment(said: Mapping[str, str]) -> Segment:
    total, which = _small(said, "concat-total"), _small(said, "concat-part")
    if not 1 <= which <= total:
        raise omnigate.BadPayload("concat-part is not one of concat-total")
    reference = need(said, "concat-ref")
    if reference.isascii() and reference.isdigit() and len(reference) <= 5:
        count = int(reference) & 0xFFFF
    else:
        count = binascii.crc32(reference.encode("utf-8", "surrogatepass")) & 0xFFFF
    return Segment(reference=count, width_bits=16, total=total, number=which)


def _small(said: Mapping[str, str], name: str) -> int:
    text = need(said, name)
    if not (
        text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= _MOST_SEGMENTS
    ):
        raise omnigate.BadPayload(f"{name} is no number from 1 to {_MOST_SEGMENTS}")
    return int(text)
