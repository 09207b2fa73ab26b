"""A store and an archive as the pages may meet them: runs of every state, long and hostile names, files, deliveries."""

from __future__ import annotations

import base64
import io
import json
import math
import shutil
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pandas as pd
import people

from reports import bundle
from reports.access import Desk
from reports.archive import Archive
from reports.model import (
    LEASE,
    Artifact,
    ChannelKind,
    DeliveryState,
    Format,
    LogLevel,
    Report,
    Run,
    RunError,
    RunKind,
    RunState,
    Stage,
)
from reports.planning import DELIVER, new_id, owner_notice, planned_run, report_deliveries
from reports.results import Column, Metric, Results, Table
from reports.service import NewReport, NewSubscription, Service
from reports.settings import Settings
from reports.store import Store

ROOT = Path(__file__).resolve().parents[1]
LONG = "Weekly usage of all teams, models and providers in Europe, the Americas and Asia-Pacific, with cost and latency"
HOSTILE = "<script>alert('owned')</script> & \"quotes\" *stars* [link](javascript:alert(1)) \u202eevil"
HTML = (
    "<!doctype html><html lang='en'><title>Daily usage</title><script>document.title='ran'</script><h1>Daily usage</h1>"
)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.7\n" + b"0123456789" * 3000 + b"\n%%EOF\n"
OLD_RUNS = 40
MAIL = {
    "text": "Daily usage\n\nCost: $120.25\n\n{{links}}\n\n-- \n{{footer}}\n",
    "html": "<!doctype html><html lang='en'><head><title>Daily usage</title></head><body><h1>Daily usage</h1>"
    "<p>Cost: <strong>$120.25</strong></p><img src='cid:chart' alt='Cost by day'>"
    "<script>document.title='ran'</script>{{links}}{{footer}}</body></html>",
    "images": [{"cid": "chart", "alt": "Cost by day", "png_base64": base64.b64encode(PNG).decode()}],
}
SOURCE = "data = kit.dataset('usage')\ntotal = data['spend_usd'].sum()\nratio = total / 0\nkit.metric('ratio', ratio)"
LOG = (
    ("Attempt 1 began.", LogLevel.INFO),
    ("Code cell 4 wrote to stderr: <b>no scale</b> is set\nfor " + "a_name_that_never_ends" * 20, LogLevel.WARNING),
    ("Succeeded; 3 deliveries to send.", LogLevel.INFO),
)
ERROR = RunError(
    stage="execute",
    kind="ExecutionError",
    message="Cell 3 failed: ZeroDivisionError: float division by zero <b>bold</b>",
    cell=3,
    source=SOURCE,
    line="ratio = total / 0",
    traceback="Traceback (most recent call last):\n  ZeroDivisionError: float division by zero",
)


@dataclass(frozen=True)
class Seeded:
    """What the tests look for."""

    settings: Settings
    daily: Report
    hostile: Report
    paused: Report
    by_hand: Report
    late: Report
    succeeded: Run
    earlier: Run
    failed: Run
    artifacts: dict[Format, Artifact]


def open_service(settings: Settings) -> Service:
    store = Store(settings.store_url)
    store.migrate()
    return Service(store, Archive(settings.archive_location), settings)


def settings_in(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, notebooks_dir=ROOT / "notebooks", zone="Europe/Berlin")


def seed(data_dir: Path, scratch: Path) -> Seeded:
    settings = settings_in(data_dir)
    service = open_service(settings)
    now = datetime.now(UTC).replace(microsecond=0)
    daily, hostile, paused, by_hand, late = _reports(service, now)
    succeeded, artifacts = _succeeded_run(service, daily, scratch, now)
    earlier = _earlier_run(service, daily, scratch, now)
    failed = _failed_run(service, hostile, now)
    _old_runs(service, daily, now)
    _runs_of_other_states(service, paused, late, now)
    people.add_people(service.store)
    service.store.beat("host-1:4242", {"host": "host-1", "pid": 4242, "seats": 2})
    service.store.close()
    return Seeded(settings, daily, hostile, paused, by_hand, late, succeeded, earlier, failed, artifacts)


