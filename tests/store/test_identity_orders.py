"""Proofs in any order give the same customers; merges undone in any order give them back."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnigate.errors import Refused
from omnigate.model.facts import ProofKind
from omnigate.model.inbound import Profile
from omnigate.store import identity, ledger, proofs
from omnigate.store.contacts import Merge, merge
from omnigate.store.identity import Identities
from omnigate.store.ledger import Ledger
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.record import Recorder
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import TRUST, Transaction

PLAIN = ("app:a", "app:b", "mailto:c@x.example", "tel:+4912345", "webchat:d", "webchat:e")
IDS = ("user:1", "user:2", "user:3")
EXAMPLES = 8
"""For each of the eight choices of proofs."""

KINDS: tuple[ProofKind, ...] = get_args(ProofKind)
Proof = tuple[ProofKind | None, tuple[str, ...]]
"""The addresses that it makes one person's; without a kind nobody vouches for anything."""

Groups = set[frozenset[str]]
MERGE_ON = pytest.mark.parametrize(
    "merge_on",
    [
        frozenset(some)
        for size in range(len(KINDS) + 1)
        for some in itertools.combinations(KINDS, size)
    ],
    ids=lambda kinds: "+".join(sorted(kinds)) or "nothing",
)
often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def proofs_over(addresses: Sequence[str]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    """Return lists of proofs; each names one to three addresses that are one person's."""
    one = st.lists(st.sampled_from(addresses), min_size=1, max_size=3, unique=True).map(tuple)
    return st.lists(one, min_size=1, max_size=7)


def mixed_proofs(addresses: Sequence[str]) -> st.SearchStrategy[list[Proof]]:
    """Return lists of proofs of all kinds, and of what somebody only says, about these addresses."""
    one = st.lists(st.sampled_from(addresses), min_size=1, max_size=3, unique=True).map(tuple)
    return st.lists(st.tuples(st.sampled_from((None, *KINDS)), one), min_size=1, max_size=9)


def followed(found: Sequence[Proof], merge_on: Collection[ProofKind]) -> list[Sequence[str]]:
    """Return what is one person's by those proofs that count; what does not count is of one address.

    A call or a link is between conversations that there are, so all its addresses are somebody's.
    """
    groups: list[Sequence[str]] = []
    for kind, addresses in found:
        if kind in merge_on:
            groups.append(addresses)
        elif kind in (None, "verified"):
            groups.append(addresses[:1])
        else:
            groups += [[address] for address in addresses]
    return groups


def joined(found: Sequence[Sequence[str]]) -> Groups:
    """Return who is one person if all proofs are followed."""
    groups: list[set[str]] = []
    for addresses in found:
        met = [group for group in groups if group & set(addresses)]
        groups = [group for group in groups if group not in met]
        groups.append(set(addresses).union(*met))
    return {frozenset(group) for group in groups}


class World:
    """A store that people write into; every step is followed by the checks that hold always."""

    def __init__(self, desk: Any, said: Any) -> None:
        self.desk = desk
        self._said = said
        self._numbers = itertools.count()

    def write(self, profiles: Sequence[Profile]) -> None:
        """Have people write in one batch, each in a conversation of the address's own."""
        items = [
            self._said(f"m{next(self._numbers)}", profile.address, sender=profile)
            for profile in profiles
        ]
        self.desk.put(*items)

    def write_in_batches(self, waiting: list[Profile], chance: random.Random) -> None:
        """Have people write, several at once now and then; nobody waits afterwards."""
        while waiting:
            size = chance.randint(1, len(waiting))
            self.write(waiting[:size])
            del waiting[:size]

    def take(self, kind: ProofKind | None, addresses: Sequence[str]) -> None:
        """Have something said of addresses, as its kind comes about."""
        if kind in (None, "verified"):
            self.write([profile(addresses, verified=kind is not None)])
        else:
            self.same(kind, addresses)

    def same(self, kind: ProofKind, addresses: Sequence[str]) -> None:
        """Prove the owners of addresses to be one, as answered calls and used links do."""
        self.write([profile([address], verified=False) for address in addresses])
        for one, other in itertools.pairwise(addresses):
            self.desk.run(same, (kind, one, other))

    def prove(self, addresses: Sequence[str]) -> None:
        """Prove addresses to be the same person's, as a channel does."""
        self.write([profile(addresses, verified=True)])

    def groups(self) -> Groups:
        """Return which addresses are one contact's; every conversation is with who has its address."""
        owners: dict[str, set[str]] = {}
        for row in self.desk.rows("SELECT address, contact_id FROM address"):
            owners.setdefault(row.contact_id, set()).add(row.address)
        for row in self.desk.rows(
            "SELECT address, contact_id, merged_into FROM conversation"
            " JOIN contact ON contact.id = contact_id"
        ):
            assert row.address in owners[row.contact_id]
            assert row.merged_into is None
        return {frozenset(group) for group in owners.values()}

    def ids(self) -> list[str]:
        return [row.id for row in self.desk.rows("SELECT id FROM contact ORDER BY id")]

    def standing(self) -> list[Any]:
        return list(self.desk.rows("SELECT * FROM merge WHERE undone_at IS NULL ORDER BY id"))


@pytest.fixture
def new_world(new_desk: Any, said: Any) -> Callable[..., World]:
    """Make empty worlds in which certain kinds of proof count, or all."""

    def make(merge_on: frozenset[ProofKind] = frozenset(KINDS)) -> World:
        desk = new_desk()
        desk.trust = desk.trust._replace(merge_on=merge_on)
        return World(desk, said)

    return make


def same(transaction: Transaction, items: Sequence[tuple[ProofKind, str, str]]) -> list[None]:
    """Prove the owners of two addresses to be one, other than by a profile."""
    for kind, one, other in items:
        known, recorder = Ledger(transaction), Recorder(transaction)
        known.know(profile([address], verified=False) for address in (one, other))
        left, right = known.owner(one), known.owner(other)
        assert left is not None
        assert right is not None
        Identities(transaction, known, recorder).same(
            left,
            right,
            address=other,
            proof=kind,
            channel=ChannelKey("phone", "call"),
            occurred_at=transaction.now,
            also=[one],
        )
        known.flush()
        recorder.flush()
    return [None] * len(items)


def profile(addresses: Sequence[str], *, verified: bool) -> Profile:
    first, *also = addresses
    return Profile.model_validate({"address": first, "also": also, "verified": verified})


@MERGE_ON
@often
@given(found=mixed_proofs((*PLAIN, "user:1")), seed=st.integers(0, 2**32))
def test_any_order_of_proofs_that_fit_together_gives_the_same_contacts(
    new_world: Callable[..., World],
    merge_on: frozenset[ProofKind],
    found: list[Proof],
    seed: int,
) -> None:
    chance = random.Random(seed)
    found = list(found)
    expected = joined(followed(found, merge_on))
    for _ in range(2):
        world = new_world(merge_on)
        chance.shuffle(found)
        waiting: list[Profile] = []
        for kind, addresses in found:
            if kind in (None, "verified"):
                waiting.append(profile(addresses, verified=kind is not None))
                continue
            world.write_in_batches(waiting, chance)
            world.same(kind, addresses)
        world.write_in_batches(waiting, chance)
        assert world.groups() == expected
        assert world.desk.rows("SELECT * FROM conflict") == []
        assert {row.reason for row in world.standing()} <= merge_on
        assert world.desk.problems() == []


@often
@given(rumours=proofs_over((*PLAIN, *IDS)))
def test_what_is_not_proven_never_merges(
    new_world: Callable[..., World], rumours: list[tuple[str, ...]]
) -> None:
    world = new_world()
    for some in rumours:
        world.write([profile(some, verified=False)])
    assert world.groups() == {frozenset([first]) for first, *_ in rumours}


def contradictions(world: World) -> list[frozenset[str]]:
    """Return contacts that are two people: they have two customer ids."""
    return [group for group in world.groups() if len(group & set(IDS)) > 1]


@MERGE_ON
@often
@given(found=mixed_proofs((*PLAIN, *IDS)))
def test_contradictory_identities_never_end_in_one_contact_and_are_always_reported(
    new_world: Callable[..., World], merge_on: frozenset[ProofKind], found: list[Proof]
) -> None:
    world = new_world(merge_on)
    for kind, addresses in found:
        world.take(kind, addresses)
        assert contradictions(world) == []
    got = world.groups()
    groups = joined(followed(found, merge_on))
    apart = [group for group in groups if not any(group <= one for one in got)]
    known = {row.address for row in world.desk.rows("SELECT address FROM conflict")}
    for group in apart:
        assert group & known, "two that were proven to be one stay two, and nobody is told"
    told = world.desk.rows("SELECT count(*) FROM event WHERE type = 'contact.conflict'")
    assert told == world.desk.rows("SELECT count(*) FROM conflict")


@MERGE_ON
@often
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(("asked", *KINDS)), st.integers(0, 5), st.integers(0, 5)),
        min_size=1,
        max_size=8,
    ),
    seed=st.integers(0, 2**32),
)
def test_when_all_merges_are_undone_everybody_is_who_they_were(
    new_world: Callable[..., World],
    merge_on: frozenset[ProofKind],
    steps: list[tuple[Any, int, int]],
    seed: int,
) -> None:
    chance = random.Random(seed)
    world = new_world(merge_on)
    world.write([profile([address], verified=False) for address in PLAIN])
    alone, people = world.groups(), world.ids()
    for kind, one, other in steps:
        if kind == "asked":
            with suppress(Refused):  # they are one already
                world.desk.run(merge, Merge(people[one], people[other]))
        elif one != other:
            world.take(kind, (PLAIN[one], PLAIN[other]))
        if chance.random() < 0.3:
            undo_one(world, chance)
        unasked = [row.reason for row in world.standing() if row.merged_by is None]
        assert set(unasked) <= merge_on
    while world.standing():
        undo_one(world, chance)
        world.groups()
    assert world.groups() == alone
    # They are apart for good, whatever is proven now, unless they never were one.
    world.desk.trust = TRUST
    parted = {frozenset((row.winner, row.loser)) for row in world.desk.rows("SELECT * FROM merge")}
    for one, other in itertools.combinations(range(len(PLAIN)), 2):
        if frozenset((people[one], people[other])) in parted:
            world.take(chance.choice(KINDS), (PLAIN[one], PLAIN[other]))
    assert world.groups() == alone


