"""QR codes of links: images for pages, blocks for terminals."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Tree

from omnigate.qr import LONGEST, qr_lines, qr_svg

LINK = "https://t.me/some_shop_bot?start=7k3m9x2c4vb6n8q1w5e7r9t0yz"


def test_an_image_stands_by_itself() -> None:
    """A page can show it as it is: one root with a size, no scripts, no references."""
    image = qr_svg(LINK)
    assert image is not None
    root = Tree.fromstring(image)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert int(root.attrib["width"]) == int(root.attrib["height"]) > 100
    assert {part.tag.partition("}")[2] for part in root.iter()} == {"svg", "g", "path"}
    assert not re.search(r"script|href|class", image)


def test_what_the_link_says_cannot_break_out_of_the_image() -> None:
    image = qr_svg("https://x.example/?</svg><script>")
    assert image is not None
    assert "script" not in image


def test_a_terminal_shows_it_in_blocks_of_one_width() -> None:
    lines = qr_lines(LINK)
    assert lines is not None
    drawn = "\n".join(lines)
    assert len({len(line) for line in lines if line.strip()}) == 1
    assert set(drawn) <= set("█▀▄ \n")


def test_what_is_too_long_for_a_phone_has_none() -> None:
    assert qr_svg("x" * LONGEST) is not None
    assert qr_svg("x" * (LONGEST + 1)) is None
    assert qr_lines("x" * (LONGEST + 1)) is None
