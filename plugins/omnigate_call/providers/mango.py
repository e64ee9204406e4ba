"""Mango Office: commands and events as three form fields each, ``sign`` over the exact JSON.

Mango is told a base address and appends what each event is: ``/events/call`` and so on. Our mark goes out
as ``command_id`` and comes back with the result of the command and with the first events; ``entry_id``
joins all that belong to one call.

Source: "API MANGO OFFICE", manual of the virtual PBX, version 1.9 (sections on commands and events, read
2026-11-22).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from yarl import URL

import omnigate
from omnigate_call.driver import Attempt, Step
from omnigate_call.providers import meanings
from omnigate_call.providers.config import MangoConfig
from omnigate_call.providers.hooks import arrived, digits, maybe
from omnigate_call.providers.mangosays import (
    recorded,
    result_of,
    settled,
    steps_of_leg,
    summed_up,
)
from omnigate_call.providers.provider import HttpProvider
from omnigate_call.providers.recordings import download, is_of
from omnigate_call.providers.tries import Try, read_mark

TAKEN: Final = 1000
RESULTS: Final[Mapping[int, omnigate.Meaning]] = {  # unverified, all of them
    3000: omnigate.Meaning.BAD_REQUEST,
    3100: omnigate.Meaning.BAD_REQUEST,
    3101: meanings.NOT_ALLOWED,
    3102: omnigate.Meaning.NO_RIGHT,
    3103: omnigate.Meaning.NO_RIGHT,
    3104: omnigate.Meaning.BAD_REQUEST,
    3105: omnigate.Meaning.NO_RIGHT,
    3300: meanings.NO_AGENT,
    3310: meanings.NO_AGENT,
    3320: omnigate.Meaning.BAD_NUMBER,
    4001: meanings.LATER,
    5000: omnigate.Meaning.UNCLEAR,
}
"""By the result of a command."""
EVENTS: Final = ("call", "summary", "recording", "record/added", "dtmf", "sms")
PATHS: Final = ("/hook", "/hook/result/callback", *(f"/hook/events/{name}" for name in EVENTS))
RECORD_HOSTS: Final = ("mango-office.ru",)


class Mango(HttpProvider):
    """Call through Mango Office; take its signed events."""

    kind = "mango"
    Config = MangoConfig
    hook_paths = PATHS
    can_record = True
    config: MangoConfig
    unverified = (
        (
            "What results of commands from 3000 on mean, and reasons of disconnection but 1000, 1100, 1110, "
            "1120 and 1124, is general knowledge."
        ),
        (
            "Summaries, events of recordings, the fetching of recordings, the ending of calls and the list "
            "of users (asked for as a check) are written by general knowledge."
        ),
        "Recordings are switched on in the cabinet, not by request.",
    )

    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        if attempt.agent.extension is None:
            raise omnigate.Refused("no_agent", f"{attempt.agent_name} has no extension; add it")
        if not attempt.is_agent_first:
            raise omnigate.Refused(
                "not_supported", "Mango Office rings the agent first; set order to agent_first"
            )
        caller = {"extension": attempt.agent.extension}
        if attempt.agent.number is not None:
            caller["number"] = digits(attempt.agent.number)
        wanted: dict[str, Any] = {
            "command_id": Try.of(attempt).mark,
            "from": caller,
            "to_number": attempt.digits,
        }
        line = self.config.line_number or attempt.caller_id
        if line is not None:
            wanted["line_number"] = digits(line)
        answer = await self._command("commands/callback", wanted)
        result = result_of(answer.object())
        if answer.status == 200 and result == TAKEN:
            return {}
        raise _refused(answer, result)

    async def _hang_up(self, attempt: Attempt) -> None:
        leg = attempt.provider_ids.get("leg_a") or attempt.provider_ids.get("leg_b")
        if leg is None:
            await super()._hang_up(attempt)
            return
        wanted = {"command_id": f"{Try.of(attempt).mark}.end", "call_id": leg}
        answer = await self._command("commands/call/hangup", wanted)
        result = result_of(answer.object())
        if answer.status != 200 or result != TAKEN:
            raise _refused(answer, result)

    async def _check(self) -> omnigate.Health:
        answer = await self._command("config/users/request", {})
        said = answer.object()
        if isinstance(said.get("users"), list):
            return omnigate.Health("up", f"the account has {len(said['users'])} users")
        result = result_of(said)
        if result is None:
            return answer.unexpected()
        meaning = RESULTS.get(result)
        if meaning is omnigate.Meaning.NO_RIGHT or answer.status in (401, 403):
            return omnigate.Health("down", "the key is refused: are api_key and api_salt right?")
        return omnigate.Health("degraded", f"Mango Office answered {result} to a check")

    async def _command(self, path: str, wanted: Mapping[str, Any]) -> omnigate.Answer:
        text = json.dumps(wanted, ensure_ascii=False, separators=(",", ":"))
        # unwrapped to be sent, and to sign
        key, salt = self.config.api_key.get_secret_value(), self.config.api_salt.get_secret_value()
        data = {"vpbx_api_key": key, "sign": signature(key, text, salt), "json": text}
        return await self._ask("POST", f"/vpbx/{path}", url=self.config.url, data=data)

    async def fetch(self, recording: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording; see `Driver.fetch`. Mango answers with where it is now."""
        wanted = {
            "recording_id": str((recording.ref or {}).get("recording", "")),
            "action": "download",
        }
        try:
            answer = await self._command("queries/recording/post", wanted)
        except omnigate.NoAnswer as error:
            raise omnigate.DestinationUnavailable(str(error)) from None
        if answer.status not in (301, 302, 303, 307) or answer.location is None:
            if answer.status == 429 or answer.status >= 500:
                raise omnigate.DestinationUnavailable(f"{answer.host} answered {answer.status}")
            raise omnigate.Refused("no_recording", f"{answer.host} no longer has the recording")
        where = URL(self.config.url).join(URL(answer.location))
        if not is_of(where.host, (*RECORD_HOSTS, answer.host)):
            raise omnigate.Refused("not_allowed", "the recording is said to be at another's place")
        async for chunk in download(self.host.http, where):
            yield chunk

    # ---- what it tells --------------------------------------------------------------------------------

    def _prove(self, request: omnigate.Request) -> None:
        try:
            said = dict(omnigate.read_form(request.body))
        except omnigate.BadPayload as error:
            raise omnigate.Unauthorized(f"the call cannot have been signed: {error}") from None
        # unwrapped to compute what it would sign
        key, salt = self.config.api_key.get_secret_value(), self.config.api_salt.get_secret_value()
        knows_key = omnigate.secrets_match(said.get("vpbx_api_key"), key)
        right = signature(key, said.get("json", ""), salt)
        if not omnigate.secrets_match(said.get("sign"), right) or not knows_key:
            raise omnigate.Unauthorized("sign is missing or wrong; are api_key and api_salt right?")

    def kept(self, request: omnigate.Request) -> omnigate.Request:
        """Return a call as quarantine may keep it: without key and signature."""
        text = _json(request).decode()
        return replace(request, body=urlencode({"json": text}).encode())

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what an event says; none for calls that are not ours."""
        said = omnigate.read_object(_json(request))
        tried = read_mark(str(said.get("command_id", "")))
        at = arrived(request)
        if "result" in said:
            return settled(tried, said, at) if tried is not None else []
        entry_id = maybe(said, "entry_id")
        if tried is not None and entry_id is not None:
            await self.tries.remember(entry_id, tried)
        tried = tried or await self.tries.find(entry_id)
        if tried is None:
            return []
        if "call_state" in said:
            attempt = await self._attempt(tried)
            return steps_of_leg(attempt, said, at) if attempt is not None else []
        if "entry_result" in said:
            return summed_up(await self._attempt(tried), said, at)
        if "recording_id" in said:
            return recorded(tried, said, at)
        return []

    async def _attempt(self, tried: Try) -> Attempt | None:
        """Return an attempt that is under way; None for what is over."""
        for attempt in await self.desk.attempts():
            if (attempt.call_id, attempt.number) == (tried.call_id, tried.number):
                return attempt
        return None


def signature(key: str, text: str, salt: str) -> str:
    """Return the signature of a JSON text exactly as it is written."""
    return hashlib.sha256(f"{key}{text}{salt}".encode("utf-8", "surrogatepass")).hexdigest()


def _json(request: omnigate.Request) -> bytes:
    """Return the JSON that an event brings in a field of its form."""
    return dict(omnigate.read_form(request.body)).get("json", "").encode()


def _refused(answer: omnigate.Answer, result: int | None) -> omnigate.OmnigateError:
    if result is None:
        return meanings.of_status(answer)
    words = f"Mango Office answered {result}"
    if message := answer.object().get("message"):
        words += f": {omnigate.one_line(message)}"
    if result in RESULTS:
        return RESULTS[result].error(words, answer.status)
    return (
        omnigate.Meaning.REFUSED.error(words)
        if 3000 <= result < 5000
        else omnigate.Meaning.UNCLEAR.error(words)
    )
