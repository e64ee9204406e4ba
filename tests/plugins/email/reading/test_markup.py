"""HTML of mails is harmless, its text is what a reader sees, and nothing in it takes long."""

from __future__ import annotations

import time

import pytest
from omnigate_email.mail import Mail
from omnigate_email.reading.markup import as_text, sanitised, without_tags
from omnigate_email.reading.parser import read

GENEROUS_SECONDS = 30.0
"""Where an unbounded reading takes minutes."""


def html_mail(source: str) -> Mail:
    return read(b"Content-Type: text/html; charset=utf-8\n\n" + source.encode())


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<style>body{background:url(http://evil.example/x)}</style>",
        '<img src="http://evil.example/x.png">',
        '<img src="//evil.example/x.png">',
        '<img src="cid:elsewhere" onerror="alert(1)">',
        '<img srcset="http://evil.example/x.png 2x">',
        '<body background="http://evil.example/x">',
        '<td background="http://evil.example/x">',
        '<p style="background:url(http://evil.example/x)">',
        '<form action="http://evil.example"><input name="p"><button>b</button></form>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="java&Tab;script&colon;alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<iframe src="http://evil.example"></iframe><object data="http://evil.example"></object>',
        '<link rel="stylesheet" href="http://evil.example/x"><meta http-equiv="refresh" content="0;http://evil.example">',
        "<svg><a xlink:href='http://evil.example'><text>x</text></a><script>1</script></svg>",
        '<video poster="http://evil.example/x"></video><audio src="http://evil.example/x"></audio>',
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    ],
)
def test_nothing_acts_loads_or_asks(hostile):
    clean = sanitised(f"<p>before</p>{hostile}", {"mine"}) or ""
    assert "before" in clean
    for word in (
        "evil.example",
        "alert",
        "script",
        "onerror",
        "<form",
        "<input",
        "data:",
        "elsewhere",
    ):
        assert word not in clean.replace("&lt;", "")


def test_what_people_write_stays():
    source = '<p>a &amp; b &lt;c&gt; &nbsp;<a href="https://x.example/?a=1&b=2&amp;c=3">q</a></p>'
    clean = sanitised(source, ()) or ""
    assert "a &amp; b &lt;c&gt; &nbsp;" in clean
    assert 'href="https://x.example/?a=1&amp;b=2&amp;c=3"' in clean
    assert '<img src="cid:a&amp;b">' in (sanitised('<img src="CID:a%26b">', {"a&b"}) or "")


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ('<p>a<img src="https://evil.example/x.png" alt="x" width="1">b</p>', "<p>ab</p>"),
        ('<p><img alt="a" src="cid:mine" width="1"><img></p>', '<img alt="a" src="cid:mine"'),
        ('<p><img alt=" src=" width="1">b</p>', "<p>b</p>"),
        ('<p title="<img a=" lang="> <img>">b</p>', "b</p>"),
        ("<p>1 &lt; 2 &lt;img&gt;</p>", "<p>1 &lt; 2 &lt;img&gt;</p>"),
    ],
)
def test_a_removed_picture_leaves_no_empty_element(source, clean):
    found = sanitised(source, {"mine"}) or ""
    assert clean in found
    assert "<img>" not in found.replace('title="<img a="', "").replace('lang="> <img>"', "")


def test_what_looks_like_a_removed_picture_within_a_value_stays_there():
    source = '<p title="<img a=" lang="> <b>x</b> <img>">b</p>'
    assert sanitised(source, ()) == sanitised(sanitised(source, ()) or "", ())
    assert "<b>x</b>" not in as_text(source, sanitised(source, ()))


def test_links_lists_and_tables_become_text():
    source = (
        '<p>See <a href="https://shop.example/1">here</a> or <a href="https://shop.example/">shop.example</a></p>'
        "<ul><li>one</li><li>two</li></ul><table><tr><td>Size</td><td>Price</td></tr><tr><td>42</td><td>1</td></tr></table>"
    )
    text = as_text(source, sanitised(source, ()))
    assert "See here (https://shop.example/1) or shop.example\n" in text
    assert "* one" in text
    assert "Size  Price\n42    1" in text


def test_layout_tables_become_lines_without_padding():
    source = "<table><tr><td>Left</td><td><table><tr><td>Inner</td><td>x</td></tr></table></td></tr></table>"
    assert [
        line for line in as_text(source, sanitised(source, ())).split("\n") if line.strip()
    ] == [
        "Left",
        "Inner  x",
    ]


def test_what_no_reader_sees_is_not_in_the_text():
    source = "<head><title>t</title><style>p{}</style></head><p>a<!-- b --><select><option>c</select> d</p>"
    assert as_text(source, sanitised(source, ())) == "a d"


def test_text_without_layout_holds_the_words():
    assert without_tags("<style>x</style><p>a &lt; b</p><!-- no --><div>c</div>") == "a < b\n\nc"


def test_html_without_words_leaves_the_plain_text():
    raw = (
        b"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nView this in your browser\n"
        b"--b\nContent-Type: text/html\n\n<img src=http://x.example/y.png>\n--b--\n"
    )
    assert read(raw).text == "View this in your browser"


def test_the_charset_that_html_names_itself_is_believed():
    assert read(
        b"Content-Type: text/html\n\n<meta charset=koi8-r><p>" + "Ёлка и ель".encode("koi8-r")
    ).text == ("Ёлка и ель")


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 100_000,
        "<div></x>" * 100_000,
        "&" * 2_000_000,
        "&amp;" * 400_000,
        "&#38;" * 400_000,
        "&notit;" * 200_000,
        "<" * 1_000_000,
        "<script>" * 300_000,
        "<!--" * 500_000,
        "<table>" + "<tr><td>a<td>b" * 20_000 + "<tr><td>" + "b" * 10_000,
        "<ul><li>" * 110 + "x<br>" * 50_000,
        "<b><p></b>" * 50_000,
        "<a href=x>" * 100_000,
        "<p " + "a=b " * 300_000 + ">",
    ],
    ids=lambda source: source[:12],
)
def test_hostile_html_is_read_in_time_and_does_not_grow(source):
    began = time.monotonic()
    read_mail = html_mail(source + "end")
    assert time.monotonic() - began < GENEROUS_SECONDS
    assert len(read_mail.text) + len(read_mail.html or "") < 6_000_000


def test_html_beyond_the_bounds_still_gives_its_text():
    read_mail = html_mail("<div>" * 1000 + "the words")
    assert (read_mail.text, read_mail.html) == ("the words", None)
    assert read_mail.remarks == ["the HTML is too long or too deep: only its text is kept"]
