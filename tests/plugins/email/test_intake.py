"""What becomes of mails that the company's mail server hands over."""

from __future__ import annotations

import base64
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest
from omnigate_email.mail import Mail, Mailbox
from omnigate_email.meaning.authentication import proof_of
from omnigate_email.reading import worker

import omnigate
from tests.plugins.email import desk as shop
from tests.plugins.email.desk import ADDRESS, ANNA, Desk, letter, open_desk, read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reader")]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVQI12P8z8Dwn4GBgYmBgYGBAQANHAICYlVvFwAAAABJRU5ErkJggg=="
)


async def test_a_mail_is_a_message_of_its_sender(desk: Desk) -> None:
    await desk.deliver(letter("Где мой заказ?", subject="Заказ 17"))
    (said,) = desk.said()
    assert said.text == "Где мой заказ?"
    assert said.subject == "Заказ 17"
    assert said.sender.address == f"mailto:{ANNA}"
    assert said.sender.display_name == "Анна"
    assert not said.sender.verified
    assert said.message_id == "<1@client.test>"
    assert not said.automatic
    assert desk.particulars()["to"] == [{"address": ADDRESS, "name": None}]


async def test_a_mail_that_is_handed_over_twice_is_stored_once(desk: Desk) -> None:
    """The answer to the first time was lost, so the mail server tries again."""
    for _ in range(2):
        await desk.deliver(letter())
    assert len(desk.said()) == 1


async def test_another_mail_with_the_same_id_is_stored_and_marked(desk: Desk) -> None:
    """An id is the sender's to choose: it must not keep somebody else's mail out."""
    await desk.deliver(letter("Первое"))
    await desk.deliver(letter("Второе"))
    assert [one.text for one in desk.said()] == ["Первое", "Второе"]
    assert desk.particulars()["repeated"] is True
    assert "repeated" not in desk.particulars(0)


async def test_what_is_quoted_stands_in_the_full_text_only(desk: Desk) -> None:
    quoted = "Спасибо!\n\nпн, 3 мар. 2025 г. в 14:05, Магазин <support@shop.test>:\n> Готово\n"
    await desk.deliver(letter(quoted))
    (said,) = desk.said()
    assert said.text == "Спасибо!"
    assert said.full_text is not None
    assert "> Готово" in said.full_text


async def test_a_picture_that_outlook_names_in_its_text_is_told_as_a_file_only(desk: Desk) -> None:
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Message-ID"] = ANNA, ADDRESS, "<1@client.test>"
    mail.set_content(
        "Вот:\n[cid:image001.png@01DB.7]\n\nсм. [cid:image001.png@01DB.7]\n[cid:typed]"
    )
    mail.add_related(PNG, "image", "png", filename="image001.png", cid="<image001.png@01DB.7>")
    await desk.deliver(mail.as_bytes())
    (said,) = desk.said()
    assert said.text == "Вот:\n\nсм.\n[cid:typed]"
    assert said.full_text is not None
    assert "[cid:image001.png@01DB.7]" in said.full_text
    assert [one.name for one in said.attachments] == ["image001.png"]


async def test_an_answer_to_a_token_finds_its_conversation(desk: Desk) -> None:
    """Whatever the client makes of the headers, and whatever case the server makes of the address."""
    await desk.deliver(letter())
    begun = desk.said()[0].conversation
    sent = await desk.answer(begun)
    token = str(sent["Reply-To"].addresses[0].addr_spec)
    for number, recipient in enumerate((token, token.upper()), 1):
        raw = letter("Спасибо", to="somebody@else.test", message_id=f"<{number}@x.test>")
        await desk.deliver(raw, recipient)
    assert {one.conversation for one in desk.said()} == {begun}


async def test_a_mail_to_two_conversations_is_a_message_of_both(desk: Desk) -> None:
    """Handed over in one go; and to both once only, when it is handed over again."""
    tokens = []
    for number in (1, 2):
        await desk.deliver(letter(message_id=f"<{number}@client.test>"))
        sent = await desk.answer(desk.said()[-1].conversation, number=number)
        tokens.append(str(sent["Reply-To"].addresses[0].addr_spec))
    raw = letter("Обоим", to=", ".join(tokens), message_id="<3@client.test>")
    for _ in range(2):
        await desk.deliver(raw, *tokens, ADDRESS)
    first, second, *both = desk.said()
    assert [one.conversation for one in both] == [first.conversation, second.conversation]


