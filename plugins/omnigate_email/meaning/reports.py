"""What machines say of mails that were sent: delivered, read, failed, called spam.

A report of a standard form says so in fields. A bounce of another form is recognised by who wrote it and
by its subject; what it is about is told by the token of the address it went to, or by the Message-ID in
the text that was returned.

Only the mail itself is a report: what a customer forwards is the customer's message, and so is what a person
writes under whatever subject. That a mail could not be delivered, servers say, without a sender in the
envelope or in a name such as ``MAILER-DAEMON``. Receipts of reading and complaints come from people's own
programs and from their providers: those must call themselves reports.

Anybody can write such mail. So the caller believes an outcome only where its token, or the one within
its Message-ID, is of this installation: see `Tokens.part` and `Tokens.conversation_in_id`. Whoever has it
was sent the mail.
Source: RFC 3464 (delivery status), RFC 3463 (status codes), RFC 8098 (disposition), RFC 5965 (feedback),
RFC 6533 (the same with international addresses), RFC 6522 (multipart/report); read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from omnigate_email.mail import Mail, Report
from omnigate_email.meaning.automatic import is_from_nobody, is_machine, is_report
from omnigate_email.meaning.tokens import recipients_of

State = Literal["sent", "delivered", "read", "failed"]

MOST_OUTCOMES: Final = 50
LONGEST_ERROR: Final = 500
LONGEST_RETURNED_TEXT: Final = 200_000
"""So many characters of a bounce of no standard form are looked at."""

ACTIONS: Final[Mapping[str, State | None]] = {
    "failed": "failed",
    "delayed": None,  # the server tries on: nothing is decided
    "delivered": "delivered",
    "relayed": "sent",  # to a server that reports nothing more
    "expanded": "sent",  # to the members of a list, of whom nobody reports
}
DISPOSITIONS: Final[Mapping[str, State | None]] = {
    "displayed": "read",
    "dispatched": "delivered",
    "processed": "delivered",
    "deleted": "delivered",  # unread, as far as the sender may know
    "denied": None,
    "failed": None,
}
COMPLAINTS: Final = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other"})
"""Types of feedback that a recipient is behind: not ``not-spam``, not the reports of DMARC."""

_RETURNED: Final = ("message/rfc822", "text/rfc822-headers", "message/global")
_MOST_RETURNED: Final = 5

_FAILURES: Final = re.compile(
    r"(?:undeliver(?:ed|able)|returned mail|mail returned|mail system error|failure notice"
    r"|delivery (?:status notification \(failure\)|failure|failed|has failed)"
    r"|не ?доставлен|не удалось доставить|не может быть доставлено|ошибка доставки)",
    re.IGNORECASE,
)
_DELAYS: Final = re.compile(
    r"(?:delay|warning|still being retried|will be retried|задерж|отложен)", re.IGNORECASE
)
_FORWARDED: Final = re.compile(r"\s*(?:fwd?|wg|tr|пересл)\s?:", re.IGNORECASE)
"""What programs put before the subject of a mail that somebody forwards; no server does."""
_OUR_ID: Final = re.compile(r"<msg_[0-9a-v]{26}\.\d{1,4}\.[a-z2-7]{32}@[a-z0-9.-]{1,255}>", re.I)
_ANY_ID: Final = re.compile(
    r"^[> \t]{0,8}message-id:[ \t]{0,8}(<[^<>\s]{1,300}>)", re.IGNORECASE | re.MULTILINE
)
_REPLY_CODE: Final = re.compile(
    r"(?<![\d.])5\d\d[ \-](?:[^\n]{1,400})|(?<![\d.])5\.\d{1,3}\.\d{1,3}\b"
)
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()\[\]]{1,64}@[^\s<>,;:\"()\[\]]{1,255}")
_TOKEN: Final = re.compile(r"(?:[0-9a-v]{26}\.\d{1,4}\.[a-z2-7]{13}|[a-z2-7]{32})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a mail for one recipient."""

    message_id: str | None
    """Of the mail it is about, with angle brackets."""
    token: str | None
    """What stood in the address that the report went to, in lower case: see `Tokens.part`."""
    state: State | None
    """None when nothing is decided: the server tries on, or the recipient's program says nothing."""
    error: str | None = None
    """Why it failed: the status and the other server's own words."""
    recipient: str | None = None
    complaint: bool = False
    """The recipient called the mail spam; it had been delivered then."""


