"""Contacts and conversations in memory: what is known of them, and how envelopes show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

from pydantic_core import to_json

from omnigate.model.context import Context
from omnigate.model.facts import Consent
from omnigate.model.inbound import Profile
from omnigate.store.blank import ERASED_SCHEME

SHOWN_OF_SCHEME: Final = 50
"""Addresses of one scheme that are shown of a contact: an envelope stays small, whoever it is about."""
NO_CONTEXT: Final = Context().model_dump_json()
_PROFILE_FIELDS: Final = ("display_name", "locale", "phone", "email", "avatar_url")
OWN_FIELDS: Final = (*_PROFILE_FIELDS, "blocked_at", "merged_into")


class ChannelKey(NamedTuple):
    """A configured channel, as far as the store is concerned."""

    name: str
    kind: str
    priority: int = 100
    target_ms: int | None = None
    """How long a customer may wait for an answer; None: nobody is told of those who do."""


@dataclass(slots=True)
class Identity:
    """One address of a person."""

    address: str
    username: str | None
    verified_at: int | None
    created_at: int = 0
    consent: Consent | None = None
    """As it is stored; only `omnigate.store.consents` writes it."""
    new: bool = False
    changed: bool = False


@dataclass(slots=True)
class Person:
    """A contact in memory."""

    id: str
    display_name: str | None = None
    locale: str | None = None
    phone: str | None = None
    email: str | None = None
    avatar_url: str | None = None
    blocked_at: int | None = None
    merged_into: str | None = None
    identities: list[Identity] = field(default_factory=list)
    new: bool = False
    changed: bool = False
    _json: str | None = None

    def learn(self, profile: Profile) -> list[str]:
        """Take over what a profile tells but its addresses; return the fields that changed."""
        changed = [name for name in _PROFILE_FIELDS if self._differs(name, getattr(profile, name))]
        for name in changed:
            setattr(self, name, getattr(profile, name))
        if changed:
            self.touch()
        return changed

    def know(self, address: str, username: str | None, verified_at: int | None) -> bool:
        """Take over an address that is this person's; tell whether that changed anything."""
        for known in self.identities:
            if known.address == address:
                fresher = username is not None and username != known.username
                proven = verified_at is not None and known.verified_at is None
                if fresher:
                    known.username = username
                if proven:
                    known.verified_at = verified_at
                if fresher or proven:
                    known.changed = True
                    self.touch()
                return fresher or proven
        self.identities.append(Identity(address, username, verified_at, new=True))
        self.touch()
        return True

    def identity(self, address: str) -> Identity | None:
        """Return what is known of an address, if it is this person's."""
        return next((known for known in self.identities if known.address == address), None)

    def learn_gaps(self, other: Person) -> list[str]:
        """Take over what the other knows and this one does not; return the names of these fields."""
        filled = [
            name
            for name in _PROFILE_FIELDS
            if getattr(self, name) is None and getattr(other, name) is not None
        ]
        for name in filled:
            setattr(self, name, getattr(other, name))
        self.touch()
        return filled

    def in_order(self) -> None:
        """Put the addresses in the order in which they are read."""
        self.identities.sort(key=lambda known: (known.created_at, known.address))
        self._json = None

    def touch(self) -> None:
        """Note that there is something to write."""
        self.changed = True
        self._json = None

    def as_json(self) -> str:
        """Return the contact as the envelope shows it."""
        if self._json is None:
            shown: dict[str, Any] = {"id": self.id}
            shown.update((name, getattr(self, name)) for name in _PROFILE_FIELDS)
            latest = latest_of_each_scheme(self.identities)
            shown["addresses"] = [
                {
                    "address": known.address,
                    "username": known.username,
                    "verified": known.verified_at is not None,
                    "consent": known.consent,
                }
                for known in latest
            ]
            shown["addresses_left_out"] = len(self.identities) - len(latest)
            self._json = to_json(shown).decode()
        return self._json

    def _differs(self, name: str, value: str | None) -> bool:
        return value is not None and value != getattr(self, name)


@dataclass(slots=True)
class Thread:
    """A conversation in memory."""

    id: str
    channel: ChannelKey
    external_id: str
    person: Person
    address: str
    subject: str | None = None
    status: Literal["open", "closed"] = "open"
    owner: str | None = None
    blocked_at: int | None = None
    """When the customer asked not to be written to here any more."""
    waiting_since: int | None = None
    """Since when the customer waits for an answer; see `omnigate.store.waits`."""
    answered_at: int | None = None
    """When somebody first wrote to the customer here."""
    next_sequence: int = 1
    context: str = NO_CONTEXT
    new: bool = False
    changed: bool = False
    _written: tuple[str | int | None, ...] = ()
    _said: tuple[str | None, ...] = ()
    """What `_json` was made of."""
    _json: str = ""

    @property
    def is_erased(self) -> bool:
        """Whether whom it was with was erased, or is just being: nothing is to be added to it."""
        return self.address.startswith(f"{ERASED_SCHEME}:")

    def written(self) -> bool:
        """Note what is written but for the number; tell whether anything else had changed."""
        state = (
            self.person.id,
            self.subject,
            self.status,
            self.owner,
            self.blocked_at,
            self.waiting_since,
            self.answered_at,
            self.context,
        )
        before, self._written = self._written, state
        return before != state

    def next(self) -> int:
        """Take the next sequence number."""
        number = self.next_sequence
        self.next_sequence += 1
        self.changed = True
        return number

    def merge_context(self, context: Context, *, by_us: bool = False) -> bool:
        """Replace the fields that the newer context names; tell whether anything changed.

        Where somebody was handed over from only we can say: what others name is passed over.
        """
        merged = Context.model_validate_json(self.context).model_dump()
        news = context.model_dump(exclude_unset=True, exclude_none=True)
        if not by_us:
            news.pop("handover", None)
        custom = {**merged["custom"], **news.pop("custom", {})}
        merged.update(news)
        merged["custom"] = dict(list(custom.items())[-50:])
        text = Context.model_validate(merged).model_dump_json()
        if text == self.context:
            return False
        self.context = text
        self.changed = True
        return True

    def as_json(self) -> str:
        """Return the conversation as the envelope shows it."""
        said = (self.external_id, self.subject, self.status, self.context)
        if self._said != said:
            head: dict[str, str | None] = {"id": self.id, "external_id": self.external_id}
            head |= {"subject": self.subject, "status": self.status}
            self._json = f'{to_json(head).decode()[:-1]},"context":{self.context}}}'
            self._said = said
        return self._json


class Addressed(Protocol):
    """What has an address: a row, or an `Identity`."""

    @property
    def address(self) -> str:
        """Scheme and path."""


AddressedT = TypeVar("AddressedT", bound=Addressed)


def latest_of_each_scheme(known: Sequence[AddressedT]) -> Sequence[AddressedT]:
    """Return the last `SHOWN_OF_SCHEME` of each scheme, in the order in which they come."""
    if len(known) <= SHOWN_OF_SCHEME:
        return known
    seen: Counter[str] = Counter()
    latest = []
    for one in reversed(known):
        scheme = one.address.partition(":")[0]
        seen[scheme] += 1
        if seen[scheme] <= SHOWN_OF_SCHEME:
            latest.append(one)
    return latest[::-1]
