"""Whose calls are taken: signatures, tokens, passwords and networks, and every trick to get past them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from omnigate_sms.links import LINKS
from omnigate_sms.links.twilio import signature as twilio_signature
from omnigate_sms.links.vonage import signature as vonage_signature
from yarl import URL

import omnigate
from omnigate.testing import FakeHost

from .conftest import make

NOW = 1_795_345_000.0
HOOK = "https://sms.example.com/channels/sms/hook"
FORM = {"content-type": "application/x-www-form-urlencoded"}
UNSIGNED = sorted(LINKS.keys() - {"twilio"})


def call(
    method: str = "POST",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    remote: str | None = "127.0.0.1",
    path: str = "/hook",
) -> omnigate.Request:
    return omnigate.Request(
        method=method,
        path=path,
        query=query or {},
        headers=headers or {},
        body=body,
        remote=remote,
        received_at_seconds=NOW,
    )


def link(kind: str, **told: Any) -> Any:
    return make(kind, FakeHost("sms"), **{"callback_url": HOOK, **told})


# ---- Twilio ---------------------------------------------------------------------------------------


def test_the_published_vector_comes_out():
    """Source: Twilio's client for Python, tests of request_validator (read 2026-11-22)."""
    parameters = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio_signature("12345", url, parameters.items()) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def signed(
    fields: list[tuple[str, str]],
    *,
    url: str = HOOK,
    token: str = "twilio-token",
    query: Mapping[str, str] | None = None,
    **more: Any,
) -> omnigate.Request:
    """Return a form call signed by a second way of writing the vendor's rule."""
    by_name: dict[str, set[str]] = {}
    for name, value in fields:
        by_name.setdefault(name, set()).add(value)
    pieces = [name + value for name in sorted(by_name) for value in sorted(by_name[name])]
    said = (url + "".join(pieces)).encode()
    proof = base64.b64encode(hmac.new(token.encode(), said, hashlib.sha1).digest()).decode()
    headers = {**FORM, "x-twilio-signature": proof}
    return call(query=query, headers=headers, body=urlencode(fields).encode(), **more)


TEXT = [("MessageSid", "SM1"), ("From", "+79161234567"), ("Body", "Да & нет"), ("To", "+1")]


def test_a_signed_form_is_taken():
    link("twilio").authenticate(signed(TEXT))


