"""``GET /metrics`` for Prometheus: on the operator's socket, and on a loopback port of its own.

Counting is done elsewhere, by plain numbers; here they are read and written out at each scrape. Nothing
is kept between two scrapes, so that any number of daemons may share a process.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from omnigate.figures import Histogram
from omnigate.server import measures
from omnigate.server.edge import edge
from omnigate.server.measures import METRICS
from omnigate.server.operations import Call, Operation
from omnigate.server.readings import Moment
from omnigate.server.services import Services
from omnigate.store.callreads import count_calls

PATH: Final = "/metrics"


async def scrape(services: Services, accept: str) -> web.Response:
    """Return everything that is measured, in the form that the caller's ``Accept`` asks for.

    Raises `StoreError` when the backlog could not be counted.
    """
    moment = Moment(
        services=services,
        backlog=await services.census.take(),
        now=services.store.now(),
        calls=await services.store.read(count_calls),
        store_bytes=size_of(services.store.path),
        disk_free_bytes=shutil.disk_usage(services.store.path.parent).free,
    )
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Reading(moment))
    encode, content_type = choose_encoder(accept)
    return web.Response(
        body=encode(registry),
        headers={"Content-Type": content_type, "Cache-Control": "no-store"},
    )


def metrics_app(services: Services) -> web.Application:
    """Return the application of the loopback port: ``/metrics`` and nothing else."""

    async def answer(request: web.Request) -> web.Response:
        return await scrape(services, request.headers.get("Accept", ""))

    application = web.Application(middlewares=[edge((), lambda request: None)])
    application.router.add_get(PATH, answer)
    return application


def size_of(path: Path) -> int:
    """Return the size of a database with its log, in bytes."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


class _Reading(Collector):
    """One scrape, as the library wants to be given it."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def collect(self) -> Iterator[Metric]:
        for metric in METRICS:
            yield _family(metric, self._moment)


def _family(metric: measures.Metric, moment: Moment) -> Metric:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in metric.read(moment):
            if isinstance(value, Histogram):
                histogram.add_metric(labels, _buckets(value), value.total)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in metric.read(moment):
        if not isinstance(value, Histogram):
            family.add_metric(labels, value)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return the counts as Prometheus has them: each range includes those below it."""
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


async def _answer(call: Call) -> web.StreamResponse:
    return await scrape(call.services, call.request.headers.get("Accept", ""))


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=PATH,
        summary="Measure everything, for Prometheus",
        run=_answer,
        scope="admin",
        answer_type="text/plain",
    ),
)
