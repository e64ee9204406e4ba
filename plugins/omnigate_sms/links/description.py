"""A provider described wholly in the configuration: what it is asked, what it answers, how it calls.

Every mistake in a description is found when the configuration is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from yarl import URL

import omnigate
from omnigate_sms.link import State
from omnigate_sms.links import meanings
from omnigate_sms.links.config import UnsignedConfig
from omnigate_sms.links.template import PLACES, check_path, check_places, strings_of

MEANINGS: Final[Mapping[str, omnigate.Meaning]] = {
    "refused": omnigate.Meaning.REFUSED,
    "bad_number": omnigate.Meaning.BAD_NUMBER,
    "bad_sender": meanings.BAD_SENDER,
    "blocked": omnigate.Meaning.BLOCKED,
    "opted_out": meanings.OPTED_OUT,
    "no_money": omnigate.Meaning.NO_MONEY,
    "throttled": meanings.THROTTLED,
    "unavailable": omnigate.Meaning.TOO_MANY,
    "credentials": omnigate.Meaning.NO_RIGHT,
    "uncertain": omnigate.Meaning.UNCLEAR,
}
"""The words that tables of errors use."""
Word = Literal[
    "refused",
    "bad_number",
    "bad_sender",
    "blocked",
    "opted_out",
    "no_money",
    "throttled",
    "unavailable",
    "credentials",
    "uncertain",
]

Path = Annotated[str, AfterValidator(check_path)]

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110 section 5.6.2
_NOT_OURS: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "te"}
    | {"accept-encoding", "trailer", "upgrade"}
)
_NEEDED: Final = {"to": "{to", "text": "{text}"}
"""Places without which nobody gets a text, and how each is written: the number has several forms."""


def check_pattern(pattern: str) -> str:
    """Return a regular expression with one group; raises ``ValueError`` for anything else."""
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if groups != 1:
        raise ValueError("the expression needs exactly one group, around the id")
    return pattern


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AnswerTable(_Table):
    """What the answer to a text says."""

    taken_statuses: list[int] = Field(
        [200, 201, 202],
        min_length=1,
        description="HTTP statuses with which a text may have been taken.",
    )
    taken: Path | None = Field(
        None,
        description="Where JSON says whether the text was taken; it was, when this is not given.",
    )
    taken_values: list[str] = Field(
        ["true", "0", "ok"], description="What stands there when it was, in lower case."
    )
    id: Annotated[Path | None, omnigate.Asked(unless=("id_pattern", "named_by"))] = Field(
        None,
        description="Where JSON has the provider's id: /messages/0/id, say; /messages/*/id for segments.",
    )
    id_pattern: Annotated[str, AfterValidator(check_pattern)] | None = Field(
        None,
        max_length=500,
        description="For answers that are no JSON: expression with the id as its group.",
    )
    named_by: Literal["answer", "id", "own_id"] = Field(
        "answer",
        description=(
            "Whose name receipts use: the id in the answer, or what was sent as {id} or {own_id}."
        ),
    )
    error: Path | None = Field(None, description="Where JSON has the code of an error.")
    words: Path | None = Field(None, description="Where JSON has an error's words.")
    errors: dict[str, Word] = Field(
        {}, description="What codes mean: refused, bad_number, no_money, throttled, credentials …"
    )
    statuses: dict[str, Word] = Field(
        {}, description="What HTTP statuses mean, where nothing else tells: 409 = refused, say."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.named_by == "answer" and self.id is None and self.id_pattern is None:
            raise ValueError("say where the answer has the id: id or id_pattern; or set named_by")
        return self

    @model_validator(mode="after")
    def _statuses_of_http(self) -> Self:
        if not all(status.isascii() and status.isdigit() for status in self.statuses):
            raise ValueError("statuses are numbers of HTTP")
        return self


class ReceiptTable(_Table):
    """Where a call has what a receipt says."""

    id: Path = Field(description="Where the name of the text is; see named_by.")
    reference: Path | None = Field(None, description="Where {id} comes back, if it does.")
    state: Path = Field(description="Where the state is; a call without it is no receipt.")
    states: dict[str, State] = Field(
        min_length=1, description="What states mean: sent, delivered, read, failed or unknown."
    )
    error: Path | None = Field(None, description="Where the code of a failure is.")
    at: Path | None = Field(None, description="Where the time is: POSIX seconds, or a date of UTC.")


class IncomingTable(_Table):
    """Where a call has what a customer's text says."""

    id: Path | None = Field(None, description="Where the provider's id of the text is.")
    source: Path = Field(description="Where the customer's number is.")
    destination: Path | None = Field(None, description="Where our number is.")
    text: Path = Field(description="Where the text is; a call without it is no text.")
    at: Path | None = Field(None, description="Where the time is: POSIX seconds, or a date of UTC.")
    reference: Path | None = Field(None, description="Where pieces have what they share.")
    total: Path | None = Field(None, description="Where pieces have how many they are.")
    number: Path | None = Field(None, description="Where pieces have which they are, from 1.")

    @model_validator(mode="after")
    def _pieces(self) -> Self:
        given = [self.reference, self.total, self.number]
        if any(given) and not all(given):
            raise ValueError("reference, total and number belong together: give all three")
        return self


