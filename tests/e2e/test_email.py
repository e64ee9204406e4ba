"""Customers who write mails and a CRM, with a daemon and real mail servers between them."""

from __future__ import annotations

import json
import random
import smtplib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bots import rows
from tests.e2e.mails import Mailbox, Outside
from tests.plugins.email.desk import ANNA, letter
from tests.plugins.email.dovecot import PASSWORD, Dovecot, dovecot
from tests.plugins.email.postfix import Postfix, postfix
from tests.ports import free_port

__all__ = ["dovecot", "postfix"]  # fixtures

SAYS_YES_EARLY = """
import asyncio
from omnigate_email.listening import desk

async def store(self, content, envelope):
    taking = self.take(content, tuple(envelope.rcpt_tos), "")
    self.under_way = asyncio.ensure_future(taking)
    return desk.STORED

desk.Desk.store = store
"""
PAYLOADS = Path(__file__).parents[1] / "payloads" / "email"
ACKNOWLEDGED = "We have got your mail."


@pytest.fixture
def outside() -> Iterator[Outside]:
    opened = Outside()
    yield opened
    opened.end()


def stored(answers: list[str]) -> bool:
    return bool(answers) and all(one.startswith("250") for one in answers)


def test_a_customer_and_a_crm_write_to_each_other(
    receiver: Any, new_daemon: Any, outside: Outside, until: Any
) -> None:
    """In by LMTP, out by SMTP, and the answer finds its way back by its token alone."""
    daemon = new_daemon()
    mailbox = Mailbox(daemon, outside.sink.port, 'from_name = "Магазин"')
    daemon.start()
    content = bytes(range(256)) * 2000
    raw = letter("Есть велосипед?", files=[("план.pdf", "application/pdf", content)])
    assert stored(mailbox.deliver(raw))
    (asked,) = until(lambda: receiver.crm.of("message.received"), "the CRM hears of it")
    message = asked.json["data"]["message"]
    assert (message["text"], message["subject"]) == ("Есть велосипед?", "Вопрос")
    assert asked.json["contact"]["addresses"][0]["address"] == f"mailto:{ANNA}"
    (file,) = message["attachments"]
    with urllib.request.urlopen(file["url"], timeout=20) as answer:
        assert answer.read() == content

    to = {"conversation": asked.json["conversation"]["id"]}
    daemon.send(to, "Есть, сто рублей", reply_to=message["id"], attachments=[{"id": file["id"]}])
    until(lambda: outside.mails, "the customer gets it")
    (sent,) = outside.mails
    assert sent["Subject"] == "Re: Вопрос"
    assert sent["In-Reply-To"] == "<1@client.test>"
    (attached,) = sent.iter_attachments()
    assert attached.get_content() == content
    until(lambda: receiver.crm.of("message.sent"), "the CRM hears that it is sent")

    token = sent["Reply-To"].addresses[0].addr_spec
    reply = letter("Беру!", message_id="<2@phone.test>", to=token, subject="(без темы)")
    assert stored(mailbox.deliver(reply, token.upper()))
    until(lambda: len(receiver.crm.of("message.received")) == 2, "the answer comes")
    answered = receiver.crm.of("message.received")[-1]
    assert answered.text == "Беру!"
    assert answered.json["conversation"]["id"] == to["conversation"]


def test_a_company_writes_first_and_the_answer_is_of_the_same_conversation(
    receiver: Any, new_daemon: Any, outside: Outside, until: Any
) -> None:
    daemon = new_daemon()
    mailbox = Mailbox(daemon, outside.sink.port)
    daemon.start()
    to = {"channel": "mail", "address": f"mailto:{ANNA}"}
    sent = daemon.send(to, "Ваш заказ готов", subject="Заказ 17")
    until(lambda: outside.mails, "the customer gets it")
    (mail,) = outside.mails
    assert (mail["Subject"], mail["To"]) == ("Заказ 17", ANNA)
    until(lambda: receiver.crm.of("message.sent"), "the CRM hears that it is sent")
    reply = letter("Еду", message_id="<2@x.test>", In_Reply_To=str(mail["Message-ID"]))
    assert stored(mailbox.deliver(reply))
    (answered,) = until(lambda: receiver.crm.of("message.received"), "the answer comes")
    assert answered.json["conversation"]["id"] == sent["conversation"]
    assert answered.json["data"]["message"]["reply_to"] == sent["id"]
    assert answered.json["conversation"]["subject"] == "Заказ 17"


