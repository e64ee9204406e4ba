"""Twilio's Programmable Messaging: REST out, signed form calls in.

The signature covers the address that was called, so the public address of this installation has to be
the one that Twilio knows; it is never guessed from the request.

Source: Twilio's client for Python 9.x, ``request_validator.py`` and ``rest/api/v2010/account/message``
(names and the published test vector, read 2026-11-22).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from pydantic import Field, SecretStr
from yarl import URL

import omnigate
from omnigate_sms.link import Incoming, Report, Said, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import PART, moment, need, number, part_of
from omnigate_sms.links.config import ProviderConfig
from omnigate_sms.links.provider import HttpLink, sent_as

STATES: Final[Mapping[str, State]] = {
    "accepted": "unknown",
    "scheduled": "unknown",
    "queued": "unknown",
    "sending": "unknown",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
    "partially_delivered": "unknown",  # unverified
}
"""By ``MessageStatus``; ``unknown`` for what is before ``sent``."""
ERRORS: Final[Mapping[int, omnigate.Meaning]] = {  # unverified, all of them
    20003: omnigate.Meaning.NO_RIGHT,
    20429: omnigate.Meaning.TOO_MANY,
    21211: omnigate.Meaning.BAD_NUMBER,
    21212: meanings.BAD_SENDER,
    21408: omnigate.Meaning(
        "refused", "region_not_allowed", "allow the country in the account's settings"
    ),
    21603: meanings.BAD_SENDER,
    21606: meanings.BAD_SENDER,
    21610: meanings.OPTED_OUT,
    21611: omnigate.Meaning.TOO_MANY,
    21612: omnigate.Meaning.BAD_NUMBER,
    21614: omnigate.Meaning.BAD_NUMBER,
    21617: omnigate.Meaning("refused", "too_long"),
    30003: omnigate.Meaning("refused", "unreachable"),
    30004: omnigate.Meaning.BLOCKED,
    30005: omnigate.Meaning.BAD_NUMBER,
    30006: omnigate.Meaning.BAD_NUMBER,
    30007: omnigate.Meaning.BLOCKED,
}
"""By Twilio's code."""
LONGEST_VALID_SECONDS: Final = 36_000  # unverified
SIGNATURE: Final = "x-twilio-signature"
SETTINGS: Final = "x-twilio-webhooks-signature-settings"
BODY_DIGEST: Final = "bodySHA256"
NO_REPLY: Final = b"<Response/>"
_SHORT_CODE_DIGITS: Final = 6
_STANDARD_PORTS: Final = {"https": 443, "http": 80}


class TwilioConfig(ProviderConfig):
    """Which account it is."""

    account_sid: str = Field(
        pattern=r"^AC[0-9a-fA-F]{32}$",
        description="The account's SID: AC and 32 hexadecimal digits.",
    )
    auth_token: SecretStr = Field(
        min_length=1,
        description="The account's auth token: Twilio signs its calls with it.",
    )
    old_auth_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="Calls signed with it are accepted too, while it is replaced.",
    )
    api_key_sid: str | None = Field(
        None,
        pattern=r"^SK[0-9a-fA-F]{32}$",
        description="SID of an API key to ask with, in place of the auth token.",
    )
    api_key_secret: SecretStr | None = Field(
        None, min_length=1, description="Secret of the API key."
    )
    signing_secret: SecretStr | None = Field(
        None,
        min_length=1,
        description="Shared key of signatures by HMAC-SHA256, where the account has them switched on.",
    )
    messaging_service_sid: str | None = Field(
        None,
        pattern=r"^MG[0-9a-fA-F]{32}$",
        description="Messaging service that chooses the sender; the channel's sender otherwise.",
    )
    url: omnigate.ReceiverUrl = Field(
        "https://api.twilio.com",
        description="Where Twilio's API is; another host for other regions.",
    )


