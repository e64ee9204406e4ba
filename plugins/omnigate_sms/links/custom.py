"""Any provider that takes a text with one request, as `omnigate_sms.links.description` describes it."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import omnigate
from omnigate_sms.link import Incoming, Report, Said, Segment, Text
from omnigate_sms.links import meanings
from omnigate_sms.links.calls import (
    admit_from,
    fields,
    moment,
    number,
    part_of,
)
from omnigate_sms.links.description import (
    MEANINGS,
    CustomConfig,
    IncomingTable,
    ProofTable,
    ReceiptTable,
)
from omnigate_sms.links.provider import UnsignedLink, Weakness, sent_as, weakness_of
from omnigate_sms.links.smscru import own_id
from omnigate_sms.links.template import at, fill, fill_header, fill_json, fill_url, plain

MOST_ITEMS: Final = 1000
"""Of one call."""
_SEARCHED: Final = 4096
"""Characters of an answer that an expression is tried on."""
_MOST_SEGMENTS: Final = 255


class Custom(UnsignedLink):
    """Send and be called as the configuration describes it."""

    kind = "custom"
    Config = CustomConfig
    config: CustomConfig

    async def _send(self, text: Text) -> omnigate.Sent:
        config, values = self.config, self._values(text)
        body: dict[str, Any] = {}
        if config.form is not None:
            body["data"] = {name: fill(value, values) for name, value in config.form.items()}
        elif config.body is not None:
            body["json"] = fill_json(config.body, values)
        query = {name: fill(value, values) for name, value in config.query.items()}
        answer = await self._ask(
            config.method,
            fill_url(config.url, values),
            headers=self._headers(values),
            **({"params": query} if query else {}),
            **body,
        )
        return self._sent(text, answer)

    async def _check(self) -> omnigate.Health:
        if self.config.check_url is None:
            return omnigate.Health("up", "nothing to check: there is no check_url")
        values = self._secret_values()
        empty = dict.fromkeys(
            ("to", "from", "text", "id", "own_id", "callback", "valid_seconds"), ""
        )
        answer = await self._ask(
            "GET",
            fill_url(self.config.check_url, values),
            headers=self._headers({**empty, **values}),
        )
        if answer.status in (401, 403):
            return omnigate.Health(
                "down", f"{answer.host} refuses the credentials: are they right?"
            )
        if answer.status >= 300:
            return omnigate.Health("degraded", f"{answer.host} answered {answer.status}")
        return omnigate.Health("up", f"{answer.host} answers")

    def _headers(self, values: Mapping[str, str]) -> dict[str, str]:
        config = self.config
        headers = {name: fill_header(value, values) for name, value in config.headers.items()}
        if config.user is not None and config.password is not None:
            # unwrapped to be sent
            pair = f"{config.user}:{config.password.get_secret_value()}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers

    def _secret_values(self) -> dict[str, str]:
        # unwrapped to be filled in
        known = self.config.secrets.items()
        return {f"secret.{name}": secret.get_secret_value() for name, secret in known}

    def _values(self, text: Text) -> dict[str, str]:
        plus = "+" if self.config.plus else ""
        sender = f"{plus}{text.sender}" if text.sender.isdigit() else text.sender
        valid = "" if text.valid_seconds is None else str(text.valid_seconds)
        return {
            "to": f"{plus}{text.to}",
            "from": sender,
            "text": text.text,
            "id": text.id,
            "own_id": str(own_id(text.id)),
            "callback": self.receipts_to(text),
            "valid_seconds": valid,
            **self._secret_values(),
        }

    def _sent(self, text: Text, answer: omnigate.Answer) -> omnigate.Sent:
        told = self.config.answer
        said = answer.json()
        flag = plain(at(said, told.taken)) if told.taken is not None else None
        is_taken = told.taken is None or (flag or "").lower() in told.taken_values
        if answer.status not in told.taken_statuses or not is_taken:
            raise self._refusal(said, answer)
        if told.named_by == "id":
            return sent_as(text.id)
        if told.named_by == "own_id":
            return sent_as(own_id(text.id))
        names = _names(said, told.id) if told.id is not None else []
        if told.id_pattern is not None and not names:
            beginning = answer.body[: 4 * _SEARCHED].decode("utf-8", "replace")[:_SEARCHED]
            names = [found[1] for found in re.finditer(told.id_pattern, beginning)][:1]
        if names:
            return sent_as(names[0], names if len(names) > 1 else ())
        if told.error is not None and plain(at(said, told.error)) in told.errors:
            raise self._refusal(said, answer)
        raise omnigate.Uncertain(f"{answer.host} took the text and its answer has no id")

    def _refusal(self, said: Any, answer: omnigate.Answer) -> omnigate.OmnigateError:
        told = self.config.answer
        code = plain(at(said, told.error)) if told.error is not None else None
        words = plain(at(said, told.words)) if told.words is not None else None
        told_words = omnigate.one_line(words or answer.words())
        sentence = f"{answer.host} error {omnigate.one_line(code or answer.status)}: {told_words}"
        if code is not None and code in told.errors:
            return MEANINGS[told.errors[code]].error(sentence, answer.status)
        if (known := told.statuses.get(str(answer.status))) is not None:
            return MEANINGS[known].error(sentence, answer.status)
        if answer.status < 300 and told.taken is not None and at(said, told.taken) is not None:
            return omnigate.Meaning.REFUSED.error(sentence)
        return meanings.of_status(answer)

    # ---- from the provider ----------------------------------------------------------------------

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is proven as the description says."""
        proof = self.config.proof
        if proof is None or proof.header is None:
            super().authenticate(request)
        elif proof.hmac is not None:
            _check_hmac(proof, request)
        elif not omnigate.secrets_match(request.headers.get(proof.header), proof.secret):
            super().authenticate(request)
        else:
            admit_from(self.config, request)

    def weakness(self) -> Weakness | None:
        """Return what proves calls; None where their bodies are signed."""
        if self.config.proof is None:
            return super().weakness()
        if self.config.proof.hmac is not None:
            return None
        weak = weakness_of(self.config, self.kind)
        return weak._replace(words=weak.words.replace("only by ", "only by a header, or by "))

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return the receipts and the texts that a call brings."""
        document = self._document(request)
        found = at(document, self.config.items) if self.config.items is not None else document
        items = found if isinstance(found, list) else [found]
        if len(items) > MOST_ITEMS:
            raise omnigate.BadPayload(f"more than {MOST_ITEMS} items in one call")
        return [self._said(item, request) for item in items]

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what the provider wants to read."""
        return omnigate.Response(
            body=self.config.reply.encode(), content_type=self.config.reply_type
        )

    def _document(self, request: omnigate.Request) -> Any:
        """Return what a call says; of a signed one only the body, since only that is signed."""
        is_signed = self.config.proof is not None and self.config.proof.hmac is not None
        if not request.is_json:
            return request.fields() if is_signed else fields(request)
        try:
            said = omnigate.read_json(request.body)
        except ValueError:
            raise omnigate.BadPayload("the body is not JSON") from None
        if isinstance(said, dict) and not is_signed:
            return {**dict(request.query), **said}
        return said

    def _said(self, item: Any, request: omnigate.Request) -> Said:
        receipt, incoming = self.config.receipt, self.config.incoming
        if receipt is not None and plain(at(item, receipt.state)) is not None:
            return _report(item, receipt, request)
        if incoming is not None and isinstance(at(item, incoming.text), str):
            return _incoming(item, incoming, request)
        raise omnigate.BadPayload("a call is neither a receipt nor a text by the description")


