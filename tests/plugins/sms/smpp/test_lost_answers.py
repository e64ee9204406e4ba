"""Texts whose answer is lost or late: submitted once, and what became of them is told when it is known."""

from __future__ import annotations

from contextlib import suppress

import pytest
from omnigate_sms.link import Text

import omnigate
from tests.plugins.sms.smpp.links import LATIN, Bind, Bound, Smsc, text, until

pytestmark = pytest.mark.anyio


async def submits_of_a_text_whose_answer_is_lost(link: Bound, smsc: Smsc) -> int:
    """Lose the connection after the first segment of a text; return how many were submitted in the end."""
    await smsc.set(plan=[{"drop": True}])
    with suppress(omnigate.Uncertain):
        await link.link.send(text(LATIN))
    await link.up(2)
    return int((await smsc.report())["taken"])


async def test_nothing_is_submitted_twice_though_its_answer_is_lost(bind: Bind, smsc: Smsc) -> None:
    assert await submits_of_a_text_whose_answer_is_lost(await bind(), smsc) == 1


async def test_the_check_of_that_notices_a_link_that_submits_again(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await bind()
    send = link.link.send

    async def stubborn(said: Text) -> omnigate.Sent:
        try:
            return await send(said)
        except omnigate.Uncertain:
            await link.up(2)
            return await send(said)

    monkeypatch.setattr(link.link, "send", stubborn)
    assert await submits_of_a_text_whose_answer_is_lost(link, smsc) > 1


async def test_a_connection_lost_after_submit_is_uncertain(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{"drop": True}])
    with pytest.raises(omnigate.Uncertain, match="segment 1 of 2"):
        await link.link.send(text(LATIN))
    with pytest.raises(omnigate.DestinationUnavailable, match=r"not (bound|sent)"):
        await link.link.send(text("another", id="prt_2"))


