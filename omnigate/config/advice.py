"""What is allowed and yet hardly meant, and what the daemon would only find out at its start."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

from pydantic import BaseModel

from omnigate.config.reading import Document
from omnigate.config.rights import too_open
from omnigate.config.sections import Sections
from omnigate.config.settings import Settings
from omnigate.errors import Problem
from omnigate.receiver import ReceiverConfig

_SOCKET_BYTES: Final = 107
"""Longest path of a Unix socket. Source: unix(7) (read 2026-11-22)."""
_TOLD_APART_SECONDS: Final = 5
"""A greeting and a question back: who hangs up before that may be anybody."""
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, never bound


def unusable(document: Document, settings: BaseModel) -> Iterator[Problem]:
    """Return what the daemon would find at its start: files it cannot use, a socket it cannot make.

    Of settings with mistakes what is good will do: keys that are wrong are not set there.
    """
    for found in (_unusable_socket, _unusable_certificate):
        with suppress(AttributeError):  # it looks at a key that is wrong: reported by itself
            yield from found(document, cast(Settings, settings))


def _unusable_socket(document: Document, settings: Settings) -> Iterator[Problem]:
    socket = os.fsencode(document.path.parent / settings.socket)
    if len(socket) > _SOCKET_BYTES:
        message = f"{os.fsdecode(socket)} is longer than {_SOCKET_BYTES} bytes"
        hint = "no system has longer ones: set a shorter path here"
        yield document.problem(("admin", "socket"), message, hint)


def _unusable_certificate(document: Document, settings: Settings) -> Iterator[Problem]:
    directory = document.path.parent
    found = list(_closed_files(document, settings))
    yield from found
    cert, key = settings.server.tls_cert, settings.server.tls_key
    if cert is None or key is None or found:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / cert, directory / key, password=lambda: b"")
    except OSError as error:  # SSLError is one
        message = f"{directory / cert} and tls_key cannot be used: {error}"
        hint = "they must be PEM files that belong together, the key without a password"
        yield document.problem(("server", "tls_cert"), message, hint)


def _closed_files(document: Document, settings: Settings) -> Iterator[Problem]:
    for key in ("tls_cert", "tls_key"):
        path: Path | None = getattr(settings.server, key)
        if path is None:
            continue
        file = document.path.parent / path
        try:
            is_file = file.is_file()
        except PermissionError:
            is_file = True
        if not is_file:
            yield document.problem(("server", key), f"{file} is not a file", "check the path")
        elif not os.access(file, os.R_OK):
            hint = "check its owner and mode, and those of its directory"
            yield document.problem(("server", key), f"{file} cannot be read", hint)


def warnings(document: Document, settings: Settings, sections: Sections) -> Iterator[Problem]:
    """Return everything worth a second look."""
    yield from _empty(document)
    yield from _broken(document, sections)
    yield from _unreachable(document, settings)
    yield from too_open(document, settings)
    yield from _misplaced(document, settings)
    yield from _unencrypted(document, sections)
    yield from _doubtful_proofs(document, settings)


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


def _misplaced(document: Document, settings: Settings) -> Iterator[Problem]:
    """Warn of ``sqlite:///var/lib/…``: three slashes make a path relative, four absolute."""
    path = settings.store.path
    meant = Path("/", path)
    if path.is_absolute() or len(path.parts) < 2 or not Path("/", path.parts[0]).is_dir():
        return
    if not (document.path.parent / path).parent.is_dir():
        message = f"three slashes: the store will be {document.path.parent / path}"
        yield document.problem(("store", "url"), message, f"sqlite:////{path} means {meant}")


def _doubtful_proofs(document: Document, settings: Settings) -> Iterator[Problem]:
    """Warn of what says nothing about who is the same customer, and of what makes one too easily."""
    identity = settings.identity
    if len(set(identity.merge_on)) < len(identity.merge_on):
        message = f"names a proof twice: {', '.join(identity.merge_on)}"
        yield document.problem(("identity", "merge_on"), message, "once is enough")
    place = ("identity", "call_proof_seconds")
    if "call" not in identity.merge_on:
        if "call_proof_seconds" in identity.model_fields_set:
            message = "has no effect: merge_on leaves out call"
            yield document.problem(place, message, "take it out, or name call in merge_on")
    elif identity.call_proof_seconds < _TOLD_APART_SECONDS:
        yield document.problem(
            place,
            f"{identity.call_proof_seconds:g} s: whoever picks up somebody else's phone becomes"
            " the customer who asked for the call",
            f"set {_TOLD_APART_SECONDS} or more",
        )


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
