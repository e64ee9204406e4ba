"""Mails as clients write them, and as nobody should, come out as what their writer meant."""

from __future__ import annotations

import email
import random
from datetime import UTC, datetime
from email import policy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Mail, Mailbox
from omnigate_email.reading.parser import TEXT_SIGNS, read
from omnigate_email.reading.prescan import MAIL_BYTES

from tests.seeds import draw_seed

MAILS = Path(__file__).parents[3] / "payloads" / "email"
NAMES = sorted(path.stem for path in MAILS.glob("*.eml"))


def mail(name: str) -> Mail:
    return read((MAILS / f"{name}.eml").read_bytes())


def test_gmail():
    read_mail = mail("gmail_ru")
    assert read_mail.subject == "Re: Заказ №17"
    assert read_mail.author == Mailbox("ivan.petrov@gmail.com", "Иван Петров")
    assert read_mail.in_reply_to == read_mail.references == ["<7f3c@shop.example>"]
    assert read_mail.sent_at == datetime(2025, 3, 3, 11, 5, tzinfo=UTC)
    assert read_mail.text.startswith("Добрый день! Когда привезут?\n\nпн, 3 мар. 2025 г.")
    assert not read_mail.text_is_of_html
    assert "<blockquote>Ваш заказ собран.</blockquote>" in (read_mail.html or "")


def test_outlook_in_koi8_with_winmail_dat():
    read_mail = mail("outlook_ru")
    assert (read_mail.subject, read_mail.author) == (
        "Счёт на оплату",
        Mailbox("o.sidorova@firma.example", "Сидорова Ольга"),
    )
    assert read_mail.text.startswith("Здравствуйте! Прошу выставить счёт.\n")
    assert [file.name for file in read_mail.files] == ["Реквизиты.docx", "winmail.dat"]
    assert read_mail.remarks == ["winmail.dat was not opened"]


def test_apple_mail_with_a_picture_in_its_place():
    read_mail = mail("apple_ru")
    (picture,) = read_mail.files
    assert (picture.name, picture.content_id, picture.inline) == (
        "Фото №1.png",
        "IMG-1@icloud",
        True,
    )
    assert '<img src="cid:IMG-1@icloud">' in (read_mail.html or "")
    assert "track.example" not in (read_mail.html or "")


def test_yandex_with_html_alone():
    read_mail = mail("yandex_html")
    assert read_mail.text_is_of_html
    assert "чёрный  1 200\n" in read_mail.text
    assert "Вот эти (https://shop.example/p/42)" in read_mail.text
    assert "script" not in (read_mail.html or "")


def test_mail_ru_whose_plain_text_only_points_to_the_html():
    read_mail = mail("mailru")
    assert read_mail.subject == "Возврат товара по заказу номер семнадцать"
    assert read_mail.to == [Mailbox("Support@пример.рф", "Магазин, отдел продаж")]
    assert read_mail.cc[1] == Mailbox("sklad@mail.example", "Щукин, П. (склад)")
    assert (read_mail.text, read_mail.text_is_of_html) == (
        "Хочу вернуть товар.\n\nКоробка цела.",
        True,
    )
    assert "onclick" not in (read_mail.html or "")
    assert read_mail.sent_at is None
    assert [file.name for file in read_mail.files] == ["Чек от 03.03.2025.pdf"]


def test_thunderbird_with_flowed_lines():
    assert mail("thunderbird_flowed").text == (
        "This is a long paragraph that Thunderbird has wrapped in the middle of a word.\n\n"
        "> Quoted text that flows on.\n> Fixed line.\nFrom the start, stuffed.\n-- \nJohn"
    )


@pytest.mark.parametrize(
    ("name", "subject", "author", "text"),
    [
        ("unlabelled_cp1251", "Остатки на складе", "Склад", "Добрый день. Высылаем остатки."),
        (
            "wrong_label_koi8",
            "Запрос цены",
            "Старый клиент",
            "Прошу сообщить цену и срок поставки.",
        ),
    ],
)
def test_raw_russian_is_read_whatever_its_label_says(name, subject, author, text):
    read_mail = mail(name)
    assert read_mail.subject == subject
    assert read_mail.author is not None
    assert read_mail.author.name == author
    assert read_mail.text.startswith(text)


def test_a_bounce_is_a_report_with_the_headers_of_what_it_is_about():
    read_mail = mail("bounce_postfix")
    assert read_mail.report is not None
    assert read_mail.report.type == "delivery-status"
    message, recipient = read_mail.report.fields
    assert message["reporting-mta"] == "dns; mx.shop.example"
    assert (recipient["action"], recipient["status"]) == ("failed", "5.1.1")
    assert read_mail.report.original_headers["message-id"] == ["<part-1.token@shop.example>"]
    assert "550 5.1.1 User unknown" in read_mail.text
    assert read_mail.files == []