def _check_hmac(proof: ProofTable, request: omnigate.Request) -> None:
    if not request.body:
        raise omnigate.Unauthorized("there is no body that could be signed")
    secret = proof.secret.get_secret_value() if proof.secret else ""  # unwrapped to compute
    digest = hmac.digest(secret.encode(), request.body, proof.hmac or "sha256")
    right = digest.hex() if proof.encoding == "hex" else base64.b64encode(digest).decode()
    given = request.headers.get(proof.header or "", "").strip()
    if not given.startswith(proof.prefix):
        raise omnigate.Unauthorized(f"{proof.header} is missing, or does not begin as it should")
    given = given[len(proof.prefix) :]
    if not omnigate.secrets_match(given.lower() if proof.encoding == "hex" else given, right):
        raise omnigate.Unauthorized(f"{proof.header} is wrong")


def _names(said: Any, path: str) -> list[str]:
    found = at(said, path)
    names = [plain(one) for one in (found if isinstance(found, list) else [found])[:_MOST_SEGMENTS]]
    return [name for name in names if name is not None]


def _need(item: Any, path: str) -> str:
    value = plain(at(item, path))
    if value is None:
        raise omnigate.BadPayload(f"there is nothing at {path}")
    return value


def _optional(item: Any, path: str | None) -> str | None:
    return plain(at(item, path)) if path is not None else None


def _report(item: Any, table: ReceiptTable, request: omnigate.Request) -> Report:
    word = _need(item, table.state)
    if word not in table.states:
        raise omnigate.BadPayload("the state is none of receipt.states")
    state = table.states[word]
    code = _optional(item, table.error)
    return Report(
        external_id=_need(item, table.id),
        reference=part_of({"": _optional(item, table.reference) or ""}, ""),
        state=state,
        error=omnigate.one_line(f"{word} {code or ''}") if state == "failed" else None,
        occurred_at=moment(_optional(item, table.at), request.received_at_seconds),
    )


def _incoming(item: Any, table: IncomingTable, request: omnigate.Request) -> Incoming:
    return Incoming(
        external_id=_optional(item, table.id),
        source=number(_need(item, table.source)),
        destination=number(_optional(item, table.destination) or ""),
        text=at(item, table.text),
        segment=_segment(item, table),
        occurred_at=moment(_optional(item, table.at), request.received_at_seconds),
    )


def _segment(item: Any, table: IncomingTable) -> Segment | None:
    """Return where a piece belongs; None for a text that is whole."""
    if table.reference is None or table.total is None or table.number is None:
        return None
    reference = _optional(item, table.reference)
    if reference is None:
        return None
    total, which = _small(_need(item, table.total)), _small(_need(item, table.number))
    if which > total:
        raise omnigate.BadPayload("a piece is none of its total")
    if total == 1:
        return None
    count = crc32(reference.encode("utf-8", "surrogatepass")) & 0xFFFF
    return Segment(reference=count, width_bits=16, total=total, number=which)


def _small(text: str) -> int:
    if not (
        text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= _MOST_SEGMENTS
    ):
        raise omnigate.BadPayload(f"a piece's total and number are 1 to {_MOST_SEGMENTS}")
    return int(text)
