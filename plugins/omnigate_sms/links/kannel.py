"""Kannel's HTTP interface: its smsbox takes texts, and calls us for receipts and for what comes in.

Kannel names no message, so the address for receipts bears the part's own id. Its receipts come in any
order. For texts that come in, Kannel's configuration needs a service such as::

    group = sms-service
    keyword = default
    catch-all = true
    post-url = "https://omnigate.example.com/channels/sms/hook?token=…&id=%I&from=%p&to=%P&at=%T&charset=%C"
    max-messages = 0

Without ``max-messages = 0`` Kannel sends our empty answer to the customer, and without
``http-request-retry`` in its smsbox group it calls only once: what we could not take then is lost.

Source: Kannel 1.4.5 User's Guide, chapters "SMS-service" and "SMS push" (read 2026-11-22); what its
answers and calls look like was observed with Debian's 1.4.5-12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field, SecretStr

import omnigate
from omnigate_sms.gsm import is_gsm
from omnigate_sms.link import Incoming, Report, Said, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import PART, moment, need, number, part_of
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.provider import UnsignedLink

ACCEPTED: Final = ("0:", "3:")
"""How the answer to a text begins that was taken: sent on, or queued because the way is down."""
AUTHORIZATION: Final = "Authorization failed"
NOT_ROUTABLE: Final = "Not routable"
"""What is said with 403, which stands for refusals of the number and of the credentials alike."""
ALL_RECEIPTS: Final = 31
STATES: Final[Mapping[str, State]] = {
    "1": "delivered",
    "2": "failed",
    "4": "sent",  # buffered by the operator
    "8": "sent",
    "16": "failed",
}
"""By the event of a receipt, ``%d``."""
TEXT_QUERY: Final = "&id=%I&from=%p&to=%P&at=%T&charset=%C"
"""What its service is to fill in when it posts a text."""
ESCAPES: Final = "state=%d&reply=%A&smsc_id=%F&at=%T"
"""What Kannel fills in when it calls for a receipt."""
BINARY: Final = "8-BIT"
"""What ``%C`` says of what is no text."""
_SECONDS_PER_MINUTE: Final = 60


class KannelConfig(UnsignedConfig):
    """How Kannel is reached."""

    url: omnigate.ReceiverUrl = Field(
        description=(
            "Where smsbox takes texts: http://127.0.0.1:13013/cgi-bin/sendsms, say; http:// only inside "
            "allow_private."
        )
    )
    username: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$",
        description="The username of a sendsms-user group.",
    )
    password: SecretStr = Field(min_length=1, description="Its password.")
    smsc: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$",
        description="The smsc-id that texts are to go by; Kannel chooses when it is not given.",
    )


class Kannel(UnsignedLink):
    """Send through smsbox; hear of receipts and texts from it."""

    kind = "kannel"
    Config = KannelConfig
    config: KannelConfig

    async def _send(self, text: Text) -> omnigate.Sent:
        if not (text.sender.isascii() and text.sender.isprintable()):
            # Kannel takes the sender in a header only.
            raise omnigate.Refused("bad_sender", "Kannel takes senders of printable ASCII only")
        headers = {
            "x-kannel-to": text.to,
            "x-kannel-coding": "0" if is_gsm(text.text) else "2",
            "x-kannel-dlr-mask": str(ALL_RECEIPTS),
            # The escapes are for Kannel to fill in: they stand as they are.
            "x-kannel-dlr-url": f"{self.receipts_to(text)}&{ESCAPES}",
        }
        if text.sender:
            headers["x-kannel-from"] = text.sender
        if self.config.smsc is not None:
            headers["x-kannel-smsc"] = self.config.smsc
        if text.valid_seconds is not None:
            minutes = max(1, round(text.valid_seconds / _SECONDS_PER_MINUTE))
            headers["x-kannel-validity"] = str(minutes)
        answer = await self._post(headers, text.text)
        words = answer.words()
        if answer.status == 202 and words.startswith(ACCEPTED):
            return omnigate.Sent(external_id=text.id)
        raise _refusal(answer.status, words) or meanings.of_status(answer)

    async def _check(self) -> omnigate.Health:
        """Ask for a text to nobody: the password is looked at before what is missing."""
        answer = await self._post({}, "")
        if answer.status == 403:
            return omnigate.Health("down", f"{answer.words()}; are username and password right?")
        if answer.status != 400:
            return answer.unexpected()
        return omnigate.Health("up", f"smsbox at {answer.host} takes texts")

    async def _post(self, headers: Mapping[str, str], text: str) -> omnigate.Answer:
        credentials = {
            "x-kannel-username": self.config.username,
            # unwrapped to be sent
            "x-kannel-password": self.config.password.get_secret_value(),
            "content-type": "text/plain; charset=UTF-8",
        }
        return await self._ask(
            "POST", self.config.url, headers={**headers, **credentials}, data=text.encode()
        )

    def to_enter(self) -> Sequence[str]:
        """Return the line of Kannel's configuration that posts texts to us."""
        # Kannel puts in what stands for the text, so that must not be encoded.
        return [
            f'write into the sms-service of Kannel: post-url = "{self.callback()}{TEXT_QUERY}"',
            "receipts need nothing there",
        ]

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt that our own address names, or the text that came in."""
        if "state" in request.query:
            return [_report(request)]
        return [_incoming(request)]


def _refusal(status: int, words: str) -> omnigate.OmnigateError | None:
    if status == 403 and NOT_ROUTABLE in words:
        return omnigate.Refused(
            "not_routable", f"smsbox: {words}; has Kannel a way to this number?"
        )
    if status == 403 and AUTHORIZATION not in words:
        return omnigate.Refused("refused_by_provider", f"smsbox: {words}")
    if status == 403:
        return omnigate.Meaning.NO_RIGHT.error(f"smsbox refused the credentials: {words}")
    if status == 503:
        return omnigate.DestinationUnavailable(f"smsbox: {words}", status=status)
    if status in (400, 202):
        return omnigate.Refused("refused_by_provider", f"smsbox: {words}")
    return None


def _report(request: omnigate.Request) -> Report:
    said = request.query
    part = part_of(said)
    if part is None:
        raise omnigate.BadPayload(f"{PART} names no part of a message")
    state = STATES.get(said["state"])
    if state is None:
        raise omnigate.BadPayload("state is none of Kannel's events")
    return Report(
        external_id=part,
        reference=part,
        state=state,
        error=_reply(said.get("reply", "")) if state == "failed" else None,
        occurred_at=moment(said.get("at"), request.received_at_seconds),
    )


def _reply(words: str) -> str | None:
    """Return the operator's words without Kannel's own, which begin them: ``NACK/…``."""
    return words.removeprefix("NACK/").strip()[:200] or None


def _incoming(request: omnigate.Request) -> Incoming:
    """Return a text: of ``post-url`` it is the body, of ``get-url`` the field ``text``."""
    said = request.query
    text: str | None = None
    data: bytes | None = None
    if said.get("charset") == BINARY and request.method == "POST":
        data = request.body
    elif request.method == "POST":
        text = _decoded(request.body, said.get("charset") or _charset(request.headers))
    elif said.get("charset", "utf-8").lower() in ("utf-8", "us-ascii"):
        text = said.get("text", "")
    else:
        raise omnigate.BadPayload(
            "get-url needs alt-charset = UTF-8 in Kannel; use post-url instead"
        )
    return Incoming(
        external_id=said.get("id") or None,
        source=number(said.get("from") or need(request.headers, "x-kannel-from")),
        destination=number(said.get("to") or request.headers.get("x-kannel-to", "")),
        text=text,
        data=data,
        encoding="binary" if data is not None else "gsm7",
        occurred_at=moment(said.get("at"), request.received_at_seconds),
    )


def _charset(headers: Mapping[str, str]) -> str:
    _, _, charset = headers.get("content-type", "").lower().partition("charset=")
    return charset.strip(' "') or "utf-8"


def _decoded(body: bytes, charset: str) -> str:
    """Return a text; Kannel says UTF16BE, UTF-8, or what its alt-charset is.

    What does not fit is replaced: phones cut emoji in two, and the rest must not be lost for that.
    """
    name = {"utf16be": "utf-16-be"}.get(charset.lower().replace("-", ""), charset)
    try:
        return body.decode(name, "replace")
    except (LookupError, UnicodeError):
        raise omnigate.BadPayload(f"the charset {charset[:40]!r} is not known") from None
