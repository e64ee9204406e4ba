"""``POST session``: a browser says who it is and gets its tokens, the configuration and the latest events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import Field

import omnigate
from omnigate_webchat.callbutton import Calls
from omnigate_webchat.config import WebchatConfig
from omnigate_webchat.events import EventLog
from omnigate_webchat.formconfig import Form
from omnigate_webchat.gate import Rejected, answer_json, read_json
from omnigate_webchat.geo import GeoFile
from omnigate_webchat.handovers import Handovers
from omnigate_webchat.identity import Identity, Outcome, is_proven, pass_of
from omnigate_webchat.limits import Buckets, network_of
from omnigate_webchat.tokens import Pass, Seal, VisitorClaims, new_visitor
from omnigate_webchat.visitor import VisitorContext, Visits

MAX_BODY_BYTES = 48 * 1024
_LATEST = 50


class SessionRequest(omnigate.Payload):
    """What a page sends when the widget starts."""

    visitor_token: str | None = Field(None, max_length=8192)
    identity: Identity | None = None
    context: VisitorContext = VisitorContext()


class Sessions:
    """Opens sessions."""

    def __init__(
        self,
        config: WebchatConfig,
        host: omnigate.ChannelHost,
        visits: Visits,
        visitors: Seal[VisitorClaims],
        passes: Seal[Pass],
        log: EventLog,
        calls: Calls,
        handovers: Handovers,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._host = host
        self._visits = visits
        self._visitors = visitors
        self._passes = passes
        self._log = log
        self._calls = calls
        self._handovers = handovers
        self._now = now
        self._rate = Buckets(config.limits.sessions_per_minute, per_seconds=60)
        self._geo = GeoFile(config.geo_file, host) if config.geo_file else None

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Answer ``POST session``."""
        network = network_of(request.remote)
        wait_seconds = self._rate.wait_seconds(network)
        if wait_seconds:
            raise Rejected(
                429, "too many sessions from this network", retry_after_seconds=wait_seconds
            )
        asked = await read_json(request, SessionRequest)
        identity, outcome = self._identify(asked)
        visitor = self._visitor(asked.visitor_token, None if identity is None else identity.user_id)
        who = pass_of(
            visitor.visitor,
            identity,
            network=network,
            since=visitor.since,
            locale=asked.context.language,
            default_region=self._config.default_region,
        )
        await self._remember(request, who, asked.context)
        return answer_json(
            {
                "visitor_token": self._visitors.seal(visitor),
                "visitor": visitor.visitor,
                "connection_token": self._passes.seal(who),
                "expires_in_seconds": self._passes.lifetime_seconds,
                "config": {
                    **client_config(self._config, self._host.name, self._now()),
                    "continue": self._handovers.is_offered(),
                    "call": self._calls.is_offered(),
                },
                "identity": outcome,
                **await self._conversation(who),
            }
        )

    def _identify(self, asked: SessionRequest) -> tuple[Identity | None, Outcome]:
        if asked.identity is None:
            return None, "anonymous"
        if is_proven(asked.identity, self._config.identity_secret):
            return asked.identity, "verified"
        return None, "rejected"

    def _visitor(self, token: str | None, user: str | None) -> VisitorClaims:
        """Return the browser's claims: its own, or new ones when it was somebody else's before.

        A browser belongs to the first user that was proven in it. Else two people at one computer
        would become one contact, and who comes after a log-out would go on as the user.
        """
        known = None if token is None else self._visitors.open(token)
        if known is None or (known.user is not None and known.user != user):
            return VisitorClaims(
                visitor=new_visitor(), user=user, since=int(self._now().timestamp())
            )
        return known.model_copy(update={"user": user})

    async def _remember(self, request: web.Request, who: Pass, told: VisitorContext) -> None:
        facts = told.facts().model_dump(mode="json", exclude_unset=True)
        if agent := request.headers.get("User-Agent"):
            facts["user_agent"] = agent[:500]
        if self._config.record_ip and request.remote:
            facts["ip"] = request.remote
        if self._geo is not None and (geo := await self._geo.place_of(request.remote)):
            facts["geo"] = geo.model_dump()
        self._visits.learn(who.visitor, omnigate.Context.model_validate(facts))

    async def _conversation(self, who: Pass) -> dict[str, Any]:
        info = await self._host.conversation(who.conversation)
        if info is None:
            return {"conversation": None, "events": [], "more": False}
        page = await self._log.latest(who.conversation, before=None, limit=_LATEST)
        return {"conversation": describe(info), "events": page.frames, "more": page.more}


def describe(info: omnigate.ConversationInfo | None) -> dict[str, Any] | None:
    """Return a conversation as clients see it."""
    if info is None:
        return None
    return {"id": info.id, "status": info.status, "last_seq": info.last_sequence}


def client_config(config: WebchatConfig, name: str, moment: datetime) -> dict[str, Any]:
    """Return the part of the configuration that the widget needs: nothing secret is in it."""
    return {
        "name": name,
        "title": config.title,
        "languages": config.languages,
        "texts": config.texts,
        "theme": config.theme.model_dump(),
        "prechat": _form(config.prechat),
        "offline": _form(config.offline),
        "online": config.is_open(moment),
        "proactive": [rule.model_dump() for rule in config.proactive],
        "peek": config.peek,
        "location": config.location,
        "uploads": config.uploads.model_dump(include={"enabled", "max_bytes", "types"}),
        "messages_per_10_seconds": config.limits.messages_per_10_seconds,
        "max_text_length": config.limits.text_characters,
        "privacy_note": config.privacy_note,
    }


def _form(form: Form | None) -> dict[str, Any] | None:
    return form.model_dump(exclude={"enabled"}) if form and form.enabled else None
