"""Callers of the API with too little, with somebody else's, and with junk."""

from __future__ import annotations

from typing import Any

import pytest

JUNK_IDS = [
    "%00",
    "%ed%a0%80",
    "%ff",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "'%20OR%201=1--",
    "%0d%0aX-Evil:%201",
    "x" * 3000,
    "cnv_00000000000000000000000000",
]
PATHS = [
    "/v1/messages/{}",
    "/v1/conversations/{}",
    "/v1/conversations/{}/messages",
    "/v1/contacts/{}",
    "/v1/contacts/{}/timeline",
    "/v1/media/{}",
    "/media/{}?exp=9999999999&sig=x",
    "/v1/schemas/{}",
    "/channels/{}/messages",
    "/channels/app/{}",
    "/channels/site/ui/{}/main.js/..",
    "/{}",
]
JUNK_QUERIES = [
    "limit=1000000000",
    "limit=99999999999999999999999",
    "limit=-1",
    "limit=0",
    "limit=1e3",
    "limit=%D9%A3",
    "limit=1&limit=2",
    "nope=1",
    "cursor=x",
    "cursor=%00",
    "cursor=%ed%a0%80",
    "cursor=WzFlOTk5XQ",
    "cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDhd",
    f"cursor={'x' * 5000}",
]
LISTS = ["/v1/messages", "/v1/conversations", "/v1/contacts"]
WRONG_TOKENS = [
    b"",
    b"Bearer",
    b"Bearer og_x_y",
    b"Bearer \xff\xfe",
    b"Bearer \xed\xa0\x80",
    b"Bearer og_\xd0\xb5_x",
    b"Bearer " + b"x" * 7000,
    b"Basic og_x_y",
]


@pytest.fixture(scope="module")
def known(daemon: Any) -> dict[str, str]:
    """What somebody else wants to get at: a conversation, its contact and an upload."""
    assert daemon.say("theirs", "canary").status == 202
    row = daemon.call("GET", "/v1/conversations", token=daemon.token).json()["items"][0]
    form = {"Content-Type": "text/html"}
    saved = daemon.call(
        "POST", "/v1/media?name=a.html", b"<script>", form, token=daemon.token
    ).json()
    address = saved["url"]
    return {
        "conversation": row["id"],
        "contact": row["contact"]["id"],
        "file": saved["id"],
        "address": address[address.index("/media/") :],
    }


@pytest.mark.parametrize("path", PATHS)
def test_junk_in_a_path_is_not_found(daemon, path):
    for junk in JUNK_IDS:
        daemon.call("GET", path.format(junk), token=daemon.token).assert_refused()


@pytest.mark.parametrize("path", LISTS)
def test_junk_in_a_query_is_refused(daemon, path):
    for query in JUNK_QUERIES:
        daemon.call("GET", f"{path}?{query}", token=daemon.token).assert_refused()


@pytest.mark.parametrize("authorization", WRONG_TOKENS)
def test_a_wrong_token_is_401_everywhere(daemon, known, authorization):
    headers = {"Authorization": authorization}
    for method, path in [
        ("GET", f"/v1/conversations/{known['conversation']}"),
        ("POST", "/v1/messages"),
        ("POST", "/v1/media"),
        ("GET", "/v1/events"),
        ("GET", "/v1/events/stream"),
        ("POST", "/channels/app/messages"),
    ]:
        answer = daemon.call(method, path, b"{}", headers)
        assert answer.status == 401, path
        answer.assert_refused()


def test_a_token_without_the_scope_may_not(daemon, known):
    token = daemon.new_token("reader", "messages:read")
    say = {"to": {"conversation": known["conversation"]}, "text": "canary"}
    for answer in (
        daemon.post("/v1/messages", say, token=token),
        daemon.post(f"/v1/conversations/{known['conversation']}/close", {}, token=token),
        daemon.post(f"/v1/contacts/{known['contact']}/merge", {"contact": "x"}, token=token),
        daemon.call("POST", "/v1/media", b"x", token=token),
        daemon.call("GET", "/v1/events", token=token),
        daemon.call("GET", f"/v1/media/{known['file']}", token=token),
    ):
        answer.assert_refused()
        assert answer.status == 403


def test_a_token_of_another_channel_sees_nothing_of_this_one(daemon, known):
    scopes = ("messages:send", "messages:read", "contacts:write", "events:read", "media")
    token = daemon.new_token("other", *scopes, channel="site")
    conversation, contact = known["conversation"], known["contact"]
    say = {"to": {"conversation": conversation}, "text": "x"}
    attach = {
        "to": {"channel": "site", "address": "webchat:abc"},
        "text": "x",
        "attachments": [{"id": known["file"]}],
    }
    for answer in (
        daemon.call("GET", f"/v1/conversations/{conversation}", token=token),
        daemon.call("GET", f"/v1/conversations/{conversation}/messages", token=token),
        daemon.call("GET", f"/v1/messages?conversation={conversation}", token=token),
        daemon.call("GET", f"/v1/contacts/{contact}", token=token),
        daemon.call("GET", f"/v1/contacts/{contact}/timeline", token=token),
        daemon.call("GET", f"/v1/media/{known['file']}", token=token),
        daemon.post("/v1/messages", say, token=token),
        daemon.post("/v1/messages", attach, token=token),
        daemon.post(f"/v1/conversations/{conversation}/close", {}, token=token),
        daemon.post(f"/v1/conversations/{conversation}/transfer", {"backend": "crm"}, token=token),
    ):
        answer.assert_refused()
        assert answer.status in (404, 422)
    for path in (*LISTS, "/v1/events"):
        assert daemon.call("GET", path, token=token).json()["items"] == []


def test_a_page_of_another_site_may_not_call_even_with_a_token(daemon):
    for origin in ("https://evil.example", "null", "https://shop.example.org"):
        answer = daemon.call("GET", "/v1/messages", b"", {"Origin": origin}, token=daemon.token)
        assert answer.status == 403
        answer.assert_refused()


def test_only_the_address_as_it_was_signed_gets_a_file_and_it_can_do_nothing(daemon, known):
    address = known["address"]
    good = daemon.call("GET", address)
    assert good.status == 200
    assert "content-disposition: attachment" in good.head
    assert "content-type: application/octet-stream" in good.head
    assert "x-content-type-options: nosniff" in good.head
    assert "content-security-policy: default-src 'none'; sandbox" in good.head
    last = "A" if address[-1] != "A" else "B"
    for edited in (
        address[:-1] + last,
        address + "=",
        address + "&x=1",
        address.replace("exp=", "exp=1"),
        address.replace("exp=", "exp=0"),
        address.replace("/att_", "/att_0"),
        address.replace("/media/", "//media/"),
        address.partition("?")[0],
    ):
        daemon.call("GET", edited).assert_refused()


@pytest.mark.parametrize("key", ["", "a b", "a,b", '"x"', "x" * 256, "\u00e9"])
def test_a_strange_idempotency_key_is_refused(daemon, known, key):
    say = {"to": {"conversation": known["conversation"]}, "text": "x"}
    answer = daemon.post("/v1/messages", say, token=daemon.token, Idempotency_Key=key)
    answer.assert_refused()
