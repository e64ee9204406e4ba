"""VK community messages, emulated: the API, the Callback API, the Bots Long Poll, and customers.

``async with VkEmulator() as vk:`` listens on a free loopback port at ``vk.url``. A community is
added with `VkEmulator.add_community`, a customer with `VkEmulator.person`; what a customer does is a
method of `Person`, what he sees is `Person.chat`. What goes wrong is queued in ``vk.faults``, on a
community's ``journal`` (repeated, held and reordered events, poison) and on its ``long_poll`` (the
failures 1 to 3, silence).

Where the platform's behaviour is nobody's but general knowledge, the docstring at that place says
"unverified".
"""

from __future__ import annotations

from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.conversation import ChatView
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.message import Message
from omnigate.emulators.vk.people import Person
from omnigate.emulators.vk.server import VkEmulator

__all__ = ["ChatView", "Community", "Message", "Person", "Refused", "VkEmulator"]
