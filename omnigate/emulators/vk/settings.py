"""Which events a receiver has asked for.

Source: vendor JSON schema 5.199, ``groups_long_poll_events``.
"""

from __future__ import annotations

from typing import Final

from omnigate.emulators.vk.arguments import Arguments

EVENTS: Final = (
    "message_new",
    "message_reply",
    "message_edit",
    "message_allow",
    "message_deny",
    "message_typing_state",
    "message_read",
    "message_event",
    "message_reaction_event",
    "group_join",
    "group_leave",
    "group_officers_edit",
    "group_change_photo",
    "group_change_settings",
    "user_block",
    "user_unblock",
    "lead_forms_new",
    "market_order_new",
    "market_order_edit",
    "market_comment_new",
    "market_comment_edit",
    "market_comment_restore",
    "market_comment_delete",
    "audio_new",
    "photo_new",
    "photo_comment_new",
    "photo_comment_edit",
    "photo_comment_restore",
    "photo_comment_delete",
    "video_new",
    "video_comment_new",
    "video_comment_edit",
    "video_comment_restore",
    "video_comment_delete",
    "wall_post_new",
    "wall_repost",
    "wall_reply_new",
    "wall_reply_edit",
    "wall_reply_restore",
    "wall_reply_delete",
    "wall_schedule_post_new",
    "wall_schedule_post_delete",
    "board_post_new",
    "board_post_edit",
    "board_post_restore",
    "board_post_delete",
    "poll_vote_new",
    "donut_subscription_create",
    "donut_subscription_prolonged",
    "donut_subscription_cancelled",
    "donut_subscription_expired",
    "donut_subscription_price_changed",
    "donut_money_withdraw",
    "donut_money_withdraw_error",
)
VERSIONS: Final = ("5.199",)
"""Versions of the API whose objects the emulator can give."""


class Subscription:
    """The events that one receiver gets; none at first."""

    def __init__(self) -> None:
        self.api_version = "5.199"
        self.on: set[str] = set()

    def wants(self, kind: str) -> bool:
        """Whether an event goes to this receiver. What has no switch goes to everybody."""
        return kind in self.on or kind not in EVENTS

    def change(self, arguments: Arguments) -> None:
        """Take over the switches that a call names; the others stay."""
        version = arguments.choice("api_version", VERSIONS)
        switches = {name: arguments.flag(name) for name in EVENTS if name in arguments}
        self.api_version = version or self.api_version
        for name, on in switches.items():
            (self.on.add if on else self.on.discard)(name)

    def to_json(self) -> dict[str, object]:
        """Return it as the methods show it."""
        events = {name: int(name in self.on) for name in EVENTS}
        return {"api_version": self.api_version, "events": events}