def outcomes(
    mail: Mail, *, envelope: Sequence[str] = (), envelope_sender: str | None = None
) -> Sequence[Outcome]:
    """Return what a mail says became of mails that were sent; nothing for a mail that is no report.

    ``envelope`` has the recipients of the envelope and ``envelope_sender`` what ``MAIL FROM`` said, where
    they are known. A report of a delay has an outcome without a state, so that it is known for a report. At
    most 50 are returned; never raises on a mail of any form.
    """
    token = _token_in(recipients_of(mail, envelope))
    is_servers = _is_of_a_server(mail, envelope_sender)
    if mail.report is None or not mail.report.fields:
        return _of_another_form(mail, token) if is_servers else ()
    about = _message_id(mail.report, mail)
    found: Iterator[Outcome] = iter(())
    match mail.report.type:
        case "delivery-status" | "global-delivery-status" if is_servers:
            found = _of_delivery(mail.report, about, token)
        case "disposition-notification" | "global-disposition-notification" if is_report(mail):
            found = _of_disposition(mail.report, about, token)
        case "feedback-report" if is_report(mail):
            found = _of_feedback(mail.report, about, token)
    return [outcome for outcome, _ in zip(found, range(MOST_OUTCOMES), strict=False)]


def _of_delivery(report: Report, about: str | None, token: str | None) -> Iterator[Outcome]:
    for group in report.fields:
        if "action" not in group and "status" not in group:
            continue  # the group about the message
        state = _state_of(group)
        yield Outcome(
            message_id=about,
            token=token,
            state=state,
            error=_error_of(group) if state == "failed" else None,
            recipient=_typed(group.get("original-recipient") or group.get("final-recipient")),
        )


def _state_of(group: Mapping[str, str]) -> State | None:
    action = _word(group.get("action", ""))
    if action in ACTIONS:
        return ACTIONS[action]
    # Some servers leave the action out. A status of class 4 says nothing yet then.
    return "failed" if group.get("status", "").strip().startswith("5.") else None


def _error_of(group: Mapping[str, str]) -> str:
    status = group.get("status", "").split("(", 1)[0].strip()
    words = _typed(group.get("diagnostic-code")) or ""
    joined = words if status and status in words else f"{status} {words}".strip()
    return _line(joined) or "the mail could not be delivered"


def _of_disposition(report: Report, about: str | None, token: str | None) -> Iterator[Outcome]:
    for group in report.fields:
        # Disposition: manual-action/MDN-sent-manually; displayed/error
        said = _word(group.get("disposition", "").rpartition(";")[2].partition("/")[0])
        if said:
            yield Outcome(
                message_id=_one_id(group.get("original-message-id")) or about,
                token=token,
                state=DISPOSITIONS.get(said),
                recipient=_typed(group.get("original-recipient") or group.get("final-recipient")),
            )


def _of_feedback(report: Report, about: str | None, token: str | None) -> Iterator[Outcome]:
    for group in report.fields:
        if said := _word(group.get("feedback-type", "")):
            complaint = said in COMPLAINTS
            yield Outcome(
                message_id=about,
                token=token,
                state="delivered" if complaint else None,
                recipient=_address(group.get("original-rcpt-to") or group.get("removal-recipient")),
                complaint=complaint,
            )