def test_a_crm_is_told_at_once_what_is_no_mail(
    receiver: Any, new_daemon: Any, outside: Outside
) -> None:
    daemon = new_daemon()
    Mailbox(daemon, outside.sink.port)
    daemon.start()
    to = {"channel": "mail", "address": f"mailto:{ANNA}"}
    for wrong in ({"subject": "a\r\nBcc: b@c.test"}, {"extensions": {"mail": {"cc": ["nobody"]}}}):
        body = {"to": to, "text": "?", **wrong}
        status, problem = daemon.request("POST", "/v1/messages", body, token=daemon.token)
        assert status == 422, problem
    own = {"to": {"channel": "mail", "address": "mailto:support@shop.test"}, "text": "?"}
    status, problem = daemon.request("POST", "/v1/messages", own, token=daemon.token)
    assert (status, problem["code"]) == (422, "own_address")
    assert "support@shop.test" in problem["detail"]


def crash(
    daemon: Any,
    mailbox: Mailbox,
    places: Sequence[str],
    patch: pytest.MonkeyPatch,
    prelude: str = "",
) -> list[str]:
    """Hand mails over while the daemon dies at each place; what had no answer is handed over again.

    Return what was said in those that were answered for; the daemon runs again then.
    """
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    texts: list[str] = []
    waiting: list[bytes] = []
    for place in places:
        # The first commits are the start's own.
        patch.setenv("OMNIGATE_FAILPOINT", f"{place}:{chance.randrange(12, 20)}=kill")
        daemon.start(prelude)
        while daemon.process.poll() is None:
            assert len(texts) < 2000, f"{place} was never reached"
            texts.append(f"mail {len(texts)}")
            author = f"{len(texts)}@client.test"
            waiting.append(letter(texts[-1], author=author, message_id=f"<{len(texts)}@x>"))
            waiting = [raw for raw in waiting if not stored(mailbox.offer(raw))]
        daemon.process = None
    patch.delenv("OMNIGATE_FAILPOINT")
    daemon.start(prelude)
    deadline = time.monotonic() + 30
    while waiting := [raw for raw in waiting if not stored(mailbox.offer(raw))]:
        assert time.monotonic() < deadline, "a mail is never taken"
    return texts


