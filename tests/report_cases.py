"""Every template of notebooks/ as a finished report of ordinary and of odd usage, each made once a session.

The usage goes the whole way: events imported into Gazette's own tables, extracted, executed in a real kernel, rendered.
"""

from __future__ import annotations

import fcntl
import json
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from reports import templates
from reports.model import Format, Period
from reports.settings import Settings, load_settings
from reports.sources import Source
from reports.sources.usage_import import import_usage
from reports.store import Store
from reports.store.usage_tables import coverage, teams, users
from runner.execute.executor import PapermillExecutor
from runner.once import Rendered, RenderRequest, Work, render_with
from runner.render import ReportRenderer

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
TEMPLATES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
FORMATS = (Format.HTML, Format.PDF, Format.XLSX, Format.MAIL, Format.NOTEBOOK)
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
HISTORY = 112  # days covered before the week's end: forecasts and cohorts want some
AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
MODELS = (("openai/gpt-4o", 5e-6), ("anthropic/claude-sonnet-4", 8e-6), ("mistral/small", 4e-7), ("local/llama", 0.0))
LONGEST_IMPORTED, LONGER = "x" * 255, "x" * 300  # an import takes no longer names; other sources have them
ODD_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("https://example.org")',
    "**bold** {{links}} `code` [a](javascript:alert(1))",
    LONGEST_IMPORTED,
    "Ein sehr langer Name aus vielen Wörtern " * 6,
    "مستخدم ذو اسم عربي طويل",
    "שם בעברית (מבחן)",
    "👩🏽‍💻 Ada 🚀 日本語の名前",
    "\u202eesrever\u202c a\u0301\u0302\u0303",
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Usage of one kind. `covered`: the days the source knows of, used or not."""

    rows: Callable[[], list[Row]]
    period: Period = WEEK
    missing: Sequence[date] = ()
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The files of one report."""

    template: str
    case: str
    rendered: Rendered

    def path(self, format: Format) -> Path:
        return next(each.path for each in self.rendered.artifacts if each.format is format)

    @property
    def page(self) -> str:
        return self.path(Format.HTML).read_text(encoding="utf-8")

    @property
    def mail(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.path(Format.MAIL).read_text(encoding="utf-8"))
        return content


def days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def events(first: date, last: date, people: Sequence[str], models: Sequence[tuple[str, float]] = MODELS) -> list[Row]:
    """A few requests a day of each, fewer at the weekend, some failed, all timed."""
    draw = random.Random(len(people))
    rows = []
    for day in days(first, last):
        for number, person in enumerate(people):
            if draw.random() < (0.35 if day.weekday() >= 5 else 0.8):
                rows += [event(draw, day, number, person, draw.choice(models)) for _ in range(draw.randint(1, 3))]
    return rows


def event(draw: random.Random, day: date, number: int, person: str, priced: tuple[str, float]) -> Row:
    model, price = priced
    prompt, completion = draw.randint(200, 9000), draw.randint(20, 1500)
    failed = draw.random() < 0.06
    hour = min(23, max(0, round(draw.gauss(13, 4))))
    return {
        "started_at": datetime.combine(day, time(hour, draw.randint(0, 59), draw.randint(0, 59)), UTC),
        "status": "failure" if failed else "success",
        "error_class": draw.choice(("RateLimitError", "Timeout")) if failed else "",
        "prompt_tokens": prompt,
        "completion_tokens": 0 if failed else completion,
        "cache_read_tokens": prompt // 3 if draw.random() < 0.3 else 0,
        "spend_usd": 0.0 if failed else (prompt + 4 * completion) * price,
        "duration_ms": draw.uniform(300, 9000),
        "ttft_ms": draw.uniform(80, 900),
        "cache_hit": draw.random() < 0.1,
        "user_id": f"u{number}",
        "user_name": person,
        "key_id": f"k{number}",
        "key_alias": f"key of {person}"[:255],
        "team_id": f"t{number % 3}",
        "team_name": person
        if number < len(ODD_NAMES) and person in ODD_NAMES
        else ("Search", "Support", "Lab")[number % 3],
        "model": model,
        "provider": model.split("/")[0],
        "endpoint": "/chat/completions",
    }


FIRST = WEEK.end - timedelta(days=HISTORY - 1)
PEOPLE = tuple(f"Person {number:02d}" for number in range(18))
BEFORE_WEEK = WEEK.start - timedelta(days=1)

