"""What HTML marks as quoted is quoted in its text, for the HTML that mail programs write."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Mail
from omnigate_email.meaning.quoting import newly_written
from omnigate_email.reading.html_quotes import mark_quotes, show_quotes
from omnigate_email.reading.markup import as_text, sanitised
from omnigate_email.reading.parser import read

NEW = "<div>Да, беру два.</div>"
OLD = "<p>Чайник есть в наличии.</p><p>Ваш магазин</p>"
GMAIL_LINE = (
    "пн, 3 мар. 2025&nbsp;г. в 14:05, Магазин &lt;<a href='mailto:s@x.example'>s@x.example</a>&gt;:"
)

ANSWERS = {
    "Gmail": (
        f'<div dir="ltr">{NEW}</div><br><div class="gmail_quote gmail_quote_container">'
        f'<div dir="ltr" class="gmail_attr">{GMAIL_LINE}<br></div><blockquote class="gmail_quote" '
        f'style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)">{OLD}</blockquote></div>'
    ),
    "Gmail, a language without a table": (
        f'{NEW}<div class="gmail_quote"><div class="gmail_attr">Le lun. 3 mars 2025, Laden a écrit :'
        f'<br></div><blockquote class="gmail_quote">{OLD}</blockquote></div>'
    ),
    "Gmail, old": (
        f'{NEW}<div class="gmail_quote">3 марта 2025 г., 14:05 пользователь Магазин '
        f"&lt;s@x.example&gt; написал:<br><blockquote class=gmail_quote>{OLD}</blockquote></div>"
    ),
    "Apple Mail": (
        f'{NEW}<div><br><blockquote type="cite"><div>3 марта 2025 г., в 14:05, Магазин '
        f"&lt;s@x.example&gt; написал(а):</div><br><div>{OLD}</div></blockquote></div>"
    ),
    "Thunderbird": (
        f'{NEW}<div class="moz-cite-prefix">03.03.2025 14:05, Магазин пишет:<br></div>'
        f'<blockquote type="cite" cite="mid:1@x.example">{OLD}</blockquote>'
    ),
    "Mail.ru": (
        f"{NEW}<blockquote style='border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;'>"
        f"Понедельник, 3 марта 2025, 14:05 +03:00 от Магазин &lt;s@x.example&gt;:<br>{OLD}</blockquote>"
    ),
    "Yandex": (
        f'{NEW}<div>03.03.2025, 14:05, "Магазин" &lt;s@x.example&gt;:</div><blockquote>{OLD}</blockquote>'
    ),
    "Yahoo": (
        f'{NEW}<div id="yahoo_quoted_1" class="yahoo_quoted"><div>On Monday, Shop wrote:</div>{OLD}</div>'
    ),
    "Outlook on the web": (
        f'{NEW}<div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr"><b>Von:</b> Laden<br>'
        f"<b>Gesendet:</b> Montag, 3. März<br><b>An:</b> Anna<br><b>Betreff:</b> x</div>{OLD}"
    ),
    "Outlook": (
        f"{NEW}<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        f"<p><b>От:</b> Магазин<br><b>Отправлено:</b> 3 марта 2025<br><b>Кому:</b> Анна<br>"
        f"<b>Тема:</b> Заказ</p></div>{OLD}"
    ),
    "Outlook, forwarded by a program that renames": (
        f'{NEW}<div id="x_divRplyFwdMsg"><b>De:</b> a<br><b>Enviado:</b> lunes<br></div>{OLD}'
    ),
}


@pytest.mark.parametrize("program", sorted(ANSWERS))
def test_the_old_mail_is_told_from_the_new_text(program: str) -> None:
    assert newly_written(text_of(ANSWERS[program])).split() == ["Да,", "беру", "два."]


def test_without_marks_most_old_mail_would_pass_for_new() -> None:
    """The twin: text made of the HTML alone."""
    missed = [
        program
        for program, html in ANSWERS.items()
        if "магазин" in newly_written(unmarked(html)).lower()
    ]
    assert len(missed) >= 3


BETWEEN = (
    '<blockquote type="cite">Какой цвет?</blockquote><div>Белый.</div>'
    '<blockquote type="cite">Какой адрес?</blockquote><div>Тверская, 1</div>'
)


@pytest.mark.parametrize(
    "html",
    [
        BETWEEN,
        f'<div class="moz-cite-prefix">03.03.2025 14:05, Магазин пишет:</div>{BETWEEN}',
        f'<div class="gmail_quote"><div class="gmail_attr">{GMAIL_LINE}</div>{BETWEEN}</div>',
        (
            f'<div>03.03.2025, 14:05, "М" &lt;s@x.example&gt;:</div>'
            f"{BETWEEN.replace(' type=' + chr(34) + 'cite' + chr(34), '')}"
        ),
        (
            '<table><tr><td><blockquote type="cite">Цвет?</blockquote></td><td>Белый.</td></tr>'
            "<tr><td>Тверская, 1</td></tr></table>"
        ),
    ],
    ids=["quotes", "Thunderbird", "Gmail", "Yandex", "in a table"],
)
def test_answers_between_the_quotes_are_never_lost(html: str) -> None:
    new = newly_written(text_of(html))
    assert "Белый." in new
    assert "Тверская, 1" in new


def test_quotes_are_marked_by_depth_as_mail_programs_do() -> None:
    html = '<p>a</p><blockquote type="cite">b<blockquote type="cite">c</blockquote>d</blockquote><p>e</p>'
    said = [line.split() for line in text_of(html).split("\n") if line.strip(" >")]
    assert said == [["a"], [">", "b"], [">>", "c"], [">", "d"], ["e"]]


@pytest.mark.parametrize(
    "html",
    [
        '<blockquote style="margin:0 0 0 40px;border:none;padding:0px">отступ</blockquote>',
        "<p>На сайте сказано так:</p><blockquote>отступ</blockquote>",
        '<div class="quote">отступ</div>',
        '<div style="border-top:1px solid red">отступ</div>',
    ],
)
def test_an_indented_paragraph_is_no_quote(html: str) -> None:
    assert newly_written(text_of(f"<p>Вот:</p>{html}")).endswith("отступ")


def test_html_and_text_are_left_without_marks() -> None:
    for html in ANSWERS.values():
        assert mail_of(html).html == sanitised(html, ())
        assert not {"\u2062", "\u2063"} & set(text_of(html))


@given(
    st.lists(
        st.sampled_from(
            [
                *("<blockquote>", "</blockquote>", "<blockquote type=cite>", "<div>", "</div>"),
                *("<div id=appendonsend>", '<div class="gmail_attr">', "<", ">", "<div", "a", "\n"),
                *("\u2063\u2063\u2062", "\u2062\u2063\u2063", "\u2063\u2062\u2063", "\u2063"),
                "\u2063\u2062\u2062",
            ]
        )
        | st.text(max_size=10),
        max_size=30,
    ).map("".join)
)
@settings(deadline=None, max_examples=200)
def test_html_of_any_form_loses_no_word(html: str) -> None:
    def words(text: str) -> str:
        return "".join(text.translate({0x2062: "", 0x2063: "", 0x3E: "", 0x5F: ""}).split())

    assert words(_as_shown(html)) == words(unmarked(html))


def _as_shown(html: str) -> str:
    marked = mark_quotes(html)
    return show_quotes(as_text(marked, sanitised(marked, ())))


HOSTILE: dict[str, Callable[[int], str]] = {
    "quotes that never end": lambda size: "<blockquote type=cite>" * (size // 22),
    "quotes, perhaps": lambda size: "<blockquote>a" * (size // 13),
    "tags that never end": lambda size: "<div " * (size // 5),
    "ends": lambda size: "</div>" * (size // 6),
    "an endless class": lambda size: f"<div class={'a ' * (size // 2)}>",
    "many classes": lambda size: f"<div {'class ' * (size // 6)}>",
    "beginnings of old mail": lambda size: "<div id=appendonsend><br></div>" * (size // 31),
    "borders": lambda size: f"<blockquote {'border-left ' * (size // 12)}>",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_html_takes_time_in_proportion(name: str) -> None:
    small, large = HOSTILE[name](40_000), HOSTILE[name](320_000)
    assert _seconds(mark_quotes, large) < 24 * max(_seconds(mark_quotes, small), 0.002)
    few, many = (mark_quotes(html).replace("<div>", "\n") for html in (small, large))
    assert _seconds(show_quotes, many) < 24 * max(_seconds(show_quotes, few), 0.002)


def mail_of(html: str) -> Mail:
    return read(b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode("utf-8", "replace"))


def text_of(html: str) -> str:
    return mail_of(html).text


def unmarked(html: str) -> str:
    return as_text(html, sanitised(html, ()))


def _seconds(work, text: str) -> float:
    def once() -> float:
        began = time.process_time()
        work(text)
        return time.process_time() - began

    return min(once() for _ in range(3))
