"""A mail as it goes over the wire after DATA: full stops doubled, and an end that no mail can have in it."""

from __future__ import annotations


def stuffed(content: bytes) -> bytes:
    """Return a mail as it stands after DATA (RFC 5321 section 4.5.2).

    Raises ``ValueError`` for a lone CR or LF: servers differ in what they take for the end of a mail, and
    a second one could be smuggled in.
    """
    ends = content.count(b"\r\n")
    if (
        content.count(b"\r") != ends
        or content.count(b"\n") != ends
        or not content.endswith(b"\r\n")
    ):
        raise ValueError("a mail's lines end with CR and LF")
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
