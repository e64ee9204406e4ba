"""Who asks for no more texts is told once that it was heard, and so is who asks for them again."""

from __future__ import annotations

from typing import Any

import pytest
from omnigate_sms import Sms, confirming
from omnigate_sms.confirming import OWED, Confirming

import omnigate

from .conftest import ANNA, Shop, open_shop, section, text

pytestmark = pytest.mark.anyio

STOPPED = "Больше не пишем. Передумаете — пришлите СТАРТ."
STARTED = "Снова пишем."
BOTH: dict[str, Any] = {"stop_reply": STOPPED, "start_reply": STARTED}


def said(shop: Shop) -> list[str | None]:
    """Return the texts that the channel has queued by itself."""
    return [content.text for _, _, content in shop.host.answers.values()]


async def nothing_is_owed(shop: Shop) -> bool:
    return not await shop.host.notes(OWED)


async def test_a_change_of_mind_is_confirmed_once_each_time() -> None:
    async with open_shop(**BOTH) as shop:
        for word in ("стоп", "STOP", "старт", "start", "Стоп!"):
            await shop.hear(text(word, external_id=word))
        await shop.hear(text("Стоп!", external_id="Стоп!"))  # the provider brings it again
        assert said(shop) == [STOPPED, STARTED, STOPPED]
        assert all(content.automatic for _, _, content in shop.host.answers.values())
        assert {place for _, place, _ in shop.host.answers.values()} == {"+" + ANNA}
        assert await nothing_is_owed(shop)


async def test_nothing_is_said_unless_the_operator_wants_it(shop: Shop) -> None:
    for word in ("стоп", "старт"):
        await shop.hear(text(word))
    assert said(shop) == []
    async with open_shop(start_reply=STARTED) as one:
        for word in ("стоп", "старт"):
            await one.hear(text(word))
        assert said(one) == [STARTED]


async def test_who_never_stopped_and_who_says_more_is_told_nothing() -> None:
    async with open_shop(**BOTH) as shop:
        await shop.hear(text("старт"))
        await shop.hear(text("Стоп, а где мой заказ?"))
        assert said(shop) == []
        assert await nothing_is_owed(shop)


async def test_a_word_in_pieces_is_confirmed_too() -> None:
    async with open_shop(**BOTH) as shop:
        await shop.hear(text("сто", piece=(9, 2, 1)))
        await shop.hear(text("п", piece=(9, 2, 2)))
        assert said(shop) == [STOPPED]


async def owe(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a customer say stop, and the confirmation not be queued for want of room."""

    async def overloaded(*given: Any, **named: Any) -> None:
        raise omnigate.Overloaded("too much is waiting", 0.01)

    with monkeypatch.context() as patched:
        patched.setattr(shop.host, "answer", overloaded)
        await shop.hear(text("стоп", external_id="1"))
    assert said(shop) == []
    assert shop.logged("a confirmation has to wait")
    assert not await nothing_is_owed(shop)


async def test_what_cannot_be_queued_now_is_queued_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_shop(**BOTH) as shop:
        async with shop.working():
            await owe(shop, monkeypatch)
            await shop.until(lambda: said(shop))
        assert said(shop) == [STOPPED]


async def test_what_is_owed_is_queued_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_shop(**BOTH) as shop:
        await owe(shop, monkeypatch)
    async with open_shop(shop.host.store, **BOTH) as again, again.working():
        await again.until(lambda: said(again))
        await again.until(lambda: not again.host.store.notes["texts"])
        assert said(again) == [STOPPED]
        assert len(again.items) == 2  # the text and the wish, once each


async def test_a_wish_that_changed_nothing_is_not_confirmed_after_a_restart_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The daemon dies after the transaction that stored the wish."""

    async def dies(*given: Any) -> None:
        raise KeyboardInterrupt

    async with open_shop(**BOTH) as shop:
        await shop.hear(text("стоп", external_id="1"))
        monkeypatch.setattr(Confirming, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            await shop.hear(text("стоп", external_id="2"))
        assert not await nothing_is_owed(shop)
    async with open_shop(shop.host.store, **BOTH) as again, again.working():
        await again.until(lambda: not again.host.store.notes["texts"])
        assert said(again) == []


async def test_a_confirmation_of_every_stop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotage twin: who does not look at what the wish has changed confirms it twice."""
    settle = Confirming._settle

    async def settles(
        self: Confirming, kind: str, item: confirming.Wish, became: omnigate.Recorded
    ) -> None:
        await settle(self, kind, item, omnigate.Recorded("evt_1", 1, None))

    monkeypatch.setattr(Confirming, "_settle", settles)
    with pytest.raises(AssertionError):
        await test_a_change_of_mind_is_confirmed_once_each_time()


async def test_an_erased_customer_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_shop(**BOTH) as shop:
        await owe(shop, monkeypatch)
        shop.host.store.erase(omnigate.tel(f"+{ANNA}"))
        assert await nothing_is_owed(shop)


@pytest.mark.parametrize("reply", [{"stop_reply": "Старт!"}, {"start_reply": "STOP"}])
async def test_a_confirmation_cannot_be_a_wish_itself(reply: dict[str, str]) -> None:
    """A machine that sends texts back would go to and fro with it."""
    given = section(**reply)
    with pytest.raises(ValueError, match="say it in a sentence"):
        Sms.Config.model_validate(given)
