"""A name that no channel has is said, with the names there are; one that is gone is still known."""

import pytest

pytestmark = pytest.mark.anyio

LISTS = ("/v1/messages", "/v1/conversations")


@pytest.mark.parametrize("path", LISTS)
async def test_a_typo_does_not_look_like_an_empty_list(world, path):
    status, problem = await world.operate("GET", f"{path}?channel=ap")
    assert status == 404
    assert problem["code"] == "no_channel"
    assert "No channel is called 'ap'" in problem["detail"]
    assert all(name in problem["detail"] for name in world.channels)
    for name in world.channels:
        assert (await world.operate("GET", f"{path}?channel={name}"))[0] == 200


@pytest.mark.parametrize("path", LISTS)
async def test_a_channel_that_was_removed_is_known_by_its_history(world, path):
    await world.receive()
    runner = world.channels.pop("app")
    try:
        status, page = await world.operate("GET", f"{path}?channel=app")
    finally:
        world.channels["app"] = runner
    assert (status, len(page["items"])) == (200, 1)


async def test_the_messages_of_a_conversation_know_no_other_channels_either(world):
    await world.receive()
    path = f"/v1/conversations/{await world.conversation()}/messages"
    assert (await world.operate("GET", f"{path}?channel=ap"))[0] == 404
    assert (await world.operate("GET", f"{path}?channel=app"))[0] == 200


@pytest.mark.parametrize("path", LISTS)
async def test_whoever_may_see_some_channels_is_told_of_those_alone(world, path):
    hidden = next(name for name in world.channels if name != "app")
    await world.receive(channel=hidden, who="boris")
    auth = await world.token("messages:read", channels=["app"])
    told = []
    for name in (hidden, "nowhere"):
        status, problem = await world.call("GET", f"{path}?channel={name}", headers=auth)
        assert status == 404
        told.append(problem["detail"].replace(name, "X"))
    assert told[0] == told[1], "one that is hidden looks like one that is not there"
    assert "there is app;" in told[0]


async def test_a_token_is_made_for_channels_that_there_are(world):
    wanted = {"name": "crm", "scopes": ["messages:read"], "channels": ["app", "ap"]}
    status, problem = await world.operate("POST", "/admin/tokens", json=wanted)
    assert status == 404
    assert "'ap'" in problem["detail"]
    assert await world.stored("token") == 0
    wanted["channels"] = ["app"]
    assert (await world.operate("POST", "/admin/tokens", json=wanted))[0] == 201


async def test_a_message_to_a_channel_that_is_not_there_names_those_that_are(world):
    body = {"to": {"channel": "ap", "address": "user:anna"}, "text": "hello"}
    status, problem = await world.operate("POST", "/v1/messages", json=body)
    assert (status, problem["code"]) == (404, "no_channel")
    assert "app" in problem["detail"].partition(":")[2]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("types=mesage.received", "did you mean message.received?"),
        ("types=bogus", "there are "),
        ("after=junk", "evt_"),
        ("after=evt_" + "0" * 26, "begin without after"),
    ],
)
async def test_what_is_wrong_with_a_place_or_type_of_the_log_is_said(world, query, said):
    status, problem = await world.operate("GET", f"/v1/events?{query}")
    assert status == 400
    assert said in problem["detail"]


async def test_messages_of_a_conversation_that_is_not_there_are_no_empty_list(world):
    await world.receive()
    known, unknown = await world.conversation(), "cnv_06h046hr7dq1h146gp30khmchc"
    assert (await world.operate("GET", f"/v1/messages?conversation={known}"))[0] == 200
    status, problem = await world.operate("GET", f"/v1/messages?conversation={unknown}")
    assert status == 404
    assert unknown in problem["detail"]
    assert "omnigate conversation list" in problem["detail"]


async def test_a_conversation_on_a_hidden_channel_looks_like_none(world):
    hidden = next(name for name in world.channels if name != "app")
    await world.receive(channel=hidden, who="boris")
    identifier = await world.conversation(hidden, "boris")
    auth = await world.token("messages:read", channels=["app"])
    status, problem = await world.call(
        "GET", f"/v1/messages?conversation={identifier}", headers=auth
    )
    assert status == 404
    assert hidden not in problem["detail"]
