"""Of which kinds of addresses a person has one: two of those contradict each other, and no proof merges."""

from __future__ import annotations

from omnigate.plugins import load


def test_a_person_has_one_account_of_a_messenger_but_many_browsers_numbers_and_mailboxes() -> None:
    catalogue = load(["telegram", "vk", "webchat", "email", "sms", "http"])
    declared = {
        kind: set(channel.capabilities.one_each) for kind, channel in catalogue.channels.items()
    }
    assert declared == {
        "telegram": {"telegram"},
        "vk": {"vk"},
        "webchat": set(),
        "email": set(),
        "sms": set(),
        "http": set(),
    }