async def test_a_token_that_was_guessed_begins_a_conversation_of_its_own(desk: Desk) -> None:
    await desk.deliver(letter())
    sent = await desk.answer(desk.said()[0].conversation)
    local, _, domain = str(sent["Reply-To"].addresses[0].addr_spec).rpartition("@")
    guessed = f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    await desk.deliver(letter(to=guessed, message_id="<2@x.test>", author="eve@evil.test"), guessed)
    first, second = desk.said()
    assert first.conversation != second.conversation


async def test_an_answer_finds_its_conversation_by_what_it_refers_to() -> None:
    """Without plus addresses too."""
    async with open_desk() as desk:
        await desk.deliver(letter())
        begun = desk.said()[0].conversation
        sent = await desk.answer(begun)
        assert sent["Reply-To"] is None
        assert sent["In-Reply-To"] == "<1@client.test>"
        await desk.deliver(
            letter("Ещё", message_id="<2@x.test>", In_Reply_To=str(sent["Message-ID"]))
        )
        await desk.deliver(
            letter("И ещё", message_id="<3@x.test>", References="<0@x.test> <2@x.test>")
        )
        assert {one.conversation for one in desk.said()} == {begun}
        assert desk.said()[1].reply_to == sent["Message-ID"]


async def test_an_answer_that_overtakes_its_beginning_finds_the_same_conversation(
    desk: Desk,
) -> None:
    await desk.deliver(letter("Второе", message_id="<2@client.test>", References="<1@client.test>"))
    await desk.deliver(letter("Первое"))
    assert len({one.conversation for one in desk.said()}) == 1


async def test_somebody_else_in_a_thread_is_another_participant(desk: Desk) -> None:
    """Never a takeover: the company's answers go on to whom the conversation is with."""
    await desk.deliver(letter())
    begun = desk.said()[0].conversation
    await desk.deliver(
        letter(
            author="boris@other.test", message_id="<2@other.test>", In_Reply_To="<1@client.test>"
        ),
        sender="boris@other.test",
    )
    second = desk.said()[1]
    assert second.conversation == begun
    assert second.sender.address == "mailto:boris@other.test"
    assert desk.particulars()["participant"] == "new"
    assert "participant" not in desk.particulars(0)
    known = await desk.host.conversation(begun)
    assert known is not None
    assert known.address == f"mailto:{ANNA}"


async def test_the_tag_of_a_subject_is_followed_for_its_own_sender_only() -> None:
    async with open_desk(subject_tags=True) as desk:
        await desk.deliver(letter())
        begun = desk.said()[0].conversation
        subject = str((await desk.answer(begun))["Subject"])
        await desk.deliver(letter(message_id="<2@client.test>", subject=f"Ответ: {subject}"))
        await desk.deliver(
            letter(message_id="<3@evil.test>", subject=subject, author="eve@evil.test")
        )
        conversations = [one.conversation for one in desk.said()]
        assert conversations[1] == begun
        assert conversations[2] != begun


async def test_who_fills_in_a_form_is_whom_answers_go_to(desk: Desk) -> None:
    """Forms write in the company's own name, or in that of nobody."""
    for number, author in enumerate((f"Форма <{ADDRESS}>", "noreply@forms.test")):
        await desk.deliver(
            letter(
                author=author,
                message_id=f"<{number}@forms.test>",
                Reply_To="Анна <anna@client.test>",
            ),
            sender="www@shop.test",
        )
        assert desk.said()[number].sender.address == f"mailto:{ANNA}"
        assert desk.particulars()["from"]


async def test_customers_of_one_form_have_conversations_of_their_own(desk: Desk) -> None:
    """Whatever thread the form puts its mails in: what is answered to one is not for the other."""
    for customer in ("anna@client.test", "boris@other.test"):
        await desk.deliver(
            letter(
                author="noreply@forms.test",
                message_id=f"<{customer}>",
                Reply_To=customer,
                References="<orders@forms.test>",
            ),
            sender="www@forms.test",
        )
    assert len({one.conversation for one in desk.said()}) == 2


async def test_where_a_reply_shall_go_does_not_say_who_writes(desk: Desk) -> None:
    """Anybody can write it; whoever answers would write to a stranger what is meant for Anna."""
    await desk.deliver(letter(Reply_To="eve@evil.test"))
    assert desk.said()[0].sender.address == f"mailto:{ANNA}"
    assert desk.particulars()["reply_to"] == [{"address": "eve@evil.test", "name": None}]


NO_FROM = [None, "<>", "undisclosed", "Анна <anna@>"]