def undo_one(world: World, chance: random.Random) -> None:
    if standing := world.standing():
        row = chance.choice(standing)
        contact = chance.choice((row.winner, row.loser))
        world.desk.run(unmerge, Unmerge(contact, row.id, "operator"))


# The same checks go red where a rule is broken


@pytest.mark.parametrize("kind", KINDS)
def test_the_checks_find_a_proof_that_counts_although_it_was_left_out(
    new_world: Callable[..., World], kind: ProofKind
) -> None:
    world = new_world(frozenset(KINDS))
    found: list[Proof] = [(None, ("app:a",)), (None, ("app:b",)), (kind, ("app:a", "app:b"))]
    for one in found:
        world.take(*one)
    assert world.groups() != joined(followed(found, frozenset(KINDS) - {kind}))
    assert world.groups() == joined(followed(found, frozenset({kind})))


def test_the_checks_find_contacts_that_contradict(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "contradiction", lambda *args, **more: None)
    world = new_world()
    world.prove(["user:1", "app:a"])
    world.prove(["user:2", "app:b"])
    world.prove(["app:a", "app:b"])
    assert contradictions(world) == [frozenset(["user:1", "app:a", "user:2", "app:b"])]


def test_the_checks_find_a_merge_by_hearsay(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    def believed(given: Profile) -> Profile:
        return given.model_copy(update={"verified": True})

    follow = proofs.Proofs.follow
    monkeypatch.setattr(
        proofs.Proofs,
        "follow",
        lambda self, person, given, *more: follow(self, person, believed(given), *more),
    )
    monkeypatch.setattr(ledger, "proven_by", lambda given: (given.address, *given.also))
    world = new_world()
    world.write([profile(["app:a"], verified=False), profile(["app:b", "app:a"], verified=False)])
    assert world.groups() != {frozenset(["app:a"]), frozenset(["app:b"])}


def test_the_checks_find_an_order_that_matters(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs.Proofs, "follow", lambda *args: None)
    seen = set()
    for order in itertools.permutations([("app:a", "tel:+4912345"), ("app:b", "tel:+4912345")]):
        world = new_world()
        world.write([profile(["tel:+4912345"], verified=False)])
        world.write([profile(["app:b"], verified=False)])
        for some in order:
            world.prove(some)
        seen.add(frozenset(world.groups()))
    assert seen != {frozenset([frozenset(["app:a", "app:b", "tel:+4912345"])])}


def test_the_checks_find_a_conversation_that_stays_behind(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    world.write([profile([address], verified=False) for address in PLAIN[:2]])
    first, second = world.ids()
    world.desk.run(merge, Merge(first, second))
    monkeypatch.setattr("omnigate.store.merging.move_conversations_on", lambda *args: None)
    world.desk.run(unmerge, Unmerge(first, 1, "operator"))
    with pytest.raises(AssertionError):
        world.groups()
