"""Marked-up texts become text and entities, counted in UTF-16 units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnigate.emulators.telegram.errors import Refused
from omnigate.emulators.telegram.limits import utf16_slice, utf16_units
from omnigate.emulators.telegram.markup import read_markup
from omnigate.emulators.telegram.texts import find_entities, format_text

GOOD = [
    ("HTML", "<b>жир</b> и <i>косой</i>", "жир и косой", ["bold:жир", "italic:косой"]),
    ("HTML", "<b>a<i>b</i></b>", "ab", ["bold:ab", "italic:b"]),
    ("HTML", "1 &lt; 2 &amp; 3 &#33;", "1 < 2 & 3 !", []),
    ("HTML", '😀 <a href="https://x.example/?a=1&amp;b">тут</a>', "😀 тут", ["text_link:тут"]),
    ("HTML", '<pre><code class="language-python">x</code></pre>', "x", ["pre:x"]),
    (
        "HTML",
        '<span class="tg-spoiler">x</span><tg-spoiler>y</tg-spoiler>',
        "xy",
        ["spoiler:x", "spoiler:y"],
    ),
    ("HTML", "<blockquote expandable>x</blockquote>", "x", ["expandable_blockquote:x"]),
    ("HTML", "<b></b>x", "x", []),
    (
        "MarkdownV2",
        "*жир* _кос_ __под__ ~зач~ ||спой||",
        "жир кос под зач спой",
        ["bold:жир", "italic:кос", "underline:под", "strikethrough:зач", "spoiler:спой"],
    ),
    ("MarkdownV2", "*a _b_ c*", "a b c", ["bold:a b c", "italic:b"]),
    ("MarkdownV2", "1\\.5 \\- да\\!", "1.5 - да!", []),
    ("MarkdownV2", "[тут](https://x.example/a\\)b)", "тут", ["text_link:тут"]),
    ("MarkdownV2", "`a.b` ```python\nx = 1\n```", "a.b x = 1\n", ["code:a.b", "pre:x = 1\n"]),
    ("MarkdownV2", ">цитата\n>ещё\nне она", "цитата\nещё\nне она", ["blockquote:цитата\nещё"]),
    (
        "Markdown",
        "*жир* _кос_ `код` [тут](https://x.example)",
        "жир кос код тут",
        ["bold:жир", "italic:кос", "code:код", "text_link:тут"],
    ),
    ("Markdown", "2\\*2 [не ссылка]", "2*2 не ссылка", []),
]


@pytest.mark.parametrize(("mode", "source", "text", "marked"), GOOD, ids=[case[1] for case in GOOD])
def test_marks_are_read(mode, source, text, marked) -> None:
    plain, entities = read_markup(source, mode)

    assert plain == text
    covered = [f"{e['type']}:{utf16_slice(plain, e['offset'], e['length'])}" for e in entities]
    assert covered == marked


@pytest.mark.parametrize(
    ("mode", "source"),
    [
        ("HTML", "</b>"),
        ("HTML", "<b><i></b></i>"),
        ("HTML", "<span>x</span>"),
        ("HTML", "<b"),
        ("MarkdownV2", "a!b"),
        ("MarkdownV2", "[тут](https://x.example"),
        ("MarkdownV2", "тут](x)"),
        ("MarkdownV2", "```x"),
        ("MarkdownV2", "_a *b_ c*"),
        ("Markdown", "`код"),
        ("Markdown", "[тут"),
    ],
)
def test_what_is_no_markup_is_refused(mode, source) -> None:
    with pytest.raises(Refused, match="can't parse entities"):
        read_markup(source, mode)


@given(st.text(max_size=60), st.sampled_from(["HTML", "MarkdownV2", "Markdown"]))
def test_any_text_is_read_or_refused(source: str, mode: str) -> None:
    try:
        plain, entities = read_markup(source, mode)
    except Refused:
        return
    for entity in entities:
        assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= utf16_units(plain)


@given(st.text(max_size=60))
def test_escaped_text_comes_out_as_it_was(text: str) -> None:
    """The one rule a sender needs: what is escaped arrives unchanged."""
    html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    markdown = "".join(f"\\{char}" if char in "\\_*[]()~`>#+-=|{}.!" else char for char in text)

    assert read_markup(html, "HTML") == (text, [])
    assert read_markup(markdown, "MarkdownV2") == (text, [])


def test_server_finds_commands_links_addresses_and_tags() -> None:
    text = "😀 /help@shop_bot @anna_p #скидка $USD a@b.example https://x.example/y +7 900 123-45-67"

    found = [
        f"{e['type']}:{utf16_slice(text, e['offset'], e['length'])}" for e in find_entities(text)
    ]

    assert found == [
        "bot_command:/help@shop_bot",
        "mention:@anna_p",
        "hashtag:#скидка",
        "cashtag:$USD",
        "email:a@b.example",
        "url:https://x.example/y",
        "phone_number:+7 900 123-45-67",
    ]


def test_entities_move_with_the_text_when_white_space_goes() -> None:
    formatted = format_text("  😀жир ", entities=[{"type": "bold", "offset": 4, "length": 3}])

    assert formatted.text == "😀жир"
    assert formatted.entities == [{"type": "bold", "offset": 2, "length": 3}]
