"""Texts that come in while the daemon is killed or fails at one of them: each one once, and whole."""

from __future__ import annotations

import random
from typing import Any

from omnigate_sms import segments

from tests.e2e.phones import ANNA, LONG, Phones, give
from tests.seeds import draw_seed


def test_a_long_text_that_comes_in_pieces_over_a_kill_is_one_message(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones)
    first, *others, last = segments.cut(LONG, 7)
    assert others
    phones.say_piece(last)
    phones.say_piece(first)
    daemon.kill()
    daemon.start()
    phones.bound(2)
    phones.say_piece(first)  # the operator repeats what it had no answer for
    assert receiver.crm.texts() == []
    for piece in others:
        phones.say_piece(piece)
    until(lambda: receiver.crm.texts(), "the CRM hears of it")
    for piece in (last, first):
        phones.say_piece(piece)
    phones.say("Ау")
    until(lambda: "Ау" in receiver.crm.texts(), "the CRM hears of the next")
    assert receiver.crm.texts() == [LONG, "Ау"]
    message = receiver.crm.of("message.received")[0].json
    assert message["conversation"]["external_id"] == f"+{ANNA}"
    assert message["contact"]["addresses"][0]["address"] == f"tel:+{ANNA}"


def test_long_texts_in_pieces_survive_kills_at_any_moment(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    """The operator repeats every piece that was not answered; each text comes once, and whole."""
    chance = random.Random(draw_seed())
    said = [f"{number} {LONG * chance.randint(1, 2)}" for number in range(12)]
    came = [piece for number, text in enumerate(said) for piece in segments.cut(text, number)]
    chance.shuffle(came)
    kills = frozenset(chance.sample(range(len(came)), 3))
    daemon = give(new_daemon(), phones, "incomplete_after_seconds = 3600")
    binds = 1
    for number, piece in enumerate(came):
        if number in kills:
            if chance.random() < 0.5:
                phones.say_piece(piece)
            else:
                phones.begin_piece(piece)
            daemon.kill()
            daemon.start()
            phones.bound(binds := binds + 1)
        phones.say_piece(piece)
    until(lambda: len(receiver.crm.said()) >= len(said), "the CRM hears of all")
    phones.say("Ау")
    until(lambda: "Ау" in receiver.crm.said(), "what came after is there")
    assert sorted(map(str, receiver.crm.said())) == sorted([*said, "Ау"])


DIES_BEFORE_IT_ANSWERS = """
import os, signal
from omnigate_sms.smpp import session
session.Session.answer = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_text_that_was_stored_but_not_answered_is_the_same_when_it_comes_again(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = new_daemon()
    give(daemon, phones)
    daemon.stop()
    daemon.start(prelude=DIES_BEFORE_IT_ANSWERS)
    phones.bound(2)
    phones.say("да")
    daemon.process.wait(30)
    daemon.start()
    phones.bound(3)
    for _ in range(2):
        known = len(phones.smsc.all("deliver_sm_resp"))
        phones.say("да")
        until(lambda: len(phones.smsc.all("deliver_sm_resp")) > known, "it is answered")  # noqa: B023
    phones.say("Ау")
    until(lambda: "Ау" in receiver.crm.texts(), "what came after is there")
    assert receiver.crm.said() == ["да", "да", "Ау"]


FAILS_AT_A_WORD = """
from omnigate_sms import incoming

normalise = incoming.Reading.text

def fails(self, said):
    if said.data == "яд".encode("utf-16-be"):
        raise ZeroDivisionError("a mistake of ours")
    return normalise(self, said)

incoming.Reading.text = fails
"""


def test_a_text_that_our_own_code_fails_at_holds_up_nothing_and_is_not_lost(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones, prelude=FAILS_AT_A_WORD)
    for number, said in enumerate(("раз", "яд", "два", "яд"), 1):
        phones.say(said)
        until(lambda: len(phones.smsc.all("deliver_sm_resp")) >= number, "it is answered")  # noqa: B023
    assert [one["status"] for one in phones.smsc.all("deliver_sm_resp")] == [0] * 4
    quarantine = daemon.operator.get("/admin/quarantine")["items"]
    assert [one["reason"] for one in quarantine] == ["taking it in raised ZeroDivisionError"] * 2
    shown = daemon.omnigate("quarantine", "show", str(quarantine[0]["id"]))
    assert "SMPP /deliver_sm/weak:" in shown
    retried = daemon.operator.post("/admin/quarantine/retry", {"all": True})
    assert retried["count"] == 0, "it is really tried, and fails as it did"
    assert "take_again raised ZeroDivisionError" in str(retried["refused"])
    daemon.kill()
    daemon.start()
    daemon.omnigate("quarantine", "retry", "--channel", "texts")
    until(lambda: receiver.crm.said() == ["раз", "два", "яд", "яд"], "the CRM hears of all")
    assert {one.conversation for one in receiver.crm.of("message.received")} == {f"+{ANNA}"}
    assert daemon.operator.get("/admin/quarantine")["items"] == []
