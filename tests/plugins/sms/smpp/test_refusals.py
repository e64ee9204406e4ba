"""What the operator says against a text: for good, for now, or to the whole session."""

from __future__ import annotations

import asyncio

import pytest

import omnigate
from tests.plugins.sms.smpp.links import Bind, Smsc, text

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0x0B, "bad_address"),
        (0x0A, "bad_sender"),
        (0x45, "refused_by_provider"),
        (0x444, "refused_by_provider"),
    ],
)
async def test_a_refusal_for_good_says_which(
    bind: Bind, smsc: Smsc, status: int, code: str
) -> None:
    link = await bind()
    await smsc.set(plan=[{"status": status}])
    with pytest.raises(omnigate.Refused, match=f"0x{status:02X}") as caught:
        await link.link.send(text())
    assert caught.value.code == code


@pytest.mark.parametrize("status", [0x08, 0x64, 0xFE])
async def test_a_passing_refusal_is_tried_later(bind: Bind, smsc: Smsc, status: int) -> None:
    link = await bind()
    await smsc.set(plan=[{"status": status}])
    with pytest.raises(omnigate.RetryLater) as caught:
        await link.link.send(text())
    assert caught.value.status == status
    assert (await link.link.send(text())).external_id == "1001"


async def test_a_session_that_the_operator_has_forgotten_is_made_anew(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    await smsc.set(plan=[{"status": 0x04}])
    with pytest.raises(omnigate.DestinationUnavailable, match="RINVBNDSTS"):
        await link.link.send(text())
    await link.up(2)
    await link.link.send(text())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        # Sequence 2: the bind was 1.
        (
            "0000002380000004000000450000000200001d000e6e6f20637265646974206c656674",
            "no credit left",
        ),
        ("00000010800000000000000300000002", "ESME_RINVCMDID"),
        ("000000128000000400000045000000026162", "ESME_RSUBMITFAIL"),
    ],
    ids=["own words", "generic_nack", "broken body"],
)
async def test_what_the_operator_says_to_a_text_is_shown(
    bind: Bind, smsc: Smsc, answer: str, reason: str
) -> None:
    link = await bind()
    await smsc.set(plan=[{"silent": True}])
    sending = asyncio.create_task(link.link.send(text()))
    await smsc.until("submit")
    smsc.tell(raw=answer)
    with pytest.raises(omnigate.Refused, match=reason):
        await sending


async def test_an_address_that_no_operator_takes_is_refused_here(bind: Bind) -> None:
    link = await bind()
    for wrong in (text(to="7" * 21), text(sender="Магазин"), text(sender="a\nb")):
        with pytest.raises(omnigate.Refused, match="address"):
            await link.link.send(wrong)
    with pytest.raises(omnigate.Refused, match="too_long"):
        await link.link.send(text("я" * 67 * 256))
