"""What a token is good for: its scopes and its channels, and nothing beside them."""

from __future__ import annotations

import pytest

from tests.server.world import ALL, NOBODY, to

pytestmark = pytest.mark.anyio


class TestScopes:
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