class Twilio(HttpLink):
    """Send through Twilio; take its signed calls."""

    kind = "twilio"
    Config = TwilioConfig
    config: TwilioConfig
    unverified = (
        "What Twilio's error codes mean (21211, 21408, 21610, 21614, 30003 to 30007 …) is general knowledge.",
        "The state partially_delivered changes nothing.",
        "Signatures by HMAC-SHA256 are made as those by HMAC-SHA1, with the shared key.",
    )

    async def _send(self, text: Text) -> omnigate.Sent:
        given = {
            "To": _plus(text.to),
            "Body": text.text,
            "StatusCallback": self.callback(**{PART: text.id}),
        }
        if self.config.messaging_service_sid is not None:
            given["MessagingServiceSid"] = self.config.messaging_service_sid
        else:
            given["From"] = _plus(text.sender)
        if text.valid_seconds is not None:
            given["ValidityPeriod"] = str(min(max(1, text.valid_seconds), LONGEST_VALID_SECONDS))
        answer = await self._account("POST", "/Messages.json", data=given)
        said = answer.object()
        if answer.status in (200, 201) and isinstance(sid := said.get("sid"), str) and sid:
            if STATES.get(str(said.get("status"))) == "failed":
                raise _refused(said, answer)
            return sent_as(sid)
        raise _refused(said, answer) if "code" in said else meanings.of_status(answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._account("GET", ".json")
        said = answer.object()
        if answer.status == 401:
            return omnigate.Health("down", "Twilio refuses the credentials: is auth_token right?")
        if answer.status != 200 or "status" not in said:
            return answer.unexpected()
        if (status := said.get("status")) != "active":
            return omnigate.Health("down", f"the account is {omnigate.one_line(status)}")
        return omnigate.Health("up", "the account is active")

    async def _account(
        self, method: str, path: str, data: Mapping[str, str] | None = None
    ) -> omnigate.Answer:
        config = self.config
        user, secret = config.account_sid, config.auth_token
        if config.api_key_sid is not None and config.api_key_secret is not None:
            user, secret = config.api_key_sid, config.api_key_secret
        # unwrapped to be sent
        pair = base64.b64encode(f"{user}:{secret.get_secret_value()}".encode()).decode()
        url = f"{config.url.rstrip('/')}/2010-04-01/Accounts/{config.account_sid}{path}"
        return await self._ask(method, url, headers={"authorization": f"Basic {pair}"}, data=data)

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless Twilio signed the call."""
        given = request.headers.get(SIGNATURE, "")
        parameters = _signed_parameters(request)
        modern = "hmac_sha256" in request.headers.get(SETTINGS, "").lower()
        secrets: list[SecretStr | None]
        if modern:
            secrets = [self.config.signing_secret]
        else:
            secrets = [self.config.auth_token, self.config.old_auth_token]
        right = [
            # unwrapped to compute what it would sign
            signature(one.get_secret_value(), url, parameters, "sha256" if modern else "sha1")
            for one in secrets
            if one is not None
            for url in _spellings(self._called(request), request.query)
        ]
        if not omnigate.secrets_match(given, *right):
            raise omnigate.Unauthorized(
                "X-Twilio-Signature is missing or wrong; is public_url right?"
            )

    def _called(self, request: omnigate.Request) -> str:
        """Return our address as it was called: the channel has a path for receipts beside the hook."""
        return self.callback() + request.path.removeprefix("/hook")

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt or the text that a call brings; a first state that says nothing is none."""
        said = request.fields()
        if "MessageStatus" in said and "Body" not in said:
            return [_report(said, request)]
        return [_incoming(said, request)]

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return that nothing is to be answered to the customer."""
        return omnigate.Response(body=NO_REPLY, content_type="text/xml")


def signature(
    secret: str, url: str, parameters: Iterable[tuple[str, str]], algorithm: str = "sha1"
) -> str:
    """Return the signature of a call: of its address, and of its form fields sorted by name.

    Of a field that stands there several times each value counts once, sorted.
    """
    signed = url + "".join(name + value for name, value in sorted(set(parameters)))
    digest = hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), algorithm)
    return base64.b64encode(digest).decode()


def _signed_parameters(request: omnigate.Request) -> list[tuple[str, str]]:
    """Return the fields that the signature covers; of other bodies the address has the digest."""
    if not request.body:
        return []
    if BODY_DIGEST in request.query or request.is_json:
        digest = hashlib.sha256(request.body).hexdigest()
        if not omnigate.secrets_match(request.query.get(BODY_DIGEST, "").lower(), digest):
            raise omnigate.Unauthorized("bodySHA256 is not the digest of the body")
        return []
    try:
        return omnigate.read_form(request.body)
    except omnigate.BadPayload as error:
        raise omnigate.Unauthorized(f"the call cannot have been signed: {error}") from None


def _spellings(base: str, query: Mapping[str, str]) -> list[str]:
    """Return how Twilio may have written our address: with and without the standard port."""
    url = URL(base)
    pairs = (f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    rest = url.raw_path + ("?" + "&".join(pairs) if query else "")
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host
    standard = _STANDARD_PORTS.get(url.scheme)
    hosts = [f"{host}:{url.port}"]
    if url.port == standard:
        hosts.insert(0, f"{host}")
    return [f"{url.scheme}://{one}{rest}" for one in hosts]


def _plus(address: str) -> str:
    """Return a number with its plus; a name or a short code as it stands."""
    if address.isascii() and address.isdigit() and len(address) > _SHORT_CODE_DIGITS:
        return f"+{address}"
    return address


def _refused(said: Mapping[str, object], answer: omnigate.Answer) -> omnigate.OmnigateError:
    code = said.get("code") or said.get("error_code")
    words = omnigate.one_line(said.get("message") or said.get("error_message") or "no reason given")
    if isinstance(code, int) and code in ERRORS:
        return ERRORS[code].error(f"Twilio error {code}: {words}", answer.status)
    if answer.status < 500 and answer.status not in (401, 408, 429):
        return omnigate.Meaning.REFUSED.error(f"Twilio error {code}: {words}")
    return meanings.of_status(answer)


def _report(said: Mapping[str, str], request: omnigate.Request) -> Report:
    status = said["MessageStatus"].strip().lower()
    code = said.get("ErrorCode", "").strip()
    state = STATES.get(status, "unknown")
    meaning = ERRORS.get(int(code)) if code.isascii() and code.isdigit() else None
    error = " ".join(filter(None, [status, code, meaning.code if meaning else None]))
    return Report(
        external_id=need(said, "MessageSid", "SmsSid"),
        reference=part_of(request.query),
        state=state,
        error=error if state == "failed" else None,
        occurred_at=moment(None, request.received_at_seconds),
    )


def _incoming(said: Mapping[str, str], request: omnigate.Request) -> Incoming:
    """Return a text; what was sent along with it stands below as addresses, which need our credentials."""
    count = said.get("NumMedia", "0")
    media = [
        said.get(f"MediaUrl{index}", "")
        for index in range(min(int(count), 10) if count.isascii() and count.isdigit() else 0)
    ]
    return Incoming(
        external_id=need(said, "MessageSid", "SmsSid"),
        source=number(need(said, "From")),
        destination=number(said.get("To", "")),
        text="\n".join(filter(None, [said.get("Body", ""), *media])),
        occurred_at=moment(None, request.received_at_seconds),
    )
