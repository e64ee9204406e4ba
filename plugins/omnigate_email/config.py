"""What an operator tells Omnigate about a mail channel: whose address it is, and how mail comes and goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

import omnigate
from omnigate_email.accounts import SmtpConfig
from omnigate_email.addresses import OwnAddresses
from omnigate_email.imap.config import Folder, ImapConfig, check_one_line
from omnigate_email.listening.config import ListenerConfig
from omnigate_email.meaning.tokens import LONGEST_LOCAL_PART
from omnigate_email.smtp import fields
from omnigate_email.smtp.template import Template

TOKEN_CHARS: Final = 32
BOUNCE_TOKEN_CHARS: Final = 45
"""How long tokens in addresses are, see `omnigate_email.meaning.tokens`."""

_ADDRESS: Final = re.compile(
    r"[^\s\x00-\x20<>@,;:\"()\[\]\\]{1,64}@[^\s\x00-\x20<>@,;:\"()\[\]\\]{1,253}"
)


def check_address(text: str) -> str:
    """Return a mailbox's address; raises ``ValueError`` for what is none."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("an address is written name@domain, without a display name")
    try:
        fields.wire_address(text)
    except omnigate.Refused as error:
        raise ValueError(error.reason) from None
    return text


def check_template(path: str) -> str:
    """Return the path of a template that can be used; raises ``ValueError`` for any other."""
    Template.of_file(Path(path))
    return path


Mailbox = Annotated[str, StringConstraints(max_length=320), AfterValidator(check_address)]
"""A field of a configuration: ``name@domain``."""

OneLine = Annotated[str, StringConstraints(max_length=200), AfterValidator(check_one_line)]
"""A field of a configuration that becomes part of a header."""

SomeLine = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(check_one_line)
]
"""The same, not empty."""

Marker = Annotated[
    str, StringConstraints(min_length=8, max_length=200), AfterValidator(check_one_line)
]
"""A line that nobody writes by chance."""


class AcknowledgeConfig(omnigate.Model):
    """A text that customers get by itself when they begin a conversation; never sent to machines.

    At most one goes to a sender in a conversation within 24 hours.
    """

    text: str = Field(
        min_length=1, max_length=10_000, description="What the customer reads, as plain text."
    )
    per_sender_per_hour: int = Field(
        3, ge=1, le=100, description="Most to one sender within an hour, over all conversations."
    )
    per_hour: int = Field(
        100, ge=1, le=100_000, description="Most of the whole channel within an hour."
    )


