"""A large archive on SQLite, and figures over it beside those over a tenth of its rows.

50 runs and 10 subscriptions a report, one delivery a run; people grow with the reports. The benchmarks of pages and of
lists over REST measure both sizes in turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks import files
from reports.archive import Archive
from reports.model import (
    ChannelKind,
    Delivery,
    DeliveryState,
    PeriodPolicy,
    Person,
    Report,
    Role,
    Run,
    RunKind,
    RunState,
    Subscription,
)
from reports.planning import delivery_of, new_id, planned_run
from reports.sources.demo import load_demo
from reports.store import Store
from reports.store.rows import artifact_row, delivery_row, report_row, run_row, subscription_row
from reports.store.tables import artifacts, deliveries, reports, runs, subscriptions
from web import wiring

RUNS_A_REPORT, SUBSCRIPTIONS_A_REPORT, REPORTS_AN_OWNER = 50, 10, 50
GROWTH_BAR = 1.5  # times
NOW = datetime.now(UTC).replace(microsecond=0)
ROWS_AT_ONCE = 5000
TURNS = 3
ADMIN = Person("root", "Root", Role.ADMIN, "root@example.org")
EDITOR = Person("owner-1", "Owner 1", Role.EDITOR, "owner-1@example.org")
VIEWER = Person("reader-7", "Reader 7", Role.VIEWER, "reader-7@example.org")
TEAMS = ("Research", "Platform", "Support", "Sales", "Finance")
STATES = (*[RunState.SUCCEEDED] * 18, RunState.FAILED, RunState.MISSED)
METRICS = dict.fromkeys(("requests", "spend_usd", "total_tokens", "active_users", "models"), 1234.5)


@dataclass(frozen=True)
class Asked:
    repeats: int
    clock: Callable[[], float]


@dataclass(frozen=True)
class Ids:
    """Of one report, of its last two runs that succeeded, and of a preview of it; these three have files."""

    report: str
    run: str
    earlier: str
    preview: str


@dataclass(frozen=True)
class Part:
    """One kind of figure: what is measured in a data folder in one turn (milliseconds), and what must hold of it."""

    title: str
    measured: Callable[[Path, Ids, Asked], dict[str, list[float]]]
    bar: float  # ms
    linear: Collection[str] = ()  # what looks at every row by its nature; only the first bar holds


def fill(store: Store, archive: Archive, rows: int) -> Ids:
    """`rows` runs with their reports, subscriptions and deliveries, and files of three."""
    chosen = random.Random(11)
    owners = max(1, rows // RUNS_A_REPORT // REPORTS_AN_OWNER)
    made = [_report(number, number % owners) for number in range(rows // RUNS_A_REPORT)]
    readers = [number % len(made) for number in range(len(made) * SUBSCRIPTIONS_A_REPORT)]
    subscribed = [_subscription(made[at // SUBSCRIPTIONS_A_REPORT], reader) for at, reader in enumerate(readers)]
    done = [_run(report, number, chosen) for report in made for number in range(RUNS_A_REPORT)]
    one_each = [_delivery(run, subscribed[number % len(subscribed)]) for number, run in enumerate(done)]
    for table, values in (
        (reports, [report_row(report) for report in made]),
        (subscriptions, [subscription_row(each) for each in subscribed]),
        (runs, [run_row(run) for run in done]),
        (deliveries, [delivery_row(each) for each in one_each]),
    ):
        with store.writing() as connection:
            for first in range(0, len(values), ROWS_AT_ONCE):
                connection.execute(sa.insert(table), values[first : first + ROWS_AT_ONCE])
    report = made[len(made) // 2]
    its = [run for run in done if run.report_id == report.id and run.state is RunState.SUCCEEDED]
    preview = replace(its[0], id=new_id(), kind=RunKind.PREVIEW)
    with store.writing() as connection:
        connection.execute(sa.insert(runs), [run_row(preview)])
        kept = [each for at, run in enumerate((*its[:2], preview)) for each in files.made(archive, run, 100.0 + at)]
        connection.execute(sa.insert(artifacts), [artifact_row(each) for each in kept])
    return Ids(report.id, its[0].id, its[1].id, preview.id)


def _report(number: int, owner: int) -> Report:
    return Report(
        id=new_id(),
        name=f"{TEAMS[number % len(TEAMS)]} usage {number:04}",
        template="usage_summary" if number % 3 else "user_activity",
        owner=f"owner-{owner}",
        cron="0 7 * * *",
        zone="Europe/Berlin",
        period_policy=PeriodPolicy.PREVIOUS_DAY,
        paused=number % 10 == 0,
        created_at=NOW,
        next_due_at=NOW + timedelta(minutes=number),
    )


def _subscription(report: Report, reader: int) -> Subscription:
    address = f"reader-{reader}@example.org"
    return Subscription(new_id(), report.id, ChannelKind.EMAIL, address, f"Reader {reader}", created_at=NOW)


def _run(report: Report, number: int, chosen: random.Random) -> Run:
    due = NOW - timedelta(days=number, seconds=chosen.randrange(3600))
    return replace(
        planned_run(report, due, RunKind.SCHEDULED if number % 5 else RunKind.MANUAL, {}),
        state=chosen.choice(STATES),
        attempt=1,
        metrics=METRICS,
        provenance={"versions": {"python": "3.11", "pandas": "3.1"}, "template_digest": "c0ffee" * 10},
        created_at=due,
        started_at=due,
        finished_at=due + timedelta(seconds=5),
    )


def _delivery(run: Run, subscription: Subscription) -> Delivery:
    done = run.finished_at
    return replace(delivery_of(run, subscription), state=DeliveryState.SENT, attempt=1, created_at=done, sent_at=done)


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The web's own service works with this data folder."""
    os.environ["GAZETTE_DATA_DIR"] = str(folder)
    wiring.forget()
    yield
    wiring.forget()


