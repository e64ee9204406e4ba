"""The Telegram Bot API and its customers, emulated by the fact sheet.

>>> async with TelegramEmulator() as telegram:  # doctest: +SKIP
...     bot = telegram.add_bot("shop_bot")
...     anna = telegram.person("Анна")
...     await anna.starts(bot)  # … and a program that speaks to telegram.url answers
...     await anna.chat(bot).wait_for_text("Здравствуйте!")
"""

from __future__ import annotations

from omnigate.emulators.telegram.authors import CannotDo
from omnigate.emulators.telegram.errors import Refused
from omnigate.emulators.telegram.groups import Group
from omnigate.emulators.telegram.model import Bot, BusinessConnection, Message, Press
from omnigate.emulators.telegram.people import Person
from omnigate.emulators.telegram.rates import Rates
from omnigate.emulators.telegram.server import TelegramEmulator
from omnigate.emulators.telegram.view import ChatView, Seen

__all__ = [
    "Bot",
    "BusinessConnection",
    "CannotDo",
    "ChatView",
    "Group",
    "Message",
    "Person",
    "Press",
    "Rates",
    "Refused",
    "Seen",
    "TelegramEmulator",
]
