"""What the operator is told about a community, in the platform's own words."""

from __future__ import annotations

from typing import Any, Final

import omnigate
from omnigate_vk.api import MISSING_RIGHT, Api, ApiError
from omnigate_vk.config import VkConfig
from omnigate_vk.polling import Poll
from omnigate_vk.servers import Servers

_NEEDED: Final = ("messages",)
_WANTED: Final = ("photos", "docs")
_MANAGE: Final = "manage"


async def community(api: Api, config: VkConfig) -> dict[str, Any]:
    """Return what the platform says of the community. Raises as `Api.call` does."""
    told = await api.call("groups.getById", group_id=config.group_id, fields="can_message")
    groups = told.get("groups") if isinstance(told, dict) else told
    found = groups[0] if isinstance(groups, list) and groups else None
    return found if isinstance(found, dict) else {}


async def check(api: Api, config: VkConfig, servers: Servers, poll: Poll) -> omnigate.Health:
    """Return how the community is. Raises as `Api.call` does."""
    about = await community(api, config)
    name = str(about.get("screen_name") or config.group_id)
    rights = await _rights(api)
    troubles = []
    if missing := [one for one in (*_NEEDED, *_WANTED) if one not in rights]:
        troubles.append(f"the token lacks {', '.join(missing)}: {MISSING_RIGHT}")
    if about.get("can_message") == 0:
        troubles.append("messages are switched off: Manage, Messages, in the community")
    if _MANAGE not in rights and config.confirmation is None:
        troubles.append(f"the token lacks {_MANAGE}: {MISSING_RIGHT}")
    else:
        troubles.append(await _receiving(config, servers, poll))
    told = "; ".join(filter(None, troubles))
    if any(one not in rights for one in _NEEDED):
        return omnigate.Health("down", f"{name}: {told}")
    if told:
        return omnigate.Health("degraded", f"{name}: {told}")
    return omnigate.Health("up", f"{name}, events by {config.mode}")


async def _rights(api: Api) -> frozenset[str]:
    told = await api.call("groups.getTokenPermissions")
    permissions = told.get("permissions") if isinstance(told, dict) else None
    named = permissions if isinstance(permissions, list) else []
    return frozenset(str(one.get("name")) for one in named if isinstance(one, dict))


async def _receiving(config: VkConfig, servers: Servers, poll: Poll) -> str:
    """Return what keeps events from coming; empty when nothing does."""
    try:
        if config.mode == "poll":
            return await poll.look()
        return await servers.trouble()
    except ApiError as error:
        if error.code in (7, 15) and config.confirmation is not None:
            return ""  # it is entered by hand, and we may not look
        raise
