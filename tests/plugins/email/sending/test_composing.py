"""Whatever is composed is read back by Python's own parser, and says the same."""

from __future__ import annotations

import re
import time
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Mailbox
from omnigate_email.smtp import fields
from omnigate_email.smtp.composing import Style
from omnigate_email.smtp.template import Template

import omnigate
from tests.plugins.email.sending.letters import (
    SENT_AT,
    composed,
    html,
    part,
    picture,
    plain,
    read,
)

ANY_LINE = st.text(
    st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=300
)
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=600)


@settings(deadline=None, max_examples=200)
@given(subject=ANY_LINE, name=ANY_LINE)
def test_any_subject_and_name_is_read_as_it_was_written(subject: str, name: str) -> None:
    composed_ = composed(subject=subject, sender=Mailbox("support@example.com", name))
    mail = read(composed_)
    assert mail["Subject"] == subject
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "support@example.com"
    # Not by the parser's display_name: it leaves the spaces between encoded words in.
    (raw,) = re.findall(rb"^From: ((?:.+\r\n)(?: .+\r\n)*)", composed_.content, re.MULTILINE)
    phrase = raw.decode().replace("\r\n", "").rpartition("<")[0].strip(" ")
    if phrase.startswith('"'):
        phrase = re.sub(r"\\(.)", r"\1", phrase[1:-1])
    assert str(make_header(decode_header(phrase))) == name.strip(" ")


@settings(deadline=None, max_examples=200)
@given(text=ANY_TEXT)
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    said = re.sub("\r\n?", "\n", text)
    assert plain(composed(part_=part(text=text))).replace("\r\n", "\n") == said


@settings(deadline=None, max_examples=200)
@given(name=ANY_LINE.filter(bool), content=st.binary(max_size=300))
def test_any_file_keeps_its_name_and_its_bytes(name: str, content: bytes) -> None:
    file = omnigate.Attachment(id="att_1", mime="application/pdf", name=name)
    (found,) = read(composed([(file, content)])).iter_attachments()
    assert found.get_filename() == (name.strip() or "file.pdf")
    assert found.get_content() == content


@settings(deadline=None, max_examples=100)
@given(text=ANY_TEXT, signature=ANY_TEXT, name=ANY_LINE)
def test_nothing_that_is_written_becomes_markup(text: str, signature: str, name: str) -> None:
    style = Style(template=Template("<p>${text}${signature}${pictures}</p>"), signature=signature)
    picture_ = picture(name=name or "p")
    shown = html(composed([picture_], style, part(text=text)))
    tags = set(re.findall(r"<[^>]*>", shown))
    ours = (
        r'</?p>|</?div( style="[a-z0-9:;# -]*")?( dir="auto")?>|<br>|</a>'
        r'|<a href="https?://[^"<>]*">|<img src="cid:[^"]*" alt="[^"<>]*" style="[^"]*">'
    )
    assert [tag for tag in tags if not re.fullmatch(ours, tag)] == []


# ---- headers --------------------------------------------------------------------------------------


def test_answers_find_their_thread() -> None:
    mail = read(
        composed(
            in_reply_to="<2@example.org>",
            references=["<1@example.org>", "<2@example.org>"],
            reply_to=Mailbox("support+t0ken@example.com", "Поддержка"),
            cc=[Mailbox("boris@example.org")],
            token="t0ken",
        )
    )
    assert mail["Message-ID"] == "<1.t@example.com>"
    assert mail["In-Reply-To"] == "<2@example.org>"
    assert mail["References"].split() == ["<1@example.org>", "<2@example.org>"]
    assert mail["Reply-To"].addresses[0].addr_spec == "support+t0ken@example.com"
    assert mail["Cc"] == "boris@example.org"
    assert mail["X-Omnigate-Conversation"] == "t0ken"
    assert mail["Date"].datetime == SENT_AT
    assert mail["Auto-Submitted"] is None
    assert mail["X-Loop"] is None


def test_what_a_machine_wrote_says_so() -> None:
    mail = read(composed(part_=part(automatic=True), installation="omnigate-7f3a"))
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Loop"] == "omnigate-7f3a"


def test_the_same_part_makes_the_same_bytes_whatever_the_attempt() -> None:
    first = composed([picture()], part_=part(attempt=1))
    assert composed([picture()], part_=part(attempt=7, possible_duplicate=True)) == first
    assert composed([picture()], message_id="<2.t@example.com>") != first


