"""The methods about the community, its receivers, and people.

Source: vendor JSON schema 5.199, ``methods.json`` of the sections groups and users.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.callback import CallbackServer
from omnigate.emulators.vk.calls import Call, token_permissions
from omnigate.emulators.vk.errors import Refused, invalid


def own_group(call: Call) -> None:
    """Check that ``group_id`` is the community whose token this is."""
    group_id = call.arguments.needed_number("group_id")
    if group_id not in call.world.communities:
        raise Refused(125)
    if group_id != call.community.id:
        raise Refused(203)


def get_group(call: Call) -> dict[str, Any]:
    """Return the community itself; of others nothing is known here."""
    named = call.arguments.text("group_ids") or call.arguments.text("group_id")
    community = call.community
    if named and named not in (str(community.id), community.screen_name):
        raise Refused(125)  # of others nothing is known here
    body = {"id": community.id, "name": community.name, "screen_name": community.screen_name}
    return {"groups": [body | {"is_closed": 0, "type": "page"}], "profiles": []}


def get_permissions(call: Call) -> dict[str, Any]:
    """Return the rights of the token."""
    return token_permissions(call.community.tokens[call.arguments["access_token"]])


def get_servers(call: Call) -> dict[str, Any]:
    """Return the callback servers."""
    own_group(call)
    wanted = call.arguments.numbers("server_ids", 10)
    servers = call.community.callback.servers.values()
    items = [one.to_json() for one in servers if not wanted or one.id in wanted]
    return {"count": len(items), "items": items}


def add_server(call: Call) -> dict[str, int]:
    """Add a callback server; its confirmation follows."""
    own_group(call)
    server = call.community.callback.add(*_described(call), creator_id=1)
    return {"server_id": server.id}


def edit_server(call: Call) -> int:
    """Change a callback server, which has to be confirmed again."""
    server = _server(call)
    server.url, server.title, server.secret_key = _described(call)
    call.community.callback.confirm_soon(server)
    return 1


def delete_server(call: Call) -> int:
    """Forget a callback server."""
    call.community.callback.remove(_server(call))
    return 1


def _described(call: Call) -> tuple[str, str, str]:
    url = call.arguments.needed("url")
    if not url.startswith(("http://", "https://")):
        raise invalid("url is invalid")  # own words
    title = call.arguments.needed("title", limits.SERVER_TITLE_CHARACTERS)
    return url, title, call.arguments.text("secret_key", limits.SECRET_KEY_CHARACTERS)


def _server(call: Call) -> CallbackServer:
    own_group(call)
    server = call.community.callback.servers.get(call.arguments.needed_number("server_id"))
    if server is None:
        raise Refused(104)
    return server


def get_code(call: Call) -> dict[str, str]:
    """Return the confirmation string."""
    own_group(call)
    return {"code": call.community.callback.code}


def get_settings(call: Call) -> dict[str, object]:
    """Return the events that a callback server gets."""
    return _server(call).subscription.to_json()


def set_settings(call: Call) -> int:
    """Choose the events that a callback server gets."""
    _server(call).subscription.change(call.arguments)
    return 1


def get_poll(call: Call) -> dict[str, str]:
    """Open a session of the long poll."""
    own_group(call)
    poll = call.community.long_poll
    if not poll.enabled:
        raise invalid("longpoll for this group is not enabled.")
    server = f"{call.world.shelf.url}/wh{call.community.id}"
    return {"key": poll.new_key(), "server": server, "ts": str(poll.ts)}


def get_poll_settings(call: Call) -> dict[str, object]:
    """Return the events that the long poll gets."""
    own_group(call)
    poll = call.community.long_poll
    return {"is_enabled": poll.enabled, **poll.subscription.to_json()}


def set_poll_settings(call: Call) -> int:
    """Switch the long poll, and choose its events."""
    own_group(call)
    poll = call.community.long_poll
    poll.subscription.change(call.arguments)
    if call.arguments.text("enabled"):
        poll.enabled = call.arguments.flag("enabled")
    return 1


def get_users(call: Call) -> list[dict[str, Any]]:
    """Return profiles; who does not exist is left out."""
    names = [one.strip() for one in call.arguments.text("user_ids").split(",") if one.strip()]
    if len(names) > limits.USERS:
        raise invalid("user_ids should contain no more than 1000 items")  # own words
    fields = [one.strip() for one in call.arguments.text("fields").split(",")]
    people = [call.world.person_by_name(name) for name in names]
    return [person.to_json(fields) for person in people if person is not None]
