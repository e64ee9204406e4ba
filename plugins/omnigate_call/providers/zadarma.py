"""Zadarma: a signed request begins a call, signed notices tell of it.

The request gives no name to the call, so notices are told apart by their numbers, and no number has two
calls at once. The first notice brings the provider's own id, by which those that follow are known.

Source: zadarma.com/en/support/api ("Authorization", "CallBack", "Notifications about calls in PBX") and
the vendor's client for PHP (read 2026-11-22).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from yarl import URL

import omnigate
from omnigate_call.driver import BUSY, NORMAL, Attempt, Step, ended
from omnigate_call.providers import meanings
from omnigate_call.providers.config import NovofonOldConfig, ProviderConfig, ZadarmaConfig
from omnigate_call.providers.hooks import arrived, digits, fields, maybe, need, seconds
from omnigate_call.providers.provider import HttpProvider, answered, ringing, step_of
from omnigate_call.providers.recordings import download, is_of
from omnigate_call.providers.tries import Try

SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    "NOTIFY_START": ("caller_id", "called_did", "call_start"),
    "NOTIFY_INTERNAL": ("caller_id", "called_did", "call_start"),
    "NOTIFY_END": ("caller_id", "called_did", "call_start"),
    "NOTIFY_IVR": ("caller_id", "called_did", "call_start"),
    "NOTIFY_ANSWER": ("caller_id", "destination", "call_start"),
    "NOTIFY_OUT_START": ("internal", "destination", "call_start"),
    "NOTIFY_OUT_END": ("internal", "destination", "call_start"),
    "NOTIFY_RECORD": ("pbx_call_id", "call_id_with_rec"),
}
"""Which fields the signature of each notice covers, in this order."""
CAUSES: Final[Mapping[str, int]] = {  # unverified but answered, busy, cancel, no answer, failed
    "busy": BUSY,
    "cancel": NORMAL,
    "no answer": 19,
    "call failed": 41,
    "failed": 41,
    "no money": 50,
    "no money, no limit": 50,
    "no limit": 50,
    "no day limit": 50,
    "line limit": 34,
    "unallocated number": 1,
}
"""``disposition`` of a phone that was never answered, as Q.850 has it."""
RANG: Final = frozenset({"busy", "cancel", "no answer"})
ECHO: Final = "zd_echo"
SIGNATURE: Final = "signature"
CALLBACK_PATH: Final = "/v1/request/callback/"
BALANCE_PATH: Final = "/v1/info/balance/"
RECORD_PATH: Final = "/v1/pbx/record/request/"
RECORD_HOSTS: Final = ("zadarma.com", "novofon.com")  # unverified
_ECHOED: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Zadarma(HttpProvider):
    """Call through Zadarma; take its signed notices."""

    kind = "zadarma"
    Config: ClassVar[type[ProviderConfig]] = ZadarmaConfig
    names_calls = False
    can_record = True
    config: ZadarmaConfig
    unverified: ClassVar[Sequence[str]] = (
        (
            "Which notices a callback brings, and for which phone, was not seen: those of outgoing calls are "
            "taken for the customer's phone, the others for the agent's."
        ),
        "Of the words in disposition only answered, busy, cancel, no answer and failed are documented.",
        "Whether the order is turned round by predicted alone was not tried.",
        "Recordings are switched on in the cabinet, not by request.",
    )

    def weakness(self) -> str | None:
        """Return that little of a notice is signed."""
        return "the signature of its notices covers only numbers and time, not how a call ended"

    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        agent = attempt.agent.extension or digits(attempt.agent.number)
        given = {"from": agent, "to": attempt.digits}
        if self.config.sip is not None:
            given["sip"] = self.config.sip
        if not attempt.is_agent_first:
            given["predicted"] = "1"
        answer = await self._signed(CALLBACK_PATH, given)
        if answer.status == 200 and answer.object().get("status") == "success":
            return {}
        raise _refused(answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._signed(BALANCE_PATH, {})
        said = answer.object()
        if answer.status == 401:
            return omnigate.Health("down", "the keys are refused: are key and secret right?")
        if answer.status != 200 or said.get("status") != "success":
            return answer.unexpected()
        balance = omnigate.one_line(f"{said.get('balance')} {said.get('currency')}")
        return omnigate.Health("up", f"the balance is {balance}")

    async def _signed(self, path: str, given: Mapping[str, str]) -> omnigate.Answer:
        query = urlencode(sorted(given.items()))
        # unwrapped to sign
        sign = request_signature(self.config.secret.get_secret_value(), path, query)
        return await self._ask(
            "GET",
            path,
            url=self.config.url,
            query=query,
            headers={"authorization": f"{self.config.key}:{sign}"},
        )

    async def fetch(self, recording: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording; see `Driver.fetch`. Its address is asked for each time."""
        named = recording.ref or {}
        try:
            answer = await self._signed(RECORD_PATH, {"call_id": str(named.get("recording", ""))})
        except omnigate.NoAnswer as error:
            raise omnigate.DestinationUnavailable(str(error)) from None
        said = answer.object()
        links = [said.get("link"), *(said["links"] if isinstance(said.get("links"), list) else [])]
        link = next((one for one in links if isinstance(one, str) and one), None)
        if link is None:
            if answer.status in (401, 429) or answer.status >= 500:
                raise omnigate.DestinationUnavailable(f"{answer.host} answered {answer.status}")
            raise omnigate.Refused("no_recording", f"{answer.host} no longer has the recording")
        where = URL(link)
        if not is_of(where.host, (*RECORD_HOSTS, answer.host)):
            raise omnigate.Refused("not_allowed", "the recording is said to be at another's place")
        async for chunk in download(self.host.http, where):
            yield chunk

    # ---- what it tells --------------------------------------------------------------------------------

    def _prove(self, request: omnigate.Request) -> None:
        if _is_echo(request):
            return  # the check of our address is not signed; it is answered and says nothing
        try:
            said = fields(request)
        except omnigate.BadPayload as error:
            raise omnigate.Unauthorized(f"the call cannot have been signed: {error}") from None
        names = SIGNED.get(said.get("event", ""))
        if names is None:
            raise omnigate.Unauthorized("a call of this kind is not signed; notices are")
        covered = "".join(said.get(name, "") for name in names)
        # unwrapped to compute what it would sign
        right = notice_signature(self.config.secret.get_secret_value(), covered)
        if not omnigate.secrets_match(request.headers.get(SIGNATURE, ""), right):
            raise omnigate.Unauthorized("Signature is missing or wrong; is secret right?")

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what proves that the address is ours, where that is asked."""
        if _is_echo(request):
            return omnigate.Response(body=request.query[ECHO].encode())
        return omnigate.Response()

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what a notice says; none for calls that are not ours."""
        if _is_echo(request):
            return []
        said, at = fields(request), arrived(request)
        event = said.get("event", "")
        if event not in SIGNED:
            raise omnigate.BadPayload("the notice is none that is known")
        pbx_call_id = need(said, "pbx_call_id")
        tried = await self.tries.find(pbx_call_id) or await self._by_numbers(event, said)
        if tried is None:
            return []
        await self.tries.remember(pbx_call_id, tried)
        return _steps(tried, event, said, at)

    async def _by_numbers(self, event: str, said: Mapping[str, str]) -> Try | None:
        """Return the attempt whose numbers a notice has.

        A customer may call in meanwhile: a notice of an incoming call has to name the agent as well.
        """
        if event == "NOTIFY_RECORD":
            return None
        is_out = event.startswith("NOTIFY_OUT")
        names = (
            ("internal", "destination")
            if is_out
            else ("caller_id", "called_did", "internal", "destination")
        )
        numbers = {digits(said[name]) for name in names if said.get(name)}
        for attempt in await self.desk.attempts():
            agent = {attempt.agent.extension, digits(attempt.agent.number)} - {None, ""}
            is_agent = bool(agent & numbers) or (is_out and attempt.agent.extension is None)
            if attempt.digits in numbers and is_agent:
                return Try.of(attempt)
        return None


