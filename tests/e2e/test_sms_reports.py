"""What became of texts: receipts before the answer, answers that are lost or late, ids given again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.phones import LONG, TO_ANNA, Phones, give


def test_receipts_may_come_before_the_answer_and_twice(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones)
    early = {"receiptFirst": "DELIVRD", "receipts": ["DELIVRD", "ENROUTE"]}
    phones.set(plan=[early] * 5)
    daemon.send(TO_ANNA, LONG)
    daemon.send(TO_ANNA, "два")
    until(lambda: len(receiver.crm.of("message.delivered")) == 2, "the CRM hears of both")
    phones.say("Ау")
    until(lambda: "Ау" in receiver.crm.texts(), "what came after is there")
    assert receiver.crm.texts("message.delivered") == [LONG, "два"]
    assert [one.text for one in receiver.crm.of("message.failed")] == []


def test_a_lost_answer_leaves_a_text_unknown_and_it_is_never_sent_again_by_itself(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones, smpp="response_timeout_seconds = 1")
    phones.set(plan=[{"silent": True}])
    daemon.send(TO_ANNA, "раз")
    until(lambda: receiver.crm.of("message.unknown"), "the CRM hears that nobody knows")
    daemon.send(TO_ANNA, "два")
    until(lambda: receiver.crm.of("message.sent"), "the next is sent")
    daemon.stop()
    daemon.start()
    phones.bound(2)
    daemon.send(TO_ANNA, "три")
    until(lambda: len(receiver.crm.of("message.sent")) == 2, "another is sent")
    assert len(phones.submitted(3)) == 3


def test_an_answer_that_comes_too_late_still_tells_what_became_of_a_text(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones, smpp="response_timeout_seconds = 0.5")
    phones.set(plan=[{"hold": True}])
    daemon.send(TO_ANNA, "раз")
    until(lambda: receiver.crm.of("message.unknown"), "the CRM hears that nobody knows")
    phones.smsc.tell(release=True)
    until(lambda: receiver.crm.of("message.sent"), "the CRM hears that it was taken")
    (sent,) = phones.submitted(1)
    phones.receipt(sent, "DELIVRD")
    until(lambda: receiver.crm.of("message.delivered"), "the CRM hears that it is delivered")
    assert len(phones.submitted(1)) == 1


@pytest.mark.parametrize("said", ["раз", LONG], ids=["one_segment", "several"])
def test_a_receipt_that_comes_before_an_answer_that_comes_too_late_is_not_lost(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any, said: str
) -> None:
    daemon = give(new_daemon(), phones, smpp="response_timeout_seconds = 0.5")
    number = 1 if said == "раз" else 4
    phones.set(plan=[{}] * (number - 1) + [{"hold": True}])
    daemon.send(TO_ANNA, said)
    until(lambda: receiver.crm.of("message.unknown"), "the CRM hears that nobody knows")
    for submit in phones.submitted(number):
        phones.receipt(submit, "DELIVRD")
    until(lambda: len(phones.smsc.all("deliver_sm_resp")) == number, "the receipts are answered")
    phones.smsc.tell(release=True)
    until(lambda: receiver.crm.of("message.delivered"), "the CRM hears that it is delivered")
    assert [one.text for one in receiver.crm.of("message.failed")] == []


def test_a_receipt_is_the_newest_texts_when_the_operator_gives_an_id_again(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones)
    for number, said in enumerate(("раз", "два", LONG, "три"), 1):
        phones.set(nextId=1000)
        daemon.send(TO_ANNA, said)
        until(lambda: len(receiver.crm.of("message.sent")) == number, "it is sent")  # noqa: B023
        first = 1000
        for one in range(4 if said == LONG else 1):
            phones.receipt({"id": first + one}, "DELIVRD")
        until(lambda: receiver.crm.texts("message.delivered")[-1:] == [said], "it is delivered")  # noqa: B023
    assert receiver.crm.texts("message.delivered") == ["раз", "два", LONG, "три"]
