"""Each template over 90 days of 10,000 users and 20 models: the kernel's peak memory, and time against the rows.

    python -m benchmarks.scale [--rows 200000 2000000] [--templates usage_summary ...] [--days 90]

The rows are generated, one a day, user and model, as a Parquet file that a files source reads; users grow with the
rows. Each report is made once in HTML, PDF and XLSX. `--days 45` compares 45 days with the 45 before them. Bars of the
project: a kernel below 1,000 MB, and from the smallest number of rows on time that grows no faster than they do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from reports import templates
from reports.model import REPORT_FORMATS, Period
from reports.settings import Settings
from reports.sources import Source
from reports.store import Store
from reports.templates import Template
from runner.execute.executor import PapermillExecutor
from runner.once import RenderRequest, Work, render_with
from runner.wiring import make_renderer

DAYS, MODELS, ROWS_A_USER = 90, 20, 200  # 10,000 users make two million rows
FIRST_DAY = date(2026, 8, 1)
MEMORY_BAR_MB = 1000
KERNEL = "runner.execute.kernel"  # in the command line of a kernel and of its guard
LOOK = 0.02  # seconds between looks; the system itself remembers the peak up to the last one


@dataclass(frozen=True)
class Measured:
    rows: int
    seconds: dict[str, float]
    kernel_mb: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[200_000, 2_000_000])
    options.add_argument("--templates", nargs="*", default=[])
    options.add_argument("--days", type=int, default=DAYS)
    chosen = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found = [each for each in templates.find(Settings().notebooks_dir) if each.datasets]
    wanted = [each for each in found if not chosen.templates or each.name in chosen.templates]
    measured: dict[str, list[Measured]] = {template.name: [] for template in wanted}
    print(f"{'template':<20} {'rows':>10} {'extract':>9} {'execute':>9} {'render':>9} {'total':>9} {'kernel':>9}")
    for rows in sorted(chosen.rows):
        with tempfile.TemporaryDirectory(prefix="gazette-scale-") as name:
            settings = prepare(Path(name), rows)
            for template in wanted:
                found_out = measure(settings, template, chosen.days, rows)
                measured[template.name].append(found_out)
                show(template.name, found_out)
    for name, points in measured.items():
        judge(name, points)


def prepare(folder: Path, rows: int) -> Settings:
    """Settings of an installation whose only source is a file of so many rows."""
    path = folder / "daily.parquet"
    write_rows(path, rows)
    settings = Settings(data_dir=folder / "state")
    settings.data_dir.mkdir()
    store = Store(settings.store_url)
    store.migrate()
    store.add_source(Source("usage", "files", str(path)))
    store.close()
    return settings


def write_rows(path: Path, rows: int) -> None:
    """Days of usage by user and model, seeded; a few users make most of it."""
    random = np.random.default_rng(17)
    users = max(rows // ROWS_A_USER, 1)
    places = random.choice(DAYS * users * MODELS, size=rows, replace=False)
    places.sort()
    day, user, model = places // (users * MODELS), places // MODELS % users, places % MODELS
    requests = random.zipf(1.6, rows).clip(1, 5000)
    failures = random.binomial(requests, 0.01)
    prompt = requests * random.integers(200, 3000, rows)
    completion = (requests - failures) * random.integers(20, 800, rows)
    price = np.array([(1 + number) * 1e-7 for number in range(MODELS)])[model]
    columns = {
        "day": pa.array(np.datetime64(FIRST_DAY) + day).cast(pa.date32()),
        "user_id": texts("user-{:05d}", user, users),
        "user_name": texts("Person Number {:05d}", user, users),
        "key_id": texts("key-{:05d}", user, users),
        "key_alias": texts("notebook of {:05d}", user, users),
        "team_id": texts("team-{:02d}", user % 40, 40),
        "team_name": texts("Research group {}", user % 40, 40),
        "model": texts("model-{:02d}", model, MODELS),
        "provider": texts("provider-{}", model % 4, 4),
        "requests": pa.array(requests),
        "failures": pa.array(failures),
        "prompt_tokens": pa.array(prompt),
        "completion_tokens": pa.array(completion),
        "spend_usd": pa.array((prompt + 4 * completion) * price),
    }
    pq.write_table(pa.table(columns), path)


def texts(form: str, codes: np.ndarray, count: int) -> pa.DictionaryArray:
    names = pa.array([form.format(number) for number in range(count)])
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), names)


def measure(settings: Settings, template: Template, days: int, rows: int) -> Measured:
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    request = RenderRequest({}, Period(last - timedelta(days=days - 1), last), REPORT_FORMATS, sources={})
    executor, renderer = PapermillExecutor(), make_renderer(settings)
    at = datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC)
    try:
        renderer.warm_up()
        with KernelWatch() as watch:
            work = Work(template, request, settings.data_dir / "out", at)
            made = render_with(settings, executor, renderer, work)
    finally:
        executor.close()
        renderer.close()
    return Measured(rows, made.seconds, watch.peak_bytes / 1e6)


class KernelWatch:
    """The greatest resident set of any kernel below this process while the block runs."""

    peak_bytes = 0

    def __enter__(self) -> KernelWatch:
        self._stop = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._stop.wait(LOOK):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error, OSError, StopIteration):
                    if KERNEL in process.cmdline():
                        self.peak_bytes = max(self.peak_bytes, peak_of(process.pid))


def peak_of(pid: int) -> int:
    """The greatest resident set a living process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def show(name: str, found: Measured) -> None:
    stages = " ".join(f"{found.seconds.get(stage, 0.0):8.1f}s" for stage in ("extract", "execute", "render"))
    print(f"{name:<20} {found.rows:>10,} {stages} {found.total:8.1f}s {found.kernel_mb:6.0f} MB", flush=True)


def judge(name: str, points: list[Measured]) -> None:
    peak = max(point.kernel_mb for point in points)
    words = f"peak {peak:,.0f} MB ({'below' if peak < MEMORY_BAR_MB else 'ABOVE'} the bar of {MEMORY_BAR_MB:,} MB)"
    first, last = points[0], points[-1]
    if last.rows > first.rows:
        rows, time = last.rows / first.rows, last.total / first.total
        words += f"; {rows:.1f} times the rows took {time:.1f} times as long"
        words += " (no faster than linear)" if time <= rows else " (FASTER THAN LINEAR)"
    print(f"{name:<20} {words}")


if __name__ == "__main__":
    main()
