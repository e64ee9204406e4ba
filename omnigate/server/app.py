"""The two applications: what the world may call, and what the operator may call on this machine."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from omnigate.server import (
    admin,
    calls,
    changes,
    consents,
    contacts,
    conversations,
    dead,
    doctor,
    documents,
    events,
    files,
    handovers,
    health,
    logs,
    members,
    merges,
    messages,
    metrics,
    people,
    quarantine,
    queue,
    replays,
    setup,
    stats,
    status,
    steering,
    timeline,
    trace,
)
from omnigate.server.bodies import DEFAULT_MAX_BYTES, Handler
from omnigate.server.channels import ChannelResource, named_in
from omnigate.server.edge import edge
from omnigate.server.listener import SHORT_WAY, ShortWay
from omnigate.server.operations import Api, Operation
from omnigate.server.services import Services

PUBLIC: Final[tuple[Operation, ...]] = (
    *messages.OPERATIONS,
    *changes.OPERATIONS,
    *handovers.OPERATIONS,
    *calls.OPERATIONS,
    *conversations.OPERATIONS,
    *contacts.OPERATIONS,
    *timeline.OPERATIONS,
    *consents.OPERATIONS,
    *merges.OPERATIONS,
    *people.OPERATIONS,
    *files.OPERATIONS,
    *stats.OPERATIONS,
    *events.OPERATIONS,
    *documents.OPERATIONS,
    *health.OPERATIONS,
)
"""Every operation of the public API but the document of them all."""

ADMIN: Final[tuple[Operation, ...]] = (
    *status.OPERATIONS,
    *members.OPERATIONS,
    *metrics.OPERATIONS,
    *setup.OPERATIONS,
    *steering.OPERATIONS,
    *doctor.OPERATIONS,
    *admin.OPERATIONS,
    *dead.OPERATIONS,
    *replays.OPERATIONS,
    *quarantine.OPERATIONS,
    *queue.OPERATIONS,
    *trace.OPERATIONS,
    *logs.OPERATIONS,
    *people.ADMIN,
)
"""What the operator's socket serves besides."""


def public_app(services: Services) -> web.Application:
    """Return the application of the public listener: channel endpoints and the API."""
    application, around = _application(services, trusts_proxies=True)
    channels = ChannelResource(services)
    application.router.register_resource(channels)
    application[SHORT_WAY] = _short_way(channels, around)
    described = documents.openapi(PUBLIC, services.version)
    Api(services, proven=False).mount(application.router, (*PUBLIC, described))
    return application


def admin_app(services: Services) -> web.Application:
    """Return the application of the admin socket: whoever can open it is the operator."""
    application, _ = _application(services, trusts_proxies=False)
    operations = (*PUBLIC, *ADMIN)
    described = documents.openapi(operations, services.version)
    Api(services, proven=True).mount(application.router, (*operations, described))
    return application


def _short_way(channels: ChannelResource, around: Middleware) -> ShortWay:
    """Return what lets ordinary messages past the router: that is a tenth of the work of a request."""

    def before(router: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            handler = channels.direct(request)
            return await (router(request) if handler is None else around(request, handler))

        return handle

    return before


def _application(services: Services, *, trusts_proxies: bool) -> tuple[web.Application, Middleware]:
    trusted = services.settings.server.trusted_proxies if trusts_proxies else ()

    def unauthorized(request: web.Request) -> None:
        channel = named_in(request)
        if channel in services.channels():
            services.figures.channel(channel).unauthorized += 1

    around = edge(trusted, unauthorized)
    application = web.Application(middlewares=[around], client_max_size=DEFAULT_MAX_BYTES)

    async def end_streams(stopping: web.Application) -> None:
        services.stream.close()

    application.on_shutdown.append(end_streams)
    return application, around
