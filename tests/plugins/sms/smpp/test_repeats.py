"""Texts that the SMSC brings again are told from new ones that say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from omnigate_sms.smpp import intake, line, proofs, repeats, session
from omnigate_sms.smpp.bodies import Command, ShortMessage
from omnigate_sms.smpp.pdu import Pdu
from omnigate_sms.smpp.repeats import Known, Repeats
from omnigate_sms.smpp.tlv import MORE_MESSAGES_TO_SEND, USER_MESSAGE_REFERENCE, Tlv

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.sms.smpp.links import SECONDS, Smsc, until
from tests.plugins.sms.smpp.shops import Shop, opened, say

pytestmark = pytest.mark.anyio


class Clock(datetime):
    """What time it is for what is asked here."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + cls.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """A clock that can be set."""
    monkeypatch.setattr(Clock, "ahead", timedelta())
    for module in (intake, repeats):
        monkeypatch.setattr(module, "datetime", Clock)
    return Clock


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back soon, and prove nothing unless a test asks for it."""
    monkeypatch.setattr(line, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(proofs, "PROOF_SECONDS", SECONDS)


@pytest.fixture
async def shop(smsc: Smsc, clock: type[Clock]) -> AsyncIterator[Shop]:
    async with opened(smsc) as shop:
        yield shop


async def test_the_same_words_twice_in_a_session_are_two_texts(shop: Shop) -> None:
    for _ in range(3):
        await shop.hear("да")
    assert shop.texts == ["да"] * 3


async def test_the_same_words_at_once_are_two_texts(shop: Shop) -> None:
    for _ in range(2):
        say(shop.smsc, "да")
    await until(lambda: len(shop.texts) == 2)


async def repeated_after_a_cut(shop: Shop, clock: type[Clock], **later: float) -> int:
    """Return how many texts there are of one that the SMSC has not read the answer to."""
    await shop.hear_in_vain("да", 2)
    clock.ahead += timedelta(**later)
    await shop.hear("да")
    return len(shop.texts)


async def test_what_was_not_read_as_taken_is_the_same_text_whatever_the_minute(
    shop: Shop, clock: type[Clock]
) -> None:
    assert await repeated_after_a_cut(shop, clock, minutes=2) == 1
    await shop.hear("да")
    assert shop.texts == ["да", "да"]


async def test_the_check_of_that_notices_texts_that_are_told_apart_by_the_minute(
    shop: Shop, clock: type[Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = intake.Intake._named
    monkeypatch.setattr(intake.Intake, "_named", lambda self, one: one)
    assert await repeated_after_a_cut(shop, clock, minutes=2) == 2
    monkeypatch.setattr(intake.Intake, "_named", named)


async def test_each_text_in_doubt_comes_again_once(shop: Shop) -> None:
    answered = len(shop.smsc.all("deliver_sm_resp"))
    shop.smsc.tell(deaf=True)
    for said in ("да", "да", "нет"):
        say(shop.smsc, said)
    await until(lambda: len(shop.texts) == 3)
    shop.smsc.tell(cut=True)
    await shop.up(2)
    for number, said in enumerate(("да", "нет", "да", "да"), 1):
        say(shop.smsc, said)
        await shop.smsc.until("deliver_sm_resp", answered + number)
    assert shop.texts == ["да", "да", "нет", "да"]


async def test_what_the_smsc_has_read_is_not_in_doubt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is asked: the link enquires, and the answer to that is the proof."""
    monkeypatch.setattr(proofs, "PROOF_SECONDS", 0.01)
    await shop.hear("да")
    await shop.smsc.until("enquire")
    known = len(await shop.smsc.so_far("enquire"))
    shop.smsc.tell(cut=True)
    await shop.up(2)
    await shop.hear("да")
    assert shop.texts == ["да", "да"]
    assert known == 1


async def test_doubts_outlive_a_restart_and_go_when_they_are_over(
    smsc: Smsc, clock: type[Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "TIDY_SECONDS", 0.01)
    monkeypatch.setattr(session, "UNBIND_SECONDS", 0.1)
    async with opened(smsc) as before:
        smsc.tell(deaf=True)
        say(smsc, "да")
        await until(lambda: before.texts)
    assert len(before.notes) == 1
    clock.ahead += timedelta(minutes=2)
    monkeypatch.setattr(proofs, "PROOF_SECONDS", 0.01)
    async with opened(smsc, before.host.store) as after:
        await after.hear("да")
        assert after.texts == ["да"]
        await after.hear("нет")
        await until(lambda: not after.notes)
        await after.hear("да")
        assert after.texts == ["да", "нет", "да"]


async def test_a_clean_stop_leaves_nothing_in_doubt(smsc: Smsc, clock: type[Clock]) -> None:
    async with opened(smsc) as before:
        await before.hear("да")
        assert len(before.notes) == 1
    assert before.notes == []
    async with opened(smsc, before.host.store) as after:
        await after.hear("да")
        assert after.texts == ["да", "да"]


@pytest.mark.parametrize(
    "later", [timedelta(hours=1), timedelta(hours=2)], ids=["one_hour", "two_hours"]
)
async def test_long_after_the_bind_the_same_words_are_new(
    shop: Shop, clock: type[Clock], later: timedelta
) -> None:
    await shop.hear_in_vain("да", 2)
    clock.ahead += later
    await shop.hear("да")
    assert shop.texts == ["да", "да"]


async def test_what_could_not_be_stored_is_stored_once_when_it_comes_again(shop: Shop) -> None:
    shop.host.store.failure = omnigate.StoreError("disk")
    say(shop.smsc, "да")
    assert (await shop.smsc.until("deliver_sm_resp"))["status"] == 0x64
    shop.host.store.failure = None
    await shop.hear("да")
    await shop.hear("да")
    assert shop.texts == ["да", "да"]


async def test_texts_that_the_smsc_names_are_told_apart_by_that(
    shop: Shop, clock: type[Clock]
) -> None:
    await shop.hear("да", receipted_message_id="a1")
    await shop.hear("да", receipted_message_id="a2")
    clock.ahead += timedelta(hours=5)
    await shop.hear("да", receipted_message_id="a1")
    await shop.hear("нет", receipted_message_id="a1")
    assert shop.texts == ["да", "да", "нет"]


# ---- by itself ----------------------------------------------------------------------------------


def brought(said: bytes = b"da", sequence: int = 1, **parameters: bytes) -> Pdu:
    tags = {"reference": USER_MESSAGE_REFERENCE, "more": MORE_MESSAGES_TO_SEND}
    return Pdu(
        command=Command.DELIVER_SM,
        sequence=sequence,
        body=ShortMessage(source_addr="7916", short_message=said),
        parameters=tuple(Tlv(tags[name], value) for name, value in parameters.items()),
    )


Ids = Callable[..., str]


@pytest.fixture
async def ids() -> AsyncIterator[Ids]:
    """The id that a PDU has on one session."""
    async with AsyncExitStack() as stack:
        visit = Repeats(await stack.enter_async_context(FakeHost("sms"))).begin(lambda: 0)

        def of(*said: Any, **more: Any) -> str:
            known = visit.identify(brought(*said, **more))
            assert isinstance(known, Known)
            return known.external_id

        yield of


async def test_the_same_sequence_number_is_the_same_text(ids: Ids) -> None:
    assert ids() == ids()
    assert ids() != ids(sequence=2)
    assert ids() != ids(b"net")


async def test_what_waits_too_long_for_its_answer_may_come_under_another_number(
    ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ids()
    monkeypatch.setattr(repeats, "OVERDUE_SECONDS", 0.0)
    assert ids(sequence=2) == first


async def test_parameters_tell_texts_apart_unless_they_only_say_how_busy_the_smsc_is(
    ids: Ids,
) -> None:
    first = ids(reference=b"\0\1")
    assert ids(reference=b"\0\2") != first
    assert ids(reference=b"\0\1", more=b"\1") == first


async def test_an_answer_that_came_too_late_leaves_a_text_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FakeHost("sms") as host:
        visit = Repeats(host).begin(lambda: 100)
        first = visit.identify(brought())
        assert isinstance(first, Known)
        monkeypatch.setattr(repeats, "OVERDUE_SECONDS", 0.0)
        visit.answered(first, 1)
        assert visit.identify(brought(sequence=2)) is first


async def test_no_more_is_in_doubt_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "KEPT_LIMIT", 3)
    async with FakeHost("sms") as host:
        known = Repeats(host)
        visit = known.begin(lambda: 0)
        first = visit.identify(brought(b"0"))
        for number in range(1, 4):
            visit.identify(brought(bytes([number])))
        assert visit.identify(brought(b"0")) is not first
        host.store.failure = omnigate.StoreError("disk")
        await known.tidy()
        host.store.failure = None
        await known.tidy()


async def test_notes_that_nobody_wants_any_more_are_taken_away(
    clock: type[Clock],
) -> None:
    store = MemoryStore()
    async with FakeHost("sms", store=store) as host:
        visit = Repeats(host).begin(lambda: 0)
        first = visit.identify(brought())
        assert isinstance(first, Known)
        await host.put(notes=visit.notes([first]))
        clock.ahead += timedelta(hours=25)
        later = Repeats(host)
        await later.open()
        await later.tidy()
        assert store.notes["sms"] == {}
        again = later.begin(lambda: 0).identify(brought())
        assert isinstance(again, Known)
        assert again.external_id != first.external_id
