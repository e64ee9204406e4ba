"""The parts of a mail are found as its builder put them together, in time that grows with its length."""

from __future__ import annotations

import random
import time
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from omnigate_email.reading.prescan import NESTING, PARTS, Scan

from tests.seeds import draw_seed


def build(dice: random.Random, depth: int, leaves: list[bytes]) -> MIMEBase:
    """Build a random tree; its leaves' contents are noted in order."""
    if depth < 4 and dice.random() < 0.6:
        tree = MIMEMultipart(dice.choice(["mixed", "alternative", "related", "signed"]))
        for _ in range(dice.randrange(1, 4)):
            tree.attach(build(dice, depth + 1, leaves))
        return tree
    content = dice.choice(
        ["text\n", "--b\n", "--\n", "Привет\n" * 3, "\n\n", "--b--\n", "From me\n", "=\n"]
    )
    leaves.append(content.encode())
    if dice.random() < 0.5:
        return MIMEText(content, _charset="utf-8")
    return MIMEApplication(content.encode())


def test_random_trees_have_the_leaves_they_were_built_of():
    dice = random.Random(draw_seed())
    for _ in range(300):
        leaves: list[bytes] = []
        raw = build(dice, 0, leaves).as_bytes()
        if dice.random() < 0.5:
            raw = raw.replace(b"\n", b"\r\n")
        scan = Scan(raw)
        assert [part.content() for part in scan.root.walk() if not part.parts] == leaves
        assert scan.remarks == []


def test_nesting_and_parts_end_exactly_at_their_limits():
    def nested(levels: int) -> bytes:
        opening = (
            b"Content-Type: multipart/mixed; boundary=x%d\n\n--x%d\n" % (n, n)
            for n in range(levels)
        )
        return b"".join(opening) + b"\nend"

    def flat(parts: int) -> bytes:
        return b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * parts + b"--b--\n"

    assert Scan(nested(NESTING)).remarks == []
    assert Scan(nested(NESTING + 1)).remarks == [
        "parts nested deeper than 20: the deeper ones stay closed"
    ]
    assert Scan(flat(PARTS - 1)).remarks == []
    assert Scan(flat(PARTS)).remarks == ["more than 200 parts: the rest was left out"]


@pytest.mark.parametrize(
    "unit",
    [
        b"\n--",
        b"--b",
        b"--b\n",
        b"--b--x\n",
        b"--b \n",
        b"\r",
        b"--b" + b" " * 200,
        b"A: b\n",
        b" \n",
    ],
)
@pytest.mark.parametrize(
    "header", [b"Content-Type: multipart/mixed; boundary=b\n\n", b""], ids=["open", "none"]
)
def test_hostile_delimiters_take_linear_time(unit, header):
    """Four times the bytes take far less than the sixteen times of a quadratic search."""

    def seconds(count: int) -> float:
        raw = header + unit * count
        began = time.process_time()
        Scan(raw)
        return time.process_time() - began

    few = 400_000 // len(unit)
    many = min(seconds(few * 4) for _ in range(3))
    assert many < 9 * min(seconds(few) for _ in range(3)) + 0.1
