"""Providers of calls on loopback that refuse what the real ones refuse; see `strictprovider`.

Each computes signatures in its own way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

from tests.plugins import strictprovider
from tests.plugins.strictprovider import Asked, Wrong, matches, only, serving

SOUND = b"ID3 two people talk"


@dataclass
class Provider(strictprovider.Provider):
    """A provider at work."""

    placed: int = 0
    """How many calls it has begun, answered or not."""

    def calls(self) -> list[Asked]:
        """Return the requests that would have begun a call."""
        return [one for one in self.asked if is_call(one)]


Judge = Callable[[Asked, Provider], web.StreamResponse]


def is_call(asked: Asked) -> bool:
    """Tell whether a request begins a call."""
    if asked.json is not None and "method" in asked.json:
        return str(asked.json["method"]).startswith("start.")
    begins = (
        "/request/callback/",
        "commands/callback",
        "call_number",
        "MakeCallback",
        "/Calls.json",
    )
    return asked.path.endswith(begins) and (asked.method == "POST" or "callback" in asked.path)


@asynccontextmanager
async def running(judge: Judge) -> AsyncIterator[Provider]:
    """Serve a provider."""
    made = Provider()
    async with serving(made, lambda asked: judge(asked, made)) as provider:
        yield provider


def sha1_base64_of_hex(secret: str, text: str) -> str:
    """Return what PHP's ``base64_encode(hash_hmac('sha1', $text, $secret))`` does."""
    return base64.b64encode(
        hmac.digest(secret.encode(), text.encode(), "sha1").hex().encode()
    ).decode()


def zadarma(asked: Asked, provider: Provider) -> web.StreamResponse:
    """Refuse as Zadarma does: the signature is over path, query and its MD5."""
    signed = asked.path + asked.query_text + hashlib.md5(asked.query_text.encode()).hexdigest()
    right = f"zd-key:{sha1_base64_of_hex('zd-secret-canary', signed)}"
    if asked.headers.get("authorization") != right:
        return web.json_response({"status": "error", "message": "Not authorized"}, status=401)
    if asked.query_text != "&".join(sorted(asked.query_text.split("&"))):
        raise Wrong("parameters are sorted")
    if asked.path == "/v1/info/balance/":
        return web.json_response({"status": "success", "balance": 10.34, "currency": "USD"})
    if asked.path == "/v1/pbx/record/request/":
        only(asked.query, "call_id")
        if asked.query["call_id"] == "gone":
            return web.json_response({"status": "error", "message": "Not found"}, status=404)
        link = f"{provider.url}/files/1.mp3"
        if asked.query["call_id"] == "elsewhere":
            link = "http://127.0.0.2:1/secret"
        return web.json_response({"status": "success", "link": link})
    if asked.path != "/v1/request/callback/" or asked.method != "GET":
        raise Wrong(asked.path)
    only(asked.query, "from to", may="sip predicted")
    matches(r"\d{10,15}", asked.query["to"])
    matches(r"[0-9A-Za-z-]+", asked.query["from"])
    provider.placed += 1
    said = {"status": "success", "from": asked.query["from"], "to": asked.query["to"], "time": 1}
    return web.json_response(said)


