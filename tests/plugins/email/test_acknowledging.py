"""Automatic acknowledgements, to people only; and two machines that write to each other stop."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from typing import Any

import pytest

import omnigate
from omnigate.testing import MemoryStore
from tests.plugins.email.desk import ADDRESS, ANNA, Desk, letter, open_desk

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reader")]

TEXT = "Спасибо, мы получили ваше письмо."
ACKNOWLEDGE: dict[str, Any] = {"acknowledge": {"text": TEXT}}


def acknowledged(desk: Desk) -> list[str]:
    """Return the conversations that were acknowledged."""
    return [conversation for _, conversation, _ in desk.host.answers.values()]


async def test_who_begins_a_conversation_is_told_that_the_mail_came() -> None:
    async with open_desk(**ACKNOWLEDGE) as desk:
        await desk.deliver(letter())
        ((_, conversation, content),) = desk.host.answers.values()
        assert conversation == desk.said()[0].conversation
        assert content.text == TEXT
        assert content.automatic
        assert not await desk.host.notes("acknowledge/"), "nothing is owed any more"


async def test_nobody_is_told_twice() -> None:
    """Not when the mail is handed over again, nor when the customer writes on."""
    async with open_desk(**ACKNOWLEDGE) as desk:
        await desk.deliver(letter())
        await desk.deliver(letter())
        await desk.deliver(
            letter("И ещё", message_id="<2@client.test>", References="<1@client.test>")
        )
        assert len(desk.host.answers) == 1


@pytest.mark.parametrize(
    "mail",
    [
        {"Auto_Submitted": "auto-generated"},
        {"List_Id": "<news.client.test>"},
        {"author": "noreply@client.test"},
        {"author": ADDRESS},
        {"author": f"{ADDRESS}, {ANNA}"},
        {"subject": "Out of office: Вопрос"},
    ],
)
async def test_machines_and_ourselves_are_told_nothing(mail: dict[str, Any]) -> None:
    async with open_desk(**ACKNOWLEDGE) as desk:
        await desk.deliver(letter(**mail))
        assert len(desk.said()) == 1
        assert desk.host.answers == {}


async def test_without_the_option_nobody_is_told_anything(desk: Desk) -> None:
    await desk.deliver(letter())
    assert desk.host.answers == {}


async def test_a_sender_has_so_many_an_hour() -> None:
    async with open_desk(acknowledge={"text": TEXT, "per_sender_per_hour": 2}) as desk:
        for number in range(4):
            await desk.deliver(letter(message_id=f"<{number}@client.test>"))
        await desk.deliver(letter(author="boris@other.test", message_id="<x@other.test>"))
        assert len(desk.host.answers) == 3


async def test_the_channel_has_so_many_an_hour() -> None:
    async with open_desk(acknowledge={"text": TEXT, "per_hour": 2}) as desk:
        for number in range(4):
            raw = letter(author=f"{number}@client.test", message_id=f"<{number}@client.test>")
            await desk.deliver(raw)
        assert len(desk.said()) == 4
        assert len(desk.host.answers) == 2


async def test_what_was_owed_when_the_daemon_died_is_said_when_it_is_back() -> None:
    store = MemoryStore()
    async with open_desk(store=store, **ACKNOWLEDGE) as desk:

        async def die(*given: Any, **more: Any) -> None:
            raise omnigate.StoreError("the power is gone")

        desk.host.answer = die  # type: ignore[method-assign]  # a daemon that dies in between
        await desk.deliver(letter())
        assert len(desk.said()) == 1
        assert await desk.host.notes("acknowledge/")
    async with open_desk(store=store, **ACKNOWLEDGE) as desk:
        await desk.until(lambda: desk.host.answers, "it is said")
        await desk.until(lambda: not [key for key in store.notes["mail"] if "acknow" in key])
        assert acknowledged(desk) == [store.items[0].conversation]


async def test_what_is_owed_to_somebody_goes_with_the_contact() -> None:
    async with open_desk(**ACKNOWLEDGE) as desk:

        async def die(*given: Any, **more: Any) -> None:
            raise omnigate.StoreError("the disk is full")

        desk.host.answer = die  # type: ignore[method-assign]  # so that it stays owed
        await desk.deliver(letter())
        assert await desk.host.notes("acknowledge/")
        desk.host.store.erase(omnigate.mailto(ANNA))
        assert not await desk.host.notes("acknowledge/")


# ---- loops ----------------------------------------------------------------------------------------


async def flood(desk: Desk, count: int, text: str = "Купите!") -> None:
    """Have somebody write in Anna's name, as anybody can."""
    for number in range(count):
        await desk.deliver(letter(text, message_id=f"<{number}@evil.test>"), sender="x@evil.test")


