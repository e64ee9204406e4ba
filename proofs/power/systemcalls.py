"""Reading what strace wrote: what a process asked of the disk, and what it answered on its sockets.

Every line of a trace is a moment. A call begins at one and ends at the same one, or at a later one
when other threads' calls came between; strace stops a thread at both ends, so whatever a process
does because a call ended comes after that call's end in the trace.

Source: strace(1), version 6.1 (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TRACED: Final = (
    *("openat", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "link", "linkat"),
    *("rename", "renameat", "renameat2", "pwrite64", "pwritev", "write", "writev", "lseek"),
    *("ftruncate", "truncate", "fallocate", "copy_file_range", "fsync", "fdatasync"),
    *("sync_file_range", "sendto", "sendmsg", "sendfile"),
)
"""Every call that changes a file or a directory, or could; and those that write to a socket."""

STRACE: Final = (
    *("strace", "--daemonize", "--follow-forks", "--seccomp-bpf", "--decode-fds=all", "-xx"),
    *("--string-limit=4194304", f"--trace={','.join(TRACED)}"),
)
"""Run the rest of the command line under strace; the process keeps its own id. Wants ``-o FILE``."""

NEVER: Final = 1 << 62
"""The end of a call that did not end."""

_LINE: Final = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)( resumed>|\()")
_RESULT: Final = re.compile(r"\) += (-?\d+)(?=[ <(]|$)")
_UNFINISHED: Final = " <unfinished ...>"
_QUOTED: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
# Some versions write paths as they are, some in hexadecimal like all other strings.
_DESCRIPTOR: Final = re.compile(r"(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})+|/[^<>]*|[A-Z][^\"]*?\])")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded, or was cut off by the end of the process."""

    name: str
    begin: int
    """The line where it was asked for."""
    end: int
    """The line where it was over; ``NEVER`` if the process ended in it."""
    descriptor: int
    """The number of the file it is about, or of the file it opened; -1 if there is none."""
    about: str
    """What the descriptor stands for: a path, or ``TCP:[here->there]``."""
    words: tuple[bytes, ...]
    """The strings among its arguments: data, or paths."""
    numbers: str
    """Its arguments behind the last string, as strace writes them."""
    result: int

    @property
    def last_number(self) -> int:
        """Its last argument: an offset, or a length."""
        return int(self.numbers.rpartition(",")[2])


def read_trace(path: Path, first_line: int = 0) -> tuple[list[Call], int]:
    """Return the calls of a trace in the order of their beginnings, and the number of the next line.

    Raises ``ValueError`` for a line that nobody can make sense of: what is not understood could be
    what loses a message.
    """
    with path.open(encoding="ascii") as file:
        lines = file.readlines()
    calls = sorted(_calls(lines, first_line), key=lambda call: call.begin)
    return calls, first_line + len(lines)


def _calls(lines: Iterable[str], first_line: int) -> Iterator[Call]:
    unfinished: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines, first_line):
        text = line.rstrip("\n")
        if (found := _LINE.match(text)) is None:
            if " --- " in text or " +++ " in text or "<unfinished" in text:
                continue
            raise ValueError(f"line {number} of the trace is not understood: {text[:200]}")
        thread, name, how = found.groups()
        if how == "(":
            begin, asked = number, text[found.start(2) :]
        else:
            begin, asked = unfinished.pop(thread)
            asked += text[found.end() :]
        if asked.endswith(_UNFINISHED):
            unfinished[thread] = (begin, asked.removesuffix(_UNFINISHED))
        elif (call := _call(name, begin, number, asked)) is not None:
            yield call
    for begin, asked in unfinished.values():
        name = asked.partition("(")[0]
        if (call := _call(name, begin, NEVER, f"{asked}) = 0")) is not None:
            yield call


def _call(name: str, begin: int, end: int, text: str) -> Call | None:
    """Return a call from its whole text; None if it failed."""
    if " = ?" in text[-40:]:
        text = f"{text[: text.rindex(' = ?')]} = 0"  # the process ended in it
        end = NEVER
    result = _RESULT.search(text, text.rfind('"') + 1)
    if result is None:
        raise ValueError(f"line {end} of the trace is not understood: {text[:200]}")
    if int(result[1]) < 0:
        return None
    arguments = text[len(name) + 1 : result.start()]
    words, rest = [], 0
    for quoted in _QUOTED.finditer(arguments):
        if quoted[2]:
            raise ValueError(f"line {begin} of the trace is cut short; raise --string-limit")
        words.append(_plain(quoted[1]))
        rest = quoted.end()
    about = _DESCRIPTOR.match(arguments)
    number = int(result[1]) if name == "openat" else _number(arguments)
    return Call(
        name,
        begin,
        end,
        number,
        _plain(about[1]).decode() if about else "",
        tuple(words),
        arguments[rest:],
        int(result[1]),
    )


def _number(arguments: str) -> int:
    digits = re.match(r"\d+", arguments)
    return int(digits[0]) if digits else -1


def _plain(text: str) -> bytes:
    if not text.startswith("\\x"):
        return text.encode()  # strace writes its own words, such as TCP:[…], as they are
    return bytes.fromhex(text.replace("\\x", ""))
