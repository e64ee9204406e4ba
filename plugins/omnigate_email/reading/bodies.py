"""Which parts of a mail are its text, which are files, and which only look like one of them.

Source: RFC 2046 section 5.1 (mixed, alternative), RFC 2387 (related), RFC 2183 (disposition), RFC 3156
and RFC 8551 (PGP, S/MIME), RFC 3676 (flowed), read 2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from omnigate_email.mail import File
from omnigate_email.reading.charsets import decode, is_known, storable
from omnigate_email.reading.flowed import unflow
from omnigate_email.reading.headerlines import main_value, parameters, read_header, words
from omnigate_email.reading.names import file_name
from omnigate_email.reading.prescan import Part

META_SIGNS = 4096
"""So far into HTML its own word on its charset is looked for."""
POINTER_SIGNS = 400
"""A plain text up to that long may but say that the mail is HTML."""
TRACKER_BYTES = 2048
CLEAR_PGP = "-----BEGIN PGP MESSAGE-----"

_PLAIN = frozenset({"text", "text/plain", "text/enriched", "text/markdown"})
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_NAMES = {
    "text/calendar": "invite.ics",
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pgp-signature": "signature.asc",
    "text/html": "message.html",
    "text/plain": "message.txt",
}
"""What files are called that came without a name."""

_META = re.compile(rb"charset\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+")
_POINTER = re.compile(
    r"(?:does(?: not|n't)|cannot|can't|unable to) (?:support|display|show|read|view).{0,60}html"
    r"|html.{0,40}(?:not supported|version|format|message)|view.{0,60}(?:html|browser)"
    r"|не (?:поддерживает|отображает|показывает|умеет).{0,60}html|html.{0,5}(?:верси|формат|письм|сообщ)"
    r"|(?:откройте|посмотр|просмотр|прочита|увид).{0,80}(?:html|браузер)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class Section:
    """One text of a mail, in one form or two."""

    plain: str | None = None
    html: str | None = None

    @property
    def is_html(self) -> bool:
        """Whether the HTML says more: there is no plain text, or one that only points to the HTML."""
        return self.html is not None and not _says_something(self.plain or "")


@dataclass(slots=True)
class Contents:
    """What was found in the parts."""

    sections: list[Section] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    report: Part | None = None
    encrypted: bool = False

    def take_mail(self, root: Part) -> None:
        """Sort a whole mail.

        A report is one when it is the mail itself: one further in was forwarded by somebody, and is sorted
        like anything else.
        """
        if root.mime != "multipart/report" or not root.parts:
            self.take(root)
            return
        self.report = root
        for number, child in enumerate(root.parts):
            if number not in (1, 2):
                self.take(child)

    def take(self, part: Part) -> None:
        """Sort a part and the parts in it."""
        kind = part.mime.removeprefix("multipart/")
        if not part.parts and kind != part.mime:
            self._take_unopened(part)
        elif part.mime == "multipart/alternative":
            self._take_alternatives(part)
        elif part.mime == "multipart/encrypted":
            self.encrypted = True
            self.files += [self._file(child) for child in part.parts]
        elif part.parts:
            for child in part.parts:
                if child.mime != "application/applefile" or part.mime != "multipart/appledouble":
                    self.take(child)
        else:
            self._take_leaf(part)

    def _take_alternatives(self, part: Part) -> None:
        inner = Contents()
        for child in part.parts:
            inner.take(child)
        plains = [section.plain for section in inner.sections if section.plain is not None]
        htmls = [section.html for section in inner.sections if section.html is not None]
        if plains or htmls:
            both = Section(
                "\n".join(plains) if plains else None, "\n".join(htmls) if htmls else None
            )
            self.sections.append(both)
        self.files += inner.files
        self.remarks += inner.remarks
        self.encrypted |= inner.encrypted

    def _take_unopened(self, part: Part) -> None:
        """Show a multipart without parts as it stands: its boundary is wrong, or it nests too deep."""
        if part.begin >= part.end:
            return
        self.remarks.append(f"{part.mime} could not be taken apart")
        if any(section.plain or section.html for section in self.sections):
            self.files.append(File(content=part.content(), mime="application/octet-stream"))
        else:
            self.sections.append(Section(plain=storable(decode(part.content()))))

    def _take_leaf(self, part: Part) -> None:
        if _is_text(part, follows=bool(self.sections)):
            self._take_text(part)
            return
        if part.mime in _SMIME:
            self.encrypted = True
        if part.mime in _TNEF:
            self.remarks.append("winmail.dat was not opened")
        made = self._file(part)
        if not _is_tracker(made):
            self.files.append(made)

    def _take_text(self, part: Part) -> None:
        data, declared = part.content(), part.parameters.get("charset")
        if declared and not is_known(declared):
            self.remarks.append(f"the charset {declared[:40]} is not known")
        if part.mime == "text/html":
            if declared is None and (meta := _META.search(data, 0, META_SIGNS)) is not None:
                declared = meta[1].decode("ascii")
            self.sections.append(
                Section(html=storable(decode(data, declared)).removeprefix("\ufeff"))
            )
            return
        text = storable(decode(data, declared)).removeprefix("\ufeff")
        if part.parameters.get("format", "").lower() == "flowed":
            text = unflow(text, drop_space=part.parameters.get("delsp", "").lower() == "yes")
        self.encrypted |= CLEAR_PGP in text
        self.sections.append(Section(plain=text))

    def _file(self, part: Part) -> File:
        content = part.content()
        content_id = words(part.header.first("content-id") or "").strip("<> ")
        return File(
            content=content,
            mime=part.mime,
            name=_given_name(part) or _own_name(part, content),
            content_id=content_id or None,
        )


def _is_text(part: Part, *, follows: bool) -> bool:
    """Say whether it is to be read in place; a text with a name is a file unless it is all there is."""
    if part.mime not in _PLAIN and part.mime != "text/html":
        return False
    disposition = main_value(part.header.first("content-disposition"))
    if disposition == "attachment":
        return False
    return _given_name(part) is None or not (follows or disposition)


def _says_something(plain: str) -> bool:
    text = _LINK.sub("", plain).strip()
    return bool(text) and not (len(text) <= POINTER_SIGNS and _POINTER.search(text))


def _given_name(part: Part) -> str | None:
    disposition = parameters(part.header.first("content-disposition"))
    return file_name(disposition.get("filename")) or file_name(part.parameters.get("name"))


def _own_name(part: Part, content: bytes) -> str | None:
    """Return a name for a file that came without one: an attached mail is called by its subject."""
    if part.mime != "message/rfc822":
        return _NAMES.get(part.mime)
    subject = words(read_header(content, 0, len(content))[0].first("subject") or "")
    return file_name(f"{subject.replace('/', '-')[:100] or 'message'}.eml")


def _is_tracker(found: File) -> bool:
    """Say whether it is a picture of one point, sent to be fetched and not to be seen."""
    data = found.content
    if not found.mime.startswith("image/") or len(data) > TRACKER_BYTES:
        return False
    if data.startswith((b"GIF87a", b"GIF89a")):
        return data[6:10] == b"\x01\x00\x01\x00"
    return data.startswith(b"\x89PNG\r\n\x1a\n") and data[16:24] == b"\x00\x00\x00\x01" * 2
