"""``/channels/{name}/…``: the endpoints of the running channels.

`ChannelResource` is one resource of the listener's router whose routes are those of the channels as
they are now: a channel that was replaced serves its new routes, one that is gone is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

import structlog
from aiohttp import web
from aiohttp.web_urldispatcher import (
    AbstractResource,
    AbstractRoute,
    PlainResource,
    ResourceRoute,
    UrlDispatcher,
    UrlMappingMatchInfo,
    _InfoDict,
)
from yarl import URL

from omnigate.channel import Channel, WebhookChannel
from omnigate.flow.contained import contained
from omnigate.flow.whereabouts import PREFIX
from omnigate.server.bodies import Handler, bounded
from omnigate.server.hook import hook
from omnigate.server.problems import unavailable
from omnigate.server.services import RunningChannel, Services
from omnigate.server.unknown import nobody, not_enabled

log = structlog.get_logger("server")


@dataclass(frozen=True, slots=True)
class _Mounted:
    """The routes of one instance of a channel."""

    channel: Channel
    router: UrlDispatcher
    static: Mapping[tuple[str, str], UrlMappingMatchInfo]
    """(method, path) → what is found there, for paths without parameters."""


class ChannelResource(AbstractResource):
    """Finds the handler of a request below ``/channels``."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._mounted: dict[str, _Mounted] = {}
        self._not_running = ResourceRoute("*", _not_running, self)
        for name, runner in services.channels().items():
            self._mounted_of(name, runner)

    @property
    def canonical(self) -> str:
        """What this resource stands for; the router finds it by what comes before the brace."""
        return f"{PREFIX}/{{name}}"

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """Return the route of a channel, or none and the methods that the path would take."""
        name = named_in(request)
        runner = self._services.channel(name)
        if runner is None or (runner.config is not None and not runner.config.enabled):
            return None, set()
        mounted = self._mounted_of(name, runner)
        if mounted is None or runner.is_at_rest:
            return UrlMappingMatchInfo({}, self._not_running), set()
        found = await mounted.router.resolve(request)
        if found.http_exception is None:
            return found, set()
        if isinstance(found.http_exception, web.HTTPMethodNotAllowed):
            return None, set(found.http_exception.allowed_methods)
        return None, set()

    def direct(self, request: web.Request) -> Handler | None:
        """Return the handler that an ordinary message comes in by, without asking the router.

        None for whatever needs a second look: the router finds out what is to be said.
        """
        name = named_in(request)
        runner = self._services.channel(name)
        if runner is None or runner.is_at_rest or "Expect" in request.headers:
            return None
        if runner.config is not None and not runner.config.enabled:
            return None
        mounted = self._mounted_of(name, runner)
        found = mounted.static.get((request.method, request.rel_url.raw_path)) if mounted else None
        if found is None:
            return None
        request._match_info = found  # noqa: SLF001  # as the application itself does
        return found.handler

    def _mounted_of(self, name: str, runner: RunningChannel) -> _Mounted | None:
        channel = runner.channel
        if channel is None:
            return None
        mounted = self._mounted.get(name)
        if mounted is None or mounted.channel is not channel:
            router = _mount(self._services, runner, channel)
            static = {
                (route.method, route.resource.canonical): UrlMappingMatchInfo({}, route)
                for route in router.routes()
                if isinstance(route.resource, PlainResource)
            }
            mounted = self._mounted[name] = _Mounted(channel, router, static)
        return mounted

    # What the router asks of every resource.

    def url_for(self, **kwargs: str) -> URL:
        """Return the address below which a channel's endpoints are."""
        return URL.build(path=f"{PREFIX}/{kwargs['name']}")

    def add_prefix(self, prefix: str) -> NoReturn:
        """Refuse: channels are served at the root only."""
        raise RuntimeError("channel endpoints cannot be put under a prefix")

    def get_info(self) -> _InfoDict:
        """Return what a listing of resources shows."""
        return {"formatter": self.canonical}

    def raw_match(self, path: str) -> bool:
        """Tell whether this is the same path: never merged with another resource."""
        return False

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter((self._not_running,))


def _mount(services: Services, runner: RunningChannel, channel: Channel) -> UrlDispatcher:
    router = UrlDispatcher()
    prefix = f"{PREFIX}/{runner.name}"
    deadline_seconds = services.settings.server.body_timeout_seconds
    try:
        with contained:
            routes = list(channel.routes())
        for route in routes:
            handler = bounded(
                _contained(route.handler),
                route.max_body_bytes,
                room=services.room,
                deadline_seconds=deadline_seconds,
                stream=route.stream,
            )
            if route.admit is not None:
                handler = _admitting(route.admit, handler)
            router.add_route(route.method, prefix + route.path, handler)
    except Exception as error:  # belongs to the endpoints' supervision: it costs this channel alone
        log.error("channel's endpoints are unusable", channel=runner.name, exc_info=error)
        broken = UrlDispatcher()
        broken.add_route("*", prefix + "/{path:.*}", _not_running)
        return broken
    if isinstance(channel, WebhookChannel):
        served: Handler = bounded(
            hook(services, runner, channel),
            channel.max_body_bytes,
            room=services.room,
            deadline_seconds=deadline_seconds,
        )
        router.add_route("POST", f"{prefix}/hook", served)
        router.add_route("GET", f"{prefix}/hook", served)
    return router


def _contained(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        with contained:
            answer = await handler(request)
        if not isinstance(answer, web.StreamResponse):
            raise TypeError(f"a channel's handler returned {type(answer).__name__}, not a response")
        return answer

    return handle


def _admitting(admit: Callable[[web.Request], None], handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        with contained:
            admit(request)
        return await handler(request)

    return handle


async def _not_running(request: web.Request) -> web.StreamResponse:
    raise unavailable("This channel is not running; see omnigate channel list.", 30)


def named_in(request: web.Request) -> str:
    """Return the channel that a request is for; anything else if it is for none."""
    before, _, rest = request.rel_url.raw_path.partition(f"{PREFIX}/")
    return "" if before else rest.partition("/")[0]


def channel_called(services: Services, name: str) -> RunningChannel:
    """Return a channel by name; raises 404 when there is none."""
    runner = services.channel(name)
    if runner is None:
        if name in services.resting():
            raise not_enabled(name)
        raise nobody("channel", name, services.channels())
    return runner
