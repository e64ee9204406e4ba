"""Novofon, platform 2.0: JSON-RPC begins a call, notices written by the operator's own template tell of it.

The Call API is that of UIS and CallGear. Our mark goes out as ``external_id`` and comes back in notices
whose template has it; the template is in the README.

Source: callgear.github.io/call_api (v4.0: ``start.employee_call``, ``start.simple_call``, ``release.call``,
errors and addresses; read 2026-11-22).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import omnigate
from omnigate_call.driver import BUSY, NORMAL, REJECTED, Attempt, Step, ended
from omnigate_call.providers import meanings
from omnigate_call.providers.config import NovofonConfig
from omnigate_call.providers.hooks import arrived, digits, fields, maybe, need, seconds
from omnigate_call.providers.provider import UnsignedProvider, answered, ringing, step_of
from omnigate_call.providers.tries import Try, read_mark

ERRORS: Final[Mapping[int, omnigate.Meaning]] = {  # unverified but those of JSON-RPC itself
    -32001: omnigate.Meaning.NO_RIGHT,
    -32003: omnigate.Meaning.NO_RIGHT,
    -32004: omnigate.Meaning.NO_RIGHT,
    -32029: omnigate.Meaning.TOO_MANY,
    -32600: omnigate.Meaning.BAD_REQUEST,
    -32601: omnigate.Meaning.BAD_REQUEST,
    -32602: omnigate.Meaning.BAD_REQUEST,
    -32603: omnigate.Meaning.UNCLEAR,
    -32700: omnigate.Meaning.BAD_REQUEST,
}
"""By the code of an error."""
MNEMONICS: Final[Mapping[str, omnigate.Meaning]] = {  # unverified, all of them
    "auth_error": omnigate.Meaning.NO_RIGHT,
    "access_token_expired": omnigate.Meaning.NO_RIGHT,
    "access_token_invalid": omnigate.Meaning.NO_RIGHT,
    "ip_not_whitelisted": meanings.NOT_ALLOWED,
    "limit_exceeded": omnigate.Meaning.TOO_MANY,
    "not_enough_money": omnigate.Meaning.NO_MONEY,
    "invalid_parameter_value": omnigate.Meaning.BAD_NUMBER,
    "employee_not_found": meanings.NO_AGENT,
    "employee_busy": meanings.LATER,
    "virtual_phone_number_not_found": meanings.BAD_CALLER,
}
"""By the word that stands beside the code."""
SESSION_GONE: Final = frozenset({"call_session_not_found", "not_found"})  # unverified
CAUSES: Final[Mapping[str, int]] = {  # unverified, all of them
    "busy": BUSY,
    "no_answer": 19,
    "rejected": REJECTED,
    "cancelled": NORMAL,
    "unavailable": 20,
    "failed": 41,
}
"""``reason`` of a phone that was never answered, as Q.850 has it."""
RANG: Final = frozenset({"busy", "no_answer", "rejected", "cancelled"})


class Novofon(UnsignedProvider):
    """Call through Novofon's Call API; take notices, which are not signed."""

    kind = "novofon"
    Config = NovofonConfig
    config: NovofonConfig
    unverified = (
        "What errors mean beside those of JSON-RPC itself is general knowledge.",
        "That Novofon's own address of the Call API is callapi-jsonrpc.novofon.ru was not tried.",
        (
            "Notices say what the template in the cabinet makes of them: names of events are those of "
            "our own template."
        ),
        "Recordings are not fetched: notices bring addresses that were never seen.",
    )

    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        wanted: dict[str, Any] = {
            "virtual_phone_number": digits(self.config.virtual_phone_number),
            "contact": attempt.digits,
            "external_id": Try.of(attempt).mark,
            "show_virtual_phone_number": True,
        }
        if attempt.agent.extension is not None and attempt.agent.extension.isdigit():
            wanted["first_call"] = "employee" if attempt.is_agent_first else "contact"
            wanted["employee"] = {"id": int(attempt.agent.extension)}
            method = "start.employee_call"
        elif attempt.agent.number is not None:
            wanted["first_call"] = "operator" if attempt.is_agent_first else "contact"
            wanted["operator"] = digits(attempt.agent.number)
            method = "start.simple_call"
        else:
            raise omnigate.Refused(
                "no_agent",
                f"{attempt.agent_name} has neither a number nor an id of digits as extension",
            )
        answer = await self._call(method, wanted, Try.of(attempt).mark)
        session = maybe(_data(answer), "call_session_id")
        if session is not None:
            await self.tries.remember(session, Try.of(attempt))
            return {"call_session_id": session}
        raise _refused(answer)

    async def _hang_up(self, attempt: Attempt) -> None:
        session = attempt.provider_ids.get("call_session_id")
        if session is None or not session.isdigit():
            await super()._hang_up(attempt)
            return
        answer = await self._call(
            "release.call", {"call_session_id": int(session)}, f"{Try.of(attempt).mark}.end"
        )
        if (
            str(_data(answer).get("success", "")).lower() != "true"
            and _mnemonic(answer) not in SESSION_GONE
        ):
            raise _refused(answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._call("list.calls", {}, "check")
        if answer.status == 200 and isinstance(answer.object().get("result"), dict):
            return omnigate.Health("up", "the key is good")
        code, word = _code(answer), _mnemonic(answer)
        meaning = MNEMONICS.get(word or "") or ERRORS.get(code or 0)
        if meaning is omnigate.Meaning.NO_RIGHT or answer.status in (401, 403):
            return omnigate.Health("down", "the key is refused: is access_token right?")
        if meaning is meanings.NOT_ALLOWED:
            return omnigate.Health(
                "down", "add this server's address to the cabinet's list for the API"
            )
        if code is None:
            return answer.unexpected()
        return omnigate.Health("degraded", f"the provider answered error {code} to a check")

    async def _call(
        self, method: str, params: Mapping[str, Any], request_id: str
    ) -> omnigate.Answer:
        # unwrapped to be sent
        token = self.config.access_token.get_secret_value()
        asked = {
            "jsonrpc": "2.0",
            "id": request_id,
            "method": method,
            "params": {"access_token": token, **params},
        }
        headers = {"content-type": "application/json; charset=UTF-8"}
        body = json.dumps(asked).encode()
        return await self._ask("POST", "", url=self.config.url, headers=headers, data=body)

    # ---- what it tells --------------------------------------------------------------------------------

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what a notice says; none for calls that are not ours."""
        said, at = fields(request), arrived(request)
        event = need(said, "event").lower()
        session = maybe(said, "call_session_id")
        tried = read_mark(said.get("external_id")) or await self.tries.find(session)
        if tried is None:
            return []
        ids = {"call_session_id": session} if session is not None else {}
        match event:
            case "start":
                return [step_of(tried, None, at=at, provider_ids=ids, key="started")]
            case "talking":
                return [step_of(tried, "bridged", at=at, provider_ids=ids)]
            case "over":
                return _over(tried, said, at, ids)
            case "ringing":
                return [ringing(tried, _leg(said), at=at, provider_ids=ids)]
            case "answered":
                return answered(tried, _leg(said), at=at, provider_ids=ids)
        raise omnigate.BadPayload("the event is none of the template; see the README")


def _leg(said: Mapping[str, str]) -> omnigate.Leg:
    match said.get("leg", "").lower():
        case "employee" | "operator" | "agent":
            return "agent"
        case "contact" | "customer":
            return "customer"
    raise omnigate.BadPayload("the notice does not say whose phone it is about")


def _over(tried: Try, said: Mapping[str, str], at: datetime, ids: Mapping[str, str]) -> list[Step]:
    """Return what it means that a session is over: its talk time tells whether the two talked."""
    talked = seconds(said.get("talk_seconds"))
    if talked:
        return [step_of(tried, "completed", at=at, talk_seconds=talked, provider_ids=ids)]
    leg = _leg(said) if said.get("leg") else tried.legs[1]
    reason = (maybe(said, "reason") or "").lower()
    cause = CAUSES.get(reason)
    state = ended(leg, cause, was_ringing=cause is None or reason in RANG)
    text = omnigate.one_line(reason) or "no reason given"
    return [step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=text, provider_ids=ids)]


def _data(answer: omnigate.Answer) -> Mapping[str, Any]:
    result = answer.object().get("result")
    data = result.get("data") if isinstance(result, dict) else None
    return data if isinstance(data, dict) else {}


def _error(answer: omnigate.Answer) -> Mapping[str, Any]:
    error = answer.object().get("error")
    return error if isinstance(error, dict) else {}


def _code(answer: omnigate.Answer) -> int | None:
    code = _error(answer).get("code")
    return code if isinstance(code, int) else None


def _mnemonic(answer: omnigate.Answer) -> str | None:
    data = _error(answer).get("data")
    word = data.get("mnemonic") if isinstance(data, dict) else None
    return word if isinstance(word, str) else None


def _refused(answer: omnigate.Answer) -> omnigate.OmnigateError:
    code, word = _code(answer), _mnemonic(answer)
    if code is None:
        return meanings.of_status(answer)
    message = omnigate.one_line(_error(answer).get("message") or "no reason given")
    words = f"{answer.host}: error {code}: {message}"
    meaning = MNEMONICS.get(word or "") or ERRORS.get(code)
    return (meaning or omnigate.Meaning.REFUSED).error(words, answer.status)
