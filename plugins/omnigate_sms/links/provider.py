"""What all links over HTTP have in common: asking under a rate, and being called."""

from __future__ import annotations

import base64
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import SecretStr, ValidationError
from yarl import URL

import omnigate
from omnigate_sms.link import Deliver, Link, Text
from omnigate_sms.links.calls import PART, TOKEN, admit
from omnigate_sms.links.config import ProviderConfig, UnsignedConfig


class Weakness(NamedTuple):
    """Why calls of a provider are less than proven."""

    words: str
    remedy: str | None
    """What the operator can do about it; None when that is done."""


class HttpLink(Link):
    """A provider that is asked over HTTP and calls our hook."""

    kind: ClassVar[str]
    """The name of the link and of its table in the configuration."""
    Config: ClassVar[type[ProviderConfig]]
    on_uncertain: ClassVar[Literal["hold", "lookup"]] = "hold"
    """See `omnigate.Capabilities`."""
    unverified: ClassVar[Sequence[str]] = ()
    """What was never compared with the provider's own documents or servers, a sentence each."""

    config: ProviderConfig

    def __init__(
        self, config: ProviderConfig, host: omnigate.ChannelHost, deliver: Deliver
    ) -> None:
        super().__init__(host, deliver)
        self.config = config
        self._limiter: omnigate.Limiter | None = None

    async def send(self, text: Text) -> omnigate.Sent:
        """Send one text; see `omnigate.Channel.send`. Nothing is asked twice."""
        if self._limiter is None:
            burst = max(1, int(self.config.rate_per_second))
            self._limiter = self.host.limiter(self.config.rate_per_second, burst=burst)
        await self._limiter.acquire()
        return await self._send(text)

    async def check(self) -> omnigate.Health:
        """Ask the provider whether our credentials are good; no side effects."""
        try:
            health = await self._check()
        except (omnigate.DestinationUnavailable, omnigate.NoAnswer) as error:
            return omnigate.Health("down", str(error))
        weak = self.weakness()
        if health.state != "up" or weak is None:
            return health
        if weak.remedy is None:
            return omnigate.Health("up", f"{health.message}; {weak.words}")
        return omnigate.Health("degraded", f"{health.message}; weak: {weak.words}", weak.remedy)

    def weakness(self) -> Weakness | None:
        """Return why calls of the provider are less than proven; None when they are signed."""
        return None

    def to_enter(self) -> Sequence[str]:
        """Return the address for calls."""
        return [f"enter at the provider as the address for texts and receipts: {self.callback()}"]

    def callback(self, **query: str) -> str:
        """Return the address that the provider is to call, with what it is to bring back."""
        base = self.config.callback_url or self.host.public_url("hook")
        return str(URL(base).update_query(query)) if query else base

    @abstractmethod
    async def _send(self, text: Text) -> omnigate.Sent:
        """As `send`, once it may ask."""

    @abstractmethod
    async def _check(self) -> omnigate.Health:
        """As `check`; may also raise `omnigate.NoAnswer`."""

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        json: Any = None,
    ) -> omnigate.Answer:
        return await omnigate.ask_once(
            self.host.http,
            method,
            url,
            seconds=self.config.timeout_seconds,
            headers=headers,
            params=params,
            data=data,
            json=json,
        )


def sent_as(name: object, segments: Sequence[str] = ()) -> omnigate.Sent:
    """Return what a text was sent as; raises `omnigate.Uncertain` for a name that cannot be kept."""
    try:
        return omnigate.Sent(external_id=str(name), segments=list(segments))
    except ValidationError:
        raise omnigate.Uncertain(
            "the provider took the text and calls it by something that is no name"
        ) from None


class UnsignedLink(HttpLink):
    """A provider that signs nothing: its calls are proven by what stands in the address they go to."""

    config: UnsignedConfig

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call bears our token or the agreed password."""
        admit(self.config, self._token(), request)

    def weakness(self) -> Weakness | None:
        """Return what proves calls."""
        return weakness_of(self.config, self.kind)

    def callback(self, **query: str) -> str:
        """Return the address that the provider is to call, the token in it."""
        # unwrapped to stand in the address, which is never logged
        return super().callback(**{TOKEN: self._token().get_secret_value(), **query})

    def receipts_to(self, text: Text) -> str:
        """Return the address for the receipts of one text."""
        return self.callback(**{PART: text.id})

    def secrets(self) -> Sequence[str]:
        """Return the token, which the configuration need not hold."""
        return [self._token().get_secret_value()]  # unwrapped to be kept out of what is shown

    def _token(self) -> SecretStr:
        return self.config.callback_token or made_token(self.host, self.kind)


def weakness_of(config: UnsignedConfig, kind: str) -> Weakness:
    """Return what proves the calls of a provider that signs nothing."""
    proof = "the token in their address"
    if config.callback_password is not None:
        proof += " or a password"
    if config.callback_networks:
        proof += ", and by where they come from"
    remedy = f"name the addresses that it calls from in {kind}.callback_networks"
    words = f"its calls are not signed: they are proven only by {proof}"
    return Weakness(words, None if config.callback_networks else remedy)


def made_token(host: omnigate.ChannelHost, kind: str) -> SecretStr:
    """Return a token made of a secret of the installation."""
    return SecretStr(base64.urlsafe_b64encode(host.secret(f"sms:{kind}")).rstrip(b"=").decode())