def without_from(author: str | None = None, **more: Any) -> bytes:
    """Return a letter with something else in ``From``, or none at all."""
    line = b"" if author is None else f"From: {author}\r\n".encode()
    return letter(author="x@x.test", **more).replace(b"From: x@x.test\r\n", line)


@pytest.mark.parametrize("author", NO_FROM)
async def test_mails_that_tell_no_sender_are_of_a_sender_each(
    desk: Desk, author: str | None
) -> None:
    """Strangers are no one contact, whatever id their mails have; the same mail is the same sender's."""
    for text in ("Первое", "Второе", "Второе"):
        await desk.deliver(without_from(author, text=text), sender="")
    first, second = desk.said()
    assert first.sender.address != second.sender.address
    assert first.conversation != second.conversation
    for said in (first, second):
        assert str(said.sender.address).endswith("@sender.invalid")
        assert said.sender.email is None
        assert not said.sender.verified


async def test_who_told_no_address_is_sent_nothing() -> None:
    async with open_desk(acknowledge={"text": "Письмо получено."}) as desk:
        await desk.deliver(without_from(), sender="www")
        (said,) = desk.said()
        with pytest.raises(omnigate.Refused, match="no_address"):
            await desk.answer(said.conversation, address=str(said.sender.address))
        assert desk.host.answers == {}


async def test_without_a_usable_from_it_is_the_sender_or_the_envelope_s() -> None:
    """Never as one that is proven: nobody vouches for those."""
    proof = "mx.shop.test; dkim=pass header.d=client.test"
    async with open_desk(authserv_id="mx.shop.test") as desk:
        for number, author in enumerate(NO_FROM):
            await desk.deliver(
                without_from(
                    author,
                    Sender="Boris <boris@client.test>",
                    Authentication_Results=proof,
                    message_id=f"<{number}@x>",
                )
            )
            await desk.deliver(without_from(author, message_id=f"<{number}e@x>"))
            of_sender, of_envelope = desk.said()[-2:]
            assert of_sender.sender.address == "mailto:boris@client.test"
            assert of_envelope.sender.address == f"mailto:{ANNA}"
            assert not of_sender.sender.verified
            assert not of_envelope.sender.verified


async def test_mail_of_machines_is_marked(desk: Desk) -> None:
    signs: list[dict[str, Any]] = [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"List_Id": "<news.shop.test>"},
        {"subject": "Автоответ: в отпуске"},
    ]
    for number, headers in enumerate(signs):
        await desk.deliver(letter(message_id=f"<{number}@client.test>", **headers))
        assert desk.said()[-1].automatic, headers
        assert desk.particulars()["automatic"]


async def test_mail_from_nobody_is_a_machines(desk: Desk) -> None:
    await desk.deliver(letter(), sender="")
    assert desk.said()[0].automatic


async def test_a_handover_comes_back_from_its_link(desk: Desk) -> None:
    link = desk.channel.handover_link("w_4hJq0bR2nVtQ-17Aa")
    assert link is not None
    address = link.removeprefix("mailto:").replace("%2B", "+")
    await desk.deliver(letter(to=address.lower()), address.lower())
    assert desk.said()[0].handover == "w_4hJq0bR2nVtQ-17Aa"


async def test_a_token_without_room_in_an_address_has_no_link(desk: Desk) -> None:
    assert desk.channel.handover_link("x" * 64) is None


async def test_files_are_kept_and_pictures_shown_by_their_ids(desk: Desk) -> None:
    html = '<p>Вот:</p><img src="cid:photo@client.test" alt="фото">'
    mail = read(letter("", html=html, files=[("счёт.pdf", "application/pdf", b"%PDF-1.7 x")]))
    picture = EmailMessage()
    picture.set_content(PNG, "image", "png", disposition="inline", cid="<photo@client.test>")
    mail.attach(picture)
    await desk.deliver(mail.as_bytes(policy=email.policy.SMTP))
    (said,) = desk.said()
    kept = {one.name: one for one in said.attachments}
    bill = kept.pop("счёт.pdf")
    assert desk.host.store.files[bill.id or ""] == b"%PDF-1.7 x"
    assert not bill.inline
    (shown,) = kept.values()
    assert shown.inline
    assert desk.host.store.files[shown.id or ""] == PNG
    assert said.html is not None
    assert f'src="cid:{shown.id}"' in said.html
    assert said.text == "Вот:"


