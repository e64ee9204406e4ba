"""A channel that calls through a provider on loopback, its hook served, and what the provider tells it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from omnigate_call import Calls
from omnigate_call.providers import PROVIDERS
from omnigate_call.providers.provider import HttpProvider

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from omnigate.testing.server import serve
from tests.plugins.call.providers.platforms import ACCOUNT, JUDGES, Provider, running

OVER = int(time.time()) - 100
"""When calls of stories are over."""
BEGAN = OVER - 42
"""When their two began to hear each other."""
CUSTOMER = "+79161234567"
AGENT = "+74950000001"
EXTENSION = "101"
TOKEN = "hook-token-canary-1"
CANARIES = (
    *("zd-secret-canary", "mg-key-canary", "mg-salt-canary", "sp-secret-canary"),
    *("ex-key-canary", "nf-token-canary", "tw-token-canary", TOKEN),
)
KINDS = sorted(PROVIDERS)
UNSIGNED = ("exolve", "novofon", "sipuni")
TABLES: Mapping[str, Mapping[str, Any]] = {
    "zadarma": {"key": "zd-key", "secret": "zd-secret-canary"},
    "novofon_old": {"key": "zd-key", "secret": "zd-secret-canary"},
    "mango": {"api_key": "mg-key-canary", "api_salt": "mg-salt-canary"},
    "sipuni": {"user": "012345", "secret": "sp-secret-canary", "callback_token": TOKEN},
    "exolve": {
        "api_key": "ex-key-canary",
        "number_code": 79580000000,
        "callback_resource_id": 7,
        "callback_token": TOKEN,
    },
    "novofon": {
        "access_token": "nf-token-canary",
        "virtual_phone_number": "+74951234567",
        "callback_token": TOKEN,
    },
    "twilio": {
        "account_sid": ACCOUNT,
        "auth_token": "tw-token-canary",
        "from_number": "+74951234567",
    },
}
"""The least that each provider has to be told."""


@dataclass(frozen=True)
class Call:
    """One HTTP request of a provider to our hook."""

    path: str = "/hook"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"


FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


class Line:
    """A channel over one provider, and the provider's voice."""

    def __init__(
        self, kind: str, host: FakeHost, channel: Calls, url: str, provider: Provider
    ) -> None:
        self.kind = kind
        self.host = host
        self.channel = channel
        self.url = url
        self.provider = provider

    @property
    def driver(self) -> HttpProvider:
        driver = self.channel._driver
        assert isinstance(driver, HttpProvider)
        return driver

    def call(self, call_id: str) -> omnigate.Call:
        return self.host.open_calls[call_id]

    async def dial(self) -> str:
        """Begin a call as the daemon does; return its id."""
        call = self.host.begin_call(CUSTOMER)
        ids = await self.channel.dial(call)
        if ids:
            known = self.host.open_calls[call.id]
            self.host.open_calls[call.id] = known.model_copy(update={"provider_ids": dict(ids)})
        return call.id

    async def tell(self, *calls: Call) -> list[int]:
        """Have the provider call our hook; return the statuses."""
        statuses = []
        for one in calls:
            url = f"{self.url}{one.path}"
            async with self.host.http.request(
                one.method, url, params=dict(one.query), headers=one.headers, data=one.body
            ) as answer:
                await answer.read()
                statuses.append(answer.status)
        return statuses


