"""What we compose, our own reader reads: two Omnigates understand each other to the letter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Mailbox
from omnigate_email.reading.parser import read

import omnigate
from tests.plugins.email.sending.letters import SENT_AT, composed, part, picture

LINE = st.from_regex(
    r"[\w«»—№,.!?&<>%=@#+(-]{1,12}( [\w«»—№,.!?&<>%=@#+(-]{1,12}){0,20}", fullmatch=True
)


@settings(deadline=None, max_examples=100)
@given(subject=LINE, name=LINE, text=st.lists(LINE, max_size=8).map("\n".join))
def test_subject_name_and_text_are_read_as_they_were_written(
    subject: str, name: str, text: str
) -> None:
    mail = read(
        composed(
            subject=subject,
            sender=Mailbox("support@example.com", name),
            part_=part(text=text or "x"),
        ).content
    )
    assert mail.subject == subject
    assert mail.author == Mailbox("support@example.com", name)
    assert mail.text.rstrip("\n") == (text or "x").rstrip("\n")
    assert mail.sent_at == SENT_AT
    assert not mail.remarks


def test_files_and_pictures_are_read_as_they_were_attached() -> None:
    report = omnigate.Attachment(id="att_2", mime="application/pdf", name="Отчёт " * 20 + ".pdf")
    shown, content = picture()
    mail = read(composed([(shown, content), (report, b"%PDF-1.7")]).content)
    inline, attached = mail.files
    assert (inline.content, inline.name, inline.content_id, inline.inline) == (
        *(content, "Снимок.png", "att_1@example.com"),
        True,
    )
    assert (attached.content, attached.name, attached.inline) == (b"%PDF-1.7", report.name, False)


def test_what_names_a_thread_is_read_as_it_was_written() -> None:
    ids = [f"<{number}.token@example.com>" for number in range(20)]
    mail = read(
        composed(
            references=ids,
            in_reply_to=ids[-1],
            to=[Mailbox("анна@пример.рф", "Анна")],
            part_=part(automatic=True),
            installation="omnigate-1",
        ).content
    )
    assert list(mail.references) == ids
    assert list(mail.in_reply_to) == [ids[-1]]
    assert mail.message_id == "<1.t@example.com>"
    assert list(mail.to) == [Mailbox("анна@пример.рф", "Анна")]
    assert mail.headers["x-loop"] == ["omnigate-1"]
    assert mail.headers["auto-submitted"] == ["auto-replied"]
