"""What another configuration comes down to, in names as people read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from omnigate.flow.member import Key, Member, called


@dataclass(frozen=True, slots=True)
class Changes:
    """What another configuration came down to, as ``channel site`` or ``backend crm``."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def changes(
    members: Mapping[Key, Member], wanted: Collection[Key], made: Mapping[Key, Member]
) -> Changes:
    """Return what comes of exchanging members for those that were made anew.

    Who did not work and still does not, for the same reason, is kept as he is.
    """
    replaced = [
        key
        for key, member in made.items()
        if key in members and (member.failure is None or member.failure != members[key].failure)
    ]
    return Changes(
        added=[called(key) for key in made if key not in members],
        replaced=[called(key) for key in replaced],
        removed=[called(key) for key in members if key not in wanted],
        kept=[called(key) for key in members if key in wanted and key not in replaced],
    )