async def test_an_answer_that_comes_late_tells_what_became_of_the_text(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind(response_timeout_seconds=0.3)
    await smsc.set(plan=[{"hold": True}])
    with pytest.raises(omnigate.Uncertain, match=r"within 0\.3 s"):
        await link.link.send(text())
    smsc.tell(release=True)
    report = await link.report()
    assert (report.reference, report.external_id, report.state) == ("prt_1", "1000", "sent")
    smsc.tell(receipt={"id": 1000, "stat": "DELIVRD"})
    report = await link.report(1)
    assert (report.reference, report.external_id, report.state) == ("prt_1", "1000", "delivered")
    smsc.tell(receipt={"id": 2000, "stat": "DELIVRD"})
    assert (await link.report(2)).reference is None
    assert (await smsc.report())["taken"] == 1


@pytest.fixture
async def echoing(smsc: Smsc) -> Smsc:
    """An SMSC that gives our numbers back."""
    await smsc.set(version=0x34, echoes=True)
    return smsc


@pytest.mark.parametrize("is_before", [False, True])
async def test_a_receipt_alone_tells_what_became_of_a_text_whose_answer_was_lost(
    bind: Bind, echoing: Smsc, *, is_before: bool
) -> None:
    """It comes before the answer is given up, or after; the next one says more."""
    link = await bind(response_timeout_seconds=0.3)
    early = {"receiptFirst": "ACCEPTD"} if is_before else {}
    await echoing.set(plan=[{"silent": True, **early}])
    with pytest.raises(omnigate.Uncertain):
        await link.link.send(text())
    if not is_before:
        echoing.tell(receipt={"id": 1000, "stat": "ACCEPTD"})
    await until(lambda: [one for one in link.said if one.reference == "prt_1"])  # type: ignore[union-attr]
    known = len(link.said)
    echoing.tell(receipt={"id": 1000, "stat": "DELIVRD"})
    report = await link.report(known)
    assert (report.reference, report.state) == ("prt_1", "delivered")


async def test_a_receipt_after_the_connection_was_lost_tells_it_too(
    bind: Bind, echoing: Smsc
) -> None:
    link = await bind()
    await echoing.set(plan=[{}, {"drop": True}])
    with pytest.raises(omnigate.Uncertain, match="segment 2 of 2"):
        await link.link.send(text(LATIN))
    await link.up(2)
    echoing.tell(receipt={"id": 1000, "stat": "DELIVRD"})
    echoing.tell(receipt={"id": 1001, "stat": "DELIVRD"})
    report = await link.report(1)
    assert (report.reference, report.external_id, report.state) == ("prt_1", "1000", "delivered")


async def test_a_receipt_of_somebody_elses_text_with_that_number_tells_nothing(
    bind: Bind, echoing: Smsc
) -> None:
    link = await bind(response_timeout_seconds=0.3)
    await echoing.set(plan=[{"silent": True}])
    with pytest.raises(omnigate.Uncertain):
        await link.link.send(text())
    number = (await echoing.until("submit"))["user_message_reference"]
    told = {"source_addr": "79990000000", "user_message_reference": number, "esm_class": 4}
    said = {"short_message": "id:1 stat:DELIVRD err:000"}
    echoing.tell(command="deliver_sm", parameters=told | said)
    assert (await link.report()).reference is None


@pytest.mark.parametrize(
    ("version", "told", "is_given"),
    [
        (None, "auto", False),
        (0x33, "auto", False),
        (0x34, "auto", True),
        (0x34, "off", False),
        (None, "on", True),
    ],
)
async def test_only_an_smsc_of_version_3_4_is_given_numbers_unless_it_is_said(
    bind: Bind, smsc: Smsc, version: int | None, told: str, *, is_given: bool
) -> None:
    await smsc.set(version=version)
    link = await bind(user_message_reference=told)
    await link.link.send(text(LATIN))
    numbers = [one.get("user_message_reference") for one in await smsc.so_far("submit")]
    assert all((one is not None) == is_given for one in numbers)
    assert not is_given or numbers[0] != numbers[1]


async def test_a_refusal_that_comes_late_is_told_too(bind: Bind, smsc: Smsc) -> None:
    link = await bind(response_timeout_seconds=0.3)
    await smsc.set(plan=[{"hold": True, "status": 0x45}])
    with pytest.raises(omnigate.Uncertain):
        await link.link.send(text())
    smsc.tell(release=True)
    report = await link.report()
    assert (report.reference, report.state) == ("prt_1", "failed")
    assert "RSUBMITFAIL" in str(report.error)


async def test_the_last_answer_of_a_long_text_may_be_late_but_not_another(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind(response_timeout_seconds=0.3)
    await smsc.set(plan=[{"hold": True}, {}, {"hold": True}])
    with pytest.raises(omnigate.Uncertain, match="segment 1 of 2"):
        await link.link.send(text(LATIN))
    with pytest.raises(omnigate.Uncertain, match="segment 2 of 2"):
        await link.link.send(text(LATIN, id="prt_2"))
    smsc.tell(release=True)
    report = await link.report()
    assert (report.reference, report.external_id, report.state) == ("prt_2", "1001", "sent")
    assert len(link.said) == 1, "a text of which segments were never sent stays unknown"


async def test_a_late_answer_that_cannot_be_stored_is_told(bind: Bind, smsc: Smsc) -> None:
    link = await bind(response_timeout_seconds=0.3)
    await smsc.set(plan=[{"hold": True}])
    with pytest.raises(omnigate.Uncertain):
        await link.link.send(text())
    link.failure = omnigate.StoreError("disk")
    smsc.tell(release=True)
    await until(lambda: [line for line in link.host.log_lines if "late answer" in line["event"]])


async def test_whoever_sends_in_spite_of_doubt_sends_it_all(bind: Bind, smsc: Smsc) -> None:
    link = await bind(response_timeout_seconds=0.3)
    await smsc.set(plan=[{}, {"silent": True}])
    with pytest.raises(omnigate.Uncertain, match="segment 2 of 2"):
        await link.link.send(text(LATIN))
    assert len((await link.link.send(text(LATIN, attempt=2))).segments) == 2
