"""A disk that forgets: what a recorded process wrote, and what of it is there after the power failed.

The model, harsher than any file system that is in use:

* What a file holds survives from the moment when an fsync or fdatasync of it has ended that was asked
  for after the write had ended. Of everything later, writes and truncations alike, any part survives,
  in any order: whole, not at all, or torn into sectors of 512 bytes. Where nothing survived inside a
  file that grew, there are zeros.
* A name in a directory, new, changed or removed, survives from the moment when an fsync of that
  directory has ended. To sync the file alone does nothing for its name (on ext4, xfs and btrfs it
  does). Of later changes any part survives; a rename into another directory may survive in one of
  the two alone.
* The directory that the recording began with is there. Memory that processes share (``-shm``) and
  locks are never on disk.

What it does not model: a disk that lies about a sync, or that loses what was safe.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from proofs.power.systemcalls import Call

SECTOR_BYTES: Final = 512
VOLATILE: Final = ("-shm", ".lock", ".sock")
"""Ends of names that mean nothing after a restart."""

_SYNCS: Final = ("fsync", "fdatasync")


@dataclass(slots=True)
class _Change:
    """A change of a file's bytes: a write, or a truncation where there is no data."""

    end: int
    offset: int
    data: bytes | None


@dataclass(slots=True)
class _Naming:
    """A change of a directory: a name now stands for a file, or for nothing."""

    end: int
    name: str
    node: _Node | None


@dataclass(eq=False, slots=True)
class _Node:
    """A file or a directory: what is safe, what is not yet, and what the process sees."""

    is_directory: bool
    content: bytearray = field(default_factory=bytearray)
    changes: list[_Change] = field(default_factory=list)
    names: dict[str, _Node] = field(default_factory=dict)
    namings: list[_Naming] = field(default_factory=list)
    seen_names: dict[str, _Node] = field(default_factory=dict)
    seen_bytes: int = 0