async def talks_with_anna(desk: Desk) -> str:
    """Have Anna write, be answered, and answer that; return the conversation."""
    await desk.deliver(letter(message_id="<first@client.test>"))
    conversation = desk.said()[-1].conversation
    await answers_back(desk, await desk.answer(conversation, number=1000), "second")
    return conversation


async def answers_back(desk: Desk, mail: EmailMessage, name: str) -> None:
    raw = letter(message_id=f"<{name}@client.test>", In_Reply_To=str(mail["Message-ID"]))
    await desk.deliver(raw)


async def test_a_flood_in_a_customer_s_name_hides_nothing_of_the_customer() -> None:
    """The CRM gets each mail as it would otherwise; nothing is answered by itself."""
    async with open_desk(loop_mails=5, **ACKNOWLEDGE) as desk:
        conversation = await talks_with_anna(desk)
        acknowledgements = len(desk.host.answers)
        await flood(desk, 12)
        await desk.deliver(letter("Где заказ?", message_id="<other@client.test>"))
        sent = await desk.answer(conversation, number=1001)
        await answers_back(desk, sent, "third")
        assert len(desk.said()) == 16
        assert not any(one.automatic for one in desk.said())
        assert not any("loop" in one.extensions["mail"] for one in desk.said())
        assert len(desk.host.answers) <= acknowledgements + 2


async def test_a_customer_in_whose_name_others_write_is_still_answered() -> None:
    """By a company whose bot answers everything: what the flood says is left, Anna's thread goes on."""
    async with open_desk(loop_mails=5) as desk:
        conversation = await talks_with_anna(desk)
        await flood(desk, 12)
        forged = [one.conversation for one in desk.said() if one.text == "Купите!"]
        refused = 0
        for number, one in enumerate(forged):
            try:
                await desk.answer(one, number=number)
            except omnigate.Refused:
                refused += 1
        assert refused >= 7
        for number in range(3):
            await desk.answer(conversation, number=2000 + number)


async def test_a_form_that_is_proven_proves_nothing_of_who_fills_it_in() -> None:
    async with open_desk(authserv_id="mx.shop.test") as desk:
        form: dict[str, Any] = {
            "author": "noreply@forms.test",
            "Authentication_Results": "mx.shop.test; dmarc=pass header.from=forms.test",
        }
        await desk.deliver(letter(**form, Reply_To=ANNA))
        assert desk.said()[0].sender.address == f"mailto:{ANNA}"
        assert "proven" not in desk.particulars()
        await desk.deliver(letter(**form, message_id="<2@forms.test>"))
        assert desk.particulars()["proven"]


async def test_so_many_mails_of_different_senders_are_none() -> None:
    async with open_desk(loop_mails=5, **ACKNOWLEDGE) as desk:
        for number in range(8):
            raw = letter(author=f"{number}@client.test", message_id=f"<{number}@client.test>")
            await desk.deliver(raw)
        assert len(desk.host.answers) == 8


async def test_a_person_who_writes_much_is_still_answered() -> None:
    """As many answers as there were mails are let out; then it is two machines."""
    async with open_desk(loop_mails=5) as desk:
        for number in range(8):
            await desk.deliver(letter(message_id=f"<{number}@client.test>"))
        conversation = desk.said()[0].conversation
        for number in range(5):
            await desk.answer(conversation, number=number)
        with pytest.raises(omnigate.Refused, match="mail_loop"):
            await desk.answer(conversation, number=6)


