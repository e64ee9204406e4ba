"""A copy of what was sent, in the folder where the company's own mail program keeps such mails.

Google, Microsoft and others put it there by themselves: then the option stays off.

Source: RFC 6154 (special use of folders), RFC 3501 section 6.3.11 (APPEND), read 2026-11-22.
"""

from __future__ import annotations

import imaplib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from imap_tools.errors import ImapToolsError
from imap_tools.folder import FolderInfo
from imap_tools.mailbox import BaseMailBox

import omnigate

SENT_FLAG: Final = "\\sent"
SEEN_FLAG: Final = "\\Seen"
USUAL_NAMES: Final = (
    "sent",
    "sent messages",
    "sent items",
    "sent mail",
    "sent-mail",
    "отправленные",
)
"""Of folders on servers that do not say which one it is, the likeliest first, in lower case."""


def keep(
    open_mailbox: Callable[[], AbstractContextManager[BaseMailBox]],
    content: bytes,
    sent_at: datetime,
    folder: str | None = None,
) -> str:
    """Put a mail into the folder for sent mail, marked as read, and return the folder's name.

    Blocks, so it is called in a thread; ``open_mailbox`` logs in. The folder is found when none is given.
    Raises `NotReady` saying what to do: the mail itself was sent all the same.
    """
    try:
        with open_mailbox() as mailbox:
            if folder is None:
                folder = sent_folder(mailbox.folder.list())
            if folder is None:
                raise omnigate.NotReady(
                    "no folder for sent mail was found; make one named Sent, or switch the copies off"
                )
            mailbox.append(content, folder, dt=sent_at, flag_set=SEEN_FLAG)
            return folder
    except (ImapToolsError, imaplib.IMAP4.error, OSError) as error:
        raise omnigate.NotReady(f"no copy was kept of what was sent: {error}") from None


def sent_folder(folders: Sequence[FolderInfo]) -> str | None:
    """Return the folder that a server marks as the one for sent mail, or that is called like it."""
    for folder in folders:
        if SENT_FLAG in (flag.lower() for flag in folder.flags):
            return folder.name
    for usual in USUAL_NAMES:
        for folder in folders:
            if folder.name.split(folder.delim or "\0")[-1].lower() == usual:
                return folder.name
    return None
