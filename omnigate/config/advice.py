"""What is allowed and yet hardly meant, and files that are named but not there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from omnigate.config.reading import Document
from omnigate.config.sections import Sections
from omnigate.config.settings import Settings
from omnigate.errors import Problem
from omnigate.receiver import ReceiverConfig

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, never bound


def missing_files(document: Document, settings: Settings) -> Iterator[Problem]:
    """Return the files of the settings that the daemon will not be able to read."""
    for key in ("tls_cert", "tls_key"):
        path: Path | None = getattr(settings.server, key)
        if path is None:
            continue
        file = document.path.parent / path
        if not file.is_file():
            yield document.problem(("server", key), f"{file} is not a file", "check the path")
        elif not os.access(file, os.R_OK):
            hint = "check its owner and mode"
            yield document.problem(("server", key), f"{file} cannot be read", hint)


def warnings(document: Document, settings: Settings, sections: Sections) -> Iterator[Problem]:
    """Return everything worth a second look."""
    yield from _empty(document)
    yield from _broken(document, sections)
    yield from _unreachable(document, settings)
    yield from _readable(document)
    yield from _misplaced(document, settings)
    yield from _unencrypted(document, sections)


def _empty(document: Document) -> Iterator[Problem]:
    for key, consequence in (
        ("channels", "nobody can write in"),
        ("backends", "nobody gets the events"),
    ):
        if not document.table.get(key):
            hint = "omnigate config example shows how"
            yield document.problem((key,), f"there are none: {consequence}", hint)


def _unreachable(document: Document, settings: Settings) -> Iterator[Problem]:
    """Warn of addresses that mean nothing to anybody else."""
    server = settings.server
    if server.public_url is None and server.host in _EVERYWHERE:
        yield document.problem(
            ("server", "public_url"),
            f"is not set, so links to files will begin with {settings.public_url}",
            "set the address under which browsers and your CRM reach this daemon",
        )


def _broken(document: Document, sections: Sections) -> Iterator[Problem]:
    for section in sections.broken:
        place = (f"{section.direction}s", section.name)
        message = f"cannot start, its plugin is broken: {section.error}"
        hint = f"see: omnigate plugin describe {section.kind}"
        yield document.problem(place, message, hint)


def _readable(document: Document) -> Iterator[Problem]:
    for path in sorted(document.literal_secrets):
        if path.stat().st_mode & stat.S_IROTH:
            yield Problem(
                str(path),
                "",
                "holds secrets and can be read by every user of this machine",
                f"chmod o-r {path}",
            )


def _misplaced(document: Document, settings: Settings) -> Iterator[Problem]:
    """Warn of ``sqlite:///var/lib/…``: three slashes make a path relative, four absolute."""
    path = settings.store.path
    meant = Path("/", path)
    if path.is_absolute() or len(path.parts) < 2 or not Path("/", path.parts[0]).is_dir():
        return
    if not (document.path.parent / path).parent.is_dir():
        message = f"three slashes: the store will be {document.path.parent / path}"
        yield document.problem(("store", "url"), message, f"sqlite:////{path} means {meant}")


def _unencrypted(document: Document, sections: Sections) -> Iterator[Problem]:
    """Warn of receivers at ``http://`` outside the networks where the egress guard lets it through."""
    for direction, named in (("channels", sections.channels), ("backends", sections.backends)):
        for name, section in named.items():
            config = section.config
            url: str | None = getattr(config, "url", None)
            if not isinstance(config, ReceiverConfig) or config.allow_private or url is None:
                continue
            if url.startswith("http://"):
                yield document.problem(
                    (direction, name, "url"),
                    "nothing will be sent: http:// is accepted only inside allow_private",
                    'use https://, or name the network: allow_private = ["127.0.0.1/32"]',
                )