class Disk:
    """The disk below one directory, moved on call by call."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = _Node(is_directory=True)
        self._positions: dict[int, int] = {}
        """Where the next plain write to a descriptor goes."""

    def restart(self) -> None:
        """Forget open files: another process begins. What is not safe stays so."""
        self._positions.clear()

    def begin(self, call: Call) -> None:
        """Let a call change what the process sees; nothing of it is safe yet."""
        match call.name:
            case "openat":
                self._open_file(call)
            case "mkdir":
                self._make(call, call.words[0].decode(), is_directory=True)
            case "pwrite64" | "write" | "writev" | "ftruncate" | "lseek":
                self._change(call)
            case "unlink" | "rmdir":
                self._name(call, call.words[0].decode(), None)
            case "rename":
                self._rename(call, *(word.decode() for word in call.words))
            case "fsync" | "fdatasync" | "sendto" | "sendmsg":
                pass
            case _:
                self._refuse_strangers(call)

    def end(self, call: Call) -> None:
        """Make safe what a sync covers: what had ended when the sync was asked for."""
        if call.name == "openat":
            # Not at its beginning: until the kernel gives the number it may still be another file's.
            node = self._find(call.words[0].decode())
            appends = node is not None and "O_APPEND" in call.numbers
            self._positions[call.descriptor] = node.seen_bytes if node and appends else 0
        if call.name not in _SYNCS or (node := self._find(call.about)) is None:
            return
        for change in [one for one in node.changes if one.end < call.begin]:
            _apply(node.content, change)
            node.changes.remove(change)
        for naming in [one for one in node.namings if one.end < call.begin]:
            _rename_in(node.names, naming)
            node.namings.remove(naming)

    def cut(self, into: Path, chance: random.Random) -> None:
        """Write what is there after a loss of power now into an empty directory."""
        # Some cuts leave nothing that was not safe, some nearly all, most something between.
        survives = chance.choice((0.0, 0.0, chance.random(), chance.random(), 0.97))
        _write_out(self._top, into, chance, survives)

    def _open_file(self, call: Call) -> None:
        path = call.words[0].decode()
        node = self._find(path)
        if node is None and "O_CREAT" in call.numbers:
            node = self._make(call, path, is_directory=False)
        if node is not None and "O_TRUNC" in call.numbers:
            node.changes.append(_Change(call.end, 0, None))
            node.seen_bytes = 0

    def _make(self, call: Call, path: str, *, is_directory: bool) -> _Node | None:
        node = _Node(is_directory)
        return node if self._name(call, path, node) else None

    def _name(self, call: Call, path: str, node: _Node | None) -> bool:
        """Let a path stand for a file, or for nothing; False if it is not below this directory."""
        where = Path(path)
        parent = self._find(str(where.parent))
        if parent is None or where.name.endswith(VOLATILE):
            return False
        if node is None:
            parent.seen_names.pop(where.name, None)
        else:
            parent.seen_names[where.name] = node
        parent.namings.append(_Naming(call.end, where.name, node))
        return True

    def _rename(self, call: Call, source: str, target: str) -> None:
        if (node := self._find(source)) is not None:
            self._name(call, target, node)
            self._name(call, source, None)

    def _change(self, call: Call) -> None:
        if (node := self._find(call.about)) is None:
            return
        if call.name == "lseek":
            self._positions[call.descriptor] = call.result
            return
        if call.name == "ftruncate":
            node.seen_bytes = call.last_number
            node.changes.append(_Change(call.end, node.seen_bytes, None))
            return
        data = b"".join(call.words)[: call.result or None]
        if call.name == "pwrite64":
            at = call.last_number
        else:
            at = self._positions.get(call.descriptor, 0)
            self._positions[call.descriptor] = at + len(data)
        node.seen_bytes = max(node.seen_bytes, at + len(data))
        node.changes.append(_Change(call.end, at, data))

    def _refuse_strangers(self, call: Call) -> None:
        """Raise ``ValueError`` for a call below this directory that the model does not know."""
        paths = [call.about, *(word.decode(errors="replace") for word in call.words)]
        if any(path.startswith(str(self._root)) for path in paths):
            raise ValueError(f"the model of the disk does not know {call.name} of {paths}")

    def _find(self, path: str) -> _Node | None:
        """Return what the process sees at a path; None outside, or if there is nothing."""
        if not path.startswith(str(self._root)):
            return None
        node: _Node | None = self._top
        for step in Path(path).relative_to(self._root).parts:
            node = node.seen_names.get(step) if node is not None else None
        return node


def _apply(content: bytearray, change: _Change) -> None:
    if change.data is None:
        del content[change.offset :]
        content.extend(bytes(change.offset - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.data)] = change.data


def _rename_in(names: dict[str, _Node], naming: _Naming) -> None:
    if naming.node is None:
        names.pop(naming.name, None)
    else:
        names[naming.name] = naming.node


def _write_out(node: _Node, into: Path, chance: random.Random, survives: float) -> None:
    names = dict(node.names)
    for naming in node.namings:
        if chance.random() < survives:
            _rename_in(names, naming)
    for name, child in names.items():
        path = into / name
        if child.is_directory:
            path.mkdir()
            _write_out(child, path, chance, survives)
        else:
            path.write_bytes(_surviving(child, chance, survives))


def _surviving(node: _Node, chance: random.Random, survives: float) -> bytes | bytearray:
    if not node.changes:
        return node.content
    content = bytearray(node.content)
    for change in chance.sample(node.changes, len(node.changes)):
        if chance.random() >= survives:
            continue
        if change.data is None or chance.random() < 0.5:
            _apply(content, change)
        else:
            _apply_torn(content, change, chance)
    return content


def _apply_torn(content: bytearray, change: _Change, chance: random.Random) -> None:
    """Apply some of the sectors that a write touches."""
    data = change.data or b""
    at, end = change.offset, change.offset + len(data)
    while at < end:
        until = min(end, at - at % SECTOR_BYTES + SECTOR_BYTES)
        if chance.random() < 0.5:
            _apply(
                content, _Change(change.end, at, data[at - change.offset : until - change.offset])
            )
        at = until
