"""Reports a minute: Gazette beside the three commands an analyst would run by hand, in one run at the same concurrency.

    python -m benchmarks.throughput [--reports 12] [--concurrency 2]

By hand: papermill, nbconvert to HTML and nbconvert to webpdf, one process each, in an environment of its own with
the `jupyter` package, as their documentation says; charts are kept by PLOTLY_RENDERER=notebook, and the page timeout
is long enough for all of them to be drawn (checked: five pages). Gazette: a runner that is up, on SQLite, from queued
runs to archived notebook, HTML, PDF and XLSX. Both run the notebook of `benchmarks.sample`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pikepdf

from benchmarks import sample
from benchmarks.gazette_runs import Bench, system_browser

ROOT = Path(__file__).resolve().parents[1]
HAND = ROOT / ".venv" / "by-hand"  # inside .venv: ignored by git, removed with it
HAND_PACKAGES = ("jupyter", "papermill", "nbconvert[webpdf]", "pandas", "plotly")
PAGE_TIMEOUT_MS = 2000  # the default 100 prints one of five pages, without charts
PAGES_BY_HAND = 5


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--reports", type=int, default=12)
    options.add_argument("--concurrency", type=int, default=2)
    chosen = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="gazette-benchmark-") as name:
        folder = Path(name)
        sample.write_data(folder / "events.db")
        hand = measure_by_hand(folder, chosen.reports, chosen.concurrency)
        ours = measure_gazette(folder, chosen.reports, chosen.concurrency)
    print(f"{chosen.reports} reports, {chosen.concurrency} at a time, on {os.cpu_count()} cores")
    print(f"three commands by hand  {hand:6.1f} reports a minute (notebook, HTML, PDF)")
    print(f"Gazette                 {ours:6.1f} reports a minute (notebook, HTML, tagged PDF, XLSX)")
    print(f"ratio                   {ours / hand:6.1f}")


def measure_by_hand(folder: Path, reports: int, concurrency: int) -> float:
    """Reports a minute of the three commands; one report first, unmeasured, to fill caches on both sides."""
    prepare_by_hand()
    sample.write_notebook(folder / "sample.ipynb")
    environment = hand_environment(folder)
    by_hand(folder, environment, -1)
    start = time.monotonic()
    with ThreadPoolExecutor(concurrency) as seats:
        list(seats.map(lambda number: by_hand(folder, environment, number), range(reports)))
    return reports / (time.monotonic() - start) * 60


def prepare_by_hand() -> None:
    if (HAND / "bin" / "jupyter").exists():
        return
    print(f"installing {', '.join(HAND_PACKAGES)} into {HAND.relative_to(ROOT)}", file=sys.stderr)
    venv.create(HAND, with_pip=True)
    constraints = ("-c", str(ROOT / "constraints.txt"))
    subprocess.run([HAND / "bin" / "python", "-m", "pip", "install", "-q", *constraints, *HAND_PACKAGES], check=True)


def hand_environment(folder: Path) -> dict[str, str]:
    """Playwright looks for a browser in a folder of its own layout: it gets the one this machine has."""
    script = (
        "import playwright, pathlib; print(pathlib.Path(playwright.__file__).parent / 'driver/package/browsers.json')"
    )
    listed = subprocess.run([HAND / "bin" / "python", "-c", script], check=True, capture_output=True, text=True)
    browsers = json.loads(Path(listed.stdout.strip()).read_text(encoding="utf-8"))["browsers"]
    revision = next(item["revision"] for item in browsers if item["name"] == "chromium-headless-shell")
    place = folder / "browsers" / f"chromium_headless_shell-{revision}" / "chrome-headless-shell-linux64"
    place.mkdir(parents=True)
    (place / "chrome-headless-shell").symlink_to(system_browser())
    return {**os.environ, "PLOTLY_RENDERER": "notebook", "PLAYWRIGHT_BROWSERS_PATH": str(folder / "browsers")}


def by_hand(folder: Path, environment: dict[str, str], number: int) -> None:
    stem = f"by-hand-{number}"
    jupyter = [str(HAND / "bin" / "jupyter"), "nbconvert", "--log-level=ERROR", f"{stem}.ipynb"]
    notebooks = ["sample.ipynb", f"{stem}.ipynb"]
    commands = (
        [str(HAND / "bin" / "papermill"), *notebooks, "-p", "db", str(folder / "events.db"), "--no-progress-bar"],
        [*jupyter, "--to", "html"],
        [*jupyter, "--to", "webpdf", *_sandbox(), f"--WebPDFExporter.page_render_timeout={PAGE_TIMEOUT_MS}"],
    )
    for command in commands:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    with pikepdf.open(folder / f"{stem}.pdf") as pdf:
        if len(pdf.pages) != PAGES_BY_HAND:
            raise SystemExit(f"by hand: {len(pdf.pages)} pages instead of {PAGES_BY_HAND}; raise PAGE_TIMEOUT_MS")


def _sandbox() -> list[str]:
    return ["--disable-chromium-sandbox"] if os.geteuid() == 0 else []


def measure_gazette(folder: Path, reports: int, concurrency: int) -> float:
    """Reports a minute of a runner that is up, every run with parameters of its own so that none is shared."""
    with Bench(folder, concurrency=concurrency) as bench:
        bench.queue(1, at=datetime.now(UTC))
        bench.drain()
        bench.queue(reports, at=datetime.now(UTC))
        start = time.monotonic()
        bench.drain()
        seconds = time.monotonic() - start
        bench.check(reports + 1)
    return reports / seconds * 60


if __name__ == "__main__":
    main()