@asynccontextmanager
async def line(
    kind: str,
    *,
    store: MemoryStore | None = None,
    told: Mapping[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[Line]:
    """Run a channel over a provider on loopback."""
    async with (
        running(JUDGES[kind]) as provider,
        FakeHost("calls", kind="call", store=store) as host,
    ):
        channel = Calls(
            Calls.Config.model_validate(section(kind, provider.url, told, **more)), host
        )
        async with serve(channel, host) as url:
            yield Line(kind, host, channel, url, provider)


def section(
    kind: str, url: str = "http://127.0.0.1:9", told: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return the configuration of a channel that calls through a provider."""
    return {
        "driver": kind,
        "default_region": "RU",
        "agents": {"sales": {"extension": EXTENSION, "number": AGENT, "lines": 5}},
        "caller_id": "+74951234567",
        "allow_private": ["127.0.0.0/8"],
        "retry_after_seconds": [],
        kind: {**TABLES[kind], "url": url, "rate_per_second": 100, **(told or {})},
        **more,
    }


# ---- what providers say, signed by a second way of writing the vendors' rules ------------------------


def mark(call_id: str, attempt: int = 1) -> str:
    return f"{call_id}.{attempt}.a"


ZADARMA_SIGNED = {
    "NOTIFY_START": "{caller_id}{called_did}{call_start}",
    "NOTIFY_INTERNAL": "{caller_id}{called_did}{call_start}",
    "NOTIFY_END": "{caller_id}{called_did}{call_start}",
    "NOTIFY_ANSWER": "{caller_id}{destination}{call_start}",
    "NOTIFY_OUT_START": "{internal}{destination}{call_start}",
    "NOTIFY_OUT_END": "{internal}{destination}{call_start}",
    "NOTIFY_RECORD": "{pbx_call_id}{call_id_with_rec}",
}


def zadarma(event: str, **said: str) -> Call:
    """Return a notice of Zadarma's."""
    fields = {
        "event": event,
        "call_start": "2026-11-22 12:00:00",
        "pbx_call_id": "out_1",
        "caller_id": "79161234567",
        "called_did": EXTENSION,
        "internal": EXTENSION,
        "destination": "79161234567",
        **said,
    }
    covered = ZADARMA_SIGNED[event].format(**fields)
    digest = hmac.new(b"zd-secret-canary", covered.encode(), hashlib.sha1).hexdigest()
    headers = {**FORM, "signature": base64.b64encode(digest.encode()).decode()}
    return Call(headers=headers, body=urlencode(fields).encode())


def mango(path: str, **said: Any) -> Call:
    """Return an event of Mango's."""
    text = json.dumps({"entry_id": "ENTRY1", "timestamp": str(OVER), "seq": 1, **said}, indent=1)
    sign = hashlib.sha256(f"mg-key-canary{text}mg-salt-canary".encode()).hexdigest()
    fields = {"vpbx_api_key": "mg-key-canary", "sign": sign, "json": text}
    return Call(path=path, headers=FORM, body=urlencode(fields).encode())


def mango_leg(call_id: str, leg: str, state: str, **said: Any) -> Call:
    to = {"number": "79161234567"} if leg == "customer" else {"extension": EXTENSION}
    known = {"command_id": mark(call_id)} if leg == "agent" else {}
    name = "LEG_A" if leg == "agent" else "LEG_B"
    told = {"call_id": name, "call_state": state, "location": "abonent", "to": to}
    return mango("/hook/events/call", **told, **known, **said)


def unsigned(said: Mapping[str, Any], *, method: str = "POST", as_json: bool = False) -> Call:
    """Return a call that only its address proves."""
    query = {"token": TOKEN}
    if method == "GET":
        return Call(method="GET", query={**query, **said})
    body = json.dumps(said) if as_json else urlencode(said)
    return Call(query=query, headers=JSON if as_json else FORM, body=body.encode())


def twilio(call_id: str, leg: str, status: str, *, attempt: int = 1, **said: str) -> Call:
    """Return a status callback of Twilio's."""
    sid = "CA1" if leg == "agent" else "CA2"
    fields = {"CallSid": sid, "CallStatus": status, "AccountSid": ACCOUNT, **said}
    query = {"try": mark(call_id, attempt), "leg": leg}
    url = f"https://omnigate.test/channels/calls/hook?{urlencode(query)}"
    return Call(
        query=query, headers={**FORM, **twilio_proof(url, fields)}, body=urlencode(fields).encode()
    )


def twilio_proof(
    url: str, fields: Mapping[str, str], token: str = "tw-token-canary"
) -> dict[str, str]:
    said = url + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(token.encode(), said.encode(), hashlib.sha1).digest()
    return {"x-twilio-signature": base64.b64encode(digest).decode()}


def _zadarma_story(call_id: str, what: str) -> Sequence[Call]:
    ends = {"talk": "answered", "busy": "busy", "no_answer": "no answer"}
    return [
        zadarma("NOTIFY_INTERNAL"),
        zadarma("NOTIFY_ANSWER"),
        zadarma("NOTIFY_OUT_START"),
        zadarma("NOTIFY_OUT_END", disposition=ends[what], duration="42"),
    ]


def _mango_story(call_id: str, what: str) -> Sequence[Call]:
    ends = {"talk": 1110, "busy": 1121, "no_answer": 1122}
    told = [
        mango("/hook/result/callback", command_id=mark(call_id), result=1000),
        mango_leg(call_id, "agent", "Appeared"),
        mango_leg(call_id, "agent", "Connected"),
        mango_leg(call_id, "customer", "Appeared"),
    ]
    if what == "talk":
        told.append(mango_leg(call_id, "customer", "Connected", timestamp=BEGAN))
    told.append(mango_leg(call_id, "customer", "Disconnected", disconnect_reason=ends[what]))
    if what == "talk":
        summary = {"entry_result": 1, "talk_time": BEGAN, "end_time": OVER}
        told.append(mango("/hook/events/summary", disconnect_reason=1110, **summary))
    return told


def _sipuni_story(call_id: str, what: str) -> Sequence[Call]:
    ends = {"talk": "ANSWER", "busy": "BUSY", "no_answer": "NOANSWER"}
    known = {"call_id": "1795.1", "timestamp": str(OVER)}
    first = {**known, "src_num": CUSTOMER[1:], "dst_num": EXTENSION}
    second = {**known, "src_num": EXTENSION, "dst_num": CUSTOMER[1:]}
    answered_at = str(BEGAN) if what == "talk" else "0"
    told = [
        unsigned({**first, "event": "1"}),
        unsigned({**first, "event": "3"}, method="GET"),
        unsigned({**second, "event": "1"}),
    ]
    if what == "talk":
        told.append(unsigned({**second, "event": "3", "timestamp": str(BEGAN)}))
    over = {"event": "2", "call_answer_timestamp": answered_at, "status": ends[what]}
    return [*told, unsigned({**second, **over})]


def _exolve_story(call_id: str, what: str) -> Sequence[Call]:
    ends = {"talk": "success", "busy": "busy", "no_answer": "no_answer"}
    named = {"call_id": "437482364823648"}
    over = {"event_type": "end", "line": 2, "result": ends[what], "duration": 42}
    return [
        unsigned({**named, "event_type": "ringing", "line": 1}, as_json=True),
        unsigned({**named, "event_type": "answer", "line": 1}, as_json=True),
        unsigned({**named, "event_type": "ringing", "line": 2}, as_json=True),
        unsigned({**named, **over}, as_json=True),
    ]


def _novofon_story(call_id: str, what: str) -> Sequence[Call]:
    named = {"external_id": mark(call_id), "call_session_id": "28575639"}
    reason = {"talk": "", "busy": "busy", "no_answer": "no_answer"}[what]
    told = [
        unsigned({**named, "event": "ringing", "leg": "employee"}, as_json=True),
        unsigned({**named, "event": "answered", "leg": "employee"}, as_json=True),
        unsigned({**named, "event": "ringing", "leg": "contact"}, as_json=True),
    ]
    if what == "talk":
        told.append(unsigned({**named, "event": "answered", "leg": "contact"}))
    over = {"event": "over", "leg": "contact", "reason": reason}
    seconds = "42" if what == "talk" else "0"
    return [*told, unsigned({**named, **over, "talk_seconds": seconds}, as_json=True)]


def _twilio_story(call_id: str, what: str) -> Sequence[Call]:
    ends = {"talk": "completed", "busy": "busy", "no_answer": "no-answer"}
    told = [
        twilio(call_id, "agent", "ringing"),
        twilio(call_id, "agent", "in-progress"),
        twilio(call_id, "customer", "ringing"),
    ]
    if what == "talk":
        told.append(twilio(call_id, "customer", "in-progress"))
    return [
        *told,
        twilio(call_id, "customer", ends[what], CallDuration="42"),
        twilio(call_id, "agent", "completed", CallDuration="50"),
    ]


STORIES = {
    "zadarma": _zadarma_story,
    "novofon_old": _zadarma_story,
    "mango": _mango_story,
    "sipuni": _sipuni_story,
    "exolve": _exolve_story,
    "novofon": _novofon_story,
    "twilio": _twilio_story,
}


def story(kind: str, call_id: str, what: str) -> Sequence[Call]:
    """Return what a provider tells of a call that went so: ``talk``, ``busy`` or ``no_answer``."""
    return STORIES[kind](call_id, what)


def forged(call: Call) -> Call:
    """Return a call whose proof is not the provider's."""
    if "token" in call.query:
        return replace(call, query={**call.query, "token": TOKEN[:-1] + "2"})
    for name in ("signature", "x-twilio-signature"):
        if name in call.headers:
            wrong = base64.b64encode(hashlib.sha1(call.body).hexdigest().encode()).decode()
            return replace(call, headers={**call.headers, name: wrong})
    return replace(call, body=call.body.replace(b"sign=", b"sign=0"))


def unproven(call: Call) -> Call:
    """Return a call without any proof."""
    headers = {k: v for k, v in call.headers.items() if "signature" not in k}
    query = {k: v for k, v in call.query.items() if k != "token"}
    body = b"&".join(one for one in call.body.split(b"&") if not one.startswith(b"sign="))
    return replace(call, headers=headers, query=query, body=body)
