"""Who people are: what the platform tells of them, kept for a day and for so many."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import omnigate
from omnigate_vk.places import address_of

FIELDS: Final = "screen_name,photo_200"
PER_CALL: Final = 1000
_FRESH_SECONDS: Final = 24 * 3600.0
_REMEMBERED: Final = 50_000
_LANGUAGES: Final[Mapping[int, str]] = {
    0: "ru",
    1: "uk",
    2: "be",
    3: "en",
    4: "es",
    5: "fi",
    6: "de",
    7: "it",
}
"""Languages of clients by number; beyond Russian and English it is general knowledge, unchecked."""


class Person(NamedTuple):
    """What is known of somebody."""

    name: str | None = None
    screen_name: str | None = None
    photo: str | None = None


class People:
    """Everybody who was asked for, and how long ago. Communities are people with ids below zero."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Person, float]] = OrderedDict()

    def unknown(self, user_ids: Iterable[int]) -> list[int]:
        """Return who has to be asked for, each once."""
        oldest = time.monotonic() - _FRESH_SECONDS
        return [
            one
            for one in dict.fromkeys(user_ids)
            if one > 0 and ((known := self._known.get(one)) is None or known[1] < oldest)
        ]

    def learn(self, user_id: int, given: Mapping[str, Any]) -> bool:
        """Take over what users.get says; tell whether that is news."""
        before = self._known.pop(user_id, None)
        person = _person(user_id, given)
        self._known[user_id] = (person, time.monotonic())
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return before is None or before[0] != person

    def name(self, user_id: int) -> str:
        """Return what to call somebody: the name, or the address as long as there is none."""
        known = self._known.get(user_id)
        return known[0].name or address_of(user_id) if known else address_of(user_id)

    def profile(self, user_id: int, lang_id: int | None = None) -> omnigate.Profile:
        """Return somebody as far as is known now."""
        person = known[0] if (known := self._known.get(user_id)) else _NOBODY
        return omnigate.Profile(
            address=address_of(user_id),
            display_name=person.name,
            username=person.screen_name,
            locale=None if lang_id is None else _LANGUAGES.get(lang_id),
            avatar_url=person.photo,
            verified=True,
        )


_NOBODY: Final = Person()


def _person(user_id: int, given: Mapping[str, Any]) -> Person:
    name = " ".join(filter(None, (_text(given, "first_name"), _text(given, "last_name"))))
    screen_name = _text(given, "screen_name")
    if screen_name == f"id{user_id}":  # as good as none
        screen_name = None
    return Person(name or None, screen_name, _text(given, "photo_200"))


def _text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    return value[:1000] if isinstance(value, str) and value else None