async def test_a_file_that_is_too_large_is_left_out_and_named(desk: Desk) -> None:
    async def refuse(*given: Any, **more: Any) -> omnigate.Attachment:
        raise omnigate.BadPayload("the file is larger than 10 bytes")

    desk.host.save_file = refuse  # type: ignore[method-assign]  # a host with little room
    await desk.deliver(letter(files=[("счёт.pdf", "application/pdf", b"%PDF-1.7 x")]))
    assert desk.said()[0].attachments == []
    assert "счёт.pdf" in desk.particulars()["remarks"][0]


async def test_a_text_without_end_is_cut_and_kept_whole_as_a_file(desk: Desk) -> None:
    text = "слово " * 30_000
    await desk.deliver(letter(text))
    (said,) = desk.said()
    assert said.text is not None
    assert len(said.text) == 100_000
    (file,) = said.attachments
    assert desk.host.store.files[file.id or ""].decode().split() == text.split()


async def test_a_text_of_more_than_a_million_signs_is_one_file_and_the_remark_names_it(
    desk: Desk,
) -> None:
    text = "слово " * 200_000
    await desk.deliver(letter(text))
    (file,) = desk.said()[0].attachments
    assert desk.host.store.files[file.id or ""].decode().split() == text.split()
    (remark,) = desk.particulars()["remarks"]
    assert remark.endswith(file.name or "?")


async def test_the_process_that_reads_is_there_before_the_first_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shop, "shared_reader", None)
    async with open_desk() as opened:

        def started() -> object:
            return opened.channel._reader and opened.channel._reader._process

        await opened.until(started, "the process runs")


async def test_mails_wait_while_the_process_that_reads_is_of_another_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after an upgrade under a running daemon; nothing goes to quarantine."""
    monkeypatch.setattr(shop, "shared_reader", None)
    monkeypatch.setattr(worker, "ready", lambda: b"omnigate-mail-of-before\n")
    async with open_desk() as opened:
        await opened.deliver(letter(), expect="451 4.3.0")
        assert opened.items == []
        assert opened.host.store.quarantine == []
        state, said = opened.host.states[-1][:2]
        assert (state, "restart Omnigate" in said) == ("degraded", True)
        monkeypatch.undo()
        await opened.deliver(letter())
        assert len(opened.said()) == 1


async def test_what_cannot_be_stored_stays_with_the_mail_server(desk: Desk) -> None:
    for failure in (omnigate.StoreError("disk full"), omnigate.Overloaded("too busy")):
        desk.host.store.failure = failure
        await desk.deliver(letter(), expect="451 4.3.0")
    desk.host.store.failure = None
    assert desk.items == []
    await desk.deliver(letter())
    assert len(desk.said()) == 1


# ---- the company's own mail -----------------------------------------------------------------------


async def test_a_copy_of_our_own_mail_is_no_message(desk: Desk) -> None:
    await desk.deliver(letter())
    sent = await desk.answer(desk.said()[0].conversation)
    await desk.deliver(bytes(sent))
    assert len(desk.items) == 1


async def test_who_writes_in_our_name_is_not_believed(desk: Desk) -> None:
    """Anybody can put the company's address into From: without a proof it is a message from there."""
    await desk.deliver(letter(author=ADDRESS, to=ANNA), sender="eve@evil.test")
    (said,) = desk.said()
    assert said.sender.address == f"mailto:{ADDRESS}"


async def test_what_our_people_write_with_other_programs_is_an_echo() -> None:
    """Proven by the company's own mail server."""
    async with open_desk(authserv_id="mx.shop.test") as desk:
        proof = "mx.shop.test; dmarc=pass (p=reject) header.from=shop.test"
        await desk.deliver(letter())
        await desk.deliver(
            letter(
                "Отвечаю из дома",
                author=f"Пётр <{ADDRESS}>",
                to=f"{ANNA}, {ADDRESS}",
                message_id="<2@shop.test>",
                In_Reply_To="<1@client.test>",
                Authentication_Results=proof,
            )
        )
        said, echo = desk.items
        assert isinstance(echo, omnigate.EchoMessage)
        assert echo.conversation == said.conversation
        assert echo.recipient.address == f"mailto:{ANNA}"
        assert echo.author == "Пётр"
        assert echo.text == "Отвечаю из дома"
        assert echo.subject == "Вопрос"


