"""SMS by SMPP 3.4, as an ESME of an operator's or aggregator's SMSC."""

from omnigate_sms.smpp.config import SmppConfig
from omnigate_sms.smpp.link import SmppLink

__all__ = ["SmppConfig", "SmppLink"]
