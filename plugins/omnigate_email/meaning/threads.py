"""Which conversation a mail belongs to, and the headers that keep an answer in its thread.

An incoming mail is matched in this order: a token in the addresses it went to, a Message-ID of ours
with a token in it, the ids that it answers, a tag in the subject (by option, and only for the same
sender), and else it begins a conversation.

What a stranger can and cannot do: ids of other people's mails can be known (a list, a copy), so a match
by ids lets a mail *into* a conversation as another participant's and never changes whom the company
writes to. A new conversation's id is made of the thread's first id *and* of the sender, keyed by the
installation's secret: so answers that overtake the first mail find the same conversation, while a
stranger who writes first in somebody else's thread begins a conversation of their own, and not the one
that the other's mail would then fall into.
Source: RFC 5322 section 3.6.4 (In-Reply-To, References), RFC 5322 section 3.6.5 (Subject).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from omnigate_email.mail import Mail, Mailbox
from omnigate_email.meaning.tokens import Tokens, is_conversation

MOST_LOOKED_UP: Final = 50
MOST_REFERENCES: Final = 20
LONGEST_ID: Final = 300
"""A longer Message-ID is not one that threads are told by: with 998 characters no line could hold it."""
LONGEST_SUBJECT: Final = 400

_MESSAGE_ID: Final = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,298}>")
_PART_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9.-]{1,255}")
_TAG: Final = re.compile(r"\[#([a-z2-7]{20})\]", re.IGNORECASE)
# Re, Re[2], RE:, and what Russian, German, Swedish and Polish clients write.
_ANSWERS: Final = re.compile(
    r"(?:(?:re|aw|sv|odp|antw|отв|ответ|на|ha)(?:\[\d{1,3}\]|\(\d{1,3}\))?\s?:\s*)+", re.IGNORECASE
)


def message_id_for(part_id: str, token: str, domain: str) -> str:
    """Return the Message-ID of a part: the same on every attempt, so that receivers tell repeats.

    Raises ``ValueError`` for a part or a domain (in ASCII form) that cannot stand in one.
    """
    if not (_PART_ID.fullmatch(part_id) and _DOMAIN.fullmatch(domain)):
        raise ValueError("a Message-ID is made of a part's id and of a domain in its ASCII form")
    return f"<{part_id}.{token}@{domain.lower()}>"


def ids_to_look_up(mail: Mail) -> Sequence[str]:
    """Return what a mail answers: In-Reply-To, then References from the newest; at most 50, each once.

    Ids too long or with characters that no Message-ID has are left out.
    """
    answered = _usable((*mail.in_reply_to, *reversed(mail.references)))
    return tuple(islice(dict.fromkeys(answered), MOST_LOOKED_UP))


def root_id(mail: Mail) -> str | None:
    """Return the id of the mail that a thread began with, as far as this one tells."""
    own = (mail.message_id,) if mail.message_id else ()
    return next(iter(_usable((*mail.references, *mail.in_reply_to, *own))), None)


def conversation_by_headers(
    mail: Mail, tokens: Tokens, recipients: Iterable[str] = ()
) -> str | None:
    """Return the conversation whose token came back: in an address, else in an id that is answered.

    Only this installation can have made it; that it exists still, the store knows.
    """
    if found := tokens.conversation_in(recipients):
        return found
    ids = ids_to_look_up(mail)
    return next((found for one in ids if (found := tokens.conversation_in_id(one))), None)


def new_conversation_id(mail: Mail, tokens: Tokens, writer: Mailbox | None = None) -> str:
    """Return the id of the conversation that a mail begins, when nothing else has matched.

    The same for every mail of one writer in one thread, whichever comes first, and for a mail that is
    read twice. Without any Message-ID the mail's own words stand for it. ``writer`` is who is answered,
    where that is not the author: of a form all mails have one author, and perhaps one thread.
    """
    sender = writer or mail.author
    name = sender.address.casefold() if sender else ""
    return tokens.new_conversation("thread", root_id(mail) or _fingerprint(mail), name)


def first_conversation_id(address: str, tokens: Tokens) -> str:
    """Return the id of the conversation that begins when the company writes to an address first."""
    return tokens.new_conversation("first", address.casefold())


def subject_tag(conversation: str) -> str:
    """Return what stands in a subject to tell its conversation, by option: ``[#…]``."""
    return f"[#{conversation}]"


def subject_token(subject: str | None) -> str | None:
    """Return the conversation that a subject names, or None.

    It is weak: subjects are forwarded and quoted. Follow it only for the conversation's own sender.
    """
    found = _TAG.search((subject or "")[: 4 * LONGEST_SUBJECT])
    conversation = found[1].lower() if found else ""
    return conversation if is_conversation(conversation) else None


def reply_subject(subject: str | None) -> str:
    """Return the subject of an answer: one ``Re:`` and the same words, on one line, at most 400 characters.

    The same words, since mail clients put together what has equal subjects.
    """
    line = " ".join((subject or "").split())[: 4 * LONGEST_SUBJECT]
    answered = _ANSWERS.match(line)
    bare = line[answered.end() :] if answered else line
    return f"Re: {bare}"[:LONGEST_SUBJECT].rstrip()


def references_for(earlier: Iterable[str]) -> Sequence[str]:
    """Return the ids for ``References``, of the thread's ids from the oldest: the first and the last 19.

    Each is there once, and of at most 300 visible ASCII characters: folded between ids, no line of the
    header is longer than the 998 characters that a line may have.
    """
    ids = list(dict.fromkeys(_usable(earlier)))
    return (*ids[:1], *ids[1:][-(MOST_REFERENCES - 1) :])


def _usable(ids: Iterable[str]) -> Iterable[str]:
    return (one for one in ids if len(one) <= LONGEST_ID and _MESSAGE_ID.fullmatch(one))


def _fingerprint(mail: Mail) -> str:
    said = "\0".join(
        (
            mail.sent_at.isoformat() if mail.sent_at else "",
            mail.subject or "",
            mail.text,
        )
    )
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
