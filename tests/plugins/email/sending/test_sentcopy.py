"""Copies of what was sent, in a real mailbox: in the right folder, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from imap_tools import MailBoxUnencrypted
from imap_tools.folder import FolderInfo
from imap_tools.mailbox import BaseMailBox
from omnigate_email.imap.sentcopy import keep, sent_folder

import omnigate
from tests.plugins.email.dovecot import PASSWORD, Dovecot
from tests.plugins.email.sending.letters import SENT_AT, composed, picture


def mailbox_of(dovecot: Dovecot, user: str) -> Callable[[], BaseMailBox]:
    return lambda: MailBoxUnencrypted("127.0.0.1", dovecot.imap_port).login(user, PASSWORD)


def stored(dovecot: Dovecot, user: str, folder: str) -> list[tuple[bytes, str]]:
    with dovecot.client(user) as client:
        client.select(folder)
        _, found = client.fetch("1:*", "(BODY.PEEK[] FLAGS INTERNALDATE)")
        return [
            (one[1], f"{one[0]!r} {found[place + 1]!r}")
            for place, one in enumerate(found)
            if isinstance(one, tuple)
        ]


def test_a_copy_is_in_the_folder_for_sent_mail_byte_for_byte_and_read(dovecot: Dovecot) -> None:
    dovecot.create_folder("copies", "Sent")
    mail = composed([picture()], subject="Ваш заказ")
    assert keep(mailbox_of(dovecot, "copies"), mail.content, SENT_AT) == "Sent"
    ((content, told),) = stored(dovecot, "copies", "Sent")
    assert content == mail.content
    assert "\\Seen" in told
    (date,) = re.findall(r'INTERNALDATE "([^"]+)"', told)
    assert datetime.strptime(date.strip(), "%d-%b-%Y %H:%M:%S %z") == SENT_AT


def test_a_folder_may_be_named_in_any_letters(dovecot: Dovecot) -> None:
    with mailbox_of(dovecot, "named")() as mailbox:
        mailbox.folder.create("Ушло клиентам")
    keep(mailbox_of(dovecot, "named"), composed().content, SENT_AT, "Ушло клиентам")
    with mailbox_of(dovecot, "named")() as mailbox:
        assert mailbox.folder.status("Ушло клиентам")["MESSAGES"] == 1


def test_a_mailbox_without_such_a_folder_is_said_so(dovecot: Dovecot) -> None:
    with pytest.raises(omnigate.NotReady, match="make one named Sent"):
        keep(mailbox_of(dovecot, "bare"), composed().content, SENT_AT)
    with pytest.raises(omnigate.NotReady, match="no copy was kept"):
        keep(mailbox_of(dovecot, "bare"), composed().content, SENT_AT, "Nowhere")


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ([("INBOX", ()), ("Gesendet", ("\\HasNoChildren", "\\Sent")), ("Sent", ())], "Gesendet"),
        ([("INBOX", ()), ("Sent Items", ())], "Sent Items"),
        ([("INBOX", ()), ("INBOX/Sent", ())], "INBOX/Sent"),
        ([("INBOX", ()), ("Исходящие", ()), ("Отправленные", ())], "Отправленные"),
        ([("Sent Items", ()), ("sent", ())], "sent"),
        ([("INBOX", ()), ("Sentences", ()), ("Sent/2026", ())], None),
        ([], None),
    ],
)
def test_the_folder_for_sent_mail_is_known(
    folders: list[tuple[str, tuple[str, ...]]], expected: str | None
) -> None:
    assert sent_folder([FolderInfo(name, "/", flags) for name, flags in folders]) == expected
