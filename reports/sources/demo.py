"""Synthetic usage for a first look: the same seed and last day give the same figures, and all of it is labelled so.

Shaped like a real gateway: a few clients make most requests, working hours and weekends show, use grows, one provider
has a bad day. It copies no real data, and replaces only demo data it wrote before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.errors import InvalidInput
from reports.sources import bulk, demo_presence, demo_requests
from reports.sources.days import days_of
from reports.sources.demo_cast import ADOPTED, ERRORS, INCIDENT_PROVIDER, MODELS, clients, facts
from reports.sources.values import Source
from reports.store import usage_tables as tables
from reports.store.engine import Database

LABEL = "synthetic demo data"
DAYS = 120
SEED = 7
ID_PREFIX = "demo-"
HOURS = 24
REQUESTS_A_DAY = 5200  # of all clients together at the start, on a working day
GROWTH = 0.45  # over the whole time
WEEKEND = 0.28  # of a working day's requests
CLIENT_SKEW = 0.9  # exponent of Zipf's law: the first tenth of the clients makes about half of the requests
INCIDENT_DAYS_BEFORE_END = 9
INCIDENT_HOURS = (9, 15)
ADOPTED_DAYS_BEFORE_END = 40  # since when the newest model is used
IDLE_DAYS = 30  # the idle key was used in the first 30 days only
Floats = npt.NDArray[np.floating[Any]]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DemoUsage:
    """What was written; `source` is what to add to the store."""

    source: Source
    rows: int
    requests: int
    spend_usd: float
    first_day: date
    last_day: date


def load_demo(store_url: str, source_name: str, last_day: date, days: int = DAYS, seed: int = SEED) -> DemoUsage:
    """Write synthetic usage of the `days` days up to `last_day` as the embedded source `source_name`.

    Replaces demo data of that name. Raises InvalidInput where the name holds other data.
    """
    span = days_of(last_day - timedelta(days=days - 1), last_day)
    rows = generate(last_day, days, seed)
    database = Database(store_url)
    try:
        with database.writing() as connection:
            _make_room(connection, source_name)
            for table, about in facts(span[0]).items():
                bulk.upsert(connection, table, _sourced(about, source_name))
            whole = pa.table({"day": pa.array(span, pa.date32()), "complete": pa.repeat(True, days)})
            bulk.upsert(connection, tables.coverage, _sourced(whole, source_name))
        for chunk in bulk.chunks(_sourced(rows, source_name)):
            with database.writing() as connection:
                bulk.upsert(connection, tables.usage_events, chunk)
    finally:
        database.close()
    source = Source(source_name, "embedded", options={"synthetic": True}, label=LABEL)
    requests, spend = pc.sum(rows["requests"]).as_py() or 0, pc.sum(rows["spend_usd"]).as_py() or 0.0
    return DemoUsage(source, rows.num_rows, requests, spend, span[0], last_day)


def _sourced(rows: pa.Table, source: str) -> pa.Table:
    return rows.append_column("source", pa.repeat(source, rows.num_rows))


def _make_room(connection: Connection, source: str) -> None:
    events = tables.usage_events
    foreign = sa.select(sa.literal(1)).where(events.c.source == source, events.c.request_id.not_like(f"{ID_PREFIX}%"))
    daily = sa.select(sa.literal(1)).where(tables.daily_usage.c.source == source)
    if any(connection.scalar(select.limit(1)) for select in (foreign, daily)):
        raise InvalidInput("source", f"{source!r} holds usage that is no demo data; choose another name for the demo")
    for table in (events, tables.coverage, tables.users, tables.keys, tables.teams, tables.model_prices):
        connection.execute(sa.delete(table).where(table.c.source == source))


def generate(last_day: date, days: int = DAYS, seed: int = SEED) -> pa.Table:
    """Rows for usage_events without their source: one a client, model and hour, and one a class of errors there.

    The last DETAILED_DAYS have one row a request instead.
    """
    random = np.random.default_rng(seed)
    first_day = last_day - timedelta(days=days - 1)
    day, hour, client, model = (axis.ravel() for axis in np.indices((days, HOURS, len(clients()), len(MODELS))))
    expected = _shares(random, days)[client, model] * _rhythm(random, first_day, days)[_services()[client], day, hour]
    expected *= (model != ADOPTED) | (day >= days - ADOPTED_DAYS_BEFORE_END)
    expected *= demo_presence.presence(_services().astype(bool).tolist(), _weekend(first_day, days), seed)[client, day]
    expected *= (client != len(clients()) - 1) | (day < IDLE_DAYS)
    requests = random.poisson(expected)
    used = np.flatnonzero(requests)
    cells = _Cells(day[used], hour[used], client[used], model[used], requests[used], first_day, days)
    good, failed = _split(random, cells)
    parts = [_successes(random, cells, good)]
    parts += [
        _failures(random, cells, count, name, code) for (name, code, _), count in zip(ERRORS, failed, strict=True)
    ]
    rows = _with_details(pa.concat_tables(parts), last_day, seed)
    ids = [f"{ID_PREFIX}{number:07d}" for number in range(rows.num_rows)]
    return rows.append_column("request_id", pa.array(ids, pa.string()))


def _with_details(rows: pa.Table, last_day: date, seed: int) -> pa.Table:
    since = last_day - timedelta(days=demo_requests.DETAILED_DAYS - 1)
    recent = pc.greater_equal(rows["started_at"], pa.scalar(datetime(since.year, since.month, since.day)))  # noqa: DTZ001
    older = demo_requests.undetailed(rows.filter(pc.invert(recent)))
    single = demo_requests.detailed(rows.filter(recent), seed=seed)
    return pa.concat_tables([older, single.select(older.column_names).cast(older.schema)])


@dataclass(frozen=True)
class _Cells:
    """Where requests were made: an hour, a client, a model; and how many."""

    day: Counts
    hour: Counts
    client: Counts
    model: Counts
    requests: Counts
    first_day: date
    days: int

    def of(self, attribute: str) -> Floats:
        return np.array([getattr(model, attribute) for model in MODELS], dtype=float)[self.model]


def _services() -> Counts:
    return np.array([client.service for client in clients()], dtype=np.int64)


def _shares(random: np.random.Generator, days: int) -> Floats:
    """Requests an average hour of each client with each model; a client uses only some of the models."""
    weight = 1.0 / np.arange(1, len(clients()) + 1) ** CLIENT_SKEW
    taste = random.gamma(0.6, 1.0, (len(clients()), len(MODELS))) * np.array([model.share for model in MODELS])
    taste[taste < 0.25 * taste.max(axis=1, keepdims=True)] = 0
    taste[:, MODELS.index(MODELS[-1])] = np.where(np.arange(len(clients())) % 7 == 0, taste.max(axis=1), 0) * 0.3
    taste /= taste.sum(axis=1, keepdims=True)
    shares: Floats = (weight / weight.sum())[:, None] * taste * REQUESTS_A_DAY / HOURS
    return shares


def _rhythm(random: np.random.Generator, first_day: date, days: int) -> Floats:
    """Requests of an hour against an average one: [person or service, day, hour]."""
    hours = np.arange(HOURS)
    office = np.exp(-(((hours - 10.0) / 2.2) ** 2)) + 0.9 * np.exp(-(((hours - 15.0) / 2.4) ** 2)) + 0.02
    night = 0.6 + np.exp(-(((hours - 2.5) / 2.0) ** 2))
    daily = np.stack([office / office.mean(), night / night.mean()])
    weekend = _weekend(first_day, days)
    level = (1 + GROWTH * np.arange(days) / max(days - 1, 1)) * random.normal(1.0, 0.06, days).clip(0.7, 1.3)
    person = level * np.where(weekend, WEEKEND, 1.0)
    service = level * np.where(weekend, 0.8, 1.0)
    rhythm: Floats = np.stack([person, service])[:, :, None] * daily[:, None, :]
    return rhythm


def _weekend(first_day: date, days: int) -> npt.NDArray[np.bool_]:
    return np.array([(first_day + timedelta(days=day)).weekday() >= 5 for day in range(days)])


def _split(random: np.random.Generator, cells: _Cells) -> tuple[Counts, list[Counts]]:
    """Successes of each cell, and failures by class of error."""
    chance = cells.of("failing")
    struck = _struck(cells)
    chance = np.where(struck, 0.38, chance)
    failed = random.binomial(cells.requests, chance)
    parts = random.multinomial(failed, [share for _, _, share in ERRORS])
    return cells.requests - failed, [parts[:, index] for index in range(len(ERRORS))]


def _struck(cells: _Cells) -> npt.NDArray[np.bool_]:
    provider = np.array([model.provider == INCIDENT_PROVIDER for model in MODELS])[cells.model]
    on_day = cells.day == cells.days - 1 - INCIDENT_DAYS_BEFORE_END
    struck: npt.NDArray[np.bool_] = (
        provider & on_day & (cells.hour >= INCIDENT_HOURS[0]) & (cells.hour < INCIDENT_HOURS[1])
    )
    return struck


def _successes(random: np.random.Generator, cells: _Cells, count: Counts) -> pa.Table:
    spread = 0.5 / np.sqrt(np.maximum(count, 1))  # of the mean of so many requests
    prompt = _whole(count * cells.of("prompt") * random.lognormal(0, spread))
    completion = _whole(count * cells.of("completion") * random.lognormal(0, spread))
    read = _whole(prompt * cells.of("cached") * random.uniform(0.7, 1.3, len(count)))
    creation = _whole(read * 0.08)
    slow = np.where(_struck(cells), 3.5, 1.0)
    duration = np.round(count * cells.of("milliseconds") * random.lognormal(0, spread) * slow, 1)
    fresh = (prompt - read) * cells.of("input")
    spend = fresh + read * cells.of("input") * cells.of("cache_price") + completion * cells.of("output")
    numbers: dict[str, Any] = {
        "requests": count,
        "failures": np.zeros_like(count),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_tokens": read,
        "cache_creation_tokens": creation,
        "spend_usd": np.round(spend / 1e6, 8),
        "duration_ms": duration,
        "timed_requests": count,
    }
    return _rows(cells, numbers, "success", "", "").filter(pa.array(count > 0))


def _failures(random: np.random.Generator, cells: _Cells, count: Counts, name: str, code: str) -> pa.Table:
    """Failed requests: they carry prompt tokens, cost nothing and were not timed."""
    nothing = np.zeros_like(count)
    numbers: dict[str, Any] = {
        "requests": count,
        "failures": count,
        "prompt_tokens": _whole(count * cells.of("prompt") * random.lognormal(0, 0.3, len(count))),
        "completion_tokens": nothing,
        "cache_read_tokens": nothing,
        "cache_creation_tokens": nothing,
        "spend_usd": np.zeros(len(count)),
        "duration_ms": pa.nulls(len(count), pa.float64()),
        "timed_requests": nothing,
    }
    return _rows(cells, numbers, "failure", name, code).filter(pa.array(count > 0))


def _whole(values: Floats) -> Counts:
    return np.rint(values).astype(np.int64)


def _rows(cells: _Cells, numbers: dict[str, Any], status: str, error_class: str, error_code: str) -> pa.Table:
    start = int(datetime(cells.first_day.year, cells.first_day.month, cells.first_day.day, tzinfo=UTC).timestamp())
    seconds = start + (cells.day * HOURS + cells.hour) * 3600
    who, size = clients(), len(cells.requests)
    client, model = pa.array(cells.client), pa.array(cells.model)
    texts = {
        name: pa.array([getattr(each, name) for each in who]).take(client) for name in ("user_id", "key_id", "team_id")
    }
    for column, name in (("model", "name"), ("model_group", "group"), ("provider", "provider")):
        texts[column] = pa.array([getattr(each, name) for each in MODELS]).take(model)
    same = {"endpoint": "/chat/completions", "status": status, "error_class": error_class, "error_code": error_code}
    moments = pa.array(seconds * 1_000_000).cast(pa.timestamp("us"))
    constants = {name: pa.repeat(text, size) for name, text in same.items()}
    return pa.table({"started_at": moments, **texts, **constants, **numbers})