class EmailConfig(omnigate.ChannelConfig):
    """Whose address it is, how its mail comes in, and what server takes our mail."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "address": "support@example.com",
                    "from_name": "Example Shop",
                    "imap": {
                        "host": "imap.example.com",
                        "username": "support@example.com",
                        "password": {"env": "MAIL_PASSWORD"},
                    },
                    "smtp": {
                        "host": "smtp.example.com",
                        "username": "support@example.com",
                        "password": {"env": "MAIL_PASSWORD"},
                    },
                }
            ]
        }
    )

    priority: omnigate.Priority = 200
    response_target_seconds: omnigate.ResponseTarget = 300.0
    address: Mailbox = Field(
        description="Address that customers write to and that answers come from.",
        examples=["support@example.com"],
    )
    from_name: Annotated[OneLine, omnigate.Asked()] = Field(
        "", description="Name that stands before the address; empty: the address alone."
    )
    aliases: list[Mailbox] = Field(
        [],
        max_length=100,
        description=(
            "Other addresses that end up in the same mailbox. Mail from address and aliases is your staff's."
        ),
    )
    intake: Annotated[
        Literal["imap", "lmtp", "smtp_listener"] | None,
        omnigate.Asked(needed=True, unless=("imap", "lmtp", "smtp_listener")),
    ] = Field(
        None,
        description=(
            "How mail comes in, a table of that name says more. imap: Omnigate reads the mailbox. lmtp, "
            "smtp_listener: your own mail server hands each mail over."
        ),
    )
    imap: Annotated[ImapConfig | None, omnigate.Asked(when=("intake=imap",))] = Field(
        None, description="Mailbox to read; leave it out where a mail server hands mail over."
    )
    smtp: Annotated[SmtpConfig | None, omnigate.Asked()] = Field(
        None, description="Server that takes our mail; without it the channel only takes mail in."
    )
    lmtp: Annotated[ListenerConfig | None, omnigate.Asked(when=("intake=lmtp",))] = Field(
        None,
        description="Door for your own mail server, by LMTP: best, each recipient is answered for.",
    )
    smtp_listener: Annotated[
        ListenerConfig | None, omnigate.Asked(when=("intake=smtp_listener",))
    ] = Field(
        None, description="Door for your own mail server, by SMTP, where it cannot speak LMTP."
    )
    plus_addresses: Annotated[bool, omnigate.Asked()] = Field(
        False,
        description=(
            "Whether your mail server delivers address+anything@domain to the address. With it answers "
            "carry a token in Reply-To and find their conversation even when the client sends no references. "
            "Try it before you say yes: where it does not work, answers would come back."
        ),
    )
    delimiter: Literal["+", "-", "=", "#", "."] = Field(
        "+", description="What your mail server takes for the plus of such addresses."
    )
    bounce_tokens: bool = Field(
        False,
        description=(
            "Send with an address of its own per mail as the envelope's sender, so that every bounce finds "
            "its mail. Needs plus_addresses and a server that lets you choose the sender: providers of "
            "mailboxes do not."
        ),
    )
    subject_tags: bool = Field(
        False,
        description=(
            "Put [#…] into subjects, and know a conversation's own sender by it when nothing else is left."
        ),
    )
    default_subject: SomeLine = Field(
        "Message",
        description="Subject of a mail that begins a conversation and was given none.",
    )
    answer_marker: Marker | None = Field(
        None,
        description=(
            "Line above the answer in our mails, such as ## Please write above this line ##. What stands "
            "below it in answers is cut off."
        ),
    )
    signature: str | None = Field(
        None, max_length=2000, description="Text under every mail that a person writes."
    )
    template_file: Annotated[str, AfterValidator(check_template)] | None = Field(
        None, description="HTML template of our mails, in place of the built-in one."
    )
    sent_copy: bool = Field(
        False,
        description="Put a copy of what is sent into the mailbox's folder for sent mail, by IMAP.",
    )
    staff_folders: list[Folder] = Field(
        [],
        max_length=20,
        description=(
            "Which of imap.folders hold mail that your own people sent with other programs, such as Sent: it "
            "is told as message.sent."
        ),
    )
    authserv_id: SomeLine | None = Field(
        None,
        description=(
            "Name that your mail server writes into Authentication-Results. With it senders whose domain "
            "vouches for them count as verified. Your server must remove headers that others wrote in its "
            "name."
        ),
    )
    acknowledge: AcknowledgeConfig | None = Field(
        None, description="Text that customers get by itself when they begin a conversation."
    )
    loop_mails: int = Field(
        20,
        ge=5,
        le=1000,
        description=(
            "More mails than this from one address within 10 minutes count as a loop of machines: nothing "
            "is answered by itself, and just as many answers are let out. All of them are taken in."
        ),
    )

    def own_addresses(self) -> OwnAddresses:
        """Return the address and its aliases."""
        return OwnAddresses((self.address, *self.aliases), self.delimiter)

    @property
    def domain(self) -> str:
        """The domain of the address in its ASCII form, lower case."""
        return fields.host(self.address.rpartition("@")[2])

    @model_validator(mode="after")
    def _mail_goes_somewhere(self) -> Self:
        if not (self.imap or self.lmtp or self.smtp_listener or self.smtp):
            raise ValueError("give imap or lmtp for mail to come in, and smtp for mail to go out")
        return self

    @model_validator(mode="after")
    def _intake_is_there(self) -> Self:
        if self.intake is not None and getattr(self, self.intake) is None:
            raise ValueError(f"intake says {self.intake}: give the table {self.intake} too")
        return self

    @model_validator(mode="after")
    def _folders_have_a_mailbox(self) -> Self:
        if self.imap is None and (self.sent_copy or self.staff_folders):
            raise ValueError("sent_copy and staff_folders need imap")
        if self.imap is not None and not set(self.staff_folders) <= set(self.imap.folders):
            raise ValueError("staff_folders: each must be one of imap.folders")
        return self

    @model_validator(mode="after")
    def _bounces_have_tokens(self) -> Self:
        if self.bounce_tokens and not self.plus_addresses:
            raise ValueError("bounce_tokens needs plus_addresses")
        return self

    @model_validator(mode="after")
    def _tokens_have_room(self) -> Self:
        room = LONGEST_LOCAL_PART - len(self.address.rpartition("@")[0].encode()) - 1
        if self.plus_addresses and room < TOKEN_CHARS:
            raise ValueError("plus_addresses: the address has no room for a token before its @")
        if self.bounce_tokens and room < BOUNCE_TOKEN_CHARS:
            raise ValueError("bounce_tokens: the address has no room for a token before its @")
        return self

    @model_validator(mode="after")
    def _acknowledgements_go_out(self) -> Self:
        if self.smtp is None and self.acknowledge is not None:
            raise ValueError("acknowledge needs smtp")
        return self
