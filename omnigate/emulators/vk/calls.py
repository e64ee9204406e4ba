"""One call of the API: who calls, with which right, how often, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.arguments import Arguments
from omnigate.emulators.vk.community import RIGHTS, Community
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.limits import Rate, Window
from omnigate.emulators.vk.world import World

NOT_FOR_COMMUNITIES: Final = frozenset(
    {
        "video.save",
        "wall.get",
        "friends.get",
        "messages.getLongPollHistory",
        "account.getProfileInfo",
    }
)
"""Methods that exist, and that a community token is refused for with error 27. Others that exist
are unknown here (error 3)."""


@dataclass(slots=True, eq=False)
class Call:
    """One call as it came, and its outcome."""

    method: str
    arguments: Arguments
    world: World
    community: Community
    at: float
    answer: Any = None
    error: Refused | None = None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A call that came to no method: nobody knows whose it is, or it had no right, or no turn."""

    method: str
    arguments: Arguments
    at: float
    error: Refused


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A method and the right that a token needs for it; none for those that every token has."""

    handler: Handler
    right: str | None = None


class Gate:
    """Checks that stand before every method, in the platform's order as far as it is known."""

    def __init__(self, world: World, methods: Mapping[str, Method]) -> None:
        self._world = world
        self._methods = methods
        self.limited = True
        """Whether rates are watched; a benchmark may switch that off."""
        self._per_token = Window(Rate(limits.CALLS_PER_SECOND, 1.0))
        self._sessions = Window(Rate(limits.LONG_POLL_SERVERS_PER_MINUTE, 60.0))

    def admit(self, method: str, arguments: Arguments) -> tuple[Community, Handler]:
        """Return whose the token is and what does the work.

        Raises:
            Refused: 3, 5, 6, 8, 15, 27 or 29
        """
        if method not in self._methods and method not in NOT_FOR_COMMUNITIES:
            raise Refused(3)
        self._check_version(arguments)
        community, rights = self._owner(arguments.text("access_token"))
        now = self._world.clock()
        if self.limited and not self._per_token.admits(arguments["access_token"], now):
            raise Refused(6)
        if method in NOT_FOR_COMMUNITIES:
            raise Refused(27, "method is unavailable with group auth.")
        known = self._methods[method]
        if known.right is not None and known.right not in rights:
            detail = "no access to call this method. It cannot be called with current scopes."
            raise Refused(15, detail, error_subcode=1133)
        if method == "groups.getLongPollServer" and self.limited:
            self._check_sessions(arguments["access_token"], now)
        return community, known.handler

    def _check_sessions(self, token: str, now: float) -> None:
        if not self._sessions.admits(token, now):
            raise Refused(29)

    def _check_version(self, arguments: Arguments) -> None:
        version = arguments.text("v")
        if not version:
            raise Refused(8, "v (version) is required")
        major, _, minor = version.partition(".")
        if not (major.isdecimal() and minor.isdecimal()):
            raise Refused(8, "v (version) is invalid")  # own words
        if (int(major), int(minor)) < (5, 103):
            raise Refused(8, "v (version) is too old")  # own words; older ones had other objects

    def _owner(self, token: str) -> tuple[Community, frozenset[str]]:
        if not token:
            raise Refused(5, "no access_token passed.")
        community = self._world.owner_of(token)
        if community is None:
            raise Refused(5, "invalid access_token (4).")
        return community, community.tokens[token]


def token_permissions(rights: frozenset[str]) -> dict[str, Any]:
    """Return rights as groups.getTokenPermissions does."""
    named = [{"name": one, "setting": bit} for one, bit in RIGHTS.items() if one in rights]
    return {"mask": sum(RIGHTS[one] for one in rights), "permissions": named}
