"""What customers get: mails in their thread, whatever the company's side is told about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import omnigate
from tests.plugins.email.desk import ADDRESS, ANNA, Desk, letter, open_desk, read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reader")]


async def begun(desk: Desk) -> str:
    """Have Anna begin a conversation; return it."""
    await desk.deliver(letter(subject="Заказ 17"))
    return desk.said()[0].conversation


async def test_an_answer_stands_in_its_thread(desk: Desk) -> None:
    conversation = await begun(desk)
    first = await desk.answer(conversation, "Готов")
    assert first["Subject"] == "Re: Заказ 17"
    assert first["From"] == f"Магазин <{ADDRESS}>"
    assert first["To"] == ANNA
    assert first["In-Reply-To"] == "<1@client.test>"
    assert first["References"] == "<1@client.test>"
    await desk.deliver(
        letter(
            "Ура",
            message_id="<2@client.test>",
            References=str(first["Message-ID"]),
            subject="Отв: Re: Заказ 17",
        )
    )
    second = await desk.answer(conversation, "Ждём", number=2)
    assert second["In-Reply-To"] == "<2@client.test>"
    assert second["References"].split()[0] == "<1@client.test>"
    assert second["References"].split()[-1] == "<2@client.test>"
    assert second["Subject"] == "Re: Заказ 17"


async def test_somebody_else_in_a_thread_changes_nothing_of_what_is_answered(desk: Desk) -> None:
    """Who has seen an id can write into a conversation; the customer must not get their subject."""
    await desk.deliver(letter(subject="Заказ 17"))
    begun = desk.said()[0].conversation
    await desk.deliver(
        letter(
            author="eve@evil.test",
            subject="Оплатите по новым реквизитам",
            message_id="<2@evil.test>",
            In_Reply_To="<1@client.test>",
        ),
        sender="eve@evil.test",
    )
    assert desk.said()[1].conversation == begun
    sent = await desk.answer(begun)
    assert sent["Subject"] == "Re: Заказ 17"
    assert sent["In-Reply-To"] == "<1@client.test>"


async def test_an_answer_names_the_message_that_it_answers(desk: Desk) -> None:
    conversation = await begun(desk)
    await desk.deliver(letter("Ещё", message_id="<2@client.test>", References="<1@client.test>"))
    sent = await desk.answer(conversation, reply_to="<1@client.test>")
    assert sent["In-Reply-To"] == "<1@client.test>"


async def test_every_attempt_is_the_same_mail(desk: Desk) -> None:
    """So receivers keep one of them."""
    conversation = await begun(desk)
    first = await desk.answer(conversation)
    second = await desk.answer(conversation, attempt=2)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    other = await desk.answer(conversation, number=2)
    assert other["Message-ID"] != first["Message-ID"]


async def test_files_go_along(desk: Desk) -> None:
    conversation = await begun(desk)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7 "
        yield b"x"

    file = await desk.host.save_file(
        chunks(), name="счёт.pdf", mime="application/pdf", limit_bytes=100
    )
    sent = await desk.answer(conversation, attachments=[file.model_dump()])
    (attached,) = sent.iter_attachments()
    assert attached.get_filename() == "счёт.pdf"
    assert attached.get_content() == b"%PDF-1.7 x"


async def test_files_that_no_server_takes_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnigate_email.sending.LARGEST_BYTES", 10)
    conversation = await begun(desk)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 11

    file = await desk.host.save_file(chunks(), name="x", mime="text/plain", limit_bytes=100)
    with pytest.raises(omnigate.Refused, match="too_large"):
        await desk.answer(conversation, attachments=[file.model_dump()])


async def test_copies_go_to_whom_the_crm_names(desk: Desk) -> None:
    conversation = await begun(desk)
    sent = await desk.answer(conversation, extensions={"mail": {"cc": ["boris@other.test"]}})
    assert sent["Cc"] == "boris@other.test"
    assert desk.sink.arrived[-1].rcpt_tos == [ANNA, "boris@other.test"]


@pytest.mark.parametrize(
    "extension",
    [{"cc": ["no address"]}, {"cc": ["a@b.test\r\nBcc: c@d.test"]}, {"bcc": ["a@b.test"]}, "x"],
)
async def test_an_extension_that_makes_no_sense_is_refused(desk: Desk, extension: object) -> None:
    conversation = await begun(desk)
    more: dict[str, Any] = {"extensions": {"mail": extension}}
    with pytest.raises(omnigate.Refused, match="bad_extension"):
        await desk.answer(conversation, **more)
    with pytest.raises(omnigate.Refused, match="bad_extension"):
        desk.channel.estimate(desk.part(conversation, **more))


async def test_who_is_written_to_first_gets_a_subject_and_answers_into_the_conversation(
    desk: Desk,
) -> None:
    conversation = desk.channel.conversation_of(omnigate.mailto(ANNA))
    assert conversation == desk.channel.conversation_of(omnigate.mailto("Anna@CLIENT.test"))
    sent = await desk.answer(conversation)
    assert sent["Subject"] == "Message"
    assert sent["In-Reply-To"] is None
    await desk.deliver(
        letter(message_id="<2@client.test>", In_Reply_To=str(sent["Message-ID"]), to="x@y.test")
    )
    assert desk.said()[0].conversation == conversation
    assert "participant" not in desk.particulars()


@pytest.mark.parametrize(
    "address", ["tel:+79161234567", "mailto:anna", f"mailto:{ADDRESS}", "mailto:a@b@c d"]
)
async def test_what_cannot_be_written_to_is_refused(desk: Desk, address: str) -> None:
    try:
        given = omnigate.Address(address)
    except ValueError:
        return
    with pytest.raises(omnigate.Refused):
        desk.channel.conversation_of(given)


async def test_a_channel_without_a_server_to_send_through_says_so() -> None:
    async with open_desk(smtp=None) as desk:
        conversation = await begun(desk)
        with pytest.raises(omnigate.Refused, match="no_smtp"):
            await desk.answer(conversation)
        with pytest.raises(omnigate.Refused, match="no_smtp"):
            desk.channel.estimate(desk.part(conversation))


async def test_a_header_cannot_be_smuggled_in_by_a_crm(desk: Desk) -> None:
    conversation, subject = await begun(desk), "Hi\r\nBcc: eve@evil.test"
    with pytest.raises(omnigate.Refused):
        desk.channel.estimate(desk.part(conversation, subject=subject))
    with pytest.raises(omnigate.Refused):
        await desk.answer(conversation, subject=subject)
    assert desk.sink.arrived == []


async def test_what_stands_above_the_marker_is_all_that_an_answer_says() -> None:
    marker = "## Пишите ответ выше этой строки ##"
    async with open_desk(answer_marker=marker, signature="Ваш магазин") as desk:
        sent = await desk.answer(await begun(desk), "Готов")
        body = sent.get_body(("plain",))
        assert body is not None
        text = str(body.get_content())
        assert text.startswith(marker)
        assert "Ваш магазин" in text
        await desk.deliver(
            letter(
                f"Спасибо!\n\n{text}", message_id="<2@client.test>", In_Reply_To="<1@client.test>"
            )
        )
        assert desk.said()[-1].text == "Спасибо!"


async def test_a_long_thread_keeps_its_beginning(desk: Desk) -> None:
    conversation = await begun(desk)
    for number in range(2, 130):
        item = omnigate.InboundMessage.model_validate(
            {
                **desk.said()[0].model_dump(),
                "external_id": f"x{number}",
                "message_id": f"<{number}@client.test>",
            }
        )
        await desk.host.put(item)
    references = (await desk.answer(conversation))["References"].split()
    assert references[0] == "<1@client.test>"
    assert references[-1] == "<129@client.test>"
    assert len(references) == 20
    assert read(desk.sink.arrived[-1].content)["Subject"] == "Re: Заказ 17"
