"""Twilio's Programmable Voice: one call to the first phone, which then dials the second one.

What the first phone does when it is answered stands in the request (TwiML), so Twilio asks us nothing in
the middle of a call. Each of its calls bears our mark, and a signature over address and form.

Source: Twilio's client for Python 9.13, ``rest/api/v2010/account/call`` (names of parameters, read
2026-11-22).
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from yarl import URL

import omnigate
from omnigate_call.driver import NORMAL, Attempt, Step
from omnigate_call.providers.config import TwilioConfig
from omnigate_call.providers.hooks import arrived, fields, need, seconds
from omnigate_call.providers.provider import HttpProvider, answered, ringing, step_of
from omnigate_call.providers.recordings import download
from omnigate_call.providers.tries import Try, read_mark
from omnigate_call.providers.twiliosays import (
    CAUSES,
    leg_of,
    not_told,
    recorded,
    refused,
    unanswered,
)
from omnigate_call.providers.twiliosigned import prove
from omnigate_call.providers.twiml import EVENTS, LEG, MARK, phone_of, twiml

LOOKUP_SECONDS: Final = 120.0
"""What Twilio has not listed so long after it was asked for, it never heard of. Unverified."""
CLOCKS_APART_SECONDS: Final = 60.0


class Twilio(HttpProvider):
    """Call through Twilio; take its signed calls."""

    kind = "twilio"
    Config = TwilioConfig
    can_record = True
    config: TwilioConfig
    unverified = (
        "What Twilio's error codes mean (20003, 21211, 21215 …) is general knowledge.",
        "A call that Twilio does not list two minutes after it was asked for is taken never to have been.",
    )

    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        tried = Try.of(attempt)
        given = [
            ("To", phone_of(attempt, attempt.legs[0])),
            ("From", self.config.from_number),
            ("Twiml", twiml(attempt, self.config.from_number, self.callback)),
            ("Timeout", str(int(attempt.ring_seconds))),
            ("StatusCallback", self.callback(**{MARK: tried.mark, LEG: attempt.legs[0]})),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", event) for event in EVENTS),
        ]
        answer = await self._account("POST", "/Calls.json", data=given)
        said = answer.object()
        if answer.status in (200, 201) and isinstance(sid := said.get("sid"), str) and sid:
            return {"leg_a": sid}
        raise refused(said, answer)

    async def _hang_up(self, attempt: Attempt) -> None:
        sid = attempt.provider_ids.get("leg_a")
        if sid is None:
            found = await self._listed(attempt)
            if found is None:
                return
            sid = need(found, "sid")
        answer = await self._account(
            "POST", f"/Calls/{quote(sid, safe='')}.json", data=[("Status", "completed")]
        )
        if answer.status not in (200, 404):
            raise refused(answer.object(), answer)

    async def _look_up(self, attempt: Attempt) -> Step | None:
        found = await self._listed(attempt)
        if found is None:
            return None
        sid, tried, now = need(found, "sid"), Try.of(attempt), datetime.now(UTC)
        ids = {"leg_a": sid}
        first, second = attempt.legs
        status = str(found.get("status"))
        if status in CAUSES:
            return unanswered(tried, first, status, at=now, ids=ids)
        if status not in ("completed", "in-progress"):
            state: omnigate.CallState = "agent_ringing" if first == "agent" else "customer_ringing"
            return step_of(tried, state if status == "ringing" else None, at=now, provider_ids=ids)
        child = await self._child(sid)
        if child is None:
            if status == "completed":  # put down before the second phone was rung
                return unanswered(tried, second, "failed", at=now, ids=ids)
            return answered(tried, first, at=now, provider_ids=ids)[0]
        leg_b = {**ids, "leg_b": need(child, "sid")}
        reached = str(child.get("status"))
        if reached in CAUSES:
            return unanswered(tried, second, reached, at=now, ids=leg_b)
        if reached == "completed":
            talked = seconds(child.get("duration"))
            return step_of(tried, "completed", at=now, talk_seconds=talked, provider_ids=leg_b)
        if reached == "in-progress":
            return step_of(tried, "bridged", at=now, provider_ids=leg_b)
        return ringing(tried, second, at=now, provider_ids=leg_b)

    async def _listed(self, attempt: Attempt) -> Mapping[str, Any] | None:
        """Return the call to the first phone as Twilio has it; None when it surely never heard of it.

        Raises:
            omnigate.Uncertain: several calls could be it, or Twilio does not say.
            omnigate.RetryLater: it is too early to tell.
            omnigate.DestinationUnavailable: Twilio cannot be asked now.
        """
        sid = attempt.provider_ids.get("leg_a")
        if sid is not None:
            answer = await self._account("GET", f"/Calls/{quote(sid, safe='')}.json")
            if answer.status != 200 or not answer.object().get("sid"):
                raise not_told(answer)
            return answer.object()
        query = {"To": phone_of(attempt, attempt.legs[0]), "From": self.config.from_number}
        answer = await self._account("GET", "/Calls.json", query={**query, "PageSize": "50"})
        calls = answer.object().get("calls")
        if answer.status != 200 or not isinstance(calls, list):
            raise not_told(answer)
        since = attempt.begun_at - timedelta(seconds=CLOCKS_APART_SECONDS)
        until = attempt.begun_at + timedelta(seconds=LOOKUP_SECONDS)
        found = [one for one in calls if isinstance(one, dict) and since <= _created(one) <= until]
        if len(found) == 1:
            return found[0]
        if found:
            raise omnigate.Uncertain(f"Twilio lists {len(found)} calls that could be it")
        if datetime.now(UTC) <= until:
            raise omnigate.RetryLater("Twilio does not list the call yet")
        return None

    async def _child(self, sid: str) -> Mapping[str, Any] | None:
        """Return the call to the second phone, None where there was none."""
        answer = await self._account("GET", "/Calls.json", query={"ParentCallSid": sid})
        calls = answer.object().get("calls")
        if answer.status != 200 or not isinstance(calls, list):
            raise not_told(answer)
        return next((one for one in calls if isinstance(one, dict) and one.get("sid")), None)

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

    def fetch(self, recording: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording; see `Driver.fetch`."""
        sid = quote(str((recording.ref or {}).get("recording", "")), safe="")
        url = URL(self._resource(f"/Recordings/{sid}.mp3"), encoded=True)
        return download(self.host.http, url, headers=self._basic())

    async def _account(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        data: list[tuple[str, str]] | None = None,
    ) -> omnigate.Answer:
        return await self._ask(
            method,
            "",
            url=self._resource(path),
            query=urlencode(query) if query else "",
            headers=self._basic(),
            data=data,
        )

    def _resource(self, path: str) -> str:
        base = self.config.url.rstrip("/")
        return f"{base}/2010-04-01/Accounts/{self.config.account_sid}{path}"

    def _basic(self) -> Mapping[str, str]:
        # unwrapped to be sent
        pair = f"{self.config.account_sid}:{self.config.auth_token.get_secret_value()}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    # ---- what Twilio tells ----------------------------------------------------------------------------

    def _prove(self, request: omnigate.Request) -> None:
        prove(request, self.callback(), self.config.auth_token, self.config.old_auth_token)

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what a call says of the phone that it is about; see `Driver.read`."""
        said, at = fields(request), arrived(request)
        tried = read_mark(said.get(MARK))
        if tried is None:
            raise omnigate.BadPayload("the call is about none of ours")
        if "RecordingSid" in said:
            return recorded(tried, said, at)
        leg = leg_of(said.get(LEG))
        status, sid = need(said, "CallStatus").lower(), need(said, "CallSid")
        ids = {"leg_a" if leg == tried.legs[0] else "leg_b": sid}
        match status:
            case "queued" | "initiated":
                return [step_of(tried, None, at=at, leg=leg, provider_ids=ids, key="initiated")]
            case "ringing":
                return [ringing(tried, leg, at=at, provider_ids=ids)]
            case "in-progress" | "answered":
                return answered(tried, leg, at=at, provider_ids=ids)
            case "completed":
                return await self._over(tried, leg, said, at, ids)
            case _ if status in CAUSES:
                return [unanswered(tried, leg, status, at=at, ids=ids)]
        raise omnigate.BadPayload("CallStatus is none that is known")

    async def _over(
        self,
        tried: Try,
        leg: omnigate.Leg,
        said: Mapping[str, str],
        at: datetime,
        ids: Mapping[str, str],
    ) -> list[Step]:
        """Return what it means that a phone which was answered is put down.

        With the second one the call is over. The first one may also be put down while the second rings,
        or before, and then nothing else may come: Twilio is asked.
        """
        if leg == tried.legs[1]:
            talked = seconds(said.get("CallDuration"))
            return [
                *answered(tried, leg, at=at - timedelta(seconds=talked or 0), provider_ids=ids),
                step_of(tried, "completed", at=at, leg=leg, cause=NORMAL, talk_seconds=talked),
            ]
        down = step_of(tried, None, at=at, leg=leg, cause=NORMAL, provider_ids=ids, key="down")
        attempt = next(
            (
                one
                for one in await self.desk.attempts()
                if (one.call_id, one.number) == (tried.call_id, tried.number)
            ),
            None,
        )
        if attempt is None:  # over already
            return [down]
        if attempt.is_bridged:
            return [down, step_of(tried, "completed", at=at)]
        try:
            named = replace(attempt, provider_ids={**attempt.provider_ids, **ids})
            found = await self.follow_up(named)
        except omnigate.OmnigateError as error:
            self.host.log.info("Twilio cannot be asked about a call", reason=str(error))
            return [down]  # what must be over is settled later
        return [down, found] if found is not None else [down]

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return that nothing is to be done."""
        return omnigate.Response(body=b"<Response/>", content_type="text/xml")


def _created(call: Mapping[str, Any]) -> datetime:
    """Return when Twilio took a call in, which it writes as RFC 2822 does."""
    try:
        return parsedate_to_datetime(str(call.get("date_created"))).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)