class Seedbed:
    """Sites for many tests: sown once and copied, and sown anew before its moment is long ago."""

    FRESH = 20.0  # seconds; a runner counts as alive for longer

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sown: tuple[Path, Seeded] | None = None
        self._at = -math.inf

    def planted(self, data_dir: Path) -> Seeded:
        """A site in `data_dir`, in place of what is there."""
        if self._sown is None or time.monotonic() - self._at > self.FRESH:
            self._at = time.monotonic()
            scratch = self._folder / new_id()
            scratch.mkdir()
            self._sown = scratch / "state", seed(scratch / "state", scratch)
        state, seeded = self._sown
        shutil.rmtree(data_dir, ignore_errors=True)
        shutil.copytree(state, data_dir)
        return replace(seeded, settings=settings_in(data_dir))


def _reports(service: Service, now: datetime) -> list[Report]:
    def add(name: str, cron: str, zone: str = "Europe/Berlin") -> Report:
        return service.create_report(NewReport(name, "usage_summary", "owner@example.org", cron, zone), now)

    daily = add("Daily usage", "0 7 * * *")
    owner = Desk(service, people.OWNER)  # whose changes are in the log
    hostile = owner.edit_report(replace(add("Hostile", "30 6 * * 1-5", "America/Sao_Paulo"), name=HOSTILE), now)
    paused = owner.pause_report(add(LONG, "0 9 * * 1", "Asia/Kolkata").id)
    by_hand = add("Only by hand", "")
    late = add("Late monthly cost", "0 0 1 * *")
    overdue = replace(late, cron="0 1 1 * *", next_due_at=now - timedelta(hours=5))
    late = service.store.update_report(overdue, late.version)
    for number in range(1, 26):
        add(f"Team {number:02}", f"{number} 8 * * 1")
    return [daily, hostile, paused, by_hand, late]


def _succeeded_run(
    service: Service, report: Report, scratch: Path, now: datetime
) -> tuple[Run, dict[Format, Artifact]]:
    for address, kind in (
        ("board@example.org", ChannelKind.EMAIL),
        ("https://hooks.example.org/services/T000/SECRETPATH", ChannelKind.WEBHOOK),
        ("finance", ChannelKind.OUTBOX),
    ):
        service.subscribe(NewSubscription(report.id, kind, address, "The board" if kind == "email" else ""), now)
    run = _claimed(service, planned_run(report, now - timedelta(hours=2), RunKind.SCHEDULED, report.parameters))
    for stage in Stage:
        service.store.set_stage(run.id, run.attempt, stage.value)
    artifacts = [
        stored(service, run, format, content, scratch) for format, content in _contents(120.25, scratch).items()
    ]
    deliveries = report_deliveries(run, report, service.subscriptions(report.id))
    provenance = {
        "template_digest": "c0ffee" * 10 + "beef",
        "snapshots": {"usage": {"sha256": "ab" * 32, "rows": 4321, "source": "demo", "extracted_at": now.isoformat()}},
        "versions": {"python": "3.11", "pandas": "3.1.1"},
    }
    service.store.finish_run(
        run.id, run.attempt, artifacts, {"requests": 10, "spend_usd": 120.25}, provenance, deliveries
    )
    _deliver(service)
    for text, level in LOG:
        service.store.log_line(run.id, run.attempt, text, level)
    return service.run(run.id), {artifact.format: artifact for artifact in artifacts}


def _earlier_run(service: Service, report: Report, scratch: Path, now: datetime) -> Run:
    """Of the day before, with other figures; sent to nobody."""
    run = _claimed(service, planned_run(report, now - timedelta(hours=26), RunKind.MANUAL, report.parameters))
    files = {format: _contents(80.5, scratch)[format] for format in (Format.PDF, Format.MAIL, Format.RESULTS)}
    artifacts = [stored(service, run, format, content, scratch) for format, content in files.items()]
    provenance = {"template_digest": "c0ffee" * 10 + "beef", DELIVER: False}
    service.store.finish_run(run.id, run.attempt, artifacts, {"requests": 10, "spend_usd": 80.5}, provenance, [])
    return service.run(run.id)


