"""Links to gateways and providers that are asked over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from omnigate_sms.links.custom import Custom
from omnigate_sms.links.exolve import Exolve
from omnigate_sms.links.jasmin import Jasmin
from omnigate_sms.links.kannel import Kannel
from omnigate_sms.links.provider import HttpLink
from omnigate_sms.links.smsaero import SmsAero
from omnigate_sms.links.smscru import SmscRu
from omnigate_sms.links.twilio import Twilio
from omnigate_sms.links.vonage import Vonage

__all__ = ["LINKS", "HttpLink"]

LINKS: Final[Mapping[str, type[HttpLink]]] = {
    link.kind: link for link in (Kannel, Jasmin, Twilio, Vonage, SmscRu, SmsAero, Exolve, Custom)
}
"""By the name of the link, which is that of its table in the configuration."""
