"""Sipuni: a hashed form begins a call, unsigned events tell of it.

Events are proven by the token in the address that the cabinet is given, and name the calls by numbers: no
number has two calls at once. An event is answered with ``{"success": true}``, or Sipuni sends no more.

Source: doc.sipuni.com, "Отправка событий HTTP" and "Заказ звонка" (read 2026-11-22).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from yarl import URL

import omnigate
from omnigate_call.driver import BUSY, NORMAL, Attempt, Step, ended
from omnigate_call.providers import meanings
from omnigate_call.providers.config import SipuniConfig
from omnigate_call.providers.hooks import arrived, digits, fields, maybe, moment, need
from omnigate_call.providers.provider import UnsignedProvider, answered, ringing, step_of
from omnigate_call.providers.recordings import download, is_of
from omnigate_call.providers.tries import Try

RINGS: Final = "1"
ENDED: Final = "2"
ANSWERED: Final = "3"
LEG_ENDED: Final = "4"
KNOWN: Final = frozenset({RINGS, ENDED, ANSWERED, LEG_ENDED})
CAUSES: Final[Mapping[str, int]] = {  # unverified but ANSWER, BUSY and NOANSWER
    "BUSY": BUSY,
    "NOANSWER": 19,
    "CANCEL": NORMAL,
    "CONGESTION": 34,
    "CHANUNAVAIL": 20,
}
"""``status`` of a phone that was never answered, as Q.850 has it."""
RANG: Final = frozenset({"BUSY", "NOANSWER", "CANCEL"})
RECORD_HOSTS: Final = ("sipuni.com",)
CALL_PATH: Final = "/api/callback/call_number"


class Sipuni(UnsignedProvider):
    """Call through Sipuni; take its events, which are not signed."""

    kind = "sipuni"
    Config = SipuniConfig
    names_calls = False
    can_record = True
    config: SipuniConfig
    unverified = (
        "Which events a callback brings for which phone was not seen: the number that is called tells.",
        "Of the words in status only ANSWER, BUSY and NOANSWER were found in use.",
        "There is nothing that could be asked to check the credentials without placing a call.",
        "Recordings are switched on in the cabinet, not by request.",
    )

    async def _dial(self, attempt: Attempt) -> Mapping[str, str]:
        if attempt.agent.extension is None:
            raise omnigate.Refused("no_agent", f"{attempt.agent_name} has no extension; add it")
        given = {
            "antiaon": "0",
            "phone": attempt.digits,
            "reverse": "0" if attempt.is_agent_first else "1",
            "sipnumber": attempt.agent.extension,
            "user": self.config.user,
        }
        # unwrapped to compute the hash
        proof = signature(given, self.config.secret.get_secret_value())
        answer = await self._ask(
            "POST", CALL_PATH, url=self.config.url, data={**given, "hash": proof}
        )
        if answer.status == 200 and answer.object().get("success") is True:
            return {}
        raise _refused(answer)

    async def _check(self) -> omnigate.Health:
        answer = await self._ask("GET", "/", url=self.config.url)
        if answer.status >= 500:
            return omnigate.Health("down", f"{answer.host} answered {answer.status}")
        return omnigate.Health(
            "up",
            f"{answer.host} answers; whether user and secret are right shows with the first call",
        )

    def fetch(self, recording: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording; see `Driver.fetch`."""
        return download(self.host.http, URL(str((recording.ref or {}).get("url", ""))))

    # ---- what it tells --------------------------------------------------------------------------------

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what Sipuni wants to read, or it sends no more."""
        return omnigate.Response(body=b'{"success": true}', content_type="application/json")

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what an event says; none for calls that are not ours."""
        said, at = fields(request), arrived(request)
        event, call_id = need(said, "event"), need(said, "call_id")
        if event not in KNOWN:
            return []
        numbers = _numbers(said)
        attempt = await self._attempt(call_id, numbers)
        if attempt is None:
            tried = await self.tries.find(call_id)
            return self._recorded(tried, said, at) if tried is not None and event == ENDED else []
        tried = Try.of(attempt)
        await self.tries.remember(call_id, tried)
        leg: omnigate.Leg = "customer" if _destination(said) == attempt.digits else "agent"
        at, ids = moment(maybe(said, "timestamp"), at), {"call_id": call_id}
        if event == RINGS:
            return [ringing(tried, leg, at=at, provider_ids=ids)]
        if event == ANSWERED:
            return answered(tried, leg, at=at, provider_ids=ids)
        if event == LEG_ENDED:
            return [step_of(tried, None, at=at, leg=leg, provider_ids=ids, key="down")]
        return [*_end(tried, leg, said, at, ids), *self._recorded(tried, said, at)]

    async def _attempt(self, call_id: str, numbers: frozenset[str]) -> Attempt | None:
        """Return the attempt that is under way and has the id, or both numbers, of an event."""
        tried = await self.tries.find(call_id)
        for attempt in await self.desk.attempts():
            if tried is not None:
                if (attempt.call_id, attempt.number) == (tried.call_id, tried.number):
                    return attempt
            elif attempt.digits in numbers and numbers & _agent(attempt):
                return attempt
        return None

    def _recorded(self, tried: Try, said: Mapping[str, str], at: datetime) -> list[Step]:
        """Return the recording that an event names; one at another's place is none."""
        link = said.get("call_record_link", "").strip()
        if not link or len(link) > 2000:
            return []
        try:
            where = URL(link)
        except ValueError:
            return []
        own = URL(self.config.url).host or ""
        if where.scheme not in ("http", "https") or not is_of(where.host, (*RECORD_HOSTS, own)):
            self.host.log.warning("a recording is said to be at another's place", host=where.host)
            return []
        recording = omnigate.AttachmentRef(
            kind="audio", mime="audio/mpeg", name=f"{tried.call_id}.mp3", ref={"url": link}
        )
        return [step_of(tried, None, at=at, recording=recording, key="recording")]


