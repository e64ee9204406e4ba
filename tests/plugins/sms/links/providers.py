"""Providers of texts on loopback that refuse what the real ones refuse; see `strictprovider`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from tests.plugins.strictprovider import Asked, Provider, Wrong, matches, only, serving

Judge = Callable[[Asked], web.Response]


@asynccontextmanager
async def running(judge: Judge) -> AsyncIterator[Provider]:
    """Serve a provider."""
    async with serving(Provider(), judge) as provider:
        yield provider


def jasmin(asked: Asked) -> web.Response:
    """Refuse as Jasmin 0.11.1 does, whose patterns of arguments these are."""
    given = asked.form if asked.path == "/send" else asked.query
    if given.get("password") != "jasmin-password":
        text = f"Authentication failure for username:{given.get('username')}"
        if asked.path == "/balance":
            return web.json_response(text, status=403)
        return web.Response(status=403, text=f'Error "{text}"')
    if asked.path == "/balance" and asked.method == "GET":
        only(given, "username password")
        return web.json_response({"balance": "ND", "sms_count": "ND"})
    if asked.path != "/send":
        raise Wrong(asked.path)
    only(
        given,
        "username password to dlr dlr-url dlr-level dlr-method coding",
        may="content hex-content from validity-period",
    )
    if ("content" in given) == ("hex-content" in given):
        raise Wrong("content or hex-content")
    matches(r"\+{0,1}\d+", given["to"])
    matches(r"(http|https)\://.*", given["dlr-url"])
    matches(r"[1-3]", given["dlr-level"])
    matches(r"(get|post|GET|POST)", given["dlr-method"])
    matches(r"(0|8)", given["coding"])
    if "hex-content" in given:
        bytes.fromhex(given["hex-content"]).decode("utf-16-be")
    return web.Response(text='Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"')


def twilio(asked: Asked) -> web.Response:
    """Refuse as Twilio does."""
    account = "AC" + "0" * 32
    if asked.basic() not in (f"{account}:twilio-token", "SK" + "1" * 32 + ":key-secret"):
        body = {"code": 20003, "message": "Authenticate", "status": 401}
        return web.json_response(body, status=401)
    if asked.method == "GET" and asked.path == f"/2010-04-01/Accounts/{account}.json":
        return web.json_response({"sid": account, "status": "active"})
    if asked.method != "POST" or asked.path != f"/2010-04-01/Accounts/{account}/Messages.json":
        raise Wrong(asked.path)
    only(asked.form, "To Body StatusCallback", may="From MessagingServiceSid ValidityPeriod")
    if ("From" in asked.form) == ("MessagingServiceSid" in asked.form):
        raise Wrong("From or MessagingServiceSid")
    matches(r"\+[1-9]\d{5,15}", asked.form["To"])
    matches(r"https?://.*", asked.form["StatusCallback"])
    matches(r".{1,1600}", asked.form["Body"])
    said = {
        "sid": "SM" + "0" * 31 + "1",
        "status": "queued",
        "num_segments": "1",
        "error_code": None,
    }
    return web.json_response(said, status=201)


def vonage(asked: Asked) -> web.Response:
    """Refuse as Vonage does: always with 200, a status in each segment."""
    if asked.path == "/account/get-balance" and asked.method == "GET":
        if asked.basic() != "abcd1234:vonage-secret":
            return web.json_response({"error-code": "401"}, status=401)
        return web.json_response({"value": 15.5, "autoReload": False})
    if asked.path != "/sms/json" or asked.method != "POST":
        raise Wrong(asked.path)
    only(
        asked.form,
        "api_key api_secret from to text type client-ref status-report-req callback",
        may="ttl",
    )
    if asked.form["api_secret"] != "vonage-secret":
        return segments([("4", "Bad Credentials")])
    matches(r"text|unicode", asked.form["type"])
    matches(r".{1,100}", asked.form["client-ref"])
    if "ttl" in asked.form and not 20_000 <= int(asked.form["ttl"]) <= 604_800_000:
        raise Wrong("ttl")
    if asked.form["type"] == "text":
        matches(r"[^\u0400-\u04ff\ud800-\U0010ffff]*", asked.form["text"])
    each = 67 if asked.form["type"] == "unicode" else 153
    return segments([("0", "")] * max(1, -(-len(asked.form["text"]) // each)))


def segments(statuses: list[tuple[str, str]]) -> web.Response:
    """Return Vonage's answer with a segment for each status."""
    said = [
        {"to": "7916", "status": status, "error-text": words}
        if words
        else {"to": "7916", "status": status, "message-id": f"0A{number:014}"}
        for number, (status, words) in enumerate(statuses)
    ]
    return web.json_response({"message-count": str(len(said)), "messages": said})


def smscru(asked: Asked) -> web.Response:
    """Refuse as SMSC.ru does, as far as is known."""
    given = asked.form
    if given.get("fmt") != "3":
        raise Wrong("fmt")
    known = given.get("apikey") == "smsc-api-key" or (
        given.get("login") == "shop" and given.get("psw") == "smsc-password"
    )
    if not known:
        return web.json_response({"error": "authorise error", "error_code": 2})
    credentials = "apikey" if "apikey" in given else "login psw"
    if asked.path == "/sys/balance.php":
        only(given, f"fmt {credentials}")
        return web.json_response({"balance": "123.45"})
    if asked.path == "/sys/status.php":
        only(given, f"fmt phone id {credentials}")
        return web.json_response({"error": "message not found", "error_code": 3})
    if asked.path != "/sys/send.php":
        raise Wrong(asked.path)
    only(given, f"fmt phones mes id charset {credentials}", may="sender valid")
    matches("utf-8", given["charset"])
    if not 1 <= int(given["id"]) <= 2147483647:
        raise Wrong("id")
    return web.json_response({"id": int(given["id"]), "cnt": 1})


def smsaero(asked: Asked) -> web.Response:
    """Refuse as SMS Aero does."""
    if asked.basic() != "shop@example.com:aero-api-key":
        return web.json_response({"success": False, "message": "Invalid auth"}, status=401)
    if asked.path == "/v2/balance":
        return web.json_response({"success": True, "data": {"balance": 337.03}, "message": None})
    if asked.path not in ("/v2/sms/send", "/v2/sms/testsend"):
        raise Wrong(asked.path)
    only(asked.json, "number text sign callbackUrl")
    matches(r"\d{11,15}", asked.json["number"])
    said = {"id": 12345, "number": asked.json["number"], "status": 0, "extendStatus": "queue"}
    return web.json_response({"success": True, "data": said, "message": None})


def exolve(asked: Asked) -> web.Response:
    """Refuse as MTS Exolve does, as far as is known."""
    if asked.headers.get("authorization") != "Bearer exolve-api-key":
        return web.json_response({"error": {"code": 401, "message": "no"}}, status=401)
    if asked.path == "/messaging/v1/GetCount":
        return web.json_response({"count": "0"})
    if asked.path != "/messaging/v1/SendSMS":
        raise Wrong(asked.path)
    only(asked.json, "number destination text")
    matches(r"7\d{10}", asked.json["destination"])
    return web.json_response({"message_id": "437482364823648"})


JUDGES: Mapping[str, Judge] = {
    "jasmin": jasmin,
    "twilio": twilio,
    "vonage": vonage,
    "smscru": smscru,
    "smsaero": smsaero,
    "exolve": exolve,
}
