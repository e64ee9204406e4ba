"""Charsets, header words, parameters, addresses, names of files, transfer encodings, flowed text."""

from __future__ import annotations

import base64
import email.policy
from email.message import EmailMessage
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.mail import Mailbox
from omnigate_email.reading.charsets import decode
from omnigate_email.reading.flowed import unflow
from omnigate_email.reading.headerlines import parameters, words
from omnigate_email.reading.mailboxes import mail_ids, mailboxes, moment
from omnigate_email.reading.names import file_name
from omnigate_email.reading.transfer import from_base64, from_transfer

SENTENCES = [
    "Здравствуйте, когда привезут мой заказ?",
    "СРОЧНО НУЖЕН СЧЁТ",
    "Привет",
    "Иванова Мария Сергеевна",
    "не работает оплата картой, помогите пожалуйста",
    "Заказ 123-45 от 03.03.2025",
]
MANY = settings(deadline=None, max_examples=200)


def raw(text: str) -> str:
    """A value as it stands in a header: one sign per byte."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("charset", ["utf-8", "cp1251", "koi8-r"])
@pytest.mark.parametrize(
    "label", [None, "us-ascii", "unknown-8bit", "iso-8859-1", "no-such-charset"]
)
def test_unlabelled_and_mislabelled_russian_is_guessed(text, charset, label):
    assert decode(text.encode(charset), label) == text


@pytest.mark.parametrize(
    "label",
    [
        "windows-1251",
        "CP1251",
        "win-1251",
        "koi8-r",
        "KOI8-U",
        "iso-8859-5",
        "x-mac-cyrillic",
        "cp866",
        "utf8",
    ],
)
def test_declared_charsets_of_russian_mail_are_known_by_all_their_names(label):
    codec = {"win-1251": "cp1251", "x-mac-cyrillic": "mac-cyrillic"}.get(label, label)
    assert decode("Добрый день".encode(codec), label) == "Добрый день"


def test_korean_outlook_label_and_western_letters():
    assert decode("안녕".encode("cp949"), "ks_c_5601-1987") == "안녕"
    assert decode("Déjà vu, señor".encode("latin-1")) == "Déjà vu, señor"
    assert decode("Grüße aus Köln".encode("latin-1"), "iso-8859-1") == "Grüße aus Köln"


def test_utf8_cut_in_a_letter_stays_utf8():
    assert decode("Добрый день, мир".encode()[:-1], "utf-8") == "Добрый день, ми\ufffd"


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=20)))
@MANY
def test_any_bytes_in_any_charset_decode(data, label):
    assert isinstance(decode(data, label), str)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1),
    st.integers(1, 9),
)
@MANY
def test_encoded_words_cut_through_letters_are_joined(text, size):
    data = text.encode()
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    value = "\t".join(f"=?UTF-8?b?{base64.b64encode(piece).decode()}?=" for piece in pieces)
    assert words(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?koi8-r?Q?=F0=D2=C9=D7=C5=D4?= and more", "Привет and more"),
        ("=?utf-8?B?0J/RgNC4?= =?utf-8?B?0LLQtdGC?=", "Привет"),
        ("=?utf-8?B?0J/RgNC40L?= =?utf-8?B?LQtdGC?=", "Привет"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?utf-8*ru?Q?a_b?=", "a b"),
        ("Привет".encode("cp1251").decode("latin-1"), "Привет"),
        ("=?nonsense?Q?a?= =?broken", "a =?broken"),
    ],
)
def test_header_words(value, text):
    assert words(value) == text


@pytest.mark.parametrize(
    "given_name",
    [
        "filename*=utf-8''" + quote("Счёт №1.pdf"),
        "filename*0*=utf-8''"
        + quote("Счёт ")
        + "; filename*1*="
        + quote("№1")
        + '; filename*2=".pdf"',
        "filename*1*=" + quote("№1.pdf") + "; filename*0*=UTF-8''" + quote("Счёт "),
        f'filename="=?utf-8?B?{base64.b64encode("Счёт №1.pdf".encode()).decode()}?="',
        f"filename==?utf-8?B?{base64.b64encode('Счёт №1.pdf'.encode()).decode()}?=",
        raw('filename="Счёт №1.pdf"'),
        raw("filename=Счёт №1.pdf"),
        'filename="' + quote("Счёт №1.pdf") + '"',
        "filename=\"invoice.pdf\"; filename*=UTF-8''" + quote("Счёт №1.pdf"),
    ],
)
def test_file_names_are_read_in_every_form_that_is_sent(given_name):
    assert parameters(f"attachment; {given_name}; size=3")["filename"] == "Счёт №1.pdf"


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.txt", "a.txt"),
        ("c:/users/x/a.txt", "a.txt"),
        ("~/a.txt", "a.txt"),
        ("Счёт № 5/2026.pdf", "Счёт № 5-2026.pdf"),
        ("Re: 5/2026.pdf", "Re: 5-2026.pdf"),
        ("/", None),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\0b\r\nc.txt", "ab c.txt"),
        ("..", None),
        ("", None),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_names_of_files_are_only_names(hostile, harmless):
    assert file_name(hostile) == harmless


@given(st.text(max_size=400))
@MANY
def test_a_name_of_a_file_is_stable_and_never_a_path(text):
    name = file_name(text)
    assert name is None or (file_name(name) == name and "/" not in name and len(name) <= 200)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('"Петров, И." <i@X.example>', [Mailbox("i@x.example", "Петров, И.")]),
        ("a@b.example (Anna (home))", [Mailbox("a@b.example", "Anna home")]),
        ("Team: a@b.example, B <b@b.example>; c@c.example", [
            Mailbox("a@b.example"), Mailbox("b@b.example", "B"), Mailbox("c@c.example"),
        ]),
        ("undisclosed-recipients:;", []),
        ("i@xn--e1afmkfd.xn--p1ai", [Mailbox("i@пример.рф")]),
        ("<@relay.example,@two.example:a@b.example>", [Mailbox("a@b.example")]),
        ("'a@b.example' <a@b.example>", [Mailbox("a@b.example")]),
        ("=?utf-8?Q?Ivanov,_Ivan?= <a@b.example>", [Mailbox("a@b.example", "Ivanov, Ivan")]),
        ("=?utf-8?Q?Ivan_<a@b.example>?=", [Mailbox("a@b.example", "Ivan")]),
        ("no address", []),
        ("Ivan a@b.example", [Mailbox("a@b.example", "Ivan")]),
        ("\"a@bank.example\" <x@evil.example>", [Mailbox("x@evil.example", "a@bank.example")]),
    ],
)  # fmt: skip
def test_addresses(value, found):
    assert mailboxes([raw(value)]) == found


@given(st.text(st.characters(max_codepoint=255), max_size=300))
@MANY
def test_any_value_gives_addresses_ids_words_parameters_and_a_moment(value):
    for box in mailboxes([value]):
        assert "@" in box.address
    for one in mail_ids([value]):
        assert one.startswith("<")
        assert one.endswith(">")
        assert "\n" not in one
    words(value)
    parameters("x;" + value)
    moment(value)


def test_ids_are_found_in_all_their_spellings():
    assert mail_ids(["Your mail of today <1@a> (was <2@a>)\t<1@a>", "bare@id"]) == [
        "<1@a>",
        "<2@a>",
        "<bare@id>",
    ]


def test_long_ids_are_read_that_a_program_has_encoded() -> None:
    """As Python's own library writes whatever is longer than a line, such as ours."""
    mail = EmailMessage(policy=email.policy.SMTP)
    ours = f"<msg_06h0dmd49hq91fcr9ipk603arc.0.{'leiytxxr' * 4}@mail.shop.example>"
    mail["References"] = f"<1@a> {ours} <2@a>"
    value = mail.as_bytes().decode().partition(":")[2].partition("\r\n\r\n")[0]
    assert "=?utf-8?q?" in value
    assert mail_ids([value.replace("\r\n", "")]) == ["<1@a>", ours, "<2@a>"]


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("Mon, 3 Mar 2025 14:05:00 +0300", "2025-03-03T11:05:00+00:00"),
        ("3 Mar 25 14:05 GMT", "2025-03-03T14:05:00+00:00"),
        ("Mon, 3 Mar 2025 14:05:00 -0000", "2025-03-03T14:05:00+00:00"),
        ("Mon, 3 Mar 9999 23:59:00 -2359", None),
        ("Mon, 33 Mar 2025 14:05:00 +0300", None),
        ("вчера", None),
    ],
)
def test_dates(date, iso):
    read_at = moment(raw(date))
    assert (read_at.isoformat() if read_at else None) == iso


@given(st.binary(max_size=500), st.integers(1, 90))
@MANY
def test_base64_survives_any_wrapping(data, width):
    encoded = base64.b64encode(data)
    lines = b"\r\n".join(encoded[place : place + width] for place in range(0, len(encoded), width))
    assert from_base64(lines) == data


@given(st.binary(max_size=300))
@MANY
def test_junk_in_any_transfer_encoding_never_raises(data):
    for encoding in ("base64", "quoted-printable", "x-uuencode", "8bit", "nonsense"):
        assert isinstance(from_transfer(data, encoding), bytes)


def test_base64_that_was_glued_together_is_read_to_its_end():
    assert from_base64(b"YQ==\nYg==\n") == b"ab"


def test_uuencoded_text():
    assert from_transfer(b"begin 644 a\n#0V%T\n`\nend\n", "x-uuencode") == b"Cat"


def test_flowed_text_keeps_signatures_and_depths():
    assert unflow("> a \n> b\n>> c \nd \n-- \nme", drop_space=False) == "> a b\n>> c \nd \n-- \nme"
