"""Files of a few runs in a large archive: what the pages that open files need to show their full state."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd

from reports import bundle
from reports.archive import Archive
from reports.model import Artifact, Format, Run
from reports.planning import new_id
from reports.results import Column, Metric, Results, Table

ROWS = 50  # of the one table
HTML = "<!doctype html><html lang='en'><title>Usage</title><h1>Usage</h1><p>Cost: $120.25</p></html>"
MAIL = {"text": "Usage\n\nCost: $120.25\n\n{{links}}\n\n-- \n{{footer}}\n", "html": HTML, "images": []}


def made(archive: Archive, run: Run, spend: float) -> list[Artifact]:
    """What a run of `spend` keeps: page, PDF, mail body and figures, stored in the archive."""
    with tempfile.TemporaryDirectory(prefix="gazette-files-") as name:
        folder = Path(name)
        contents = {
            Format.HTML: HTML.encode(),
            Format.PDF: b"%PDF-1.7\n" + b"0123456789" * 3000 + b"\n%%EOF\n",
            Format.MAIL: json.dumps(MAIL).encode(),
            Format.RESULTS: _results(folder, spend),
        }
        return [_stored(archive, run, format, content, folder) for format, content in contents.items()]


def _stored(archive: Archive, run: Run, format: Format, content: bytes, folder: Path) -> Artifact:
    source = folder / "file"
    source.write_bytes(content)
    stored = archive.put(run.id, run.attempt, f"report.{format}", source)
    return Artifact(new_id(), run.id, format, stored.path, stored.sha256, stored.bytes)


def _results(folder: Path, spend: float) -> bytes:
    (folder / "tables").mkdir()
    names = [f"model-{number + int(spend) % 5:02}" for number in range(ROWS)]
    frame = pd.DataFrame({"model": names, "spend_usd": [spend + number for number in range(ROWS)]})
    frame.to_parquet(folder / "tables" / "models.parquet")
    columns = (Column("model", "Model"), Column("spend_usd", "Cost", "usd"))
    kept = Results(
        metrics=(Metric("spend_usd", "Cost", spend, unit="usd"), Metric("requests", "Requests", 10)),
        tables=(Table("models", "Models", "tables/models.parquet", columns),),
    )
    return bundle.write(bundle.of_run(folder, "c0ffee" * 10 + "beef", kept), folder / "results.zip").read_bytes()