def signature(given: Mapping[str, str], secret: str) -> str:
    """Return the hash of a request: of its values in the order of their names, and the key."""
    values = [given[name] for name in sorted(given)]
    joined = "+".join([*values, secret])
    return hashlib.md5(joined.encode()).hexdigest()  # noqa: S324 - the vendor's


def _agent(attempt: Attempt) -> frozenset[str]:
    agent = attempt.agent
    return frozenset({agent.extension or "", digits(agent.number or "")} - {""})


def _numbers(said: Mapping[str, str]) -> frozenset[str]:
    names = ("src_num", "dst_num", "short_src_num", "short_dst_num")
    return frozenset(digits(said[name]) for name in names if said.get(name))


def _destination(said: Mapping[str, str]) -> str:
    return digits(said.get("dst_num", ""))


def _end(
    tried: Try, leg: omnigate.Leg, said: Mapping[str, str], at: datetime, ids: Mapping[str, str]
) -> list[Step]:
    """Return what the end of a call means; an answer by the first phone alone is none of the second."""
    status = (maybe(said, "status") or "").upper()
    if status == "ANSWER":
        answered_at = moment(maybe(said, "call_answer_timestamp"), at)
        if leg == tried.legs[0]:
            return [
                step_of(tried, None, at=at, leg=leg, cause=NORMAL, provider_ids=ids, key="down")
            ]
        return [
            *answered(tried, leg, at=answered_at, provider_ids=ids),
            step_of(
                tried,
                "completed",
                at=at,
                leg=leg,
                cause=NORMAL,
                talk_seconds=(at - answered_at).total_seconds(),
            ),
        ]
    cause = CAUSES.get(status)
    state = ended(leg, cause, was_ringing=status in RANG)
    text = omnigate.one_line(status) or "no status"
    return [step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=text, provider_ids=ids)]


def _refused(answer: omnigate.Answer) -> omnigate.OmnigateError:
    said = answer.object()
    if said.get("success") is not False or answer.status >= 500:
        return meanings.of_status(answer)
    words = omnigate.one_line(said.get("message") or said.get("error") or "no reason given")
    return omnigate.Meaning.REFUSED.error(
        f"{answer.host}: {words}; are user, secret and extension right?"
    )
