"""Real traces through `gazette usage import` and a report: totals equal the files'."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path

import pytest
from command import Gazette


@pytest.fixture
def gazette(tmp_path: Path) -> Gazette:
    return Gazette(tmp_path)


def test_azure_trace(gazette: Gazette, shared_dir: Path, tmp_path: Path) -> None:
    file = shared_dir / "data" / "azure" / "AzureLLMInferenceTrace_code.csv"
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    imported = gazette.json("usage", "import", file, "--map", "model='azure-code'")
    assert (imported["read"], imported["added"], imported["rejected"]) == (len(rows), len(rows), 0)
    again = gazette.json("usage", "import", file, "--map", "model='azure-code'")
    assert again["added"] == 0
    metrics = gazette.json("render", "usage_summary", "--at", "2023-11-17T06:00Z", "--out", tmp_path)["metrics"]
    assert metrics["requests"] == len(rows)
    assert metrics["prompt_tokens"] == sum(int(row["ContextTokens"]) for row in rows)
    assert metrics["completion_tokens"] == sum(int(row["GeneratedTokens"]) for row in rows)
    assert metrics["models"] == 1


def test_servegen_on_a_calendar(gazette: Gazette, shared_dir: Path, tmp_path: Path) -> None:
    file = shared_dir / "data" / "servegen" / "servegen_hourly.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    imported = gazette.json("usage", "import", file, "--day-zero", "2026-11-02")
    assert (imported["read"], imported["rejected"]) == (len(rows), 0)
    assert (imported["first_day"], imported["last_day"]) == ("2026-11-02", "2026-11-15")
    period = ("--period", "last_n_days", "--days", 14, "--at", "2026-11-16T06:00Z")
    formats = ("--formats", "html,pdf,xlsx")
    metrics = gazette.json("render", "usage_summary", *period, *formats, "--out", tmp_path / "out")["metrics"]
    assert metrics["requests"] == sum(round(float(row["requests"])) for row in rows)
    for ours, theirs in (("prompt_tokens", "input_tokens_mean"), ("completion_tokens", "output_tokens_mean")):
        exact = math.fsum(float(row["requests"]) * float(row[theirs] or 0) for row in rows)
        whole = sum(round(float(row["requests"]) * float(row[theirs] or 0)) for row in rows)
        assert abs(metrics[ours] - whole) <= len(rows) * 0.5  # halves may round either way
        assert metrics[ours] == pytest.approx(exact, rel=1e-6)


def test_rows_that_cannot_be_used_are_kept(gazette: Gazette, tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    file.write_text(
        "when,who,engine,in,out,cost\n"
        "2026-11-21T10:00:00Z,ann,m1,10,5,0.5\n"
        "yesterday,ann,m1,10,5,0.5\n"
        "2026-11-21T11:00:00Z,ben,m1,minus,5,0.5\n",
        encoding="utf-8",
    )
    columns = {"started_at": "when", "user_id": "who", "model": "engine", "prompt_tokens": "in"}
    columns |= {"completion_tokens": "out", "spend_usd": "cost"}
    mapping = [option for pair in columns.items() for option in ("--map", "=".join(pair))]
    imported = gazette.json("usage", "import", file, *mapping)
    assert (imported["read"], imported["added"], imported["rejected"]) == (3, 1, 2)
    kept = Path(imported["rejected_file"]).read_text(encoding="utf-8")
    assert "yesterday" in kept and "minus" in kept


def test_a_file_that_does_not_say_what_it_is_is_refused(gazette: Gazette, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    refused = gazette.run("usage", "import", file, expect=2)
    assert "--map" in refused.stderr and "a, b" in refused.stderr
