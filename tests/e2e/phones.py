"""An operator of SMS and its customers' phones, and channels of a daemon over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from omnigate_sms import segments

from tests.plugins.sms.smpp.links import Smsc

ANNA, SHOP = "79161234567", "79990000001"
TO_ANNA = {"channel": "texts", "address": f"tel:+{ANNA}"}
LONG = "Здравствуйте! Где мой заказ? 🙂 " * 8
UDHI = 0x40
UCS2 = 8
HOOK_TOKEN = "a-token-that-kannel-is-told"


class Phones:
    """The operator and its customers' phones, seen from outside."""

    def __init__(self, smsc: Smsc, until: Callable[..., Any]) -> None:
        self.smsc = smsc
        self._until = until

    def bound(self, times: int = 1) -> None:
        self._until(lambda: len(self.smsc.all("bind")) >= times, "the daemon is bound")

    def set(self, **values: Any) -> None:
        known = len(self.smsc.all("set"))
        self.smsc.tell(set=values)
        self._until(lambda: len(self.smsc.all("set")) > known, "the SMSC has heard")

    def say(self, text: str) -> None:
        """Have Anna write something short."""
        self._deliver(text.encode("utf-16-be"), 0)

    def say_piece(self, piece: segments.Cut) -> None:
        """Have one piece of what Anna writes come in, and wait until it is answered."""
        taken = len(self.smsc.all("deliver_sm_resp"))
        self.begin_piece(piece)
        self._until(lambda: len(self.smsc.all("deliver_sm_resp")) > taken, "the piece is answered")
        assert self.smsc.all("deliver_sm_resp")[-1]["status"] == 0

    def begin_piece(self, piece: segments.Cut) -> None:
        """Have a piece come in, and wait for nothing."""
        self._deliver(piece.udh + piece.data, UDHI)

    def _deliver(self, octets: bytes, esm_class: int) -> None:
        self.smsc.tell(
            command="deliver_sm",
            parameters={
                "source_addr": ANNA,
                "source_addr_ton": 1,
                "source_addr_npi": 1,
                "destination_addr": SHOP,
                "esm_class": esm_class,
                "data_coding": UCS2,
                "short_message": octets.hex(),
            },
            octets=["short_message"],
        )

    def submitted(self, number: int) -> list[dict[str, Any]]:
        """Return the segments that were sent, once there are so many."""
        self._until(lambda: len(self.smsc.all("submit")) >= number, f"{number} segments are sent")
        return self.smsc.all("submit")

    def receipt(self, submit: dict[str, Any], stat: str) -> None:
        self.smsc.tell(receipt={"id": submit["id"], "stat": stat})


def give(daemon: Any, phones: Phones, channel: str = "", smpp: str = "", prelude: str = "") -> Any:
    """Write the channel into the configuration and start the daemon, broken on purpose by a prelude."""
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text(
        f'{path.read_text()}\n[channels.texts]\nkind = "sms"\nlink = "smpp"\nsender = "{SHOP}"\n'
        f'default_region = "RU"\n{channel}\n[channels.texts.smpp]\nhost = "127.0.0.1"\n'
        f'port = {phones.smsc.port}\nsystem_id = "shop"\npassword = "secret"\n{smpp}\n'
    )
    daemon.start(prelude)
    phones.bound()
    return daemon


def over_kannel(daemon: Any, url: str, user: str = "u", password: str = "p") -> Any:
    """Write a channel over Kannel into the configuration and start the daemon."""
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text(
        f'{path.read_text()}\n[channels.texts]\nkind = "sms"\nlink = "kannel"\nsender = "{SHOP}"\n'
        f'default_region = "RU"\nallow_private = ["127.0.0.0/8"]\n[channels.texts.kannel]\n'
        f'url = "{url}"\nusername = "{user}"\npassword = "{password}"\n'
        f'callback_url = "{daemon.address}/channels/texts/hook"\ncallback_token = "{HOOK_TOKEN}"\n'
    )
    return daemon.start()
