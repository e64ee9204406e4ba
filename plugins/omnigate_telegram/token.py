"""The two secrets of a bot: the token that it calls with, and the one that webhooks are proven by."""

from __future__ import annotations

import base64
import re

from pydantic import SecretStr

_TOKEN = re.compile(r"(\d{1,16}):[A-Za-z0-9_-]{30,64}")
_SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")


def check_token(token: SecretStr) -> SecretStr:
    """Return a bot's token as it is; raises ``ValueError`` when it cannot be one."""
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError(
            "a bot's token is written <number>:<35 letters, digits, _ or ->; ask @BotFather"
        )
    return token


def check_secret_token(token: SecretStr) -> SecretStr:
    """Return a secret token as it is; raises ``ValueError`` when the platform would refuse it."""
    if not _SECRET_TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("a secret_token has 1 to 256 characters of A-Z, a-z, 0-9, _ and -")
    return token


def bot_id(token: SecretStr) -> int:
    """Return the bot's own id, which its token begins with."""
    return int(token.get_secret_value().partition(":")[0])


def derived(secret: bytes) -> SecretStr:
    """Return a secret token made of a secret of the installation."""
    return SecretStr(base64.urlsafe_b64encode(secret).rstrip(b"=").decode())