class ProofTable(_Table):
    """How calls are proven, beside the token in their address."""

    header: str | None = Field(
        None, description="A header with a secret of its own; or the one that holds the HMAC."
    )
    secret: SecretStr | None = Field(None, min_length=8, description="What stands in it, or signs.")
    hmac: Literal["sha1", "sha256", "sha512"] | None = Field(
        None, description="The header holds the HMAC of the body: then nothing else proves a call."
    )
    encoding: Literal["hex", "base64"] = Field("hex", description="How the HMAC is written.")
    prefix: str = Field("", max_length=50, description="What stands before it: sha256=, say.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.header is None or self.secret is None:
            raise ValueError("give header and secret")
        if not _HEADER_NAME.fullmatch(self.header):
            raise ValueError(f"{self.header!r} is no header name")
        return self


class CustomConfig(UnsignedConfig):
    """What is asked, what is answered, and how the provider calls."""

    url: omnigate.ReceiverUrl = Field(
        description="Where texts go: https://sms.example.com/send, with places in its path if need be."
    )
    method: Literal["GET", "POST", "PUT"] = Field("POST", description="The method of HTTP.")
    secrets: dict[str, SecretStr] = Field(
        {}, description="Secrets by names of yours, for places such as {secret.key}."
    )
    headers: dict[str, str] = Field(
        {}, description='Headers: authorization = "Bearer {secret.key}", say.'
    )
    query: dict[str, str] = Field({}, description="Fields of the address.")
    form: dict[str, str] | None = Field(None, description="Fields of a form.")
    body: Annotated[
        dict[str, Any] | None, omnigate.Asked(needed=True, unless=("form", "query"))
    ] = Field(
        None,
        description="A body in JSON, nested as you like; {to:int} alone becomes a number.",
    )
    user: str | None = Field(None, description="User name of HTTP Basic authentication.")
    password: SecretStr | None = Field(None, description="Password of HTTP Basic authentication.")
    plus: bool = Field(False, description="Whether {to} and {from} begin with a plus.")
    answer: AnswerTable = Field(description="What the answer says.")
    receipt: ReceiptTable | None = Field(None, description="Where a call has what a receipt says.")
    incoming: IncomingTable | None = Field(None, description="Where a call has a customer's text.")
    items: Path | None = Field(
        None, description="Where a call has a list of receipts and texts; it is one when not given."
    )
    proof: ProofTable | None = Field(None, description="How calls are proven, beside the token.")
    reply: str = Field(
        "", max_length=1000, description="What the provider wants to read once it is stored."
    )
    reply_type: str = Field(
        "text/plain", pattern=r"^[a-z]+/[a-z0-9.+-]+$", description="The media type of the reply."
    )
    check_url: omnigate.ReceiverUrl | None = Field(
        None,
        description="What may be asked with GET and the same headers to see whether we are known.",
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.form is not None and self.body is not None:
            raise ValueError("give form or body, not both")
        return self

    @model_validator(mode="after")
    def _body_has_a_method(self) -> Self:
        if self.method == "GET" and (self.form is not None or self.body is not None):
            raise ValueError("GET has no body: use query, or another method")
        return self

    @model_validator(mode="after")
    def _user_with_password(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: give both")
        return self

    @model_validator(mode="after")
    def _fields_can_be_filled(self) -> Self:
        for template in self._fields():
            check_places(template, PLACES | self._secret_places())
        return self

    @model_validator(mode="after")
    def _headers_can_be_filled(self) -> Self:
        for name, template in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _NOT_OURS:
                raise ValueError(f"the header {name!r} is not for you to set")
            check_places(template, (PLACES | self._secret_places()) - {"text"})
        return self

    @model_validator(mode="after")
    def _url_can_be_filled(self) -> Self:
        check_places(self.url, PLACES | self._secret_places())
        _check_host(self.url)
        return self

    @model_validator(mode="after")
    def _check_url_can_be_filled(self) -> Self:
        if self.check_url is not None:
            check_places(self.check_url, self._secret_places())
            _check_host(self.check_url)
        return self

    @model_validator(mode="after")
    def _texts_reach_somebody(self) -> Self:
        places = self._places()
        lost = [f"{{{name}}}" for name, written in _NEEDED.items() if written not in places]
        if lost:
            stand = "stands" if len(lost) == 1 else "stand"
            raise ValueError(f"{' and '.join(lost)} {stand} nowhere: nobody would get the text")
        return self

    @model_validator(mode="after")
    def _name_is_sent(self) -> Self:
        named_by = self.answer.named_by
        if named_by != "answer" and f"{{{named_by}" not in self._places():
            raise ValueError(f"named_by is {named_by}, and {{{named_by}}} stands nowhere")
        return self

    def _secret_places(self) -> frozenset[str]:
        return frozenset(f"secret.{name}" for name in self.secrets)

    def _fields(self) -> Sequence[str]:
        return [*self.query.values(), *(self.form or {}).values(), *strings_of(self.body)]

    def _places(self) -> str:
        return " ".join([self.url, *self._fields(), *self.headers.values()])

    def host(self) -> str:
        """Return the host that texts go to."""
        return URL(self.url.partition("{")[0]).host or ""


def _check_host(address: str) -> None:
    if "{" in address[: address.find("/", address.find("//") + 2)]:
        raise ValueError("the host of an address cannot be filled in")