def mango(asked: Asked, provider: Provider) -> web.StreamResponse:
    """Refuse as Mango Office does: ``sign`` is over the JSON as it came."""
    only(asked.form, "vpbx_api_key sign json")
    text = asked.form["json"]
    right = hashlib.sha256(b"mg-key-canary" + text.encode() + b"mg-salt-canary").hexdigest()
    if asked.form["vpbx_api_key"] != "mg-key-canary" or asked.form["sign"] != right:
        return web.json_response({"result": 3102}, status=401)
    said = json.loads(text)
    match asked.path:
        case "/vpbx/config/users/request":
            return web.json_response({"users": [{"general": {"name": "A"}}]})
        case "/vpbx/queries/recording/post":
            only(said, "recording_id action")
            where = f"{provider.url}/files/1.mp3"
            if said["recording_id"] == "elsewhere":
                where = "http://127.0.0.2:1/secret"
            if said["recording_id"] == "gone":
                return web.Response(status=404)
            return web.Response(status=302, headers={"location": where})
        case "/vpbx/commands/call/hangup":
            only(said, "command_id call_id")
            return web.json_response({"result": 1000})
        case "/vpbx/commands/callback":
            only(said, "command_id from to_number", may="line_number")
            only(said["from"], "extension", may="number")
            matches(r"\d{10,15}", said["to_number"])
            matches(r"\d{10,15}", said.get("line_number", "74951234567"))
            provider.placed += 1
            return web.json_response({"result": 1000})
    raise Wrong(asked.path)


def sipuni(asked: Asked, provider: Provider) -> web.StreamResponse:
    """Refuse as Sipuni does: the hash is over the values with plus signs between them."""
    if asked.method == "GET" and asked.path == "/":
        return web.Response(text="<html></html>")
    if asked.path != "/api/callback/call_number":
        raise Wrong(asked.path)
    given = asked.form
    only(given, "user phone sipnumber reverse antiaon hash")
    said = "{antiaon}+{phone}+{reverse}+{sipnumber}+{user}+sp-secret-canary".format(**given)
    if given["hash"] != hashlib.md5(said.encode()).hexdigest():
        return web.json_response({"success": False, "message": "Неверный hash"})
    matches(r"\d{10,15}", given["phone"])
    matches(r"[01]", given["reverse"])
    matches(r"[01]", given["antiaon"])
    provider.placed += 1
    return web.json_response({"success": True})


def exolve(asked: Asked, provider: Provider) -> web.StreamResponse:
    """Refuse as MTS Exolve does, as far as is known."""
    if asked.headers.get("authorization") != "Bearer ex-key-canary":
        return web.json_response({"error": {"code": 401, "message": "no"}}, status=401)
    said = asked.json
    match asked.path:
        case "/statistics/call-history/v1/GetList":
            return web.json_response({"calls": []})
        case "/statistics/call-history/v1/GetInfo":
            only(said, "ids")
            if not all(type(one) is int for one in said["ids"]):
                raise Wrong("ids are numbers")
            return web.json_response({"call": {"call_id": said["ids"][0], "duration": 42_000}})
        case "/call/v1/MakeCallback":
            only(said, "number_code callback_resource_id line_1 line_2")
            for name in ("line_1", "line_2"):
                only(said[name], "destinations display_number", may="audio")
                matches(r"7\d{10}", said[name]["destinations"][0]["number"])
            provider.placed += 1
            return web.json_response({"call_id": "437482364823648"})
    raise Wrong(asked.path)


def novofon(asked: Asked, provider: Provider) -> web.StreamResponse:
    """Refuse as the Call API does: always with 200, errors as JSON-RPC has them."""
    said = asked.json
    only(said, "jsonrpc id method params")
    params = dict(said["params"])
    if params.pop("access_token", None) != "nf-token-canary":
        return rpc_error(-32001, "auth_error", said["id"])
    match said["method"]:
        case "list.calls":
            return _rpc({"data": []}, said["id"])
        case "release.call":
            only(params, "call_session_id")
            if type(params["call_session_id"]) is not int:
                raise Wrong("call_session_id is a number")
            return _rpc({"data": {"success": "true"}}, said["id"])
        case "start.employee_call":
            only(
                params,
                "first_call virtual_phone_number contact employee",
                may="external_id show_virtual_phone_number switch_at_once early_switching",
            )
            only(params["employee"], "id", may="phone_number")
            matches("employee|contact", params["first_call"])
        case "start.simple_call":
            only(
                params,
                "first_call virtual_phone_number contact operator",
                may="external_id show_virtual_phone_number switch_at_once early_switching",
            )
            matches("operator|contact", params["first_call"])
            matches(r"\d{10,15}", params["operator"])
        case _:
            raise Wrong(said["method"])
    matches(r"\d{10,15}", params["contact"])
    matches(r"\d{10,15}", params["virtual_phone_number"])
    provider.placed += 1
    return _rpc({"data": {"call_session_id": 28575639}}, said["id"])