INJECTED = [f"harmless{end}Bcc: victim@example.net" for end in ("\r\n", "\n", "\r", "\n\n", "\0")]


@pytest.mark.parametrize("value", INJECTED)
@pytest.mark.parametrize(
    "where", ["subject", "sender", "to", "reply_to", "installation", "token", "file"]
)
def test_no_header_is_smuggled_in(where: str, value: str) -> None:
    changed: dict[str, object] = {
        "subject": {"subject": value},
        "sender": {"sender": Mailbox("support@example.com", value)},
        "to": {"to": [Mailbox("anna@example.org", value)]},
        "reply_to": {"reply_to": Mailbox("support@example.com", value)},
        "installation": {"installation": value, "part_": part(automatic=True)},
        "token": {"token": value},
        "file": {"files": [picture(name=value)]},
    }[where]  # type: ignore[assignment]  # one of the rows
    with pytest.raises(omnigate.Refused, match="line break") as error:
        composed(**changed)  # type: ignore[arg-type]  # as above
    assert error.value.code == "bad_header"


@pytest.mark.parametrize("value", INJECTED)
def test_no_header_is_smuggled_in_by_somebody_elses_message_id(value: str) -> None:
    ids = ["<1@example.org>", f"<{value}@x>", "<2 3@x>", "<ы@x>", "4@x", "<>", f"<{'x' * 2000}@x>"]
    mail = read(composed(references=ids, in_reply_to=ids[1]))
    assert mail["References"] == "<1@example.org>"
    assert mail["In-Reply-To"] is None
    assert mail["Bcc"] is None