async def test_what_our_people_forward_to_somebody_else_is_not_said_to_the_customer() -> None:
    """It is in a conversation with whom it went to, and so is what they answer; one named beside the
    customer does not matter."""
    async with open_desk(authserv_id="mx.shop.test") as desk:

        async def own(number: int, to: str) -> omnigate.EchoMessage:
            proof = "mx.shop.test; dmarc=pass (p=reject) header.from=shop.test"
            raw = letter(
                "См.",
                author=ADDRESS,
                to=to,
                message_id=f"<own{number}@shop.test>",
                In_Reply_To="<1@client.test>",
                Authentication_Results=proof,
            )
            await desk.deliver(raw)
            echo = desk.items[-1]
            assert isinstance(echo, omnigate.EchoMessage)
            return echo

        await desk.deliver(letter())
        conversation = desk.said()[0].conversation
        forwarded = await own(1, "boss@maker.test")
        assert forwarded.conversation != conversation
        assert forwarded.recipient.address == "mailto:boss@maker.test"
        assert (await own(2, "boss@maker.test")).conversation == forwarded.conversation
        answer = letter(
            "Заменим.",
            author="boss@maker.test",
            message_id="<b@maker.test>",
            In_Reply_To="<own1@shop.test>",
            References="<1@client.test> <own1@shop.test>",
        )
        await desk.deliver(answer)
        assert desk.said()[-1].conversation == forwarded.conversation
        assert "participant" not in desk.particulars()
        both = await own(3, f"boss@maker.test, {ANNA.upper()}")
        assert both.conversation == conversation
        assert both.recipient.address.casefold() == f"mailto:{ANNA}"


PROOFS = [
    ("mx.shop.test; dmarc=pass header.from=client.test", "dmarc"),
    ("mx.shop.test 1; spf=fail; dkim=pass header.d=client.test", "dkim"),
    ('mx.shop.test (x; y); dkim=pass (2048-bit key) header.i="@client.test"', "dkim"),
    ("mx.shop.test; dkim=pass header.d=evil.test", None),
    ("mx.shop.test; dkim=pass header.d=test", None),
    ("mx.shop.test; dmarc=fail header.from=client.test", None),
    ("mx.shop.test; spf=pass smtp.mailfrom=client.test", None),
    ("mx.evil.test; dmarc=pass header.from=client.test", None),
    ("mx.shop.test; none", None),
    (";" * 5000, None),
    ("", None),
    # What the sender has chosen, and the server only repeats.
    ('mx.shop.test; spf=pass smtp.mailfrom="a; dkim=pass header.d=client.test; b"@evil.test', None),
    ("mx.shop.test; spf=pass (a ; dkim=pass header.d=client.test (b) c) smtp.helo=evil.test", None),
    ("mx.shop.test; spf=pass (a \\); dkim=pass header.d=client.test) smtp.helo=evil.test", None),
    ('mx.shop.test; dkim=pass header.i="a header.d=client.test "@evil.test', None),
    ('mx.shop.test; dkim=pass header.i="a\\" header.d=client.test "@evil.test', None),
    ('mx.shop.test; dkim=pass ("); header.d=evil.test', None),
]


@pytest.mark.parametrize(("results", "proof"), PROOFS)
def test_a_sender_is_proven_by_the_word_of_our_own_server(results: str, proof: str | None) -> None:
    mail = Mail(
        headers={"authentication-results": (results,)},
        message_id=None,
        author=Mailbox("anna@client.test"),
    )
    assert proof_of(mail, "MX.shop.test") == proof


async def test_who_is_proven_is_a_verified_sender() -> None:
    async with open_desk(authserv_id="mx.shop.test") as desk:
        for number, (results, proof) in enumerate((PROOFS[0], PROOFS[3])):
            raw = letter(message_id=f"<{number}@client.test>", Authentication_Results=results)
            await desk.deliver(raw)
            assert desk.said()[-1].sender.verified is (proof is not None)
            assert desk.particulars().get("authenticated") == proof


async def test_a_sender_s_address_that_looks_encoded_proves_nothing() -> None:
    """It has a local part as RFC 5321 allows it, and the server repeats it."""
    chosen = "=?utf-8?q?a=3B_dkim=3Dpass_header.d=3Dclient.test=3B?=@evil.test"
    async with open_desk(authserv_id="mx.shop.test") as desk:
        above = f"Authentication-Results: mx.shop.test; spf=pass smtp.mailfrom={chosen}\r\n"
        await desk.deliver(above.encode() + letter())
        assert not desk.said()[0].sender.verified


async def test_only_the_topmost_word_about_a_sender_counts() -> None:
    """What stands below may have been written by the sender."""
    async with open_desk(authserv_id="mx.shop.test") as desk:
        raw = letter(Authentication_Results="mx.shop.test; dmarc=pass header.from=client.test")
        above = b"Authentication-Results: mx.shop.test; dmarc=fail header.from=client.test\r\n"
        await desk.deliver(above + raw)
        assert not desk.said()[0].sender.verified
