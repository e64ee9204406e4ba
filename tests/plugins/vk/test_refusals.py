"""What every refusal of the platform means: to the message, to the customer, to the community."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio

LATER, DOWN, NO = omnigate.RetryLater, omnigate.DestinationUnavailable, omnigate.Refused
MEANING: dict[int, tuple[type[Exception], str]] = {
    1: (DOWN, ""),
    5: (omnigate.CredentialsRejected, ""),
    6: (LATER, ""),
    7: (NO, "no_permission"),
    8: (NO, "refused_by_platform"),
    9: (LATER, ""),
    10: (DOWN, ""),
    14: (DOWN, ""),
    15: (NO, "no_permission"),
    17: (DOWN, ""),
    18: (NO, "recipient_blocked"),
    27: (omnigate.CredentialsRejected, ""),
    29: (DOWN, ""),
    37: (NO, "recipient_blocked"),
    100: (NO, "refused_by_platform"),
    203: (NO, "no_permission"),
    900: (NO, "recipient_blocked"),
    901: (NO, "recipient_blocked"),
    902: (NO, "recipient_blocked"),
    **dict.fromkeys((909, 910, 911, 913, 914, 917), (NO, "refused_by_platform")),
    912: (NO, "bots_switched_off"),
    **dict.fromkeys((920, 921, 922, 924, 925, 927), (NO, "refused_by_platform")),
    **dict.fromkeys((932, 935, 936, 940, 945, 946), (NO, "refused_by_platform")),
    943: (NO, "no_such_intent"),
    944: (NO, "intent_used_up"),
    950: (NO, "window_closed"),
    3300: (DOWN, ""),
    4242: (NO, "refused_by_platform"),
}
BLOCKED = {18, 37, 900, 901, 902}
TROUBLE = {14, 17, 29, 3300}


@pytest.mark.parametrize("code", MEANING)
async def test_a_refusal_is_what_the_host_is_to_do(desk: Shop, code: int) -> None:
    error, reason = MEANING[code]
    desk.vk.faults.add(method="messages.send", error=code)
    with pytest.raises(error) as raised:
        await desk.channel.send(desk.part("не для журнала"))
    if isinstance(raised.value, omnigate.Refused):
        assert raised.value.code == reason
    blocked = desk.of(omnigate.ContactBlocked)
    assert bool(blocked) == (code in BLOCKED)
    # request_params echo what was said; neither that nor the token is told
    told = f"{raised.value!r} {raised.value} {desk.host.log_lines} {desk.host.states}"
    assert "не для журнала" not in told
    assert desk.community.token not in told
    assert str(code) in str(raised.value)


@pytest.mark.parametrize(
    ("code", "low", "high"), [(6, 0.5, 2), (9, 30, 600), (29, 1800, 86400), (14, 60, 3600)]
)
async def test_how_long_to_wait(desk: Shop, code: int, low: float, high: float) -> None:
    desk.vk.faults.add(method="messages.send", error=code)
    with pytest.raises((omnigate.RetryLater, omnigate.DestinationUnavailable)) as raised:
        await desk.channel.send(desk.part())
    error: Any = raised.value
    seconds = getattr(error, "after_seconds", None) or error.retry_after_seconds
    assert low <= seconds <= high


@pytest.mark.parametrize("code", [901, 900, 18])
async def test_what_is_refused_for_one_recipient_means_the_same(desk: Shop, code: int) -> None:
    """With ``peer_ids`` the refusal stands in the answer, not in its place."""
    if code == 901:
        await desk.anna.denies(desk.community)
    elif code == 900:
        desk.community.block(desk.anna)
    else:
        desk.anna.account = "deleted"
    with pytest.raises(omnigate.Refused) as refused:
        await desk.channel.send(desk.part())
    assert refused.value.code == "recipient_blocked"
    assert str(code) in refused.value.reason
    assert desk.of(omnigate.ContactBlocked)


@pytest.mark.parametrize("code", sorted(TROUBLE))
async def test_a_captcha_and_the_like_degrade_the_community_until_a_message_is_taken(
    code: int,
) -> None:
    async with open_shop() as shop:
        await shop.anna.writes(shop.community, "Привет")
        await shop.said()
        shop.vk.faults.add(method="messages.send", error=code)
        with pytest.raises(omnigate.DestinationUnavailable):
            await shop.channel.send(shop.part())
        assert shop.host.states[-1][0] == "degraded"
        await shop.anna.writes(shop.community, "ещё")  # events still come, and that mends nothing
        await shop.said(1)
        assert shop.host.states[-1][0] == "degraded"
        await shop.channel.send(shop.part())
        assert shop.host.states[-1] == ("up", "")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 502}, omnigate.DestinationUnavailable),
        ({"status": 429}, omnigate.DestinationUnavailable),
        ({"status": 404}, omnigate.Refused),
        ({"cut": "after"}, omnigate.Uncertain),
        ({"cut": "before"}, omnigate.Uncertain),
        ({"body": b'{"response":{"x'}, omnigate.Uncertain),
        ({"body": b'{"response":[]}'}, omnigate.Uncertain),
        ({"body": b'{"response":[{"peer_id":1}]}'}, omnigate.Uncertain),
        ({"body": b'{"error":"?"}'}, omnigate.DestinationUnavailable),
    ],
    ids=["proxy", "busy", "lost", "cut", "hung up", "half", "empty", "numberless", "nonsense"],
)
async def test_failures_say_what_happened_and_never_the_token(
    desk: Shop, fault: dict[str, Any], error: type[Exception]
) -> None:
    desk.vk.faults.add(method="messages.send", **fault)
    with pytest.raises(error) as raised:
        await desk.channel.send(desk.part())
    assert desk.community.token not in f"{raised.value} {raised.value!r} {desk.host.log_lines}"


async def test_nobody_there_is_surely_not_sent() -> None:
    async with open_shop(running=False, api_url="http://127.0.0.1:9") as shop:
        with pytest.raises(omnigate.DestinationUnavailable):
            await shop.channel.send(shop.part())


async def test_a_refused_change_says_why(desk: Shop) -> None:
    asked = await desk.anna.writes(desk.community, "моё")
    name = f"{desk.anna.id}:{asked.cmid}"
    with pytest.raises(omnigate.Refused, match="920"):
        await desk.channel.change(desk.change("edit", name, text="наше"))
    with pytest.raises(omnigate.Refused, match="924"):
        await desk.channel.change(desk.change("delete", name))
    with pytest.raises(omnigate.Refused, match="no message of VK"):
        await desk.channel.change(desk.change("delete", "nonsense"))
    desk.vk.faults.add(method="messages.edit", cut="after")
    sent = await desk.channel.send(desk.part("до"))
    with pytest.raises(omnigate.Uncertain):
        await desk.channel.change(desk.change("edit", sent.external_id, text="после"))


async def test_the_token_is_never_in_an_address(desk: Shop) -> None:
    """Addresses stand in logs of proxies; the emulator takes arguments from either."""
    seen: list[str] = []
    session = desk.host.http
    request = session._request

    async def listen(method: str, url: Any, **options: Any) -> Any:
        seen.append(str(url))
        return await request(method, url, **options)

    session._request = listen  # type: ignore[assignment,method-assign]
    await desk.channel.send(desk.part())
    await desk.channel.check()
    assert seen
    assert not any(desk.community.token in url for url in seen)
