"""Work on many things at once: asked about first, done in chunks, with a bar, told in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
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


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    count: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


def count(client: Client, path: str, selection: dict[str, Any]) -> int:
    """Return how many things a selection names."""
    parts = [client.post(path, {**part, "dry_run": True}) for part in _parts(selection)]
    return sum(part["count"] for part in parts)


def agreed(
    client: Client,
    path: str,
    selection: dict[str, Any],
    verb: str,
    noun: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    hint: str,
    always: bool = False,
) -> int:
    """Return how many things a selection names, once it is clear that they are meant.

    Ends the command after a dry run, when there are none (``hint`` says where to look), or when the
    answer to the question is no. What is named by number was meant. ``always``: see `confirm`.
    """
    total = count(client, path, selection)
    if dry_run:
        if as_json:
            terminal.say_json({"count": total, "refused": []})
        else:
            terminal.say(f"{amount(total, noun)} would be meant.")
        raise typer.Exit
    if not selection.get("ids"):
        if total == 0:
            raise Failed(f"No {noun} matches.", f"See what there is: {hint}")
        confirm(f"{verb} {amount(total, noun)}?", yes=yes, always=always)
    return total


def work_through(
    client: Client, path: str, selection: dict[str, Any], what: str, total: int | None = None
) -> Tally:
    """Have the daemon work on a selection, chunk by chunk, with a bar on a terminal."""
    tally = Tally()
    with progress(what, total) as bar:
        for part in _parts(selection):
            after: int | None = 0
            while after is not None:
                answer = client.post(path, {**part, "after": after})
                tally.count += answer["count"]
                tally.refused += answer["refused"]
                after = answer["next"]
                bar.at(tally.count + len(tally.refused))
    return tally


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


def report(tally: Tally, verb: str, noun: str, *, as_json: bool) -> None:
    """Say what was done and what stays; exit code 1 when anything was refused."""
    if as_json:
        terminal.say_json({"count": tally.count, "refused": tally.refused})
    else:
        terminal.say(f"{verb} {amount(tally.count, noun)}.")
        for item in tally.refused[:_MOST_REFUSALS]:
            terminal.note(f"{item['id']} stays: {terminal.clean(item['why'])}")
        if len(tally.refused) > _MOST_REFUSALS:
            terminal.note(f"and {len(tally.refused) - _MOST_REFUSALS} more stay.")
    if tally.refused:
        raise typer.Exit(1)


def amount(number: int, noun: str) -> str:
    """Return ``1 dead letter``, ``3 dead letters``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _parts(selection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut what is named by number into as many calls as it takes."""
    ids: Sequence[int] | None = selection.get("ids")
    if not ids:
        yield selection
        return
    for start in range(0, len(ids), CHUNK):
        yield {**selection, "ids": ids[start : start + CHUNK]}
