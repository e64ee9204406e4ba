"""MTS Exolve: JSON with a bearer key begins a callback, unsigned events tell of it.

Events are proven by the token in the address that the cabinet is given, and bear the ``call_id`` that the
answer to the request has, the same in all of them.

Source: docs.exolve.ru, "Statistics API" (GetList, GetInfo, "Callback Call Events"; read 2026-11-22);
``MakeCallback`` as three programs of others call it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import omnigate
from omnigate_call.driver import BUSY, NORMAL, REJECTED, Attempt, Step, ended
from omnigate_call.providers import meanings
from omnigate_call.providers.config import ExolveConfig
from omnigate_call.providers.hooks import arrived, digits, maybe, need, seconds
from omnigate_call.providers.provider import UnsignedProvider, answered, ringing, step_of
from omnigate_call.providers.tries import Try

CALL_PATH: Final = "/call/v1/MakeCallback"
INFO_PATH: Final = "/statistics/call-history/v1/GetInfo"
LIST_PATH: Final = "/statistics/call-history/v1/GetList"
RINGS: Final = frozenset({"ringing", "dialing", "start", "call_start"})  # unverified
ANSWERS: Final = frozenset({"answer", "answered", "connected"})  # unverified
TALKS: Final = frozenset({"bridged", "joined", "talking"})  # unverified
ENDS: Final = frozenset({"end", "ended", "completed", "finished", "hangup"})  # unverified
CAUSES: Final[Mapping[str, int]] = {  # unverified, all of them
    "busy": BUSY,
    "no_answer": 19,
    "noanswer": 19,
    "rejected": REJECTED,
    "declined": REJECTED,
    "cancelled": NORMAL,
    "unavailable": 20,
    "failed": 41,
}
"""How a phone that was never answered is said to have ended, as Q.850 has it."""
RANG: Final = frozenset({"busy", "no_answer", "noanswer", "rejected", "declined", "cancelled"})


class Exolve(UnsignedProvider):
    """Call through MTS Exolve; take its events, which are not signed."""

    kind = "exolve"
    Config = ExolveConfig
    config: ExolveConfig
    unverified = (
        (
            "The names of fields in events and their words are assumed; what is not understood is in "
            "quarantine, where their names can be read. Please report them."
        ),
        "That the answer to MakeCallback has call_id was seen with others, not in the vendor's documents.",
        "Calls are asked about by GetInfo, which is documented and said to be replaced.",
        "Calls cannot be ended, and recordings are not fetched: no method for that is known.",
    )

    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        first, second = attempt.legs
        shown = attempt.caller_id or str(self.config.number_code)
        wanted = {
            "number_code": self.config.number_code,
            "callback_resource_id": self.config.callback_resource_id,
            "line_1": _line(attempt, first, shown),
            "line_2": _line(attempt, second, shown),
        }
        answer = await self._bearer(CALL_PATH, wanted)
        call_id = maybe(answer.object(), "call_id")
        if answer.status != 200:
            raise _refused(answer)
        if call_id is None:
            raise omnigate.Uncertain("the provider took the call and does not say what it calls it")
        await self.tries.remember(call_id, Try.of(attempt))
        return {"call_id": call_id}

    async def _look_up(self, attempt: Attempt) -> Step | None:
        call_id = attempt.provider_ids.get("call_id")
        if call_id is None or not call_id.isdigit():
            raise omnigate.Uncertain("the call was never named, so it cannot be asked about")
        answer = await self._bearer(INFO_PATH, {"ids": [int(call_id)]})
        found = answer.object().get("call")
        call = found[0] if isinstance(found, list) and found else found
        if answer.status != 200 or not isinstance(call, dict):
            raise omnigate.Uncertain(f"{answer.host} answered {answer.status} about the call")
        talked = seconds(call.get("duration"))
        if not talked:
            raise omnigate.Uncertain("the provider's list does not tell how the call ended")
        now = datetime.now(UTC)
        return step_of(Try.of(attempt), "completed", at=now, talk_seconds=talked / 1000)

    async def _check(self) -> omnigate.Health:
        answer = await self._bearer(LIST_PATH, {"limit": 1})
        if answer.status == 200:
            return omnigate.Health("up", "the key is good")
        if answer.status in (401, 403):
            return omnigate.Health("down", "the key is refused: is api_key right?")
        return answer.unexpected()

    async def _bearer(self, path: str, wanted: Mapping[str, Any]) -> omnigate.Answer:
        # unwrapped to be sent
        key = self.config.api_key.get_secret_value()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        body = json.dumps(wanted).encode()
        return await self._ask("POST", path, url=self.config.url, headers=headers, data=body)

    # ---- what it tells --------------------------------------------------------------------------------

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what an event says; none for calls that are not ours."""
        said, at = omnigate.read_object(request.body), arrived(request)
        call_id = need(said, "call_id")
        event = need(said, "event_type", "event", "state").lower()
        tried = await self.tries.find(call_id)
        if tried is None:
            return []
        ids = {"call_id": call_id}
        if event in TALKS:
            return [step_of(tried, "bridged", at=at, provider_ids=ids)]
        leg = _leg_of(tried, said)
        if event in RINGS:
            return [ringing(tried, leg, at=at, provider_ids=ids)]
        if event in ANSWERS:
            return answered(tried, leg, at=at, provider_ids=ids)
        if event in ENDS:
            return _end(tried, leg, said, at)
        raise omnigate.BadPayload("the event is none that is known")


def _line(attempt: Attempt, leg: omnigate.Leg, shown: str) -> dict[str, Any]:
    number = attempt.customer if leg == "customer" else attempt.agent.number
    if number is None:
        raise omnigate.Refused("no_agent", f"{attempt.agent_name} has no number; add it")
    return {"destinations": [{"number": digits(number)}], "display_number": digits(shown)}


def _leg_of(tried: Try, said: Mapping[str, Any]) -> omnigate.Leg:
    """Return whose phone an event is about, by its line. Raises `omnigate.BadPayload`."""
    line = need(said, "line", "leg").lower().removeprefix("line_")
    if line not in ("1", "2"):
        raise omnigate.BadPayload("the event does not say which phone it is about")
    return tried.legs[int(line) - 1]


def _end(tried: Try, leg: omnigate.Leg, said: Mapping[str, Any], at: datetime) -> list[Step]:
    result = (maybe(said, "result", "status", "disposition") or "").lower()
    if result in ("success", "answered", "completed"):
        if leg == tried.legs[0]:
            return [step_of(tried, None, at=at, leg=leg, cause=NORMAL, key="down")]
        talked = seconds(said.get("duration"))
        done = step_of(tried, "completed", at=at, leg=leg, cause=NORMAL, talk_seconds=talked)
        return [*answered(tried, leg, at=at), done]
    if result not in CAUSES:
        raise omnigate.BadPayload("how the phone's part ended is not known")
    cause = CAUSES[result]
    state = ended(leg, cause, was_ringing=result in RANG)
    return [step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=result)]


def _refused(answer: omnigate.Answer) -> omnigate.OmnigateError:
    error = answer.object().get("error")
    if isinstance(error, dict) and answer.status not in (401, 403, 429) and answer.status < 500:
        words = omnigate.one_line(error.get("message") or error.get("code") or "no reason given")
        return omnigate.Meaning.REFUSED.error(f"{answer.host}: {words}")
    return meanings.of_status(answer)
