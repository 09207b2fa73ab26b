"""The page Explore over daily rows in SQLite: a first look, which reads the source, and reruns after it.

    python -m benchmarks.explore [--rows 2000000] [--runs 15]

The rows are those of `benchmarks.scale`: 90 days of 10,000 users and 20 models, in Gazette's own tables. `first` is the
whole first run of the page's script for these days; `rerun` the median of further runs with unchanged choices, `choice`
a run that takes the same days apart in another way. Bar of the project: a rerun below 100 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from streamlit.testing.v1 import AppTest

from benchmarks.scale import DAYS, FIRST_DAY, write_rows
from reports.model import Person, Role
from reports.sources import Source
from web import wiring
from web.components import reader

MAIN = Path(__file__).resolve().parents[1] / "web" / "main.py"
BAR_MS = 100
PERSON = Person("bench", "Benchmark", Role.ADMIN)
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--runs", type=int, default=15)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="gazette-explore-") as name:
        prepare(Path(name), chosen.rows)
        gc.collect()
        gc.freeze()  # as the server does before its first request
        print(f"{'source':<8} {'days':>12} {'first':>9} {'rerun':>9} {'choice':>9}")
        for source in ("demo", "large"):
            for days, text in ((7, "7 days"), (45, "45 days")):
                measure(source, days, text, chosen.runs)
        wiring.forget()


def prepare(folder: Path, rows: int) -> None:
    """An installation with the demo's data and a large source, both up to the same day."""
    from reports.sources.demo import load_demo  # noqa: PLC0415  only here

    os.environ["GAZETTE_DATA_DIR"] = str(folder / "state")
    wiring.person_id = lambda: PERSON.id
    now = datetime.combine(LAST_DAY + timedelta(days=1), datetime.min.time(), UTC).replace(hour=9)
    service = wiring.service()
    service.store.add_person(PERSON, "")
    service.add_source(load_demo(service.settings.store_url, "demo", LAST_DAY).source)
    service.add_source(Source("large", "embedded"))
    parquet = folder / "daily.parquet"
    write_rows(parquet, rows)
    insert(parquet, service.settings.store_url.removeprefix("sqlite:///"))
    parquet.unlink()
    freeze_time(now)


def freeze_time(now: datetime) -> None:
    """Pages look at the days of the data."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return now

    reader.datetime = Then  # type: ignore[misc]


def insert(parquet: Path, database: str) -> None:
    columns = ("user_id", "key_id", "team_id", "model", "provider", "requests", "failures", "prompt_tokens")
    columns = ("day", *columns, "completion_tokens", "spend_usd")
    names = ", ".join((*columns, "source", "model_group", "endpoint", "successes"))
    values = ", ".join("?" * len(columns))
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for batch in pq.ParquetFile(parquet).iter_batches(100_000, columns=list(columns)):
            table = batch.to_pydict()
            table["day"] = [day.isoformat() for day in table["day"]]
            statement = f"INSERT INTO daily_usage ({names}) VALUES ({values}, 'large', '', '', 0)"  # noqa: S608  our own
            connection.executemany(statement, zip(*(table[name] for name in columns), strict=True))
        connection.execute("UPDATE daily_usage SET successes = requests - failures WHERE source = 'large'")


def measure(source: str, days: int, text: str, runs: int) -> None:
    app = AppTest.from_file(MAIN, default_timeout=900).run()
    app.switch_page("app_pages/explore.py")
    first = LAST_DAY - timedelta(days=days - 1)
    query = {"source": source, "period": "own", "dates": f"{first} to {LAST_DAY}"}
    for name, value in query.items():
        app.query_params[name] = value
    look = timed(app)
    again = statistics.median([timed(app) for _ in range(runs)])
    app.query_params["by"] = "user"
    choice = timed(app)
    judged = "" if again * 1000 < BAR_MS else f"  ABOVE the bar of {BAR_MS} ms"
    print(f"{source:<8} {text:>12} {look:8.2f}s {again * 1000:6.0f} ms {choice:8.2f}s{judged}", flush=True)


def timed(app: AppTest) -> float:
    start = time.perf_counter()
    app.run()
    taken = time.perf_counter() - start
    assert not app.exception, app.exception
    assert len(app.get("plotly_chart")) >= 4, [each.value for each in (*app.error, *app.info)]
    return taken


if __name__ == "__main__":
    main()