def _deliver(service: Service) -> None:
    """The mail arrives, the webhook fails for good, the outbox is left pending."""
    while delivery := service.store.claim_delivery("seed", LEASE):
        if delivery.channel is ChannelKind.EMAIL:
            service.store.finish_delivery(delivery.id, delivery.attempt, DeliveryState.SENT, detail="250 OK")
        elif delivery.channel is ChannelKind.WEBHOOK:
            service.store.finish_delivery(delivery.id, delivery.attempt, DeliveryState.FAILED, error="410 Gone")
        else:
            later = datetime.now(UTC) + timedelta(minutes=30)
            service.store.finish_delivery(delivery.id, delivery.attempt, DeliveryState.PENDING, next_attempt_at=later)


def results(spend: float, scratch: Path) -> bytes:
    """Two figures and a table by model, as a run keeps them."""
    (scratch / "tables").mkdir(exist_ok=True)
    columns = (Column("model", "Model"), Column("spend_usd", "Cost", "usd"))
    models = {"gpt-large": spend, "gpt-small": 4.5, f"model-of-{spend:.0f}": 1.0}
    frame = pd.DataFrame({"model": list(models), "spend_usd": list(models.values())})
    frame.to_parquet(scratch / "tables" / "models.parquet")
    kept = Results(
        metrics=(Metric("spend_usd", "Cost", spend, unit="usd"), Metric("requests", "Requests", 10)),
        tables=(Table("models", "Top models", "tables/models.parquet", columns),),
    )
    path = bundle.write(bundle.of_run(scratch, "c0ffee" * 10 + "beef", kept), scratch / "results.zip")
    return path.read_bytes()


def _contents(spend: float, scratch: Path) -> dict[Format, bytes]:
    sheet = io.BytesIO()
    openpyxl.Workbook().save(sheet)
    return {
        Format.HTML: HTML.encode(),
        Format.PDF: PDF,
        Format.XLSX: sheet.getvalue(),
        Format.NOTEBOOK: json.dumps({"cells": []}).encode(),
        Format.MAIL: json.dumps(MAIL).encode(),
        Format.RESULTS: results(spend, scratch),
    }


def stored(service: Service, run: Run, format: Format, content: bytes, scratch: Path) -> Artifact:
    source = scratch / f"{format}.bin"
    source.write_bytes(content)
    stored = service.archive.put(run.id, run.attempt, f"report.{format}", source)
    return Artifact(new_id(), run.id, format, stored.path, stored.sha256, stored.bytes)


def _failed_run(service: Service, report: Report, now: datetime) -> Run:
    run = _claimed(service, planned_run(report, now - timedelta(hours=1), RunKind.SCHEDULED, report.parameters))
    for stage in (Stage.EXTRACT, Stage.EXECUTE):
        service.store.set_stage(run.id, run.attempt, stage.value)
    service.store.fail_run(run.id, run.attempt, ERROR, None, owner_notice(run))
    return service.run(run.id)


def _claimed(service: Service, run: Run) -> Run:
    service.store.add_run(run)
    claimed = service.store.claim_run("seed", LEASE)
    assert claimed is not None
    assert claimed.id == run.id
    return claimed


def _old_runs(service: Service, report: Report, now: datetime) -> None:
    for days in range(1, OLD_RUNS + 1):
        due = now - timedelta(days=days)
        run = planned_run(report, due, RunKind.SCHEDULED, report.parameters)
        ended = due + timedelta(seconds=7 + days)
        service.store.add_run(replace(run, state=RunState.SUCCEEDED, started_at=due, finished_at=ended))


def _runs_of_other_states(service: Service, paused: Report, late: Report, now: datetime) -> None:
    missed = planned_run(late, now - timedelta(days=1), RunKind.SCHEDULED, {})
    service.store.add_run(replace(missed, state=RunState.MISSED, reason="no runner was working", finished_at=now))
    cancelled = planned_run(late, now - timedelta(days=2), RunKind.MANUAL, {})
    service.store.add_run(replace(cancelled, state=RunState.CANCELLED, reason="cancelled by hand", finished_at=now))
    _claimed(service, planned_run(paused, now - timedelta(minutes=3), RunKind.MANUAL, {}))
    service.store.add_run(planned_run(late, now - timedelta(minutes=1), RunKind.PREVIEW, {}))
