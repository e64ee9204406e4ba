"""Messages as parts: nothing is lost, limits are kept, characters stay whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnigate.capabilities import Capabilities, TextUnits
from omnigate.flow.render import render, split_text
from omnigate.model.attachment import Attachment, Location
from omnigate.model.outbound import Author, Button, Content

MEASURES: dict[TextUnits, Callable[[str], int]] = {
    "characters": len,
    "utf16": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes": lambda text: len(text.encode()),
}
FAMILY = "👩‍👩‍👧"
TEXTS = st.text(
    st.sampled_from("ab .!?\n\tж—👍🏽👩👧🇷🇺é\u200d\ufe0f")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=300,
)
UNITS: list[TextUnits] = ["characters", "utf16", "bytes"]


def black(text: str) -> str:
    """Return what is ink: splitting may lose white space at the cuts and nothing else."""
    return "".join(text.split())


@given(TEXTS, st.integers(8, 60), st.sampled_from(UNITS))
@example(FAMILY * 20, 8, "utf16")
@example("\u200d" * 100, 8, "bytes")
@example("x" * 100, 8, "characters")
@example(" " * 100, 8, "bytes")
def test_pieces_keep_the_limit_and_lose_nothing_but_white_space(
    text: str, limit: int, units: TextUnits
) -> None:
    pieces = split_text(text, limit, MEASURES[units])
    assert pieces
    for piece in pieces:
        assert MEASURES[units](piece) <= limit
        piece.encode()  # no half of a surrogate pair
    assert black("".join(pieces)) == black(text)


@pytest.mark.parametrize("units", UNITS)
def test_a_joined_emoji_is_not_torn_where_it_fits(units: TextUnits) -> None:
    limit = MEASURES[units](FAMILY) + 3
    for piece in split_text("ab" + FAMILY * 10, limit, MEASURES[units]):
        assert piece.replace(FAMILY, "").strip("ab") == "", piece.encode("unicode_escape")


def test_texts_are_cut_at_the_best_place() -> None:
    assert split_text("One two.\n\nThree four.", 12, len) == ["One two.", "Three four."]
    assert split_text("One two three. Four", 16, len) == ["One two three.", "Four"]
    assert split_text("one two three four", 9, len) == ["one two", "three", "four"]
    assert split_text("short", 9, len) == ["short"]
    assert split_text("", 9, len) == [""]


def link(file: Attachment) -> str:
    return f"https://gate.example/{file.id}"


def file(number: int, kind: Any = "image", size: int | None = 100) -> Attachment:
    return Attachment(id=f"att_{number}", kind=kind, name=f"{number}.bin", size_bytes=size)


CAPABILITIES = st.builds(
    Capabilities,
    text_limit=st.none() | st.integers(120, 400),
    text_units=st.sampled_from(UNITS),
    buttons=st.sampled_from([frozenset(), frozenset({"reply"}), frozenset({"reply", "url"})]),
    attachments=st.integers(0, 4),
    attachment_kinds=st.sampled_from([frozenset({"image"}), frozenset({"image", "file"})]),
    attachment_limit_bytes=st.none() | st.just(1000),
    caption_limit=st.none() | st.integers(0, 50),
    subject=st.booleans(),
    author=st.booleans(),
)
BUTTONS = st.lists(
    st.lists(
        st.builds(Button, label=st.text("abc", min_size=1, max_size=9), value=st.just("v"))
        | st.builds(
            Button, label=st.just("site"), kind=st.just("url"), value=st.just("https://a.example")
        ),
        min_size=1,
        max_size=2,
    ),
    max_size=2,
)
FILES = st.lists(
    st.tuples(st.sampled_from(("image", "file")), st.sampled_from((None, 10, 5000))), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(
    CAPABILITIES,
    TEXTS.filter(lambda text: bool(text.strip())),
    BUTTONS,
    FILES,
    st.none() | st.just("Order 7"),
)
def test_whatever_the_channel_can_all_of_the_message_arrives_within_its_limits(
    capabilities: Capabilities,
    text: str,
    buttons: list[list[Button]],
    shapes: list[tuple[str, int | None]],
    subject: str | None,
) -> None:
    files = [file(number, kind, size) for number, (kind, size) in enumerate(shapes)]
    content = Content(text=text, buttons=buttons, subject=subject)
    parts, degraded = render(content, files, capabilities, link, "their-1")
    said = black("".join(part.text or "" for part in parts))
    measure = MEASURES[capabilities.text_units]
    assert black(text) in said
    for part in parts:
        assert part.text or part.attachments, "no part says nothing"
        assert len(part.attachments) <= capabilities.attachments
        if part.text and capabilities.text_limit is not None:
            assert measure(part.text) <= capabilities.text_limit
        if part.text and part.attachments and capabilities.caption_limit is not None:
            assert measure(part.text) <= capabilities.caption_limit
    carried = [one.id for part in parts for one in part.attachments]
    for one in files:
        assert (one.id in carried) != (black(link(one)) in said)
        assert (one.id in carried) != (f"attachment {one.id}: sent as a link" in degraded)
    assert carried == sorted(carried)
    if buttons:
        shown = parts[-1].buttons
        assert shown in (buttons, [])
        assert bool(shown) != ("buttons: sent as numbered lines" in degraded)
        if not shown:
            assert all(black(button.label) in said for row in buttons for button in row)
    if subject:
        assert (parts[0].subject == subject) == capabilities.subject
        assert capabilities.subject or black(subject) in said
    assert parts[0].reply_to == "their-1"


PHOTOS_OR_FILES = (frozenset({"image", "video"}), frozenset({"file"}))


@pytest.mark.parametrize(
    ("kinds", "groups"),
    [
        (["image", "video", "image"], [[0, 1, 2]]),
        (["image", "file", "file"], [[0], [1, 2]]),
        (["voice", "voice"], [[0], [1]]),
        (["image"] * 5, [[0, 1, 2], [3, 4]]),
    ],
    ids=["mixed", "apart", "alone", "many"],
)
def test_files_stand_together_only_where_the_channel_can_show_them_so(
    kinds: list[Any], groups: list[list[int]]
) -> None:
    files = [file(number, kind, 10) for number, kind in enumerate(kinds)]
    able = Capabilities(
        attachments=3,
        attachment_kinds=frozenset({"image", "video", "file", "voice"}),
        albums=PHOTOS_OR_FILES,
    )
    parts, _ = render(Content(text="look"), files, able, link)
    shown = [[files.index(one) for one in part.attachments] for part in parts]
    assert (shown, parts[0].text) == (groups, "look")


def test_buttons_never_stand_under_several_files_of_an_album() -> None:
    files = [file(number, "image", 10) for number in range(3)]
    able = Capabilities(attachments=10, albums=PHOTOS_OR_FILES, buttons=frozenset({"reply"}))
    content = Content(text="look", buttons=[[Button(label="Yes")]])
    parts, _ = render(content, files, able, link)
    assert [len(part.attachments) for part in parts] == [2, 1]
    assert [bool(part.buttons) for part in parts] == [False, True]


def test_a_point_on_the_map_is_a_part_of_its_own_or_a_link() -> None:
    point = Location(latitude=55.75, longitude=37.62, title="Shop")
    content = Content(text="here", location=point, buttons=[[Button(label="Yes")]])
    able = Capabilities(location=True, buttons=frozenset({"reply"}))
    parts, degraded = render(content, [], able, link)
    assert [(part.text, part.location) for part in parts] == [("here", None), (None, point)]
    assert (parts[-1].buttons, degraded) == (content.buttons, [])
    (part,), degraded = render(Content(location=point), [], Capabilities(), link)
    assert part.text == "Shop: https://www.openstreetmap.org/?mlat=55.750000&mlon=37.620000"
    assert degraded == ["location: sent as a link"]
    (alone,), _ = render(Content(location=point), [], Capabilities(location=True), link)
    assert alone.location == point


def test_an_author_that_cannot_be_shown_is_named_as_lost() -> None:
    content = Content(text="hello", author=Author(name="Ivan"))
    parts, degraded = render(content, [], Capabilities(), link)
    assert (parts[0].author, degraded) == (None, ["author: not shown"])
    parts, degraded = render(content, [], Capabilities(author=True), link)
    assert (parts[0].author, degraded) == (content.author, [])
