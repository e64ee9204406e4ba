"""The disk that forgets, fed with what real small programs ask of the kernel."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from proofs.power.disk import SECTOR_BYTES, Disk
from proofs.power.systemcalls import STRACE, Call, read_trace

Cuts = Callable[[str], Iterator[dict[str, bytes]]]

PRELUDE = """
import os
def sync(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
def write(path, data, at=0):
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(handle, data, at)
    os.close(handle)
"""
MANY = 60


@pytest.fixture
def left_of(strace: str, tmp_path: Path) -> Cuts:
    """Run a program in a directory, cut the power at its end many times; give what was left each time."""
    runs = itertools.count()

    def run(program: str) -> Iterator[dict[str, bytes]]:
        folder = tmp_path / str(next(runs))
        root, trace = folder / "disk", folder / "trace"
        root.mkdir(parents=True)
        # In the foreground: the trace is whole when strace has ended.
        command = [part for part in STRACE if part != "--daemonize"]
        source = f"{PRELUDE}\nos.chdir({str(root)!r})\nroot = os.getcwd() + '/'\n{dedent(program)}"
        subprocess.run([*command, "-o", str(trace), sys.executable, "-c", source], check=True)
        disk = Disk(root)
        for call in read_trace(trace)[0]:
            disk.begin(call)
            disk.end(call)
        chance = random.Random(1)
        for number in range(MANY):
            image = folder / f"image-{number}"
            image.mkdir()
            disk.cut(image, chance)
            files = (path for path in image.rglob("*") if path.is_file())
            yield {str(path.relative_to(image)): path.read_bytes() for path in files}

    return run


def test_a_file_is_there_once_it_and_its_directory_were_synced(left_of: Cuts) -> None:
    left = left_of(
        """
        write(root + "a", b"safe")
        sync(root + "a")
        sync(root)
        """
    )
    assert list(left) == [{"a": b"safe"}] * MANY


def test_a_file_whose_directory_was_not_synced_may_have_no_name(left_of: Cuts) -> None:
    found = list(
        left_of(
            """
            write(root + "a", b"safe")
            sync(root + "a")
            """
        )
    )
    assert {} in found
    assert {"a": b"safe"} in found


def test_a_file_that_was_not_synced_may_be_empty_under_a_safe_name(left_of: Cuts) -> None:
    found = [
        left["a"]
        for left in left_of(
            """
            write(root + "a", b"not safe")
            sync(root)
            """
        )
    ]
    assert set(found) == {b"", b"not safe"}


def test_writes_after_a_sync_survive_in_any_order_and_torn_into_sectors(left_of: Cuts) -> None:
    found = [
        left["a"]
        for left in left_of(
            """
            write(root + "a", b"." * 2048)
            sync(root + "a")
            sync(root)
            write(root + "a", b"1" * 1024, 0)
            write(root + "a", b"2" * 1024, 1024)
            """
        )
    ]
    sectors = [
        tuple(content[at : at + 1] for at in range(0, len(content), SECTOR_BYTES))
        for content in found
    ]
    assert all(content == b"".join(one * SECTOR_BYTES for one in has)
               for content, has in zip(found, sectors, strict=True))  # fmt: skip
    assert any(has[:2] == (b".", b".") and b"2" in has[2:] for has in sectors), "the later alone"
    assert any(has[0] != has[1] for has in sectors), "torn"
    assert (b"1", b"1", b"2", b"2") in sectors
    assert (b".", b".", b".", b".") in sectors


def test_a_rename_counts_once_its_directory_was_synced(left_of: Cuts) -> None:
    program = """
    write(root + "new", b"new")
    sync(root + "new")
    write(root + "a", b"old")
    sync(root + "a")
    sync(root)
    os.rename(root + "new", root + "a")
    """
    found = {left["a"] for left in left_of(program)}
    assert found == {b"old", b"new"}
    assert list(left_of(program + "\n    sync(root)")) == [{"a": b"new"}] * MANY


def test_a_file_that_was_removed_may_come_back_until_its_directory_is_synced(
    left_of: Cuts,
) -> None:
    program = """
    write(root + "a", b"here")
    sync(root + "a")
    sync(root)
    os.unlink(root + "a")
    """
    found = list(left_of(program))
    assert {} in found
    assert {"a": b"here"} in found
    assert list(left_of(program + "\n    sync(root)")) == [{}] * MANY


def test_what_the_model_does_not_know_is_refused(left_of: Cuts) -> None:
    with pytest.raises(ValueError, match="does not know link"):
        next(left_of('write(root + "a", b"1"); os.link(root + "a", root + "b")'))


def test_a_descriptor_is_the_old_files_until_the_new_one_is_open(tmp_path: Path) -> None:
    """Two threads: one opens while the other writes its last to what has the number now."""
    root, image = tmp_path / "disk", tmp_path / "image"
    image.mkdir()

    def call(name: str, begin: int, end: int, file: str, data: bytes = b"") -> Call:
        words = (str(root / file).encode(),) if name == "openat" else (data,)
        about = "/" if name == "openat" else str(root / file).rstrip("/")
        return Call(name, begin, end, 7, about, words, ", O_CREAT", len(data))

    calls = [
        call("openat", 0, 0, "a"),
        call("write", 1, 1, "a", b"one "),
        call("openat", 2, 4, "b"),
        call("write", 3, 3, "a", b"two"),
        call("write", 5, 5, "b", b"other"),
        *(call("fsync", at, at, file) for at, file in enumerate(("a", "b", ""), 6)),
    ]
    disk = Disk(root)
    moments = [(one.begin, 0, one) for one in calls] + [(one.end, 1, one) for one in calls]
    for _, ends, one in sorted(moments, key=lambda moment: moment[:2]):
        (disk.end if ends else disk.begin)(one)
    disk.cut(image, random.Random(1))
    assert {path.name: path.read_bytes() for path in image.iterdir()} == {
        "a": b"one two",
        "b": b"other",
    }