def test_a_read_receipt_is_a_report():
    report = mail("receipt_mdn").report
    assert report is not None
    assert report.type == "disposition-notification"
    assert report.fields[0]["disposition"].endswith("; displayed")


def test_invitations_and_forwarded_mails_are_files_and_tracking_pictures_are_not():
    read_mail = mail("invitation_forward")
    assert read_mail.text == "See below."
    assert [(file.name, file.mime) for file in read_mail.files] == [
        ("invite.ics", "text/calendar"),
        ("Встреча-перенос.eml", "message/rfc822"),
    ]
    assert b"The forwarded text." in read_mail.files[1].content


@pytest.mark.parametrize(("name", "file"), [("smime", "smime.p7m"), ("pgp", "encrypted.asc")])
def test_encrypted_mail_is_passed_through_and_marked(name, file):
    read_mail = mail(name)
    assert read_mail.encrypted
    assert read_mail.files[-1].name == file
    assert read_mail.text == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_standard_parser_finds_the_same_files(name):
    raw = (MAILS / f"{name}.eml").read_bytes()
    theirs = [
        part.get_payload(decode=True)
        for part in email.message_from_bytes(raw, policy=policy.compat32).walk()
        if part.get_content_disposition() == "attachment" and not part.is_multipart()
    ]
    ours = [file.content for file in mail(name).files]
    assert all(content in ours for content in theirs)


def test_a_text_beyond_measure_is_kept_whole_as_a_file():
    read_mail = read(b"\n" + b"0123456789" * 200_000)
    assert len(read_mail.text) == TEXT_SIGNS
    assert [(file.name, len(file.content)) for file in read_mail.files] == [("text.txt", 2_000_000)]
    assert read_mail.remarks == ["the text is cut; all of it is in the attached text.txt"]


def test_damaged_mails_are_read_without_an_error():
    """Bytes changed, cut, doubled and mixed between real mails."""
    dice = random.Random(draw_seed())
    mails = [(MAILS / f"{name}.eml").read_bytes() for name in NAMES]
    for _ in range(400):
        raw = bytearray(dice.choice(mails))
        for _ in range(dice.randrange(1, 30)):
            place = dice.randrange(len(raw) + 1)
            match dice.randrange(4):
                case 0:
                    raw[place : place + 1] = bytes([dice.randrange(256)])
                case 1:
                    del raw[place : place + dice.randrange(60)]
                case 2:
                    other = dice.choice(mails)
                    begin = dice.randrange(len(other))
                    raw[place:place] = other[begin : begin + 200]
                case _:
                    raw[place:place] = dice.choice(
                        [b"\0", b"\r", b"=?", b"--", b"\n\n", b"<", b"&", b'"']
                    )
        check_whole(read(bytes(raw)))


@given(st.binary(max_size=2000))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_a_mail(raw):
    check_whole(read(raw))
    check_whole(
        read(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + raw + b"\n--b\n" + raw)
    )


def check_whole(read_mail: Mail) -> None:
    """Whatever is kept can be stored: UTF-8, without NUL."""
    for text in (
        read_mail.text,
        read_mail.html or "",
        read_mail.subject or "",
        repr(read_mail.headers),
    ):
        text.encode()
        assert "\0" not in text
    for file in read_mail.files:
        assert file.name is None or (0 < len(file.name) <= 200 and "/" not in file.name)


@pytest.mark.parametrize(
    ("raw", "remark"),
    [
        (
            b"".join(
                b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n)
                for n in range(2000)
            ),
            "parts nested deeper than 20",
        ),
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nfirst\n" * 90_000,
            "more than 200 parts",
        ),
        (
            b"Subject: kept\n" + b"A: b\n" * 90_000 + b"\nfirst",
            "a header is longer than 102400 bytes",
        ),
        (b"\nfirst\n" + b"x" * MAIL_BYTES, f"longer than {MAIL_BYTES} bytes"),
    ],
    ids=["nesting", "parts", "header", "size"],
)
def test_a_mail_beyond_the_limits_keeps_what_is_within_them_and_says_so(raw, remark):
    read_mail = read(b"From: a@b.example\n" + raw)
    assert read_mail.author == Mailbox("a@b.example")
    assert any(remark in text for text in read_mail.remarks)
    assert len(read_mail.files) < 200
    assert "first" in read_mail.text or "nested" in remark
