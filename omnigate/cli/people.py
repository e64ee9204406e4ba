"""``omnigate contact export`` and ``erase``: what is known of one person, told or taken out."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Annotated, Any, Final
from urllib.parse import parse_qsl, urlsplit

import typer

from omnigate import ids
from omnigate.cli import terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.portions import Yes, confirm
from omnigate.cli.progress import progress
from omnigate.cli.reach import store

Contact = Annotated[
    str,
    typer.Argument(metavar="ctc_…|ADDRESS", help="Identifier, or an address: tel:+79161234567"),
]

_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
_SECTIONS: Final = (
    "contacts",
    "addresses",
    "conversations",
    "events",
    "messages",
    "calls",
    "handovers",
    "waits",
    "merges",
    "conflicts",
    "wishes",
    "told",
    "files",
    "notes",
)


def export(
    contact: Contact,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, for you alone."),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save the files of messages into this directory too."),
    ] = None,
    config_path: ConfigPath = None,
) -> None:
    """Tell all that is known of a customer, as one JSON document.

    Contact, addresses with consents, conversations, events, messages, calls, links to carry on with, waits,
    merges, what was said with wishes for calls that are others', what others' conversations tell of these,
    what is known of files, and what channels have noted.
    """
    if output is not None and output.is_dir():
        raise WrongUsage(f"{output} is a directory.", "Name a file.")
    wanted: list[dict[str, Any]] = []
    with store(config_path) as client:
        path = f"/admin/contacts/{segment(contact_id(client, contact))}/export"
        with _target(output) as target:
            _write(target, _kept(client.lines("GET", path), wanted if files else None))
        lost = _save(client, wanted, files) if files else 0
    if output is not None:
        terminal.note(f"Written: {output}")
    if files is not None:
        terminal.note(f"{terminal.amount(len(wanted) - lost, 'file')} saved in {files}")
    if lost:
        raise Failed(
            f"{terminal.amount(lost, 'file')} could not be had.",
            "They are named above; try again later.",
        )


def erase(
    contact: Contact,
    yes: Yes = False,
    reason: Annotated[
        str | None,
        typer.Option(metavar="WHY", help="Is kept and told to backends: nothing personal, please."),
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Erase a customer: all that was said, by whom and from where. It cannot be undone.

    Identifiers and sequence numbers stay, so that history has no holes; backends get contact.erased.
    """
    with store(config_path) as client:
        known = contact_id(client, contact)
        confirm(f"Erase {known} and all that was said with it, for good?", yes=yes, always=True)
        done = _erased(client, known, reason)
    if as_json:
        terminal.say_json(done)
        return
    terminal.say(
        f"Erased {done['contact']}: {terminal.amount(done['messages'], 'message')},"
        f" {terminal.amount(done['calls'], 'call')}, {terminal.amount(done['events'], 'event')},"
        f" {terminal.amount(done['files'], 'file')};"
        f" {terminal.amount(done['cancelled'], 'pending item')} cancelled."
    )


def _erased(client: Client, contact: str, reason: str | None) -> dict[str, Any]:
    path = f"/admin/contacts/{segment(contact)}/erase"
    with progress(f"{contact} is erased") as bar:
        for line in client.lines("POST", path, reason=reason):
            if "failed" in line:
                raise Failed(
                    f"It was not finished: {line['failed']}", "Give the command again; it goes on."
                )
            if "erased" in line:
                done: dict[str, Any] = line["erased"]
                return done
            bar.at(line["done"], line["total"])
    raise Failed("The daemon stopped before it was done.", "Give the command again; it goes on.")


def contact_id(client: Client, contact: str) -> str:
    """Return the identifier of a contact that is named by it or by an address."""
    if ids.is_id(contact, "ctc"):
        return contact
    if ":" not in contact:
        raise WrongUsage(
            f"{contact} is neither an identifier nor an address.",
            "Identifiers begin with ctc_, addresses are scheme:path: tel:+7…",
        )
    found = client.get("/v1/contacts", address=contact)["items"]
    if not found:
        raise Failed(f"Nobody is known under {contact}.", "See: omnigate contact show --help")
    return str(found[0]["id"])


@contextmanager
def _target(output: Path | None) -> Iterator[IO[str]]:
    """Yield where the document goes; a file appears only once it is complete."""
    if output is None:
        yield sys.stdout
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name}-", dir=output.parent)
    except OSError as error:
        raise Failed(
            f"{output} cannot be written: {error.strerror}.", "Name another file."
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _kept(
    lines: Iterable[dict[str, Any]], wanted: list[dict[str, Any]] | None
) -> Iterator[dict[str, Any]]:
    """Pass lines on, and keep what is said of files; raises `Failed` when the end is missing."""
    section = ""
    for line in lines:
        section = line["section"]
        if section == "files" and wanted is not None:
            wanted.append(line["item"])
        yield line
    if section != "end":
        raise Failed("The daemon stopped before it was done.", "Give the command again.")


def _write(target: IO[str], lines: Iterable[dict[str, Any]]) -> None:
    """Write the document as its parts come, each section a list; a section that is missing is empty."""
    left = list(_SECTIONS)
    target.write("{\n")
    for section, group in groupby(lines, key=itemgetter("section")):
        if section == "about":
            (about,) = group
            target.write(f'"exported_at": {json.dumps(about["item"]["exported_at"])}')
        elif section in left:
            while left[0] != section:
                target.write(f',\n"{left.pop(0)}": []')
            target.write(f',\n"{left.pop(0)}": [\n')
            for number, line in enumerate(group):
                target.write((",\n" if number else "") + terminal.json_line(line["item"]))
            target.write("\n]")
    target.write("".join(f',\n"{section}": []' for section in left) + "\n}\n")


def _save(client: Client, wanted: Iterable[dict[str, Any]], directory: Path) -> int:
    """Save files under their identifiers; return how many could not be had."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Failed(
            f"{directory} cannot be made: {error.strerror}.", "Name another directory."
        ) from None
    lost = 0
    for file in wanted:
        suffix = Path(file["name"] or "").suffix
        path = directory / (file["id"] + (suffix if _SUFFIX.fullmatch(suffix) else ""))
        address = urlsplit(file["url"])
        try:
            with _opened(path) as target:
                client.download(address.path, target, **dict(parse_qsl(address.query)))
        except Failed as error:
            path.unlink(missing_ok=True)
            terminal.note(f"{file['id']}: {terminal.clean(error.what)}")
            lost += 1
    return lost


def _opened(path: Path) -> IO[bytes]:
    """Open a file for writing that nobody else may read; one that is there is replaced."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
