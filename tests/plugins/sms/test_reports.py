"""What became of texts, as the host sees it."""

from __future__ import annotations

import pytest
from omnigate_sms.link import Report

from tests.plugins.sms.conftest import AT

pytestmark = pytest.mark.anyio


async def test_a_report_is_a_receipt_and_the_same_one_when_it_comes_again(shop):
    sent = Report(external_id="17", reference="msg_1.0", state="sent", occurred_at=AT)
    gone = Report(external_id="17", state="failed", error="EXPIRED 001", occurred_at=AT)
    nothing = Report(external_id="17", state="unknown", occurred_at=AT)
    await shop.hear(sent, nothing, gone, sent, gone)
    first, second = shop.items
    assert (first.message_id, first.state, first.error) == ("17", "sent", None)
    assert (first.part, second.part) == ("msg_1.0", None)
    assert (second.state, second.error, second.any_conversation) == ("failed", "EXPIRED 001", True)


async def test_a_report_that_names_our_part_is_no_repeat_of_one_that_did_not(shop):
    """The first came before anybody knew the text's id; the answer to the text came late."""
    early = Report(external_id="17", state="sent", occurred_at=AT)
    late = Report(external_id="17", reference="msg_1.0", state="sent", occurred_at=AT)
    await shop.hear(early, late, late)
    assert [item.part for item in shop.items] == [None, "msg_1.0"]


@pytest.mark.parametrize("state", ["sent", "delivered", "read"])
async def test_the_code_that_comes_with_a_success_is_no_error(shop, state):
    await shop.hear(
        Report(external_id="17", state=state, error="DELIVRD error 001", occurred_at=AT)
    )
    (receipt,) = shop.items
    assert (receipt.state, receipt.error) == (state, None)
