"""SMSC.ru: a form to ``send.php`` with an id of our own, by which a text can be asked after.

The id has 31 bits, and is made of the part's: the same on every attempt. A number and an id name a text.
Lookups make it possible to send again what surely did not arrive.

Source: descriptions by third parties and their clients; the provider's own pages were not read. All tables
here are unverified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, model_validator

import omnigate
from omnigate_sms.link import Incoming, Report, Said, State, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import fields, moment, need, number
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.provider import UnsignedLink

ERRORS: Final[Mapping[int, omnigate.Meaning]] = {  # unverified
    1: omnigate.Meaning.BAD_REQUEST,
    2: omnigate.Meaning.NO_RIGHT,
    3: omnigate.Meaning.NO_MONEY,
    4: omnigate.Meaning(
        "unavailable", advice="too many errors: the address is blocked for a while", seconds=900.0
    ),
    5: omnigate.Meaning.BAD_REQUEST,
    6: omnigate.Meaning.BLOCKED,
    7: omnigate.Meaning.BAD_NUMBER,
    8: omnigate.Meaning("refused", "unreachable"),
    9: omnigate.Meaning("unavailable", seconds=60.0),
}
"""By ``error_code`` of ``send.php``."""
STATES: Final[Mapping[str, State]] = {  # unverified
    "-3": "unknown",  # not found
    "-2": "failed",  # stopped
    "-1": "unknown",  # waiting
    "0": "sent",
    "1": "delivered",
    "2": "read",
    "3": "failed",  # expired
    "4": "read",  # a link in it was opened
    "20": "failed",
    "22": "failed",
    "23": "failed",
    "24": "failed",
    "25": "failed",
}
"""By the status of a text."""
WORDS: Final[Mapping[str, str]] = {  # unverified
    "-2": "stopped",
    "3": "expired",
    "20": "cannot be delivered",
    "22": "bad number",
    "23": "forbidden",
    "24": "no money",
    "25": "unreachable",
}
NOT_FOUND: Final = "-3"
LOOKUP_NOT_FOUND: Final = 3  # unverified
"""The ``error_code`` of ``status.php`` for a text that the provider does not have."""
MOST_MINUTES_VALID: Final = 1440  # unverified
LARGEST_ID: Final = 2**31 - 1
ALSO: Final = "cp1251"  # unverified
"""The charset of calls that are not UTF-8."""
_JSON: Final = "3"


class SmscRuConfig(UnsignedConfig):
    """Which account it is."""

    login: Annotated[str | None, omnigate.Asked(needed=True, unless=("api_key",))] = Field(
        None, min_length=1, max_length=100, description="The account's login."
    )
    password: Annotated[SecretStr | None, omnigate.Asked(needed=True, unless=("api_key",))] = Field(
        None, min_length=1, description="Its password, or the MD5 of it in lower case."
    )
    api_key: SecretStr | None = Field(
        None, min_length=1, description="An API key, in place of login and password."
    )
    url: omnigate.ReceiverUrl = Field(
        "https://smsc.ru", description="Where the service is; the reserve is https://www2.smsc.ru."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.api_key is None and (self.login is None or self.password is None):
            raise ValueError("give api_key, or login and password")
        return self


class SmscRu(UnsignedLink):
    """Send through SMSC.ru; take its calls; ask it what became of a text."""

    kind = "smscru"
    Config = SmscRuConfig
    config: SmscRuConfig
    on_uncertain = "lookup"
    unverified = (
        "The error codes of send.php and the statuses of status.php are from third parties.",
        "So is how status.php tells that it has no such text, on which sending again depends.",
        "So are the fields of calls and their charset; the md5 and sha1 in them are not looked at.",
        "The longest validity is taken to be a day.",
    )

    async def _send(self, text: Text) -> omnigate.Sent:
        given = {
            "phones": text.to,
            "mes": text.text,
            "id": str(own_id(text.id)),
            "charset": "utf-8",
        }
        if text.sender:
            given["sender"] = text.sender
        if text.valid_seconds is not None:
            minutes = min(max(1, round(text.valid_seconds / 60)), MOST_MINUTES_VALID)
            given["valid"] = f"{minutes // 60:02}:{minutes % 60:02}"
        answer = await self._asked("send", given)
        said = answer.object()
        if "error" in said or "error_code" in said:
            raise _refusal(said, "send")
        if answer.status == 200 and "id" in said:
            return omnigate.Sent(external_id=name_of(text.to, own_id(text.id)))
        raise meanings.of_status(answer)

    async def lookup(self, text: Text) -> omnigate.Sent | None:
        """Ask for the text by its number and our id; None when the provider does not have it."""
        own = own_id(text.id)
        try:
            answer = await self._asked("status", {"phone": text.to, "id": str(own)})
        except omnigate.NoAnswer as error:
            # Asking changes nothing: it can be asked again, unlike the text.
            raise omnigate.DestinationUnavailable(str(error)) from None
        said = answer.object()
        if said.get("error_code") == LOOKUP_NOT_FOUND:
            return None
        if "error" in said or "error_code" in said:
            raise omnigate.DestinationUnavailable(_words(said, "status"))
        if answer.status != 200 or "status" not in said:
            raise omnigate.DestinationUnavailable(f"{answer.host} answered {answer.status}")
        status = str(said["status"])
        if status == NOT_FOUND:
            return None
        if STATES.get(status) == "failed":
            raise omnigate.Refused("refused_by_provider", f"SMSC.ru: {WORDS.get(status, status)}")
        return omnigate.Sent(external_id=name_of(text.to, own))

    async def _check(self) -> omnigate.Health:
        answer = await self._asked("balance", {})
        said = answer.object()
        if "error" in said or "error_code" in said:
            return omnigate.Health("down", _words(said, "balance"))
        if answer.status != 200 or "balance" not in said:
            return answer.unexpected()
        return omnigate.Health("up", f"balance {omnigate.one_line(said['balance'])}")

    async def _asked(self, what: str, given: Mapping[str, str]) -> omnigate.Answer:
        config = self.config
        # unwrapped to be sent
        if config.api_key is not None:
            credentials = {"apikey": config.api_key.get_secret_value()}
        else:
            password = config.password.get_secret_value() if config.password else ""
            credentials = {"login": config.login or "", "psw": password}
        url = f"{config.url.rstrip('/')}/sys/{what}.php"
        return await self._ask("POST", url, data={**given, **credentials, "fmt": _JSON})

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipt or the text that a call brings."""
        said = fields(request, also=ALSO)
        return [_incoming(said, request) if "mes" in said else _report(said, request)]