def test_a_daemon_killed_while_mails_come_loses_none_and_doubles_none(
    receiver: Any,
    new_daemon: Any,
    outside: Outside,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At each place between the end of a mail and the answer to it; the mail server tries again."""
    daemon = new_daemon()
    mailbox = Mailbox(daemon, outside.sink.port, f'acknowledge = {{ text = "{ACKNOWLEDGED}" }}')
    texts = crash(daemon, mailbox, ("insert", "commit", "committed"), monkeypatch)
    until(lambda: len(set(receiver.crm.texts())) == len(texts), "all of them came")
    ids = {one.json["data"]["message"]["id"] for one in receiver.crm.of("message.received")}
    assert len(ids) == len(texts)
    senders = {f"{number}@client.test" for number in range(1, len(texts) + 1)}
    until(lambda: {str(one["To"]) for one in outside.mails} == senders, "all are told")
    # A mail whose answer was lost is sent again under the same id: receivers keep one.
    assert len({str(one["Message-ID"]) for one in outside.mails}) == len(texts)


def test_a_door_that_says_yes_too_early_loses_mails_when_the_daemon_dies(
    receiver: Any, new_daemon: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as above, against a broken part."""
    daemon = new_daemon()
    mailbox = Mailbox(daemon, 9)
    texts = crash(daemon, mailbox, ("insert",), monkeypatch, SAYS_YES_EARLY)
    raw = letter("the last", message_id="<last@client.test>")
    until(lambda: stored(mailbox.deliver(raw)), "another mail is taken")
    until(lambda: "the last" in receiver.crm.texts(), "it comes, behind all that is there")
    assert len(set(receiver.crm.texts())) < len(texts)


def test_two_omnigates_whose_crms_answer_everything_stop(
    receiver: Any, new_daemon: Any, until: Any, answer: Any
) -> None:
    """Each acknowledges, and has a CRM that answers every message at once without a thought."""
    receiver.crm.behave = lambda delivery: (
        answer(200, b'{"messages": [{"text": "Thank you for your mail."}]}')
        if delivery.json["type"] == "message.received"
        else answer()
    )
    more = (f'acknowledge = {{ text = "{ACKNOWLEDGED}" }}', "loop_mails = 8")
    one, two = new_daemon(), new_daemon()
    doors = free_port(), free_port()
    here = Mailbox(one, doors[1], *more, address="support@one.test", door=doors[0])
    Mailbox(two, doors[0], *more, address="support@two.test", door=doors[1])
    one.start()
    two.start()
    raw = letter(author="support@two.test", to="support@one.test", message_id="<1@two.test>")
    assert stored(here.deliver(raw, sender="support@two.test"))
    until(
        lambda: any(
            "mail_loop" in str(gone.json["data"]["message"]["error"])
            for gone in receiver.crm.of("message.failed")
        ),
        "one of them stops",
    )
    # Whatever was still under way comes to its end: nobody sends any more.
    until(lambda: _ended(one) and _ended(two), "nothing is under way")
    assert 10 < len(receiver.crm.of("message.received")) < 60


def _ended(daemon: Any) -> bool:
    (open_messages,) = rows(
        daemon,
        "SELECT count(*) FROM message WHERE direction = 'outbound' AND state IN ('queued', 'sending')",
    )
    return open_messages == (0,)


@pytest.mark.timeout(240)
def test_a_real_bounce_makes_the_message_fail(
    receiver: Any, new_daemon: Any, postfix: Postfix, until: Any
) -> None:
    """Postfix takes the mail, finds nobody there, and says so to the address that it came from.

    What it cannot take at all (it offers no SMTPUTF8) has failed at once.
    """
    daemon = new_daemon()
    mailbox = Mailbox(daemon, postfix.ascii_port, address="support@lmtp-{port}.test")
    daemon.start()
    sent = daemon.send({"channel": "mail", "address": f"mailto:анна@{postfix.domain}"}, "Готово")
    (failed,) = until(lambda: receiver.crm.of("message.failed"), "the CRM hears that it failed")
    assert failed.json["data"]["message"]["id"] == sent["id"]
    assert "address_not_supported" in failed.json["data"]["message"]["error"]
    sent = daemon.send(
        {"channel": "mail", "address": f"mailto:nobody@{postfix.domain}"}, "Ваш заказ готов"
    )

    def of_it() -> list[Any]:
        found = receiver.crm.of("message.failed")
        return [one for one in found if one.json["data"]["message"]["id"] == sent["id"]]

    (failed,) = until(of_it, "the CRM hears that this failed too")
    assert "5.1.1" in failed.json["data"]["message"]["error"]
    assert receiver.crm.of("message.received") == [], "a bounce is no customer's message"
    # What Postfix takes from customers comes the same way.
    with smtplib.SMTP("127.0.0.1", postfix.port) as server:
        server.sendmail(ANNA, [mailbox.address], letter("Где заказ?", to=mailbox.address))
    until(lambda: receiver.crm.texts() == ["Где заказ?"], "a customer's mail comes")


@pytest.mark.timeout(240)
def test_a_bounce_that_says_nothing_finds_its_mail_by_the_address_it_came_to(
    receiver: Any, new_daemon: Any, postfix: Postfix, outside: Outside, until: Any
) -> None:
    """Postfix returns a mail to its envelope's sender; nothing of what it says there is left on the way."""
    daemon = new_daemon()
    address = f"support@smtp-{outside.sink.port}.test"
    mailbox = Mailbox(daemon, postfix.port, "bounce_tokens = true", address=address)
    daemon.start()
    sent = daemon.send(
        {"channel": "mail", "address": f"mailto:nobody@{postfix.domain}"}, "Ваш заказ готов"
    )
    (returned,) = until(lambda: outside.envelopes, "Postfix returns it")
    assert returned.mail_from == "<>"
    (where,) = returned.rcpt_tos
    assert where != address
    said = letter("配信できません", author=f"MAILER-DAEMON@{postfix.domain}", subject=None)
    assert stored(mailbox.deliver(said, sender=""))
    until(lambda: receiver.crm.of("message.received"), "without the address it is any machine's")
    assert receiver.crm.of("message.failed") == []
    assert stored(mailbox.deliver(said, where, sender=""))
    (failed,) = until(lambda: receiver.crm.of("message.failed"), "the CRM hears that it failed")
    assert failed.json["data"]["message"]["id"] == sent["id"]
    assert len(receiver.crm.of("message.received")) == 1


def test_a_mailbox_is_added_by_command_and_the_doctor_understands_it(
    new_daemon: Any, dovecot: Dovecot, outside: Outside
) -> None:
    """What is asked for is tried with both servers before it is written; no secret is shown."""
    daemon = new_daemon()
    path = daemon.folder / "omnigate.toml"
    path.write_text('include = ["omnigate.d/*.toml"]\n' + path.read_text())
    keys = {
        "address": "support@shop.test",
        "intake": "imap",
        "imap.host": "127.0.0.1",
        "imap.port": str(dovecot.imap_port),
        "imap.tls": "none",
        "imap.username": "adding",
        "smtp.host": "127.0.0.1",
        "smtp.port": str(outside.sink.port),
        "smtp.tls": "none",
    }
    given = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    command = ("channel", "add", "email", "--name", "mail", *given)
    missing = cli(daemon, *command)
    assert missing.returncode != 0
    assert "imap.password" in missing.stderr + missing.stdout
    wrong = cli(daemon, *command, "--set", "imap.password=not-the-password")
    assert wrong.returncode != 0
    assert "AUTHENTICATIONFAILED" in wrong.stderr
    assert "not-the-password" not in wrong.stderr + wrong.stdout
    kept = [one.read_text() for one in daemon.folder.glob("**/*.toml")]
    assert not any("channels.mail" in one for one in kept), "what does not work is not written"
    added = cli(daemon, *command, "--set", f"imap.password={PASSWORD}")
    assert added.returncode == 0, added.stderr
    assert PASSWORD not in added.stderr + added.stdout
    assert "/channels/mail" not in added.stdout, "nobody calls a mailbox"
    daemon.start()
    told = cli(daemon, "doctor")
    assert "IMAP: reads INBOX of adding" in told.stdout
    assert PASSWORD not in told.stdout + daemon.log()


def cli(daemon: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "omnigate", *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


CANNOT_READ = """
import omnigate
from omnigate_email.reading.worker import Reader

async def read(self, raw):
    raise omnigate.BadPayload("the mail took longer than 30 s to read")

Reader.read = read
"""


def test_a_mail_that_cannot_be_read_waits_in_quarantine_until_it_can(
    receiver: Any, new_daemon: Any, outside: Outside, until: Any
) -> None:
    daemon = new_daemon()
    mailbox = Mailbox(daemon, outside.sink.port)
    daemon.start(CANNOT_READ)
    raw = letter("Где заказ?", author="x@x.test").replace(b"From: x@x.test\r\n", b"")
    assert stored(mailbox.deliver(raw)), "it is kept, so the mail server is done with it"
    daemon.stop()
    daemon.start()
    (kept,) = json.loads(daemon.omnigate("quarantine", "list", "--json"))["items"]
    assert "30 s" in kept["reason"]
    daemon.omnigate("quarantine", "retry", str(kept["id"]))
    until(lambda: receiver.crm.texts() == ["Где заказ?"], "the CRM hears of it")
    (asked,) = receiver.crm.of("message.received")
    assert asked.json["contact"]["addresses"][0]["address"] == f"mailto:{ANNA}", "by its envelope"
    assert json.loads(daemon.omnigate("quarantine", "list", "--json"))["items"] == []
    assert stored(mailbox.deliver(raw)), "should the mail server not have heard of it"
    assert stored(mailbox.deliver(letter("Ещё", message_id="<2@client.test>")))
    until(lambda: receiver.crm.texts() == ["Где заказ?", "Ещё"], "only what is new comes")


def test_mails_with_broken_bytes_are_taken_by_the_real_store(
    receiver: Any, new_daemon: Any, outside: Outside, until: Any
) -> None:
    """Real mails of many clients, some bytes of each changed: none is turned away, none is a surprise."""
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    daemon = new_daemon()
    mailbox = Mailbox(daemon, outside.sink.port, f'acknowledge = {{ text = "{ACKNOWLEDGED}" }}')
    daemon.start()
    mails = [path.read_bytes() for path in sorted(PAYLOADS.glob("*.eml"))]
    assert len(mails) > 10
    for raw in [*mails, *(mutated(chance.choice(mails), chance) for _ in range(100))]:
        assert stored(mailbox.deliver(raw)), raw
    assert stored(mailbox.deliver(letter("the last", message_id="<last@x.test>")))
    until(lambda: "the last" in receiver.crm.texts(), "all of them came")
    kept = json.loads(daemon.omnigate("quarantine", "list", "--json"))["items"]
    assert [one["reason"] for one in kept if "raised" in one["reason"]] == []


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """Return a mail with some bytes changed, doubled, or lost."""
    changed = bytearray(raw)
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                changed[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
            case 2:
                del changed[at : at + chance.randrange(1, 40)]
            case _:
                changed[at:at] = changed[at : at + chance.randrange(1, 200)]
    return bytes(changed)