def test_of_repeated_fields_each_value_counts_once():
    link("twilio").authenticate(
        signed([*TEXT, ("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "a")])
    )


@pytest.mark.parametrize("port", ["", ":443"])
def test_the_standard_port_may_be_named_or_not(port):
    url = f"https://sms.example.com{port}/channels/sms/hook"
    link("twilio").authenticate(signed(TEXT, url=url))
    link("twilio", callback_url=url).authenticate(signed(TEXT))


def test_another_port_has_to_be_named():
    given = "https://sms.example.com:8443/channels/sms/hook"
    link("twilio", callback_url=given).authenticate(signed(TEXT, url=given))
    with pytest.raises(omnigate.Unauthorized):
        link("twilio", callback_url=given).authenticate(signed(TEXT))


def test_the_query_is_signed_too():
    part = "msg_00000000000000000000000001.0"
    made, query = link("twilio"), {"part": part}
    made.authenticate(signed(TEXT, url=f"{HOOK}?part={part}", query=query))
    with pytest.raises(omnigate.Unauthorized):
        made.authenticate(signed(TEXT, url=f"{HOOK}?part={part}", query={"part": part[:-1] + "1"}))
    with pytest.raises(omnigate.Unauthorized):
        made.authenticate(signed(TEXT, query=query))


def test_the_path_for_receipts_is_signed_as_it_was_called():
    link("twilio").authenticate(signed(TEXT, url=f"{HOOK}/status", path="/hook/status"))
    with pytest.raises(omnigate.Unauthorized):
        link("twilio").authenticate(signed(TEXT, path="/hook/status"))


def test_two_tokens_hold_while_one_replaces_the_other():
    made = link("twilio", auth_token="new-token", old_auth_token="twilio-token")
    made.authenticate(signed(TEXT))
    made.authenticate(signed(TEXT, token="new-token"))
    with pytest.raises(omnigate.Unauthorized):
        made.authenticate(signed(TEXT, token="older-token"))


@pytest.mark.parametrize(
    "body",
    [
        urlencode([*TEXT, ("Extra", "1")]),
        urlencode(TEXT[:-1]),
        urlencode(
            [("MessageSid", "SM1"), ("From", "+79161234567"), ("Body", "other"), ("To", "+1")]
        ),
        urlencode(TEXT) + "&",
        "",
        "{}",
        urlencode(TEXT) + "&Body=%FF",
        "&".join(f"f{number}=1" for number in range(300)),
    ],
    ids=["added", "dropped", "changed", "trailing", "empty", "JSON", "no UTF-8", "too many"],
)
def test_a_body_that_was_not_signed_is_turned_away(body):
    request = signed(TEXT)
    changed = call(headers=request.headers, body=body.encode())
    if body == urlencode(TEXT) + "&":  # the same fields all the same
        link("twilio").authenticate(changed)
        return
    with pytest.raises(omnigate.Unauthorized):
        link("twilio").authenticate(changed)


@pytest.mark.parametrize("given", [None, "", "AAAA", "юникод", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="])
def test_a_wrong_signature_is_turned_away(given):
    headers = {**FORM} if given is None else {**FORM, "x-twilio-signature": given}
    with pytest.raises(omnigate.Unauthorized):
        link("twilio").authenticate(call(headers=headers, body=urlencode(TEXT).encode()))


def json_call(body: bytes, *, digest: str | None = None, token: str = "twilio-token", **more: Any):
    digest = digest if digest is not None else hashlib.sha256(body).hexdigest()
    query = {"bodySHA256": digest} if digest else {}
    url = HOOK + (f"?bodySHA256={digest}" if digest else "")
    proof = base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest()).decode()
    headers = {"content-type": "application/json", "x-twilio-signature": proof, **more}
    return call(query=query, headers=headers, body=body)


def test_of_json_the_digest_is_signed():
    link("twilio").authenticate(json_call(b'{"MessageSid":"SM1"}'))
    with pytest.raises(omnigate.Unauthorized, match="bodySHA256"):
        link("twilio").authenticate(json_call(b'{"a":1}', digest="0" * 64))
    with pytest.raises(omnigate.Unauthorized, match="bodySHA256"):
        link("twilio").authenticate(json_call(b'{"a":1}', digest=""))


def test_json_under_the_name_of_a_form_needs_its_digest_as_well():
    """An address signed for an empty form must not bear just any body."""
    request = signed([])
    with pytest.raises(omnigate.Unauthorized, match="bodySHA256"):
        link("twilio").authenticate(call(headers=request.headers, body=b'{"MessageSid":"SM1"}'))


def test_the_newer_signature_counts_only_with_its_own_secret():
    proof = twilio_signature("shared-key", HOOK, TEXT, "sha256")
    settings = "key=KEY1,algorithm=HMAC_SHA256"
    headers = {
        **FORM,
        "x-twilio-signature": proof,
        "x-twilio-webhooks-signature-settings": settings,
    }
    request = call(headers=headers, body=urlencode(TEXT).encode())
    link("twilio", signing_secret="shared-key").authenticate(request)
    for made in (link("twilio"), link("twilio", signing_secret="other")):
        with pytest.raises(omnigate.Unauthorized):
            made.authenticate(request)
    # By the auth token with the stronger digest: nobody agreed on that.
    proof = twilio_signature("twilio-token", HOOK, TEXT, "sha256")
    request = call(headers={**headers, "x-twilio-signature": proof}, body=urlencode(TEXT).encode())
    with pytest.raises(omnigate.Unauthorized):
        link("twilio", signing_secret="shared-key").authenticate(request)


# ---- Vonage ---------------------------------------------------------------------------------------

METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")


def vonage(method: str, **told: Any) -> Any:
    return link("vonage", signature_secret="vonage-signs", signature_method=method, **told)


def fields_of(method: Any, at: float = NOW, **more: str) -> dict[str, str]:
    fields = {
        "messageId": "1",
        "msisdn": "7916",
        "text": "a&b=c",
        "timestamp": str(int(at)),
        **more,
    }
    return {**fields, "sig": vonage_signature(fields, "vonage-signs", method)}


def test_the_rule_of_the_signature_is_the_vendors():
    """Source: Vonage's server SDK, signing of parameters (read 2026-11-22); computed here by hand."""
    said = b"&a=1_2_3&z=x"
    assert vonage_signature({"z": "x", "a": "1&2=3", "sig": "-"}, "s", "sha256") == (
        hmac.new(b"s", said, hashlib.sha256).hexdigest()
    )
    assert vonage_signature({"z": "x", "a": "1&2=3"}, "s", "md5hash") == (
        hashlib.md5(said + b"s").hexdigest()
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", ["GET", "form", "JSON"])
def test_a_signed_call_is_taken_whichever_way_it_comes(method, way):
    fields = fields_of(method)
    fields["sig"] = fields["sig"].upper()
    vonage(method).authenticate(vonage_call(fields, way))


def vonage_call(fields: Mapping[str, str], way: str) -> omnigate.Request:
    if way == "GET":
        return call("GET", query=fields)
    if way == "form":
        return call(headers=FORM, body=urlencode(fields).encode())
    import json

    return call(headers={"content-type": "application/json"}, body=json.dumps(fields).encode())


@pytest.mark.parametrize("way", ["GET", "form", "JSON"])
@pytest.mark.parametrize(
    "trick", ["changed", "added", "dropped", "unsigned", "old", "ahead", "timeless"]
)
def test_what_was_not_signed_or_is_not_fresh_is_turned_away(way, trick):
    fields = fields_of("sha256")
    match trick:
        case "changed":
            fields["text"] = "a&b=d"
        case "added":
            fields["to"] = "1"
        case "dropped":
            del fields["msisdn"]
        case "unsigned":
            del fields["sig"]
        case "old":
            fields = fields_of("sha256", NOW - 400)
        case "ahead":
            fields = fields_of("sha256", NOW + 400)
        case "timeless":
            del fields["timestamp"], fields["sig"]
            fields["sig"] = vonage_signature(fields, "vonage-signs", "sha256")
    with pytest.raises(omnigate.Unauthorized):
        vonage("sha256").authenticate(vonage_call(fields, way))


def test_of_a_signed_body_of_vonage_the_address_adds_nothing():
    """Whoever caught one signed call must not give it another meaning."""
    request = call(
        query={"status": "delivered", "client-ref": "msg_00000000000000000000000001.0"},
        headers=FORM,
        body=urlencode(fields_of("sha256")).encode(),
    )
    made = vonage("sha256")
    made.authenticate(request)
    (said,) = made.parse(request)
    assert said.text == "a&b=c"


def test_where_vonage_signs_the_token_proves_nothing():
    made = vonage("sha256", callback_token="a-token-of-length")
    with pytest.raises(omnigate.Unauthorized):
        made.authenticate(call("GET", query={"token": "a-token-of-length", "messageId": "1"}))
    assert "token" not in made.callback()
    assert made.weakness() is None


# ---- those who sign nothing -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", UNSIGNED)
def test_without_a_signature_the_token_in_the_address_proves_a_call(kind):
    made = link(kind, callback_token="a-token-of-length")
    assert "token=a-token-of-length" in made.callback()
    weak = made.weakness()
    assert "not signed" in weak.words
    assert f"{kind}.callback_networks" in weak.remedy
    made.authenticate(call(query={"token": "a-token-of-length"}))
    for query in (
        {},
        {"token": ""},
        {"token": "a-token-of-lengtH"},
        {"Token": "a-token-of-length"},
    ):
        with pytest.raises(omnigate.Unauthorized):
            made.authenticate(call(query=query))


@pytest.mark.parametrize("kind", sorted(LINKS))
def test_what_is_to_be_entered_at_the_provider_is_told_and_lets_its_calls_in(kind):
    sms = link(kind)
    (found,) = re.findall(r"https?://[^\s\"&]+", " ".join(sms.to_enter()))
    address = URL(found)
    assert address.path.endswith("/hook")
    assert ("token" in address.query) == (kind != "twilio")
    if kind != "twilio":  # signs its calls
        sms.authenticate(call(query=address.query))


@pytest.mark.parametrize("kind", UNSIGNED)
def test_a_token_is_made_where_none_is_given(kind):
    made = link(kind)
    (token,) = made.secrets()
    assert len(token) >= 22, "as hard to guess as 128 bits"
    made.authenticate(call(query={"token": token}))
    with pytest.raises(omnigate.Unauthorized):
        link("kannel" if kind != "kannel" else "jasmin").authenticate(call(query={"token": token}))


def basic(pair: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def test_a_password_proves_a_call_as_well():
    made = link("smscru", callback_user="smsc", callback_password="hook-password")
    made.authenticate(call(headers=basic("smsc:hook-password")))
    wrong = (basic("smsc:other"), basic("other:hook-password"), basic(":"), basic("smsc"))
    for headers in (*wrong, {"authorization": "Basic !"}, {"authorization": "Bearer x"}, {}):
        with pytest.raises(omnigate.Unauthorized):
            made.authenticate(call(headers=headers))


@pytest.mark.parametrize(
    ("remote", "may"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        (None, False),
        ("x", False),
    ],
)
def test_calls_from_outside_the_named_networks_are_turned_away_even_with_the_token(remote, may):
    made = link("kannel", callback_token="a-token-of-length", callback_networks=["10.1.0.0/16"])
    request = call(query={"token": "a-token-of-length"}, remote=remote)
    if may:
        made.authenticate(request)
        return
    with pytest.raises(omnigate.Unauthorized, match="callback_networks"):
        made.authenticate(request)


@pytest.mark.parametrize(
    "told",
    [
        {"callback_token": "brief-token"},
        {"callback_token": "with a space in the token"},
        {"callback_token": "%d-is-filled-in-by-kannel"},
        {"callback_user": "alone"},
        {"callback_networks": ["everywhere"]},
        {"callback_tokens": "misspelt-but-long-enough"},
    ],
)
def test_mistakes_in_the_proof_are_found_when_the_configuration_is_read(told):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - pydantic's own
        link("kannel", **told)
    for value in told.values():
        assert f"{value}" not in str(caught.value) or "callback_networks" in told