CASES = {
    "ordinary": Case(lambda: events(FIRST, WEEK.end, PEOPLE)),
    "one day": Case(lambda: events(FIRST, WEEK.end, PEOPLE), Period(WEEK.start, WEEK.start)),
    "empty": Case(lambda: events(FIRST, FIRST, PEOPLE[:1])),
    "one row": Case(lambda: events(date(2026, 11, 18), date(2026, 11, 18), PEOPLE[:1])[:1]),
    "one user": Case(lambda: events(FIRST, WEEK.end, PEOPLE[:1])),
    "odd names": Case(lambda: events(FIRST, WEEK.end, ODD_NAMES, [(name[:250], 1e-6) for name in ODD_NAMES])),
    "missing days": Case(
        lambda: [row for row in events(FIRST, WEEK.end, PEOPLE) if row["started_at"].day not in {18, 19}],
        missing=(date(2026, 11, 18), date(2026, 11, 19)),
    ),
    "nothing before": Case(lambda: events(WEEK.start, WEEK.end, PEOPLE)),
    "daily rows": Case(lambda: daily_rows(events(FIRST, WEEK.end, PEOPLE))),
}


def daily_rows(rows: Sequence[Row]) -> list[Row]:
    """The same usage as sums of a day: without hours, durations and single requests."""
    sums: dict[tuple[Any, ...], Row] = {}
    dimensions = ("user_id", "user_name", "key_id", "key_alias", "team_id", "team_name", "model", "provider")
    for row in rows:
        key = (row["started_at"].date(), *(row[name] for name in dimensions))
        found = sums.setdefault(
            key, {"day": key[0], **dict(zip(dimensions, key[1:], strict=True)), "requests": 0, "failures": 0}
        )
        found["requests"] += 1
        found["failures"] += row["status"] == "failure"
        for name in ("prompt_tokens", "completion_tokens", "spend_usd"):
            found[name] = found.get(name, 0) + row[name]
    return list(sums.values())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """For one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Press:
    """Makes each report when it is first asked for, with one kernel pool and one browser.

    `folder` may be shared by several processes: what one has made the others take.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._executor = PapermillExecutor()
        self._renderer = ReportRenderer()
        self._made: dict[tuple[str, str], Report] = {}

    def report(self, template: str, case: str) -> Report:
        if (template, case) not in self._made:
            kept = self._folder / case / f"{template}.pickle"
            with locked(kept.with_suffix(".lock")):
                if not kept.exists():
                    kept.write_bytes(pickle.dumps(self._make(template, case)))
            self._made[template, case] = Report(template, case, pickle.loads(kept.read_bytes()))
        return self._made[template, case]

    def _make(self, template: str, case: str) -> Rendered:
        folder = self._folder / case
        with locked(folder / "usage.lock"):
            settings = usage_of(CASES[case], folder)
        request = RenderRequest({}, CASES[case].period, FORMATS)
        work = Work(templates.get(NOTEBOOKS, template), request, folder / template, AT)
        return render_with(settings, self._executor, self._renderer, work)

    def close(self) -> None:
        self._executor.close()
        self._renderer.close()


def usage_of(case: Case, folder: Path) -> Settings:
    """A data folder whose source `usage` holds the case."""
    settings = load_settings(data_dir=folder / "state", notebooks_dir=NOTEBOOKS)
    ready = folder / "ready"
    if ready.exists():
        return settings
    settings.data_dir.mkdir(parents=True)
    store = Store(settings.store_url)
    store.migrate()
    store.add_source(Source("usage", "embedded", "", label="Test usage"))
    store.close()
    pq.write_table(pa.Table.from_pylist(case.rows()), folder / "usage.parquet")
    report = import_usage(settings.store_url, folder / "usage.parquet", "usage", {}, {"data_dir": str(folder)})
    assert report.rejected == 0, report.first_rejected
    _lengthen_names(settings.store_url)
    _cover(settings.store_url, [day for day in days(FIRST, WEEK.end) if day not in case.missing])
    ready.touch()
    return settings


def _lengthen_names(store_url: str) -> None:
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        for column in (users.c.name, teams.c.name):
            connection.execute(sa.update(column.table).where(column == LONGEST_IMPORTED).values({column.name: LONGER}))
    engine.dispose()


def _cover(store_url: str, covered: Sequence[date]) -> None:
    """The source knows of exactly these days."""
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(coverage.delete())
        connection.execute(coverage.insert(), [{"source": "usage", "day": d, "complete": True} for d in covered])
    engine.dispose()
