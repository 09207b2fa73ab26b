"""`/healthz` for whoever starts or watches the server, `/metrics` for Prometheus. Read at each request, never kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from reports.service import Service
from web.wiring import service

NO_STORE = {"Cache-Control": "no-store"}


def healthz(_request: Request) -> Response:
    """200 while the database answers, else 503. Without a runner the UI is healthy; nothing is executed, though."""
    if not service().reachable():
        return JSONResponse({"status": "unavailable", "database": "unreachable"}, 503, NO_STORE)
    alive = runners_alive(service())
    return JSONResponse({"status": "ok", "database": "reachable", "runners_alive": alive}, headers=NO_STORE)


def metrics(_request: Request) -> Response:
    if not service().reachable():
        return PlainTextResponse("The database does not answer.\n", 503, NO_STORE)
    registry = CollectorRegistry()
    registry.register(StoreCollector(service()))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)


def runners_alive(of: Service) -> int:
    return sum(runner.alive for runner in of.runners())


class StoreCollector(Collector):
    """What the store says at this moment."""

    def __init__(self, of: Service) -> None:
        self.service = of

    def collect(self) -> Iterable[GaugeMetricFamily]:
        runs, deliveries = self.service.runs_by_state(), self.service.deliveries_by_state()
        yield _by_state("gazette_runs", "Runs that are kept, by state", runs)
        yield _by_state("gazette_deliveries", "Deliveries that are kept, by state", deliveries)
        yield _gauge("gazette_queue_length", "Runs that wait for a runner", self.service.backlog().queued)
        yield _gauge("gazette_runners_alive", "Runners heard of within one lease", runners_alive(self.service))


def _by_state(name: str, meaning: str, counts: Mapping[Any, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=["state"])
    for state, count in counts.items():
        family.add_metric([str(state)], count)
    return family


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)