def test_without_the_refusal_a_header_would_be_smuggled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotage twin: what is refused above does harm where it is not."""
    monkeypatch.setattr(fields, "_refuse_smuggling", lambda name, value: None)
    monkeypatch.setattr(fields, "_is_plain", lambda value: True)
    assert b"\nBcc: victim@example.net" in composed(subject=INJECTED[0]).content


ADDRESSES = [
    ("anna@example.org", "anna@example.org"),
    ("Anna.Ivanova+x@EXAMPLE.org", "Anna.Ivanova+x@example.org"),
    ("anna@пример.рф", "anna@xn--e1afmkfd.xn--p1ai"),
    ("anna@faß.de", "anna@xn--fa-hia.de"),
    ("анна@пример.рф", "анна@xn--e1afmkfd.xn--p1ai"),
    ("o'neil@example.org", "o'neil@example.org"),
    ("anna@[192.0.2.1]", "anna@[192.0.2.1]"),
    ("anna@[IPv6:2001:db8::1]", "anna@[IPv6:2001:db8::1]"),
    ("anna@mail_relay.example.org", "anna@mail_relay.example.org"),
]


@pytest.mark.parametrize(("address", "wire"), ADDRESSES)
def test_an_address_is_written_as_servers_take_it(address: str, wire: str) -> None:
    mail = composed(to=[Mailbox(address, "Анна")])
    assert mail.recipients == [wire]
    assert mail.needs_smtputf8 is not wire.isascii()
    head = mail.content.partition(b"\r\n\r\n")[0]
    assert b"<" + wire.encode() + b">" in head
    assert head.isascii() is wire.isascii()


@pytest.mark.parametrize(
    "address",
    [
        *("", "anna", "@example.org", "anna@", "an na@example.org", "anna@exa mple.org"),
        *("anna@example.org\r\nRCPT TO:<x@y>", "<anna@example.org>", "a,b@example.org", "a@b@c"),
        *(
            "anna@example..org",
            "anna@example.org.",
            "x" * 65 + "@example.org",
        ),
        *("anna@" + "x" * 300 + ".org", "an\u2028na@example.org", "anna\0@example.org", "a@[1.2]"),
        *("a\ud800@example.org", "a@\ud800.org", "a@[IPv6:x]"),
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(omnigate.Refused) as error:
        composed(to=[Mailbox(address)])
    assert error.value.code == "bad_address"


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80) | st.from_regex(r"[^@]{1,20}@[^@]{1,20}", fullmatch=True))
def test_an_address_is_taken_whole_or_refused(address: str) -> None:
    try:
        wire = fields.wire_address(address)
    except omnigate.Refused:
        return
    assert wire.count("@") == 1
    assert not set(wire) & set(" <>\r\n\0,;")


# ---- text and files -------------------------------------------------------------------------------


def test_text_and_html_say_the_same() -> None:
    mail = composed(
        part_=part(text="Здравствуйте, Анна!\n\n  1 < 2 && https://example.com/a?b=1&c=2.")
    )
    assert plain(mail) == "Здравствуйте, Анна!\r\n\r\n  1 < 2 && https://example.com/a?b=1&c=2."
    shown = html(mail)
    assert "Здравствуйте, Анна!<br>" in shown
    assert "1 &lt; 2 &amp;&amp; " in shown
    assert (
        '<a href="https://example.com/a?b=1&amp;c=2">https://example.com/a?b=1&amp;c=2</a>.'
        in shown
    )


def test_marker_author_and_signature_stand_around_the_text() -> None:
    style = Style(
        marker="## Пишите выше этой строки ##", signature="Магазин «Ромашка»\nexample.com"
    )
    written = part(text="Привет", author={"name": "Ольга <b>"})
    mail = composed(style=style, part_=written)
    assert plain(mail).splitlines() == [
        *("## Пишите выше этой строки ##", "", "Привет", "", "-- ", "Ольга <b>"),
        *("Магазин «Ромашка»", "example.com"),
    ]
    assert "Ольга &lt;b&gt;<br>" in html(mail)
    unnamed = composed(style=Style(names_author=False), part_=written)
    assert plain(unnamed) == "Привет"


def test_pictures_are_shown_and_files_are_attached() -> None:
    report = omnigate.Attachment(id="att_2", mime="application/pdf", name="Отчёт за ноябрь.pdf")
    mail = read(composed([picture(), (report, b"%PDF-1.7")]))
    (image,) = [one for one in mail.walk() if one.get_content_maintype() == "image"]
    assert image["Content-ID"] == "<att_1@example.com>"
    assert image.get_content_disposition() == "inline"
    assert image.get_filename() == "Снимок.png"
    body = mail.get_body(("html",))
    assert body is not None
    assert 'src="cid:att_1@example.com"' in body.get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "Отчёт за ноябрь.pdf"
    assert attached.get_content() == b"%PDF-1.7"


def test_pictures_are_only_attached_where_that_is_wanted() -> None:
    mail = read(composed([picture()], Style(shows_pictures=False)))
    assert [one.get_content_type() for one in mail.iter_attachments()] == ["image/png"]


@pytest.mark.parametrize(
    ("mime", "expected"),
    [
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ('text/html"; x="', "application/octet-stream"),
        ("text/plain\r\nBcc: a@b", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("IMAGE/TIFF", "image/tiff"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_a_type_of_file_is_what_can_stand_there(mime: str, expected: str) -> None:
    file = omnigate.Attachment(id="att_1", mime=mime, name="file.bin")
    (found,) = read(composed([(file, b"From: x\r\n\r\n--=_")])).iter_attachments()
    assert found.get_content_type() == expected
    assert found.get_payload(decode=True) == b"From: x\r\n\r\n--=_"


def test_a_large_file_is_composed_quickly() -> None:
    file = omnigate.Attachment(id="att_1", mime="application/zip", name="a.zip")
    content = bytes(range(256)) * 4096 * 20
    began = time.process_time()
    mail = composed([(file, content)])
    assert time.process_time() - began < 10
    assert len(mail.content) > len(content) * 4 / 3


# ---- templates ------------------------------------------------------------------------------------


def test_a_template_of_the_operators_own_is_used(tmp_path: Path) -> None:
    path = tmp_path / "letter.html"
    path.write_text("<table><tr><td>${text}<p>$author, $$5</p></td></tr></table>", "utf-8")
    style = Style(template=Template.of_file(path))
    shown = html(composed(style=style, part_=part(author={"name": "Ольга"})))
    assert shown == '<table><tr><td><div dir="auto">Hello</div><p>Ольга, $5</p></td></tr></table>'


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("<p>${txt}${text}</p>", r"no place \$\{txt\}"),
        ("<p>$5 ${text}</p>", "written \\$\\$"),
        ("<p>text</p>", "needs the place"),
        ("x" * 300_000, "larger than"),
        ("\udcff", "not in UTF-8"),
    ],
)
def test_a_template_that_is_not_sound_is_refused(tmp_path: Path, source: str, told: str) -> None:
    path = tmp_path / "letter.html"
    path.write_text(source, "utf-8", "surrogateescape")
    with pytest.raises(ValueError, match=told):
        Template.of_file(path)


def test_a_template_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Template.of_file(tmp_path / "none.html")
