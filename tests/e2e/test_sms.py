"""Customers with phones and a CRM, with a daemon and an operator's SMSC between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.phones import LONG, TO_ANNA, Phones, give


def test_a_text_is_delivered_when_all_of_its_segments_are(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones)
    daemon.send(TO_ANNA, LONG)
    sent = phones.submitted(4)
    assert len(sent) == 4
    until(lambda: receiver.crm.of("message.sent"), "the CRM hears that it is sent")
    for submit in sent[1:]:
        phones.receipt(submit, "DELIVRD")
    phones.receipt(sent[0], "ENROUTE")
    phones.receipt(sent[1], "DELIVRD")
    phones.say("Ау")
    until(lambda: "Ау" in receiver.crm.texts(), "what came after is there")
    assert receiver.crm.of("message.delivered") == []
    phones.receipt(sent[0], "DELIVRD")
    until(lambda: receiver.crm.of("message.delivered"), "the CRM hears that all are delivered")
    (delivered,) = receiver.crm.of("message.delivered")
    assert delivered.text == LONG


def test_what_waits_goes_out_as_soon_as_the_smsc_is_back(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    """The schedule alone would try again after ten minutes."""
    daemon = give(new_daemon(schedule="[600]"), phones)
    phones.smsc.tell(close=True)
    until(lambda: "channel down" in daemon.log(), "the daemon has noticed")
    daemon.send(TO_ANNA, "Ваш заказ готов")
    until(lambda: daemon.status("texts")["failures"] >= 1, "it was tried in vain")
    phones.smsc.tell(listen=True)
    phones.bound(2)
    until(lambda: receiver.crm.of("message.sent"), "the text is sent")
    assert len(phones.submitted(1)) == 1


def test_a_text_fails_when_one_segment_does(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones)
    daemon.send(TO_ANNA, LONG)
    sent = phones.submitted(4)
    phones.receipt(sent[2], "UNDELIV")
    until(lambda: receiver.crm.of("message.failed"), "the CRM hears of it")
    (failed,) = receiver.crm.of("message.failed")
    assert "UNDELIV" in str(failed.json["data"]["message"])


def test_the_window_that_the_operator_grants_is_filled(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(new_daemon(), phones, smpp="window = 40\nrate_per_second = 1000")
    phones.set(hold=True)
    for number in range(50):
        to = {"channel": "texts", "address": f"tel:+791612345{number:02}"}
        daemon.send(to, "Ваш заказ готов")
    phones.submitted(40)
    phones.smsc.tell(report=True)
    until(lambda: phones.smsc.all("report"), "the SMSC has counted")
    assert phones.smsc.all("report")[0]["most"] == 40
    phones.smsc.tell(release=True)
    phones.submitted(50)


def test_a_channel_is_added_by_command_and_the_doctor_knows_it(
    new_daemon: Any, phones: Phones
) -> None:
    daemon = new_daemon()
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text('include = ["omnigate.d/*.toml"]\n' + path.read_text())
    keys = {
        "link": "smpp",
        "default_region": "RU",
        "smpp.host": "127.0.0.1",
        "smpp.port": phones.smsc.port,
        "smpp.system_id": "shop",
        "smpp.password": "secret",
    }
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    assert "Wrote" in daemon.omnigate("channel", "add", "sms", "--name", "texts", *sets)
    written = (daemon.folder / "omnigate.d" / "channel-texts.toml").read_text()
    assert "secret" not in written.replace("channel-texts.smpp.password", "")
    assert "channel texts" in daemon.omnigate("doctor")
    assert {bind["status"] for bind in phones.smsc.all("bind")} == {0}


def test_what_a_text_would_cost_is_told_before_it_is_sent(
    receiver: Any, new_daemon: Any, phones: Phones
) -> None:
    daemon = give(new_daemon(), phones, 'price_per_segment = "3.5"\ncurrency = "RUB"')
    body = {"to": TO_ANNA, "text": LONG}
    status, told = daemon.request("POST", "/v1/messages?dry_run=true", body, token=daemon.token)
    assert status == 200
    assert (told["segments"], told["cost"], told["currency"]) == (4, "14.0", "RUB")
    assert (told["parts"][0]["encoding"], told["parts"][0]["length"]) == ("ucs2", len(LONG) + 8)
    body = {"to": {**TO_ANNA, "address": "tel:+78091234567"}, "text": LONG}
    status, problem = daemon.request("POST", "/v1/messages?dry_run=true", body, token=daemon.token)
    assert status == 422
    assert "premium_rate" in problem["detail"]
    assert phones.smsc.all("submit") == []


def test_who_says_stop_gets_nothing_more_unless_it_is_forced(
    receiver: Any, new_daemon: Any, phones: Phones, until: Any
) -> None:
    daemon = give(
        new_daemon(),
        phones,
        channel='stop_reply = "Больше не пишем."\nstart_reply = "Снова пишем."',
    )
    phones.say("Стоп!")
    until(lambda: receiver.crm.of("contact.blocked"), "the CRM hears of it")
    until(lambda: receiver.crm.texts() == ["Стоп!"], "and of what was said")
    phones.submitted(1)  # the confirmation, and none of the second
    phones.say("Стоп")
    until(lambda: receiver.crm.texts() == ["Стоп!", "Стоп"], "what is said goes on to be told")
    body = {"to": TO_ANNA, "text": "Скидки!"}
    status, problem = daemon.request("POST", "/v1/messages", body, token=daemon.token)
    assert status == 409
    assert "set force" in problem["detail"]
    with pytest.raises(AssertionError) as failed:
        daemon.omnigate(
            "message", "send", "?", "--channel", "texts", "--address", TO_ANNA["address"]
        )
    assert "--force" in str(failed.value)
    assert "set force" not in str(failed.value)
    daemon.send(TO_ANNA, "Ваш код 1234", force=True)
    phones.submitted(2)
    phones.say("start")
    until(lambda: receiver.crm.of("contact.unblocked"), "the CRM hears of that too")
    phones.submitted(3)
    daemon.send(TO_ANNA, "Спасибо")
    assert [one["text"] for one in phones.submitted(4)] == [
        "Больше не пишем.",
        "Ваш код 1234",
        "Снова пишем.",
        "Спасибо",
    ]


def test_numbers_that_cost_more_and_too_many_texts_are_refused(
    new_daemon: Any, phones: Phones
) -> None:
    daemon = give(new_daemon(), phones, channel="limits = { messages_per_number_per_hour = 2 }")
    for address in ("tel:+78091234567", "tel:+447911123456", "tel:112"):
        body = {"to": {"channel": "texts", "address": address}, "text": "?"}
        assert daemon.request("POST", "/v1/messages", body, token=daemon.token)[0] == 422
    for number in range(2):
        daemon.send(TO_ANNA, str(number))
    phones.submitted(2)
    daemon.kill()
    daemon.start()
    phones.bound(2)
    body = {"to": TO_ANNA, "text": "2"}
    status, answer = daemon.request("POST", "/v1/messages", body, token=daemon.token)
    assert (status, answer["code"]) == (429, "limit_reached"), "it knows what went before the kill"
    assert len(phones.smsc.all("submit")) == 2
