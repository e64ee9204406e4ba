"""Lines for a screen: no word is broken, none is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from omnigate.cli.wrapping import wrapped

WORDS = st.text("abcдё-…/_", min_size=1, max_size=12)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=20), st.integers(0, 6), st.integers(10, 60))
def test_every_word_is_whole_and_lines_fit_unless_a_word_does_not(words, indent, width):
    said = " " * indent + " ".join(words)
    lines = wrapped(said, width).split("\n")
    assert [word for line in lines for word in line.split()] == words
    for line in lines:
        assert line.startswith(" " * indent)
        assert len(line) <= width or len(line.split()) == 1


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=20), st.integers(0, 30), st.integers(12, 60))
def test_what_follows_hangs_as_far_in_as_the_longest_word_leaves_room(words, hang, width):
    first, *more = wrapped(" ".join(words), width, hang).split("\n")
    assert [word for line in (first, *more) for word in line.split()] == words
    assert all(len(line) <= width for line in (first, *more))
    room = width - max(map(len, words))
    assert {len(line) - len(line.lstrip()) for line in more} <= {min(hang, room)}


def test_a_pipe_gets_what_is_said_and_lines_stay_apart():
    said = "one two\n\n  three four"
    assert wrapped(said, None) == said
    assert wrapped(said, 80) == said
    assert wrapped(said, 8) == "one two\n\n  three\n  four"
