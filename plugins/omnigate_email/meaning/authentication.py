"""Whether a sender's domain vouches for a mail, by what the company's own mail server found out.

Only the topmost ``Authentication-Results`` counts, and only when it is in the name of that server: what
stands below may be anybody's writing. SPF alone proves the envelope's sender, and nobody reads that.
Servers repeat in it what the sender has chosen, such as the envelope's sender: in comments and in quotation
marks, where nothing is taken for a result.
Source: RFC 8601 sections 2.2, 5 and 7.1; RFC 5322 section 3.2 (comments, quoted strings) (read 2026-11-22).
"""

from __future__ import annotations

import re
from typing import Final

from omnigate_email.mail import Mail

LONGEST_RESULT: Final = 4000
_TOKEN: Final = re.compile(r"\\.|.", re.DOTALL)
_HARMLESS: Final = re.compile(r"[A-Za-z0-9@._-]{1,255}")
"""What may be read of a quoted value: an address or a domain, nothing that looks like a result."""
_METHOD: Final = re.compile(r"^\s*(dmarc|dkim)\s*=\s*pass\b", re.IGNORECASE)
_DOMAIN: Final = re.compile(r"\bheader\.(?:d|from|i)\s*=\s*@?([^\s;]{1,255})", re.IGNORECASE)


def proof_of(mail: Mail, authserv_id: str) -> str | None:
    """Return what proves that a mail is from its ``From``: ``dmarc`` or ``dkim``; None when nothing does."""
    found = mail.headers.get("authentication-results", ())
    if not found or mail.author is None:
        return None
    server, _, results = _said_by_server(found[0][:LONGEST_RESULT]).partition(";")
    names = server.split()
    if not names or names[0].lower() != authserv_id.lower():
        return None
    domain = mail.author.address.rpartition("@")[2].lower()
    for result in results.split(";"):
        method = _METHOD.match(result)
        if method and any(_covers(said[1], domain) for said in _DOMAIN.finditer(result)):
            return method[1].lower()
    return None


def _said_by_server(value: str) -> str:
    """Return a header's value without its comments, and of quoted values only those that say no more."""
    kept: list[str] = []
    depth, quoted = 0, None
    for match in _TOKEN.finditer(value):
        sign = match[0]
        if quoted is not None:
            if sign == '"':
                kept.append(quoted if _HARMLESS.fullmatch(quoted) else "?")
                quoted = None
            else:
                quoted += sign
        elif sign == "(":
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
            kept.append(" ")
        elif depth:
            continue
        elif sign == '"':
            quoted = ""
        else:
            kept.append(sign)
    return "".join(kept)


def _covers(said: str, domain: str) -> bool:
    """Tell whether a domain that was proven speaks for the sender's: it is that, or stands above it."""
    proven = said.rpartition("@")[2].lower().rstrip(".")
    return "." in proven and (domain == proven or domain.endswith(f".{proven}"))
