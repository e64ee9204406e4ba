"""Work on many things at once: picked out, asked about, done in chunks, with a bar, told in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer

from omnigate.cli import terminal
from omnigate.cli.client import Client
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.progress import progress

CHUNK: Final = 500
_MOST_REFUSALS: Final = 20

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="NAME",
        help="Only for this backend or channel; backend:NAME where both are called so.",
    ),
]


@dataclass(frozen=True, slots=True)
class Deed:
    """What a command does with many things."""

    path: str
    noun: str
    verb: str
    """``drop``, as a command says it."""
    doing: str
    """``Dropping``, beside the bar."""
    would: str
    """``dropped``, as a dry run says it."""
    done: str
    """How the last line begins."""
    look: str
    """The command that lists the things."""
    always_asks: bool = False
    """Where nobody can be asked only --yes will do: what is done cannot be undone."""


def dropping(path: str, noun: str, look: str) -> Deed:
    """Return how things are dropped: for good, so it is asked about."""
    return Deed(
        path=path,
        noun=noun,
        verb="drop",
        doing="Dropping",
        would="dropped",
        done="Dropped",
        look=look,
        always_asks=True,
    )


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command is to go about it."""

    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    count: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


def selection(
    ids: Sequence[int] | None, filters: Mapping[str, Any], *, everything: bool, how: str
) -> dict[str, Any]:
    """Return what the daemon is to work on; raises `WrongUsage` unless it is said in one way.

    ``how`` says how it can be.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    if sum([bool(ids), bool(given), everything]) != 1:
        raise WrongUsage("It is not clear what is meant.", f"Give {how}.")
    if ids:
        return {"ids": list(ids)}
    return given or {"all": True}


def carry_out(client: Client, deed: Deed, wanted: dict[str, Any], manner: Manner) -> None:
    """Do it with everything that is wanted, once it is clear that this is meant; then tell.

    What is named by number was meant; what a filter finds is asked about. Exit code 1 when anything was
    refused.
    """
    total, up_to = _count(client, deed.path, wanted)
    if manner.dry_run:
        if manner.as_json:
            terminal.say_json({"count": total, "refused": []})
        else:
            terminal.say(f"{terminal.amount(total, deed.noun)} would be {deed.would}.")
        return
    if "ids" not in wanted:
        if total == 0:
            raise Failed(f"No {deed.noun} matches.", f"See what there is: {deed.look}")
        question = f"{deed.verb.capitalize()} {terminal.amount(total, deed.noun)}?"
        confirm(question, yes=manner.yes, always=deed.always_asks)
    tally = Tally()
    with progress(deed.doing, total) as bar:
        for part in _parts(wanted):
            place = {"up_to": up_to}
            while True:
                answer = client.post(deed.path, {**part, **place})
                tally.count += answer["count"]
                tally.refused += answer["refused"]
                bar.at(tally.count + len(tally.refused))
                if answer["next"] is None:
                    break
                place["after"] = answer["next"]
    _report(tally, deed, as_json=manner.as_json)


def confirm(question: str, *, yes: bool, always: bool = False) -> None:
    """Ask on a terminal; ends the command when the answer is no.

    Where nobody can be asked the command goes on, unless ``always``: then only --yes will do.
    """
    if yes:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        if not typer.confirm(question, err=True):
            raise Failed("Nothing was changed.")
    elif always:
        raise WrongUsage(f"{question} Nobody is here to answer.", "Add --yes if that is meant.")


def _count(client: Client, path: str, wanted: dict[str, Any]) -> tuple[int, int]:
    """Return how many things are meant, and the number of the last one that there is."""
    parts = [client.post(path, {**part, "dry_run": True}) for part in _parts(wanted)]
    return sum(part["count"] for part in parts), parts[0]["up_to"]


def _report(tally: Tally, deed: Deed, *, as_json: bool) -> None:
    if as_json:
        terminal.say_json({"count": tally.count, "refused": tally.refused})
    else:
        if tally.count or not tally.refused:
            terminal.say(f"{deed.done} {terminal.amount(tally.count, deed.noun)}.")
        for item in tally.refused[:_MOST_REFUSALS]:
            terminal.note(f"{deed.noun} {item['id']}: {terminal.clean(item['why'])}")
        more = len(tally.refused) - _MOST_REFUSALS
        if more > 0:
            terminal.note(f"… and {terminal.amount(more, 'more ' + deed.noun)} not {deed.would}.")
    if tally.refused:
        raise typer.Exit(1)


def _parts(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut what is named by number into as many calls as it takes."""
    ids: Sequence[int] | None = wanted.get("ids")
    if not ids:
        yield wanted
        return
    for start in range(0, len(ids), CHUNK):
        yield {**wanted, "ids": ids[start : start + CHUNK]}
