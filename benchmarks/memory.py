"""Peak memory of the runner process, kernels and browser apart, over 100 runs, and whether it grows.

    python -m benchmarks.memory [--runs 100] [--concurrency 2]

Prints the resident set after every tenth of the runs, the peak, and the growth from the first tenth, when all is
imported and warm, to the last. Bars of the project: a peak under 350 MB, and no growth.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.gazette_runs import Bench

PEAK_BAR_MB = 350


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=100)
    options.add_argument("--concurrency", type=int, default=2)
    chosen = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    step = max(chosen.runs // 10, 1)
    resident, handles = [], []
    with tempfile.TemporaryDirectory(prefix="gazette-benchmark-") as name:
        folder = Path(name)
        write_data_elsewhere(folder / "events.db")
        with Bench(folder, concurrency=chosen.concurrency) as bench:
            for done in range(step, chosen.runs + 1, step):
                bench.queue(step, at=datetime.now(UTC))
                bench.drain()
                process = psutil.Process()
                resident.append(process.memory_info().rss / 1e6)
                handles.append((process.num_fds(), process.num_threads()))
                print(f"after {done:4} runs  {resident[-1]:6.1f} MB  {handles[-1][0]} files, {handles[-1][1]} threads")
            bench.check(len(resident) * step)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(
        f"peak {peak:.1f} MB (bar {PEAK_BAR_MB}); from the first tenth to the last {resident[-1] - resident[0]:+.1f} MB"
    )


def write_data_elsewhere(path: Path) -> None:
    """In a process of its own: making 100,000 rows takes memory that no runner ever takes."""
    script = "import sys; from pathlib import Path; from benchmarks import sample; sample.write_data(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)


if __name__ == "__main__":
    main()