async def test_too_many_answers_of_a_customer_are_a_loop_and_told_so() -> None:
    """Each proves by a token that it answers us."""
    async with open_desk(loop_mails=5) as desk:
        conversation = await talks_with_anna(desk)
        for number in range(5):
            sent = await desk.answer(conversation, number=number)
            await answers_back(desk, sent, f"{number}")
        marked = ["loop" in one.extensions["mail"] for one in desk.said()]
        assert marked == [False] * 6 + [True]
        assert not any(one.automatic for one in desk.said())
        with pytest.raises(omnigate.Refused, match="mail_loop"):
            await desk.answer(conversation, number=6)


async def test_a_busy_company_is_not_stopped_while_nobody_writes_back() -> None:
    async with open_desk(loop_mails=5) as desk:
        await desk.deliver(letter())
        for number in range(20):
            await desk.answer(desk.said()[0].conversation, number=number)


async def test_a_restart_in_the_middle_of_a_loop_does_not_begin_it_anew() -> None:
    store = MemoryStore()
    async with open_desk(store=store, loop_mails=5) as desk:
        for number in range(8):
            await desk.deliver(letter(message_id=f"<{number}@client.test>"))
        conversation = desk.said()[0].conversation
        for number in range(5):
            await desk.answer(conversation, number=number)
    async with open_desk(store=store, loop_mails=5) as desk:
        with pytest.raises(omnigate.Refused, match="mail_loop"):
            await desk.answer(conversation, number=6)


async def test_a_mail_that_is_out_stays_so_when_the_store_cannot_count_it() -> None:
    """To send it again would be worse."""
    async with open_desk() as desk:
        await desk.deliver(letter())
        put = desk.host.put

        async def fail(*items: Any, **more: Any) -> Any:
            raise omnigate.StoreError("disk full")

        desk.host.put = fail  # type: ignore[method-assign]  # a store in trouble
        await desk.answer(desk.said()[0].conversation)
        desk.host.put = put  # type: ignore[method-assign]
        assert len(desk.sink.arrived) == 1


MOST_ROUNDS = 40


async def talk() -> int:
    """Have two machines answer each other, each marking nothing as automatic; return after how many mails
    one of them stops, or `MOST_ROUNDS`."""
    async with (
        open_desk(name="one", loop_mails=6, address="support@one.test") as one,
        open_desk(name="two", loop_mails=6, address="support@two.test") as two,
    ):
        raw = letter(author="support@two.test", to="support@one.test", message_id="<1@two.test>")
        here, there = one, two
        for number in range(MOST_ROUNDS):
            await here.deliver(raw, here.channel.config.address)
            said = here.said()[-1]
            to = f"mailto:{there.channel.config.address}"
            try:
                mail = await here.answer(said.conversation, "Ответ", number=number, address=to)
            except omnigate.Refused as error:
                if error.code != "mail_loop":
                    raise
                return number
            raw = bytes(mail)
            here, there = there, here
    return MOST_ROUNDS


async def test_two_machines_that_answer_everything_stop() -> None:
    """But not before a conversation could be called lively."""
    assert 12 <= await talk() < MOST_ROUNDS


async def test_without_the_guard_they_would_never_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(
        "omnigate_email.meaning.loops.Guard.is_looping", lambda *given, **more: False
    )
    assert await talk() == MOST_ROUNDS


async def test_an_acknowledgement_is_never_acknowledged() -> None:
    """Two channels that both say it: one mail each way, and it ends."""
    async with (
        open_desk(name="one", address="support@one.test", **ACKNOWLEDGE) as one,
        open_desk(name="two", address="support@two.test", **ACKNOWLEDGE) as two,
    ):
        raw = letter(author="support@two.test", to="support@one.test", message_id="<1@two.test>")
        await one.deliver(raw, "support@one.test")
        ((_, conversation, content),) = one.host.answers.values()
        mail = await one.answer(
            conversation,
            str(content.text),
            automatic=True,
            address="mailto:support@two.test",
        )
        await two.deliver(bytes(mail), "support@two.test")
        assert two.said()[0].automatic
        assert two.host.answers == {}


async def test_mails_at_the_same_time_are_counted_one_by_one() -> None:
    async with open_desk(loop_mails=5, acknowledge={"text": TEXT, "per_hour": 2}) as desk:
        raws = [letter(message_id=f"<{number}@client.test>") for number in range(12)]
        await asyncio.gather(*(desk.deliver(raw) for raw in raws))
        assert len(desk.said()) == 12
        assert len(desk.host.answers) == 2