def compare(parts: Collection[Part], doc: str) -> int:
    """Measure and print all parts; 1 if a figure misses its bar."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="runs")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--cpu", action="store_true", help="count the time of this process, not the wall's")
    given = parser.parse_args()
    asked = Asked(given.repeats, time.process_time if given.cpu else time.perf_counter)
    rows = (given.rows // 10, given.rows)
    found = []
    with tempfile.TemporaryDirectory(prefix="gazette-large-") as name:
        places = [Path(name, str(number)) for number in rows]
        ids = [_filled(place, number) for place, number in zip(places, rows, strict=True)]
        for part in parts:
            few, many = _medians(part, places, ids, asked)
            _show(part, rows, few, many)
            found += misses(part, few, many)
    print("\n".join(found) if found else "All stay within the bars.")
    return 1 if found else 0


def _filled(folder: Path, rows: int) -> Ids:
    with installed(folder):
        service = wiring.service()
        service.store.add_person(ADMIN, "")
        demo = load_demo(service.settings.store_url, "usage", NOW.date() - timedelta(days=1))
        service.add_source(demo.source)
        return fill(service.store, service.archive, rows)


def _medians(part: Part, places: list[Path], ids: list[Ids], asked: Asked) -> list[dict[str, float]]:
    taken: list[dict[str, list[float]]] = [{}, {}]
    for _ in range(TURNS):
        for at, place in enumerate(places):
            with installed(place):
                for name, times in part.measured(place, ids[at], asked).items():
                    taken[at].setdefault(name, []).extend(times)
    return [{name: statistics.median(times) for name, times in each.items()} for each in taken]


def _show(part: Part, rows: tuple[int, int], few: Mapping[str, float], many: Mapping[str, float]) -> None:
    print(f"{part.title + ', median ms':42} {rows[0]:>9,} runs {rows[1]:>9,} runs   growth")
    for name, taken in few.items():
        print(f"{name:42} {taken:14.1f} {many[name]:14.1f} {many[name] / taken:8.2f}")
    print(flush=True)


def misses(part: Part, few: Mapping[str, float], many: Mapping[str, float]) -> list[str]:
    slow = [f"{name}: {taken:.0f} ms, more than {part.bar:.0f}" for name, taken in many.items() if taken >= part.bar]
    growing = [
        f"{name}: {many[name] / taken:.2f} times as long, more than {GROWTH_BAR}"
        for name, taken in few.items()
        if many[name] / taken >= GROWTH_BAR and name not in part.linear
    ]
    return slow + growing