def own_id(part_id: str) -> int:
    """Return the number that a part is sent under: the same for the same part, from 1 to 2147483647."""
    return int.from_bytes(hashlib.sha256(part_id.encode()).digest()[:8]) % LARGEST_ID + 1


def name_of(phone: str, own: int | str) -> str:
    """Return what a text is called here: the provider names it by number and id."""
    return f"{phone}-{own}"


def _words(said: Mapping[str, Any], what: str) -> str:
    code = omnigate.one_line(said.get("error_code", "?"))
    words = omnigate.one_line(said.get("error", "no reason given"))
    return f"SMSC.ru error {code} of {what}: {words}"


def _refusal(said: Mapping[str, Any], what: str) -> omnigate.OmnigateError:
    code = said.get("error_code")
    meaning = ERRORS.get(code) if isinstance(code, int) else None
    return (meaning or omnigate.Meaning.REFUSED).error(_words(said, what))


def _report(said: Mapping[str, str], request: omnigate.Request) -> Report:
    status = need(said, "status")
    if status not in STATES:
        raise omnigate.BadPayload("status is none that is known")
    state = STATES[status]
    code = said.get("err", "").strip()
    error = " ".join(filter(None, [WORDS.get(status, status), code if code.strip("0") else ""]))
    return Report(
        external_id=name_of(number(need(said, "phone")), need(said, "id")),
        state=state,
        error=error if state == "failed" else None,
        occurred_at=moment(said.get("ts"), request.received_at_seconds),
    )


def _incoming(said: Mapping[str, str], request: omnigate.Request) -> Incoming:
    return Incoming(
        external_id=need(said, "sms_id", "id"),
        source=number(need(said, "phone")),
        destination=number(said.get("to", "")),
        text=said["mes"],
        occurred_at=moment(said.get("ts"), request.received_at_seconds),
    )
