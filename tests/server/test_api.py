"""The API over real HTTP and a real store: messages, conversations, contacts; and all bad input."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import update

import omnigate
from omnigate.server import auth
from omnigate.server.pages import seal
from omnigate.store import tokens
from omnigate.store.schema import lane
from omnigate.testing import FakeHost

pytestmark = pytest.mark.anyio

NOBODY = "0" * 26
ALL = ("messages:send", "messages:read", "contacts:write", "events:read", "media")


def to(conversation: str, **more: Any) -> dict[str, Any]:
    return {"to": {"conversation": conversation}, "text": "hi", **more}


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any]) -> None:
    """Ask again and again until the answer is as it should be, for five seconds at most."""
    async with asyncio.timeout(5):
        while not holds(await ask()):  # noqa: ASYNC110  # what changes tells nobody
            await asyncio.sleep(0.01)


class TestSending:
    """POST /v1/messages."""

    async def test_queues_and_shows_the_message(self, world):
        await world.receive()
        auth = await world.token("messages:send", "messages:read")
        conversation = await world.conversation()
        status, queued = await world.call(
            "POST", "/v1/messages", headers=auth, json=to(conversation, client_ref="42")
        )
        assert status == 202
        assert queued["conversation"] == conversation
        assert queued["state"] == "queued"
        status, shown = await world.call("GET", f"/v1/messages/{queued['id']}", headers=auth)
        assert (status, shown["text"], shown["client_ref"]) == (200, "hi", "42")
        assert shown["conversation"] == conversation
        assert [part["state"] for part in shown["parts"]] == ["queued"]

    async def test_begins_a_conversation_with_an_address(self, world):
        auth = await world.token("messages:send")
        body = {"to": {"channel": "app", "address": "user:new"}, "text": "hi"}
        status, queued = await world.call("POST", "/v1/messages", headers=auth, json=body)
        assert status == 202
        assert await world.conversation(who="new") == queued["conversation"]

    async def test_the_same_key_and_body_send_once(self, world):
        await world.receive()
        auth = await world.token("messages:send") | {"Idempotency-Key": "order:1"}
        conversation = await world.conversation()
        first = await world.call("POST", "/v1/messages", headers=auth, json=to(conversation))
        reordered = dict(reversed(to(conversation).items()))
        again = await world.call("POST", "/v1/messages", headers=auth, json=reordered)
        assert first == again
        assert await world.stored("message") == 2

    async def test_parallel_copies_send_once(self, world):
        await world.receive()
        auth = await world.token("messages:send") | {"Idempotency-Key": "k"}
        body = to(await world.conversation())
        answers = await asyncio.gather(
            *(world.call("POST", "/v1/messages", headers=auth, json=body) for _ in range(10))
        )
        assert len({answer["id"] for _, answer in answers}) == 1
        assert await world.stored("message") == 2

    async def test_the_same_key_with_another_body_is_refused(self, world):
        await world.receive()
        auth = await world.token("messages:send") | {"Idempotency-Key": "k"}
        conversation = await world.conversation()
        await world.call("POST", "/v1/messages", headers=auth, json=to(conversation))
        status, problem = await world.call(
            "POST", "/v1/messages", headers=auth, json=to(conversation, text="other")
        )
        assert (status, problem["code"]) == (422, "idempotency_key_reused")

    async def test_keys_of_two_tokens_are_two_keys(self, world):
        await world.receive()
        body = to(await world.conversation())
        ids = set()
        for _ in range(2):
            auth = await world.token("messages:send") | {"Idempotency-Key": "k"}
            ids.add((await world.call("POST", "/v1/messages", headers=auth, json=body))[1]["id"])
        assert len(ids) == 2

    @pytest.mark.parametrize("key", ["", "a b", "ключ", "x" * 256, "a/b"])
    async def test_a_malformed_key_is_400(self, world, key):
        auth = await world.token("messages:send") | {"Idempotency-Key": key}
        body = to(f"cnv_{NOBODY}")
        assert (await world.call("POST", "/v1/messages", headers=auth, json=body))[0] == 400

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"[]", 422),
            (b"null", 422),
            (b"NaN", 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x","extensions":{"a":NaN}}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x","extensions":{"a":1e999}}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"\\ud800"}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"a\\u0000b"}', 400),
            (b'{"to":{"conversation":"cnv_%s"},"text":"\xff"}', 400),
            (b"[" * 100_000, 400),
            (b'{"to":{},"text":"x"}', 422),
            (b'{"to":{"conversation":"cnv_1"},"text":"x"}', 422),
            (b'{"to":{"conversation":"cnv_%s"}}', 422),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x","typo":1}', 422),
            (b'{"to":{"conversation":"cnv_%s"},"text":"x"}', 404),
            (b'{"to":{"channel":"nobody","address":"user:1"},"text":"x"}', 404),
            (b'{"to":{"channel":"app","address":"no address"},"text":"x"}', 422),
        ],
    )
    async def test_bad_bodies_are_refused_and_store_nothing(self, world, body, status):
        auth = await world.token("messages:send") | {"Content-Type": "application/json"}
        body = body.replace(b"%s", NOBODY.encode())
        found, problem = await world.call("POST", "/v1/messages", headers=auth, data=body)
        assert found == status
        assert problem["status"] == status
        assert problem["detail"]
        assert await world.stored("message") == 0

    async def test_nesting_is_bounded_at_64(self, world):
        auth = await world.token("messages:send")
        inner: Any = 1
        for _ in range(62):
            inner = [inner]
        body = to(f"cnv_{NOBODY}", extensions={"a": inner})
        assert (await world.call("POST", "/v1/messages", headers=auth, json=body))[0] == 404
        body = to(f"cnv_{NOBODY}", extensions={"a": [[inner]]})
        assert (await world.call("POST", "/v1/messages", headers=auth, json=body))[0] == 400

    async def test_mistakes_are_named_by_path(self, world):
        auth = await world.token("messages:send")
        body = {**to(f"cnv_{NOBODY}"), "buttons": [[{"label": ""}]]}
        _, problem = await world.call("POST", "/v1/messages", headers=auth, json=body)
        assert [mistake["path"] for mistake in problem["errors"]] == ["buttons.0.0.label"]

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x"])
    async def test_only_json_is_taken(self, world, kind):
        auth = await world.token("messages:send") | {"Content-Type": kind}
        assert (await world.call("POST", "/v1/messages", headers=auth, data=b"{}"))[0] == 415

    async def test_large_bodies_are_413(self, world):
        auth = await world.token("messages:send") | {"Content-Type": "application/json"}
        body = BytesIO(json.dumps(to(f"cnv_{NOBODY}", text="x" * 1_048_576)).encode())
        assert (await world.call("POST", "/v1/messages", headers=auth, data=body))[0] == 413

    async def test_compressed_bodies_are_not_unpacked(self, world):
        auth = await world.token("messages:send")
        headers = {**auth, "Content-Type": "application/json", "Content-Encoding": "gzip"}
        bomb = gzip.compress(b" " * 50_000_000)
        assert (await world.call("POST", "/v1/messages", headers=headers, data=bomb))[0] == 400


class TestTokens:
    """Who may do what."""

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic b2c6b2c=",
            "Bearer og_000000000000_x",
            "Bearer og__",
            "Bearer " + "x" * 5000,
            "Bearer ключ".encode().decode("latin-1"),
        ],
    )
    async def test_strangers_get_401_and_a_hint(self, world, header):
        headers = {} if header is None else {"Authorization": header}
        status, body, sent = await world.ask("GET", "/v1/messages", headers=headers)
        assert status == 401
        assert sent["WWW-Authenticate"].startswith("Bearer")
        assert sent["Content-Type"].startswith("application/problem+json")
        assert json.loads(body)["title"] == "Unauthorized"

    async def test_it_is_the_check_that_keeps_strangers_out(self, world, monkeypatch):
        """The sabotage twin: without the check the same call gets through."""

        async def anybody(self: Any, request: Any) -> auth.Caller:
            return auth.OPERATOR

        assert (await world.call("GET", "/v1/messages"))[0] == 401
        monkeypatch.setattr(auth.Doorkeeper, "caller", anybody)
        assert (await world.call("GET", "/v1/messages"))[0] == 200

    async def test_a_wrong_secret_of_a_real_token_is_401(self, world):
        auth = await world.token("messages:read")
        forged = {"Authorization": auth["Authorization"][:-4] + "AAAA"}
        assert (await world.call("GET", "/v1/messages", headers=forged))[0] == 401

    async def test_strangers_bodies_are_not_read(self, world):
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        status, _, _ = await world.ask("POST", "/v1/messages", data=endless())
        assert status == 401

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("POST", "/v1/messages", "messages:send"),
            ("GET", "/v1/messages", "messages:read"),
            ("GET", "/v1/conversations", "messages:read"),
            ("POST", f"/v1/conversations/cnv_{NOBODY}/close", "messages:send"),
            ("PATCH", f"/v1/contacts/ctc_{NOBODY}", "contacts:write"),
            ("GET", "/v1/events", "events:read"),
            ("GET", "/v1/events/stream", "events:read"),
            ("POST", "/v1/media", "media"),
        ],
    )
    async def test_every_scope_but_the_right_one_gets_403(self, world, method, path, scope):
        auth = await world.token(*(set(ALL) - {scope}))
        assert (await world.call(method, path, headers=auth))[0] == 403
        # The stream would answer for ever: it is enough that others do not get it.
        if "stream" not in path:
            auth = await world.token(scope)
            assert (await world.call(method, path, headers=auth))[0] != 403

    async def test_an_expired_token_is_401(self, world):
        auth = await world.token("messages:read", expires_at=world.store.now() - 1)
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 401

    async def test_a_revoked_token_is_401_within_seconds(self, world, monkeypatch):
        monkeypatch.setattr("omnigate.server.auth.CACHE_SECONDS", 0.05)
        auth = await world.token("messages:read")
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 200
        token_id = auth["Authorization"].split("_")[1]
        await world.store.writer.do(tokens.revoke, token_id)
        await until(
            lambda: world.call("GET", "/v1/messages", headers=auth), lambda is_: is_[0] == 401
        )

    async def test_the_use_of_a_token_is_noted(self, world):
        auth = await world.token("messages:read")
        await world.call("GET", "/v1/messages", headers=auth)
        await until(
            lambda: world.store.read(tokens.list_tokens), lambda found: found[0].last_used_at
        )

    async def test_what_is_of_other_channels_does_not_exist(self, world):
        await world.receive("1", channel="other", who="boris")
        conversation = await world.conversation("other", "boris")
        everything = await world.token(*ALL)
        message = (await world.call("GET", "/v1/messages", headers=everything))[1]["items"][0]
        contact = (await world.call("GET", "/v1/contacts", headers=everything))[1]["items"][0]
        auth = await world.token(*ALL, channels=["app"])
        for method, path, body in (
            ("GET", f"/v1/messages/{message['id']}", None),
            ("GET", f"/v1/conversations/{conversation}", None),
            ("GET", f"/v1/conversations/{conversation}/messages", None),
            ("POST", f"/v1/conversations/{conversation}/close", {}),
            ("POST", f"/v1/conversations/{conversation}/typing", {}),
            ("POST", f"/v1/conversations/{conversation}/transfer", {"backend": "crm"}),
            ("GET", f"/v1/contacts/{contact['id']}", None),
            ("GET", f"/v1/contacts/{contact['id']}/timeline", None),
            ("PATCH", f"/v1/contacts/{contact['id']}", {"display_name": "x"}),
            ("POST", "/v1/messages", to(conversation)),
            (
                "POST",
                "/v1/messages",
                {"to": {"channel": "other", "address": "user:1"}, "text": "x"},
            ),
            ("GET", "/v1/messages?channel=other", None),
            ("GET", "/v1/conversations?channel=other", None),
            ("GET", f"/v1/messages?conversation={conversation}", None),
        ):
            status, _ = await world.call(method, path, headers=auth, json=body)
            assert (method, path, status) == (method, path, 404)
        for path in (
            "/v1/messages",
            "/v1/conversations",
            "/v1/contacts",
            "/v1/contacts?address=user:boris",
            "/v1/events",
        ):
            assert (await world.call("GET", path, headers=auth))[1]["items"] == []


class TestForeignPages:
    """Scripts on pages of other sites."""

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
    async def test_are_refused_even_with_a_token(self, world, origin):
        auth = await world.token("messages:read") | {"Origin": origin}
        status, _, headers = await world.ask("GET", "/v1/messages", headers=auth)
        assert status == 403
        assert not [name for name in headers if name.lower().startswith("access-control")]

    async def test_get_no_preflight(self, world):
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        status, _, sent = await world.ask("OPTIONS", "/v1/messages", headers=headers)
        assert status == 405
        assert not [name for name in sent if name.lower().startswith("access-control")]

    async def test_the_own_page_may(self, world):
        auth = await world.token("messages:read") | {"Origin": world.url}
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 200


class TestLists:
    """Pages, filters and cursors."""

    async def test_pages_hold_everything_once(self, world):
        for number in range(7):
            await world.receive(str(number), who=f"w{number % 3}")
        auth = await world.token("messages:read")
        for path, count in (("/v1/messages", 7), ("/v1/conversations", 3), ("/v1/contacts", 3)):
            seen: list[str] = []
            query: dict[str, str] = {"limit": "2"}
            while True:
                status, page = await world.call("GET", path, headers=auth, params=query)
                assert status == 200
                seen += [item["id"] for item in page["items"]]
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
            assert len(seen) == len(set(seen)) == count

    async def test_filters_narrow(self, world):
        await world.receive("1")
        await world.receive("2", channel="other", who="boris")
        auth = await world.token(*ALL)
        conversation = await world.conversation()
        await world.call("POST", "/v1/messages", headers=auth, json=to(conversation))
        for query, count in (
            ("", 3),
            ("direction=inbound", 2),
            ("direction=outbound", 1),
            ("state=queued", 1),
            ("state=read", 0),
            (f"conversation={conversation}", 2),
            ("channel=other", 1),
        ):
            _, page = await world.call("GET", f"/v1/messages?{query}", headers=auth)
            assert (query, len(page["items"])) == (query, count)
        _, page = await world.call("GET", "/v1/conversations?channel=other", headers=auth)
        assert [item["contact"]["display_name"] for item in page["items"]] == ["boris"]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=201",
            "limit=99999999999999999999",
            "limit=x",
            "limit=1&limit=2",
            "cursor=junk",
            "cursor=%00",
            "cursor=AAAA",
            f"cursor={seal('a', 'b', 'c')}",
            f"cursor={seal(-1)}",
            f"cursor={seal(2**70)}",
            "cursor=" + "x" * 400,
            "typo=1",
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/messages", "/v1/conversations", "/v1/contacts"])
    async def test_junk_is_400(self, world, path, query):
        auth = await world.token("messages:read")
        assert (await world.call("GET", f"{path}?{query}", headers=auth))[0] == 400

    @pytest.mark.parametrize("text", ["' OR 1=1 --", "%00", "%F0%9F%98%80", "x" * 90, "%ff"])
    async def test_filters_are_only_ever_values(self, world, text):
        await world.receive()
        auth = await world.token("messages:read")
        for path in (
            f"/v1/conversations?contact={text}",
            f"/v1/contacts?address={text}",
        ):
            status, page = await world.call("GET", path, headers=auth)
            assert (status, page["items"]) == (200, [])
        for path in ("messages", "conversations", "contacts"):
            status, _ = await world.call("GET", f"/v1/{path}/{text}", headers=auth)
            assert status == 404
        path = f"/v1/messages?conversation={text}"
        assert (await world.call("GET", path, headers=auth))[0] == 404


class TestConversations:
    """What can be done to one."""

    async def test_is_closed_and_reopened_with_events(self, world):
        await world.receive()
        auth = await world.token(*ALL)
        path = f"/v1/conversations/{await world.conversation()}"
        status, shown = await world.call(
            "POST", f"{path}/close", headers=auth, json={"note": "done"}
        )
        assert (status, shown["status"]) == (200, "closed")
        status, shown = await world.call("POST", f"{path}/reopen", headers=auth)
        assert (status, shown["status"]) == (200, "open")
        _, page = await world.call("GET", "/v1/events?types=conversation.*", headers=auth)
        kinds = [(item["type"], item["data"]["status"]["note"]) for item in page["items"]]
        assert kinds[-2:] == [("conversation.closed", "done"), ("conversation.reopened", None)]

    async def test_is_transferred_to_a_backend_that_exists(self, world):
        await world.receive()
        auth = await world.token(*ALL)
        path = f"/v1/conversations/{await world.conversation()}/transfer"
        status, shown = await world.call("POST", path, headers=auth, json={"backend": "crm"})
        assert (status, shown["owner"]) == (200, "crm")
        status, _ = await world.call("POST", path, headers=auth, json={"backend": "nobody"})
        assert status == 422

    async def test_shows_channel_contact_and_messages(self, world):
        await world.receive(context=omnigate.Context(page="https://shop.example/"))
        auth = await world.token(*ALL)
        conversation = await world.conversation()
        _, shown = await world.call("GET", f"/v1/conversations/{conversation}", headers=auth)
        assert shown["channel"] == {"name": "app", "kind": "test"}
        assert shown["contact"]["display_name"] == "anna"
        assert shown["context"]["page"] == "https://shop.example/"
        _, page = await world.call(
            "GET", f"/v1/conversations/{conversation}/messages", headers=auth
        )
        assert [item["text"] for item in page["items"]] == ["hello"]

    async def test_signals_reach_the_channel_once_and_its_trouble_is_nobodys(
        self, world_with, runner
    ):
        class Shows(omnigate.Channel):
            kind = "shows"
            capabilities = omnigate.Capabilities(typing=True)
            seen: list[Any] = []

            async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
                raise omnigate.Refused("no", "never")

            async def signal(self, conversation: str, signal: omnigate.Signal) -> None:
                self.seen.append((conversation, signal))
                raise omnigate.RetryLater("not now")

        channel = Shows(omnigate.ChannelConfig(), FakeHost())
        async with world_with(channels=[runner("app", channel=channel)]) as world:
            await world.receive()
            auth = await world.token(*ALL)
            path = f"/v1/conversations/{await world.conversation()}"
            body = {"active": True, "author": {"name": "Ivan"}}
            assert (await world.call("POST", f"{path}/typing", headers=auth, json=body))[0] == 204
            assert (await world.call("POST", f"{path}/read", headers=auth))[0] == 204
        assert channel.seen == [
            ("anna", omnigate.AgentTyping(active=True, author=omnigate.Author(name="Ivan"))),
            ("anna", omnigate.AgentRead()),
        ]


class TestContacts:
    """One customer over all channels."""

    async def test_is_found_by_address_and_edited(self, world):
        await world.receive()
        auth = await world.token(*ALL)
        _, page = await world.call("GET", "/v1/contacts?address=user:anna", headers=auth)
        path = f"/v1/contacts/{page['items'][0]['id']}"
        change = {"display_name": "Анна", "phone": None}
        status, shown = await world.call("PATCH", path, headers=auth, json=change)
        assert (status, shown["display_name"]) == (200, "Анна")
        assert (await world.call("GET", path, headers=auth))[1] == shown
        _, events = await world.call("GET", "/v1/events?types=contact.updated", headers=auth)
        assert events["items"][0]["data"]["contact"]["changed"] == ["display_name"]

    async def test_two_are_merged_and_both_ids_answer_as_one(self, world):
        await world.receive("1")
        await world.receive("2", channel="other", who="boris")
        auth = await world.token(*ALL)
        _, page = await world.call("GET", "/v1/contacts", headers=auth)
        loser, winner = (item["id"] for item in page["items"])
        path = f"/v1/contacts/{winner}/merge"
        status, shown = await world.call("POST", path, headers=auth, json={"contact": loser})
        assert status == 200
        assert {item["address"] for item in shown["addresses"]} == {"user:anna", "user:boris"}
        assert (await world.call("GET", f"/v1/contacts/{loser}", headers=auth))[1] == shown
        for body, code in (
            ({"contact": loser}, 422),
            ({"contact": winner}, 422),
            ({"contact": "ctc_x"}, 404),
            ({}, 422),
        ):
            assert (await world.call("POST", path, headers=auth, json=body))[0] == code
        _, events = await world.call("GET", f"/v1/contacts/{winner}/timeline", headers=auth)
        texts = [
            item["data"]["message"]["text"]
            for item in events["items"]
            if item["type"] == "message.received"
        ]
        assert len(texts) == 2

    async def test_the_timeline_comes_in_pages_newest_first(self, world):
        for number in range(5):
            await world.receive(str(number), text=str(number))
        auth = await world.token(*ALL)
        _, page = await world.call("GET", "/v1/contacts", headers=auth)
        path = f"/v1/contacts/{page['items'][0]['id']}/timeline"
        seen: list[str] = []
        query = {"limit": "2"}
        while True:
            _, page = await world.call("GET", path, headers=auth, params=query)
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert len(seen) == len(set(seen)) == 6
        assert seen == sorted(seen, reverse=True)


class TestAdmin:
    """The operator's socket."""

    async def test_shows_how_everything_is(self, world):
        await world.receive()
        status, shown = await world.operate("GET", "/admin/status")
        assert status == 200
        assert shown["ready"] is True
        assert shown["store"]["size_bytes"] > 0
        assert shown["channels"][0] == {
            "name": "app",
            "kind": "test",
            "state": "up",
            "message": "",
            "enabled": True,
            "endpoint": "http://127.0.0.1:0/channels/app",
            "stored": 1,
            "duplicates": 0,
            "refused": 0,
            "unauthorized": 0,
            "quarantined": 0,
        }
        assert [(item["name"], item["state"]) for item in shown["destinations"]] == [
            ("crm", "ok"),
            ("app", "ok"),
            ("other", "ok"),
        ]
        assert shown["totals"]["events"] == 2

    async def test_counts_what_waits_and_shows_what_fails(self, world):
        await world.receive()
        body = to(await world.conversation())
        assert (await world.operate("POST", "/v1/messages", json=body))[0] == 202
        crm, app, _ = world.services.destinations()
        crm.health.failures, crm.health.last_error = 1, "HTTP 500"
        app.health.breaker = "open"
        _, shown = await world.operate("GET", "/admin/status")
        states = {item["name"]: item for item in shown["destinations"]}
        assert (states["crm"]["state"], states["crm"]["last_error"]) == ("failing", "HTTP 500")
        assert (states["app"]["state"], states["app"]["pending"]) == ("open", 1)
        assert states["app"]["oldest_pending_at"].endswith("Z")
        crm.health.paused = "410"
        _, listed = await world.operate("GET", "/admin/backends")
        assert [(item["name"], item["state"]) for item in listed["items"]] == [("crm", "paused")]

    async def test_lists_and_shows_channels_and_backends(self, world):
        _, listed = await world.operate("GET", "/admin/channels")
        assert [item["name"] for item in listed["items"]] == ["app", "other"]
        assert (await world.operate("GET", "/admin/channels/other"))[1]["name"] == "other"
        assert (await world.operate("GET", "/admin/backends/crm"))[1]["kind"] == "webhook"
        assert (await world.operate("POST", "/admin/backends/crm/test"))[1]["ok"] is True
        for method, path in (
            ("GET", "/admin/channels/nobody"),
            ("GET", "/admin/backends/nobody"),
            ("POST", "/admin/backends/nobody/test"),
            ("DELETE", "/admin/tokens/nobody"),
        ):
            assert (await world.operate(method, path))[0] == 404

    async def test_makes_lists_and_revokes_tokens(self, world):
        wanted = {"name": "CRM", "scopes": ["messages:read"], "channels": ["app"]}
        status, made = await world.operate("POST", "/admin/tokens", json=wanted)
        assert status == 201
        auth = {"Authorization": f"Bearer {made['token']}"}
        assert (await world.call("GET", "/v1/messages", headers=auth))[0] == 200
        _, listed = await world.operate("GET", "/admin/tokens")
        assert [item["name"] for item in listed["items"]] == ["CRM"]
        assert made["token"] not in json.dumps(listed)
        path = f"/admin/tokens/{made['id']}"
        assert [(await world.operate("DELETE", path))[0] for _ in range(2)] == [204, 404]

    @pytest.mark.parametrize(
        "wanted",
        [
            {"name": "", "scopes": ["admin"]},
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["root"]},
            {"name": "x", "scopes": ["admin"], "channels": []},
            {"name": "x", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z"},
            {"name": "x", "scopes": ["admin"], "expires_at": "soon"},
        ],
    )
    async def test_tokens_that_make_no_sense_are_422(self, world, wanted):
        assert (await world.operate("POST", "/admin/tokens", json=wanted))[0] == 422

    async def test_checks_the_store_and_names_what_is_wrong(self, world):
        await world.receive()
        body = to(await world.conversation())
        await world.operate("POST", "/v1/messages", json=body)
        assert (await world.operate("GET", "/admin/store/check"))[1] == {"ok": True, "problems": []}

        def damage(transaction: Any, items: Any) -> list[None]:
            transaction.connection.execute(update(lane).values(pending=7))
            return [None]

        await world.store.writer.do(damage, None)
        _, shown = await world.operate("GET", "/admin/store/check")
        assert shown["ok"] is False
        assert "says 7 pending, the outbox has 1" in shown["problems"][0]

    async def test_stops_the_daemon(self, world):
        assert (await world.operate("POST", "/admin/stop"))[0] == 202
        assert world.stopped == [True]
        assert (await world.call("GET", "/readyz"))[0] == 503
        assert (await world.call("GET", "/healthz"))[0] == 200

    async def test_is_not_on_the_public_listener_whatever_the_token(self, world):
        auth = await world.token("admin")
        for path in ("/admin/status", "/admin/tokens", "/admin/store/check"):
            assert (await world.call("GET", path, headers=auth))[0] == 404

    async def test_serves_the_whole_api_without_a_token(self, world):
        await world.receive()
        _, page = await world.operate("GET", "/v1/messages")
        assert [item["text"] for item in page["items"]] == ["hello"]
