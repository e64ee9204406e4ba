"""The process that reads mails: one after the other from standard input, the answers to standard output.

It is started with the interpreter itself, has limits on its memory and time, keeps nothing of the
daemon but three pipes, and ends when its input does.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import BinaryIO

from omnigate_email.reading.parser import read
from omnigate_email.reading.wire import LENGTH, packed, ready


def main(memory_bytes: int, seconds_per_mail: int) -> None:
    """Read mails until the input ends; a mail that takes too long ends the process."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    answers.write(ready())  # from here on an end is the fault of the mail at hand
    answers.flush()
    while (length := sys.stdin.buffer.read(LENGTH.size)) and len(length) == LENGTH.size:
        raw = sys.stdin.buffer.read(LENGTH.unpack(length)[0])
        signal.alarm(seconds_per_mail)  # should the daemon be gone, nobody else ends it
        _answer(answers, packed(read(raw)))
        signal.alarm(0)


def _answer(answers: BinaryIO, blobs: list[bytes]) -> None:
    answers.write(LENGTH.pack(len(blobs)))
    for blob in blobs:
        answers.write(LENGTH.pack(len(blob)))
        answers.write(blob)
    answers.flush()


if __name__ == "__main__":
    main(memory_bytes=int(sys.argv[1]), seconds_per_mail=int(sys.argv[2]))