def _rpc(result: Any, request_id: Any) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": request_id, "result": result})


def rpc_error(code: int, mnemonic: str, request_id: Any = "1") -> web.Response:
    """Return an error of JSON-RPC."""
    error = {"code": code, "message": "refused", "data": {"mnemonic": mnemonic}}
    return web.json_response({"jsonrpc": "2.0", "id": request_id, "error": error})


ACCOUNT = "AC" + "0" * 32


def twilio(asked: Asked, provider: Provider) -> web.StreamResponse:
    """Refuse as Twilio does; what the first phone is to do has to be TwiML."""
    if asked.basic() != f"{ACCOUNT}:tw-token-canary":
        body = {"code": 20003, "message": "Authenticate", "status": 401}
        return web.json_response(body, status=401)
    rest = asked.path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}")
    if asked.method == "GET":
        if rest == ".json":
            return web.json_response({"sid": ACCOUNT, "status": "active"})
        if rest == "/Calls.json":
            return web.json_response({"calls": []})
        if rest == "/Recordings/RE1.mp3":
            return web.Response(body=SOUND)
        return web.json_response({"code": 20404, "message": "not found"}, status=404)
    if rest == "/Calls/CA1.json":
        only(asked.form, "Status")
        return web.json_response({"sid": "CA1", "status": "completed"})
    if rest != "/Calls.json":
        raise Wrong(asked.path)
    only(
        asked.form,
        "To From Twiml Timeout StatusCallback StatusCallbackMethod StatusCallbackEvent",
    )
    matches(r"\+[1-9]\d{5,15}", asked.form["To"])
    matches(r"\+[1-9]\d{5,15}", asked.form["From"])
    events = [value for name, value in asked.pairs if name == "StatusCallbackEvent"]
    if set(events) - {"initiated", "ringing", "answered", "completed"}:
        raise Wrong("StatusCallbackEvent")
    twiml(asked.form["Twiml"])
    provider.placed += 1
    return web.json_response({"sid": "CA1", "status": "queued"}, status=201)


def of_now(status: str, **more: object) -> dict[str, object]:
    """Return a call of this moment as Twilio lists it."""
    at = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    return {"sid": "CA1", "status": status, "date_created": at, **more}


def twiml(text: str) -> Mapping[str, str]:
    """Return the attributes of Dial and Number, and the number; raises `Wrong` for anything else."""
    root = ElementTree.fromstring(text)
    (dial,) = root
    (number,) = dial
    if (root.tag, dial.tag, number.tag) != ("Response", "Dial", "Number"):
        raise Wrong("TwiML")
    only(
        dial.attrib,
        "callerId timeout timeLimit",
        may="answerOnBridge record recordingStatusCallback",
    )
    only(number.attrib, "statusCallback statusCallbackEvent")
    matches(r"\+[1-9]\d{5,15}", number.text)
    return {**dial.attrib, **number.attrib, "number": number.text or ""}


def _files(judge: Judge) -> Judge:
    """Let a provider serve a recording as well."""

    def served(asked: Asked, provider: Provider) -> web.StreamResponse:
        if asked.path == "/files/1.mp3":
            return web.Response(body=SOUND)
        return judge(asked, provider)

    return served


JUDGES: Mapping[str, Judge] = {
    "zadarma": _files(zadarma),
    "novofon_old": _files(zadarma),
    "mango": _files(mango),
    "sipuni": _files(sipuni),
    "exolve": exolve,
    "novofon": novofon,
    "twilio": twilio,
}