class NovofonOld(Zadarma):
    """Novofon's first interface, which is Zadarma's at another address."""

    kind = "novofon_old"
    Config = NovofonOldConfig
    config: NovofonOldConfig
    unverified = (
        (
            "That Novofon's first interface has the paths, the signature and the notices of Zadarma's is "
            "told by its origin; its address is general knowledge."
        ),
        *Zadarma.unverified,
    )


def request_signature(secret: str, path: str, query: str) -> str:
    """Return the signature of a request: base64 of the hexadecimal HMAC-SHA1."""
    digest = hashlib.md5(query.encode()).hexdigest()  # noqa: S324 - the vendor's
    return notice_signature(secret, f"{path}{query}{digest}")


def notice_signature(secret: str, covered: str) -> str:
    """Return base64 of the hexadecimal HMAC-SHA1 of what is covered."""
    signed = hmac.new(secret.encode(), covered.encode("utf-8", "surrogatepass"), hashlib.sha1)
    return base64.b64encode(signed.hexdigest().encode()).decode()


def _is_echo(request: omnigate.Request) -> bool:
    return (
        request.method == "GET"
        and set(request.query) == {ECHO}
        and _ECHOED.fullmatch(request.query[ECHO]) is not None
    )


def _steps(tried: Try, event: str, said: Mapping[str, str], at: datetime) -> list[Step]:
    ids = {"pbx_call_id": need(said, "pbx_call_id")}
    match event:
        case "NOTIFY_START" | "NOTIFY_IVR":
            return [step_of(tried, None, at=at, provider_ids=ids, key="started")]
        case "NOTIFY_INTERNAL":
            return [ringing(tried, "agent", at=at, provider_ids=ids)]
        case "NOTIFY_ANSWER":
            return answered(tried, "agent", at=at, provider_ids=ids)
        case "NOTIFY_OUT_START":
            return [ringing(tried, "customer", at=at, provider_ids=ids)]
        case "NOTIFY_OUT_END":
            return _end(tried, "customer", said, at, ids)
        case "NOTIFY_END":
            return _end(tried, "agent", said, at, ids)
    recording = omnigate.AttachmentRef(
        kind="audio",
        mime="audio/mpeg",
        name=f"{tried.call_id}.mp3",
        ref={"recording": need(said, "call_id_with_rec")},
    )
    return [step_of(tried, None, at=at, recording=recording, key="recording")]