def _of_another_form(mail: Mail, token: str | None) -> Sequence[Outcome]:
    """Return what a bounce without a machine-readable part says.

    An absence note goes to the envelope's sender too: so a server's mail is a bounce by its subject, by the
    recipients that it names as failed, or, where it came to the address that only bounces go to, because it
    is written in a server's name.
    """
    subject = (mail.subject or "")[:LONGEST_ERROR]
    failed = mail.headers.get("x-failed-recipients", ())
    # The subject of the mail that failed may stand there too, and tell of a delayed parcel.
    is_failure = bool(failed) or _FAILURES.search(subject) is not None
    is_delay = not is_failure and _DELAYS.search(subject) is not None
    is_returned = token is not None and "." in token and _is_servers_name(mail)
    if not (is_failure or is_delay or is_returned):
        return ()
    returned = _returned_text(mail)
    about = _returned_id(returned)
    if not (about or token):
        return ()
    if is_delay:
        return [Outcome(message_id=about, token=token, state=None)]
    reason = _REPLY_CODE.search(returned)
    error = _line(reason[0]) if reason else _line(subject) or "the mail could not be delivered"
    recipients: list[str | None] = [
        found[0] for value in failed for found in _ADDRESS.finditer(value[:5000])
    ]
    return [
        Outcome(message_id=about, token=token, state="failed", error=error, recipient=recipient)
        for recipient in recipients[:MOST_OUTCOMES] or [None]
    ]


def _is_of_a_server(mail: Mail, envelope_sender: str | None) -> bool:
    if not is_report(mail) and _FORWARDED.match((mail.subject or "")[:LONGEST_ERROR]):
        return False  # of the person who reads the mail of postmaster
    return is_from_nobody(mail, envelope_sender) or _is_servers_name(mail)


def _is_servers_name(mail: Mail) -> bool:
    return mail.author is not None and is_machine(mail.author.address)


def _returned_text(mail: Mail) -> str:
    files = [file for file in mail.files if file.mime in _RETURNED][:_MOST_RETURNED]
    heads = (file.content[:LONGEST_RETURNED_TEXT].decode("utf-8", "replace") for file in files)
    return "\n".join((mail.text[:LONGEST_RETURNED_TEXT], *heads))


def _returned_id(returned: str) -> str | None:
    headers = [found[1] for found in _ANY_ID.finditer(returned)]
    # References of ours may stand above the id of the mail itself.
    own = next((one for one in headers if _OUR_ID.fullmatch(one)), None)
    if own is None and (found := _OUR_ID.search(returned)):
        own = found[0]
    return own or next(iter(headers), None)


def _message_id(report: Report, mail: Mail) -> str | None:
    for value in report.original_headers.get("message-id", ()):
        if found := _one_id(value):
            return found
    # Exchange leaves the original out, and some servers return it as a file.
    return _returned_id(_returned_text(mail))


def _one_id(value: str | None) -> str | None:
    found = re.search(r"<[^<>\s]{1,300}>", (value or "")[:1000])
    return found[0] if found else None


def _token_in(addresses: Iterable[str]) -> str | None:
    """Return the first detail of an address that has the shape of a token, whatever sets it off."""
    for address in addresses:
        local = address.rpartition("@")[0][:200]
        for size in (45, 44, 43, 42, 32):
            if (
                len(local) > size
                and _TOKEN.fullmatch(local[-size:])
                and not local[-size - 1].isalnum()
            ):
                return local[-size:].lower()
    return None


def _typed(value: str | None) -> str | None:
    """Return a value without its type: ``rfc822; anna@example.org``."""
    bare = (value or "").partition(";")[2] or (value or "")
    return _address(bare) if "@" in bare and " " not in bare.strip() else _line(bare) or None


def _address(value: str | None) -> str | None:
    return _line((value or "").strip().strip("<>")) or None


def _word(value: str) -> str:
    words = value.strip().lower().split()
    return words[0].rstrip(";,.(") if words else ""


def _line(text: str) -> str:
    return " ".join(text[: 4 * LONGEST_ERROR].split())[:LONGEST_ERROR]
