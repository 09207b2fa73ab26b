"""The sentences of a run's log: what was read, what a notebook wrote where no reader looks, what was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reports.messages.wording import size_in_words
from reports.model import Delivery, DeliveryState, Format
from reports.sources import Snapshot

STDERR_LIMIT = 2_000  # characters of what one cell wrote there
TOLD_FORMATS = (Format.HTML, Format.PDF, Format.XLSX)


def what_was_read(snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    for name, snapshot in snapshots.items():
        read = f"{snapshot.rows:,} row{'' if snapshot.rows == 1 else 's'} from {snapshot.meta['source']}"
        yield f"Data {name}: {read}, extracted at {snapshot.meta['extracted_at']}, sha256 {snapshot.sha256[:12]}…"


def what_was_made(files: Mapping[Format, Path], pages: int | None) -> str:
    """For instance "Made html (122 kB), pdf (163 kB, 6 pages) and the executed notebook." """
    made = []
    for format in TOLD_FORMATS:
        if format in files:
            size = size_in_words(files[format].stat().st_size)
            of_pages = f", {pages} page{'' if pages == 1 else 's'}" if format is Format.PDF and pages else ""
            made.append(f"{format.value} ({size}{of_pages})")
    return f"Made {', '.join([*made, 'the mail and the executed notebook'])}."


def on_stderr(notebook: Path) -> Iterator[str]:
    """What each cell of an executed notebook wrote to stderr: warnings that no report shows."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        pieces = [output["text"] for output in cell["outputs"] if output.get("name") == "stderr"]
        text = "".join(piece if isinstance(piece, str) else "".join(piece) for piece in pieces).strip()
        if text:
            kept = text if len(text) <= STDERR_LIMIT else f"{text[:STDERR_LIMIT]}…"
            yield f"Code cell {number} wrote to stderr: {kept}"


def who_gets_it(deliveries: Iterable[Delivery]) -> str:
    states = [delivery.state for delivery in deliveries]
    skipped = states.count(DeliveryState.SKIPPED)
    to_send = len(states) - skipped
    left_out = f"; {skipped} skipped, since their condition is not met" if skipped else ""
    return f"Succeeded; {to_send} deliver{'y' if to_send == 1 else 'ies'} to send{left_out}."