def _end(
    tried: Try, leg: omnigate.Leg, said: Mapping[str, str], at: datetime, ids: Mapping[str, str]
) -> list[Step]:
    """Return what the end of a phone's part means; the first phone's says nothing of the second one."""
    disposition = (maybe(said, "disposition") or "").lower()
    if disposition == "answered":
        if leg == tried.legs[0]:
            return [
                step_of(tried, None, at=at, leg=leg, cause=NORMAL, provider_ids=ids, key="down")
            ]
        talked = seconds(said.get("duration"))
        began_at = at - timedelta(seconds=talked or 0)
        return [
            *answered(tried, leg, at=began_at, provider_ids=ids),
            step_of(tried, "completed", at=at, leg=leg, cause=NORMAL, talk_seconds=talked),
        ]
    cause = CAUSES.get(disposition)
    state = ended(leg, cause, was_ringing=disposition in RANG)
    text = omnigate.one_line(disposition) or "no disposition"
    return [step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=text, provider_ids=ids)]


def _refused(answer: omnigate.Answer) -> omnigate.OmnigateError:
    said: Mapping[str, Any] = answer.object()
    if said.get("status") != "error" or answer.status in (401, 403, 429) or answer.status >= 500:
        return meanings.of_status(answer)
    return omnigate.Meaning.REFUSED.error(
        f"{answer.host}: {omnigate.one_line(said.get('message') or 'no reason given')}"
    )
