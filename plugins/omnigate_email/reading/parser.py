"""A mail read: bytes in, `Mail` out. Pure; whatever the bytes are, something comes out.

The mail is taken apart within limits (`prescan`), its parts are sorted into texts and files (`bodies`),
HTML is made harmless and made text (`markup`). What could not be read is told in ``remarks``.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace

from omnigate_email.mail import File, Mail, Report
from omnigate_email.reading.bodies import Contents, Section
from omnigate_email.reading.charsets import storable
from omnigate_email.reading.headerlines import Header, main_value, read_header, words
from omnigate_email.reading.html_quotes import mark_quotes, show_quotes, without_marks
from omnigate_email.reading.mailboxes import mail_ids, mailboxes, moment
from omnigate_email.reading.markup import as_text, content_ids, sanitised
from omnigate_email.reading.names import printable
from omnigate_email.reading.prescan import Part, Scan

SUBJECT_SIGNS = 998
TEXT_SIGNS = 100_000
"""A longer text is a file, and this much of it the text."""
WHOLE_TEXT = "text.txt"
CUT = f"the text is cut; all of it is in the attached {WHOLE_TEXT}"
GROUPS = 200
"""Of fields in one report: recipients beyond that are left out."""

_REPORTING = ("delivery-status", "disposition-notification", "feedback-report")


def read(raw: bytes) -> Mail:
    """Return what stands in a mail, whole or broken. Never raises on any bytes."""
    scan = Scan(raw)
    contents = Contents(remarks=list(scan.remarks))
    contents.take_mail(scan.root)
    header = scan.root.header
    text, is_of_html, markup = _texts(contents)
    if len(text) > TEXT_SIGNS:
        # First: of many files the last are left out.
        contents.files.insert(0, File(content=text.encode(), mime="text/plain", name=WHOLE_TEXT))
        contents.remarks.append(CUT)
        text = text[:TEXT_SIGNS]
    shown = content_ids("".join(section.html or "" for section in contents.sections))
    author, sender = mailboxes(header.all("from")), mailboxes(header.all("sender"))
    return Mail(
        headers=header.decoded(),
        message_id=next(iter(mail_ids(header.all("message-id"))), None),
        in_reply_to=mail_ids(header.all("in-reply-to")),
        references=mail_ids(header.all("references")),
        subject=_subject(header),
        sent_at=moment(header.first("date")),
        author=author[0] if author else None,
        sender=sender[0] if sender else None,
        reply_to=mailboxes(header.all("reply-to")),
        to=mailboxes(header.all("to")),
        cc=mailboxes(header.all("cc")),
        text=text,
        text_is_of_html=is_of_html,
        html=markup,
        files=[_shown(file, shown) for file in contents.files],
        report=_report(contents.report or _loose_report(scan.root)),
        encrypted=contents.encrypted,
        remarks=list(dict.fromkeys(contents.remarks)),
    )


def _subject(header: Header) -> str | None:
    given = header.first("subject")
    return printable(words(given))[:SUBJECT_SIGNS].strip() or None if given is not None else None


def _texts(contents: Contents) -> tuple[str, bool, str | None]:
    """Return the text, whether HTML had a part in it, and the HTML of the whole if there is any."""
    pictures = {file.content_id for file in contents.files if file.content_id}
    texts: list[str] = []
    markups: list[str | None] = []
    is_of_html = False
    for section in contents.sections:
        if section.html is None:
            texts.append(section.plain or "")
            markups.append(f"<pre>{html.escape(section.plain or '')}</pre>")
            continue
        marked = mark_quotes(section.html)
        clean = sanitised(marked, pictures)
        markups.append(None if clean is None else without_marks(clean))
        if clean is None:
            contents.remarks.append("the HTML is too long or too deep: only its text is kept")
        texts.append(_text_of(section, marked, clean))
        is_of_html |= section.is_html
    whole = "\n\n".join(text.strip("\n") for text in texts if text.strip())
    if all(section.html is None for section in contents.sections) or None in markups:
        return whole, is_of_html, None
    return whole, is_of_html, "\n".join(markup for markup in markups if markup)


def _text_of(section: Section, marked: str, clean: str | None) -> str:
    if not section.is_html:
        return section.plain or ""
    made = storable(show_quotes(as_text(marked, clean)))
    return made if made.strip() else section.plain or ""


def _shown(file: File, shown: frozenset[str]) -> File:
    return replace(file, inline=True) if file.content_id in shown else file


def _loose_report(root: Part) -> Part | None:
    """Find a machine's word in a mail that does not call itself a report: beside its text, not deeper."""
    return next((part for part in root.parts if part.mime == "message/delivery-status"), None)


def _report(part: Part | None) -> Report | None:
    if part is None:
        return None
    second = part.parts[1] if len(part.parts) > 1 else part
    named = part.parameters.get("report-type") or second.mime.removeprefix("message/")
    kind = main_value(named)
    if kind not in _REPORTING and second.mime.removeprefix("message/") in _REPORTING:
        kind = second.mime.removeprefix("message/")
    fields = [] if second.parts else _groups(second.content())
    original = part.parts[2].content() if len(part.parts) > 2 and not part.parts[2].parts else b""
    return Report(
        type=kind,
        fields=fields,
        original_headers=read_header(original, 0, len(original))[0].decoded(),
    )


def _groups(content: bytes) -> Sequence[Mapping[str, str]]:
    """Return the groups of fields, which empty lines part (RFC 3464 section 2.1)."""
    groups: list[Mapping[str, str]] = []
    position = 0
    while position < len(content) and len(groups) < GROUPS:
        header, after = read_header(content, position, len(content))
        if after == position:
            break  # no field stands here: the rest is not a report
        if fields := {name: values[0] for name, values in header.decoded().items()}:
            groups.append(fields)
        position = after
    return groups
