"""Runs and deliveries on both databases with real kernels: what is published, what is told to whom, what is retried."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from examples import make_deliveries_due
from running import LIMITS, NOW, Plant, RecordingChannel, TextRenderer
from waiting import wait_until

from reports.errors import DeliveryError, ExecutionError, ExtractError, LeaseLost, NotFound, RenderError
from reports.model import (
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Filters,
    Format,
    Run,
    RunError,
    RunKind,
    RunState,
)
from reports.planning import DELIVER, REPEATS, planned_run, repeated
from reports.sources import Source
from reports.store import Store
from reports.store.tables import runs as runs_table
from reports.templates import Dataset
from runner import making
from runner.lease import KeptLease, kept
from runner.pipeline import execute_run, is_permanent, run_error
from runner.ports import Channel
from runner.run_folder import remove_dead, run_folder
from runner.sending import deliver_one

USAGE = {"usage": {"source": "usage"}}
ROWS = ("2026-11-14,u1,gpt,2,2,10,5,0.5", "2026-11-15,u1,gpt,3,3,20,6,0.75", "2026-11-15,u2,gpt,4,4,30,7,1.0")


def do(plant: Plant) -> Run:
    """Claim the next run, execute it, and read what became of it."""
    run = plant.claim()
    execute_run(plant.pipeline, run)
    return plant.store.run(run.id)


def archived(plant: Plant) -> list[str]:
    root = plant.folder / "archive"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


# Success


def test_a_run_succeeds_with_files_figures_and_deliveries(plant: Plant) -> None:
    plant.notebook("from reports.results import append", "print(team)")
    plant.report(parameters={"team": "blue"})
    plant.subscribe("s1")
    plant.subscribe("s2", formats=(Format.PDF,))
    run = do(plant)
    assert (run.state, run.error) == (RunState.SUCCEEDED, None)
    artifacts = {artifact.format: artifact for artifact in plant.store.artifacts(run.id)}
    assert set(artifacts) == {Format.HTML, Format.XLSX, Format.PDF, Format.MAIL, Format.NOTEBOOK, Format.RESULTS}
    for artifact in artifacts.values():
        plant.pipeline.archive.verify(artifact.path, artifact.sha256)
        assert artifact.path.startswith(f"{run.id}/1/")
    assert b"blue" in plant.pipeline.archive.read(artifacts[Format.NOTEBOOK].path)
    assert sorted((d.state, d.kind, d.address) for d in plant.store.deliveries(run.id)) == [
        (DeliveryState.PENDING, DeliveryKind.REPORT, "s1"),
        (DeliveryState.PENDING, DeliveryKind.REPORT, "s2"),
    ]
    assert [stage.stage for stage in plant.store.stages(run.id)] == [
        "extract",
        "execute",
        "render",
        "archive",
        "finish",
    ]
    assert all(stage.finished_at for stage in plant.store.stages(run.id))
    assert not list((plant.folder / "runs").iterdir())


def test_provenance_tells_what_a_report_was_made_from(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.csv_source(*ROWS)
    path = plant.notebook("1", datasets=USAGE)
    plant.report(parameters={"team": "a"}, filters=Filters(user_ids=("u1",)))
    provenance = do(plant).provenance
    assert provenance["template_digest"] == making.hashlib.sha256(path.read_bytes()).hexdigest()
    assert provenance["parameters"] == {"team": "a"}
    assert provenance["filters"] == {"user_ids": ["u1"]}
    assert provenance["snapshots"]["usage"]["rows"] == 2
    assert len(provenance["snapshots"]["usage"]["sha256"]) == 64
    assert {"python", "gazette", "pandas", "papermill", "nbconvert", "plotly"} <= provenance["versions"].keys()
    assert provenance["seconds"].keys() == {"extract", "execute", "render", "archive"}
    assert len(provenance["execution_key"]) == 64


def test_a_kernel_gets_its_data_as_read_only_files_and_its_context(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.csv_source(*ROWS)
    source = """
    import json, os
    from pathlib import Path
    from reports.results import append
    context = json.loads(Path("context.json").read_text())
    import pandas as pd
    daily = pd.read_parquet(Path(context["datasets"]["usage"]) / "daily.parquet")
    modes = {oct(p.stat().st_mode)[-3:] for p in Path("datasets/usage").iterdir()}
    assert modes == {"444"}, modes
    assert context["period"] == {"start": "2026-11-15", "end": "2026-11-15", "zone": "Europe/Berlin"}
    assert context["comparison"] == {"start": "2026-11-14", "end": "2026-11-14", "zone": "Europe/Berlin"}
    assert context["report"] == "Weekly usage" and context["run_id"] and context["due_at"]
    append(Path(os.environ["GAZETTE_RUN_DIR"]), "metric",
           {"name": "requests", "label": "Requests", "value": int(daily.requests.sum())})
    """
    plant.notebook(source, datasets=USAGE)
    plant.report()
    run = do(plant)
    assert run.error is None
    assert run.metrics == {"requests": 9}


def test_a_notebook_cannot_change_the_shared_snapshot(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.csv_source(*ROWS)
    plant.notebook(
        "from pathlib import Path",
        "for path in Path('datasets/usage').iterdir():\n    path.chmod(0o600)\n    path.write_text('x')",
        datasets=USAGE,
    )
    plant.notebook(
        "import pandas as pd\nprint(len(pd.read_parquet('datasets/usage/daily.parquet')))",
        name="reader",
        datasets=USAGE,
    )
    plant.report()
    plant.report(id="r2", name="Second", template="reader")
    assert [do(plant).state, do(plant).state] == [RunState.SUCCEEDED, RunState.SUCCEEDED]


def test_previews_deliver_nothing(plant: Plant) -> None:
    plant.notebook("1")
    report = plant.report(cron="", next_due_at=None)
    plant.subscribe("s1")
    preview = make_run(plant, report.id, RunKind.PREVIEW)
    plant.store.add_run(preview)
    assert do(plant).state is RunState.SUCCEEDED
    assert plant.store.deliveries(preview.id) == []


@pytest.mark.parametrize(("provenance", "expected"), [({}, 1), ({DELIVER: True}, 1), ({DELIVER: False}, 0)])
def test_runs_by_hand_are_delivered_unless_asked_otherwise(
    sqlite_plant: Plant, provenance: dict[str, Any], expected: int
) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    report = plant.report(cron="", next_due_at=None)
    plant.subscribe("s1")
    run = replace(make_run(plant, report.id, RunKind.MANUAL), provenance=provenance)
    plant.store.add_run(run)
    assert do(plant).state is RunState.SUCCEEDED
    assert len(plant.store.deliveries(run.id)) == expected


def make_run(plant: Plant, report_id: str, kind: RunKind) -> Run:
    return planned_run(plant.store.report(report_id), NOW, kind, {})


def test_a_report_deleted_while_running_finishes_and_delivers_nothing(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    plant.subscribe("s1")
    run = plant.claim()
    plant.store.delete_report("r1")
    execute_run(plant.pipeline, run)
    assert plant.store.run(run.id).state is RunState.SUCCEEDED
    assert plant.store.deliveries(run.id) == []


def test_a_report_edited_while_running_keeps_what_it_began_with(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("print(team)")
    report = plant.report(parameters={"team": "old"})
    run = plant.claim()
    plant.store.update_report(replace(report, parameters={"team": "new"}, name="Other"), report.version)
    execute_run(plant.pipeline, run)
    done = plant.store.run(run.id)
    assert (done.report_name, done.parameters) == ("Weekly usage", {"team": "old"})


# One execution for the same report


def test_the_same_report_on_the_same_data_is_made_once(plant: Plant) -> None:
    plant.csv_source(*ROWS)
    plant.notebook("1", datasets=USAGE)
    plant.report()
    first = do(plant)
    plant.store.add_run(make_run(plant, "r1", RunKind.MANUAL))
    second = do(plant)
    assert second.kind is RunKind.MANUAL
    assert plant.renderer.calls == 1
    assert second.provenance["made_by_run"] == first.id
    one, two = plant.store.artifacts(first.id), plant.store.artifacts(second.id)
    assert [(a.format, a.sha256) for a in one] == [(a.format, a.sha256) for a in two]
    assert not {a.path for a in one} & {a.path for a in two}


def test_who_takes_the_files_of_a_repetition_is_none_itself(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.csv_source(*ROWS)
    plant.notebook("1", datasets=USAGE)
    plant.report()
    first = do(plant)
    plant.store.add_run(repeated(first, NOW))
    again = do(plant)
    plant.store.add_run(repeated(again, NOW + timedelta(minutes=1)))
    once_more = do(plant)
    plant.store.add_run(planned_run(plant.store.report("r1"), NOW + timedelta(minutes=2), RunKind.MANUAL, {}))
    of_its_own = do(plant)
    assert plant.renderer.calls == 1
    assert [run.provenance.get(REPEATS) for run in (again, once_more, of_its_own)] == [first.id, again.id, None]


def test_without_declared_data_a_notebook_is_executed_every_time(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    do(plant)
    plant.store.add_run(make_run(plant, "r1", RunKind.MANUAL))
    do(plant)
    assert plant.renderer.calls == 2


@pytest.mark.parametrize("change", ["data", "template", "formats", "files"])
def test_what_differs_is_executed_again(sqlite_plant: Plant, change: str) -> None:
    plant = sqlite_plant
    plant.csv_source(*ROWS)
    plant.notebook("1", datasets=USAGE)
    plant.report()
    first = do(plant)
    if change == "data":
        shutil.rmtree(plant.folder / "snapshots")
        (plant.folder / "usage.csv").write_text(
            (plant.folder / "usage.csv").read_text() + "\n2026-11-15,u3,gpt,1,1,1,1,1"
        )
    elif change == "template":
        plant.notebook("2", datasets=USAGE)
    elif change == "formats":
        plant.subscribe("s1", formats=(Format.PDF,))
    else:
        shutil.rmtree(plant.folder / "archive" / first.id)
    plant.store.add_run(make_run(plant, "r1", RunKind.MANUAL))
    second = do(plant)
    assert second.state is RunState.SUCCEEDED
    assert plant.renderer.calls == 2


# Failure


def test_a_failing_cell_fails_the_run_at_once_and_tells_the_owner_only(plant: Plant) -> None:
    plant.notebook("x = 1", "y = 0\nx / y")
    plant.report()
    plant.subscribe("s1")
    run = do(plant)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert (run.error.stage, run.error.kind, run.error.cell) == ("execute", "ExecutionError", 3)
    assert run.error.line == "x / y"
    assert run.error.source == "y = 0\nx / y"
    assert "ZeroDivisionError" in run.error.traceback
    (notice,) = plant.store.deliveries(run.id)
    assert (notice.kind, notice.channel, notice.address) == (
        DeliveryKind.FAILURE,
        ChannelKind.EMAIL,
        "owner@example.org",
    )
    assert plant.store.artifacts(run.id) == []
    assert archived(plant) == []


def test_an_owner_without_an_address_is_told_in_the_outbox(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1 / 0")
    plant.report(owner="sam")
    run = do(plant)
    (notice,) = plant.store.deliveries(run.id)
    assert (notice.channel, notice.address) == (ChannelKind.OUTBOX, "sam")
    assert deliver_one(plant.room) is not None
    (mail,) = (plant.folder / "outbox").rglob("*.eml")
    assert b"ZeroDivisionError" in mail.read_bytes()


def test_a_passing_failure_is_tried_again_and_told_once(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    plant.renderer.error = RenderError("pdf", "the browser went away")
    first = do(plant)
    assert (first.state, first.attempt) == (RunState.QUEUED, 1)
    assert first.not_before == NOW + timedelta(seconds=15)
    assert first.error is not None
    assert first.error.stage == "render"
    for attempt in (2, 3):
        make_ready(plant.store, first.id)
        again = do(plant)
        assert again.attempt == attempt
    assert again.state is RunState.FAILED
    assert len(plant.store.deliveries(first.id)) == 1


def make_ready(store: Store, run_id: str) -> None:
    with store.writing() as connection:
        connection.execute(sa.update(runs_table).where(runs_table.c.id == run_id).values(not_before=None))


def test_what_failed_once_may_succeed_then(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    plant.subscribe("s1")
    plant.renderer.error = RenderError("pdf", "the browser went away")
    run = do(plant)
    plant.renderer.error = None
    make_ready(plant.store, run.id)
    done = do(plant)
    assert (done.state, done.attempt, done.error) == (RunState.SUCCEEDED, 2, None)
    assert {artifact.path.split("/")[1] for artifact in plant.store.artifacts(run.id)} == {"2"}
    kinds = {delivery.kind for delivery in plant.store.deliveries(run.id)}
    assert kinds == {DeliveryKind.FAILURE, DeliveryKind.REPORT}


def test_a_failed_preview_tells_nobody(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1 / 0")
    plant.report(cron="", next_due_at=None)
    run = plant.store.add_run(make_run(plant, "r1", RunKind.PREVIEW))
    assert do(plant).state is RunState.FAILED
    assert plant.store.deliveries(run.id) == []


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"template": "nowhere"}, "NotFound", "nowhere"),
        ({"template": "broken"}, "InvalidTemplate", "broken"),
        ({"parameters": {"x=1;import os": 1}}, "InvalidParameter", "x=1;import os"),
        ({"sources": {"usage": "elsewhere"}}, "NotFound", "add one by `gazette source add`"),
    ],
)
def test_what_cannot_work_fails_for_good_with_its_reason(
    sqlite_plant: Plant, changes: dict[str, Any], kind: str, words: str
) -> None:
    plant = sqlite_plant
    plant.notebook("1", **({"datasets": USAGE} if "sources" in changes else {}))
    (plant.folder / "notebooks" / "broken.ipynb").write_text('{"cells": [')
    plant.report(**changes)
    run = do(plant)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.kind == kind
    assert words in run.error.message
    assert len(plant.store.deliveries(run.id)) == 1


def test_an_unreadable_schedule_is_told_to_the_owner(plant: Plant) -> None:
    plant.notebook("1")
    plant.report(cron="61 * * * *")
    run = do(plant)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert (run.error.kind, run.error.stage) == ("InvalidCron", "extract")
    assert "minute" in run.error.message
    assert len(plant.store.deliveries(run.id)) == 1


def test_a_format_the_renderer_left_out_is_a_failure(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    plant.renderer.left_out = (Format.XLSX,)
    run = do(plant)
    assert run.error is not None
    assert run.error.kind == "RenderError"
    assert "xlsx" in run.error.message


def test_a_file_that_is_not_as_it_was_made_is_no_success(sqlite_plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    put = plant.pipeline.archive.put

    def put_badly(run_id: str, attempt: int, name: str, source: Path) -> Any:
        stored = put(run_id, attempt, name, source)
        (plant.folder / "archive" / stored.path).write_text("altered")
        return stored

    monkeypatch.setattr(plant.pipeline.archive, "put", put_badly)
    run = do(plant)
    assert run.state is not RunState.SUCCEEDED
    assert run.error is not None
    assert (run.error.stage, run.error.kind) == ("archive", "ArchiveError")
    assert archived(plant) == []


def test_a_full_disk_fails_the_run_with_the_reason(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    plant.renderer.error = OSError(28, "No space left on device")
    run = do(plant)
    assert run.state is RunState.QUEUED
    assert run.error is not None
    assert "No space left on device" in run.error.message
    plant.store.add_source(Source("still", "embedded"))


# The lease


def test_an_attempt_that_lost_its_lease_publishes_nothing(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    plant.subscribe("s1")
    run = plant.claim()
    plant.store.release_run(run.id, run.attempt)
    other = plant.store.claim_run("other", timedelta(minutes=1))
    assert other is not None
    execute_run(plant.pipeline, run)
    now = plant.store.run(run.id)
    assert (now.state, now.attempt, now.error) == (RunState.RUNNING, other.attempt, None)
    assert plant.store.artifacts(run.id) == plant.store.deliveries(run.id) == []
    assert archived(plant) == []


def test_a_lease_lost_while_archiving_takes_its_files_along(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.notebook("1")
    plant.report()
    run = plant.claim()
    put = plant.pipeline.archive.put

    def put_slowly(*args: Any) -> Any:
        if plant.store.run(run.id).state is RunState.RUNNING and plant.store.run(run.id).attempt == run.attempt:
            plant.store.release_run(run.id, run.attempt)
        return put(*args)

    monkeypatch.setattr(plant.pipeline.archive, "put", put_slowly)
    execute_run(plant.pipeline, run)
    assert plant.store.run(run.id).state is RunState.QUEUED
    assert archived(plant) == []


def test_an_answer_lost_while_finishing_keeps_the_files(sqlite_plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    finish = plant.store.finish_run

    def finish_and_lose(*args: Any) -> None:
        finish(*args)
        raise sa.exc.OperationalError("COMMIT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(plant.store, "finish_run", finish_and_lose)
    run = do(plant)
    assert run.state is RunState.SUCCEEDED
    for artifact in plant.store.artifacts(run.id):
        plant.pipeline.archive.verify(artifact.path, artifact.sha256)


def test_a_stopping_runner_gives_its_run_back(plant: Plant) -> None:
    plant.notebook("from pathlib import Path\nPath('ready').touch()\nimport time\ntime.sleep(60)")
    plant.report()
    run = plant.claim()
    work = threading.Thread(target=execute_run, args=(plant.pipeline, run))
    work.start()
    while not list((plant.folder / "runs").glob("*/ready")):
        time.sleep(0.05)
    plant.pipeline.stopping.set()
    plant.executor.close()
    work.join(20)
    back = plant.store.run(run.id)
    assert (back.state, back.tries, back.error) == (RunState.QUEUED, 0, None)
    assert plant.store.deliveries(run.id) == []


def test_a_stopping_runner_starts_no_stage(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report()
    plant.pipeline.stopping.set()
    assert do(plant).state is RunState.QUEUED
    assert plant.renderer.calls == 0


def test_the_lease_is_renewed_while_work_goes_on() -> None:
    renewed: list[float] = []
    with kept(lambda: renewed.append(time.monotonic()), name="test", every=0.02) as lease:
        wait_until(lambda: len(renewed) >= 5)
        lease.check()
    count = len(renewed)
    time.sleep(0.1)
    assert len(renewed) == count


def test_a_lost_lease_is_said_at_the_next_check() -> None:
    def lose() -> None:
        raise LeaseLost("gone")

    lease = KeptLease(lose)
    lease.renew()
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_silent_database_loses_the_lease_only_when_it_has_run_out() -> None:
    def unanswered() -> None:
        raise sa.exc.OperationalError("UPDATE", {}, Exception("no route"))

    patient, late = KeptLease(unanswered), KeptLease(unanswered, lease=timedelta(0))
    patient.renew()
    patient.check()
    late.renew()
    with pytest.raises(LeaseLost):
        late.check()


# Errors as the owner reads them


def test_unforeseen_errors_keep_their_traceback_and_are_tried_again() -> None:
    try:
        raise KeyError("surprise")
    except KeyError as error:
        seen = run_error(error, "render")
        assert not is_permanent(error)
    assert (seen.stage, seen.kind) == ("render", "KeyError")
    assert "test_pipeline.py" in seen.traceback


def test_errors_on_purpose_carry_their_cell() -> None:
    error = ExecutionError("ValueError", "no", cell=4, source="a\nb", line="b", traceback="trace")
    assert run_error(error, "execute") == RunError(
        "execute", "ExecutionError", "Cell 4 failed at `b`: ValueError: no", 4, "a\nb", "b", "trace"
    )


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (ExtractError("connection lost"), False),
        (ExtractError("no column", permanent=True), True),
        (NotFound("template", "x"), True),
        (OSError(5, "Input/output error"), False),
    ],
)
def test_which_errors_are_worth_another_try(error: Exception, permanent: bool) -> None:
    assert is_permanent(error) is permanent


# Sources


def test_sources_are_chosen_named_or_the_only_one(store: Store) -> None:
    usage, orders = Dataset("usage"), Dataset("orders", connection="warehouse", sql="select 1")
    with pytest.raises(NotFound, match="There is none yet"):
        making.find_sources(store, [usage], {})
    store.add_source(Source("litellm", "embedded"))
    assert making.find_sources(store, [usage], {})["usage"].name == "litellm"
    with pytest.raises(NotFound, match=r"'typo'.*The sources are: litellm"):
        making.find_sources(store, [usage], {"usage": "typo"})
    with pytest.raises(NotFound, match="warehouse"):
        making.find_sources(store, [orders], {})
    store.add_source(Source("other", "embedded"))
    with pytest.raises(NotFound, match=r"'usage'.*litellm, other"):
        making.find_sources(store, [usage], {})
    assert making.find_sources(store, [usage], {"usage": "other"})["usage"].name == "other"
    store.add_source(Source("usage", "embedded"))
    assert making.find_sources(store, [usage], {})["usage"].name == "usage"


# Run folders


def test_a_dead_runs_folder_is_removed_and_a_living_one_kept(tmp_path: Path) -> None:
    (tmp_path / "dead-1").mkdir()
    (tmp_path / "dead-1" / "context.json").touch()
    with run_folder(tmp_path, "alive-1") as folder:
        assert remove_dead(tmp_path) == ["dead-1"]
        assert folder.is_dir()
    assert not list(tmp_path.iterdir())


# Deliveries


@pytest.fixture
def channel() -> RecordingChannel:
    return RecordingChannel()


def delivering(tmp_path: Path, store: Store, channel: Channel, **subscription: Any) -> tuple[Plant, Run]:
    """A plant whose one run succeeded with one delivery pending."""
    plant = Plant(tmp_path, store, channels={ChannelKind.WEBHOOK: channel, ChannelKind.EMAIL: channel})
    plant.notebook("1")
    plant.report()
    plant.subscribe("s1", **{"channel": ChannelKind.WEBHOOK, "address": "https://peer.example/hook", **subscription})
    return plant, do(plant)


def to_subscribers(store: Store, run: Run) -> list[Delivery]:
    return [each for each in store.deliveries(run.id) if each.kind is DeliveryKind.REPORT]


def test_a_delivery_hands_over_verified_files(tmp_path: Path, store: Store, channel: RecordingChannel) -> None:
    plant, run = delivering(tmp_path, store, channel, formats=(Format.XLSX,))
    delivered = deliver_one(plant.room)
    assert delivered is not None
    (envelope,) = channel.sent
    assert channel.contents == [{Format.XLSX: "Weekly usage as xlsx"}]
    assert envelope.sha256.keys() == {Format.XLSX}
    assert envelope.mail is not None
    assert envelope.run.id == run.id
    assert envelope.report is not None
    assert envelope.subscription is not None
    (delivery,) = store.deliveries(run.id)
    assert (delivery.state, delivery.detail, delivery.attempt) == (DeliveryState.SENT, "taken", 1)
    assert [attempt.outcome for attempt in store.attempts(delivery.id)] == ["sent"]
    assert deliver_one(plant.room) is None
    assert not list((tmp_path / "sending").iterdir())


@pytest.mark.parametrize(
    ("error", "state", "wait"),
    [
        (DeliveryError("550 no such user", permanent=True), DeliveryState.FAILED, None),
        (DeliveryError("no answer after DATA", unknown=True), DeliveryState.UNKNOWN, None),
        (DeliveryError("421 try later"), DeliveryState.PENDING, 5),
        (DeliveryError("429", retry_after=120), DeliveryState.PENDING, 120),
        (OSError(28, "No space left on device"), DeliveryState.PENDING, 5),
        (RuntimeError("a fault of ours"), DeliveryState.PENDING, 5),
    ],
)
def test_outcomes_by_class_of_failure(
    tmp_path: Path, store: Store, error: Exception, state: DeliveryState, wait: int | None
) -> None:
    plant, run = delivering(tmp_path, store, RecordingChannel(error))
    deliver_one(plant.room)
    (delivery,) = to_subscribers(store, run)
    assert delivery.state is state
    assert str(error) in delivery.error
    assert delivery.next_attempt_at == (None if wait is None else NOW + timedelta(seconds=wait))


def test_a_delivery_is_given_up_after_its_last_attempt(tmp_path: Path, sqlite_url: str) -> None:
    store = Store(sqlite_url)
    plant, run = delivering(tmp_path, store, RecordingChannel(*[DeliveryError("503")] * 20))
    plant.now = NOW - timedelta(days=10)  # so that every next attempt is due already
    for _ in range(12):
        deliver_one(plant.room)
    (delivery,) = to_subscribers(store, run)
    assert (delivery.state, delivery.attempt) == (DeliveryState.FAILED, 10)
    assert "given up after 10 attempts" in delivery.error
    store.close()


def test_a_peer_that_is_gone_pauses_its_subscription(tmp_path: Path, store: Store) -> None:
    plant, run = delivering(tmp_path, store, RecordingChannel(DeliveryError("410 Gone", permanent=True, gone=True)))
    deliver_one(plant.room)
    assert store.subscription("s1").paused
    assert to_subscribers(store, run)[0].state is DeliveryState.FAILED


def test_one_subscribers_failure_touches_no_other(tmp_path: Path, store: Store) -> None:
    channel = RecordingChannel(DeliveryError("550", permanent=True), None)
    plant = Plant(tmp_path, store, channels={ChannelKind.EMAIL: channel})
    plant.notebook("1")
    plant.report()
    for id in ("s1", "s2"):
        plant.subscribe(id, channel=ChannelKind.EMAIL, address=f"{id}@example.org")
    run = do(plant)
    while deliver_one(plant.room):
        pass
    assert sorted(delivery.state.value for delivery in to_subscribers(store, run)) == ["failed", "sent"]
    assert len(channel.sent) == 1


def test_an_altered_file_is_not_delivered_and_the_owner_is_told(
    tmp_path: Path, store: Store, channel: RecordingChannel
) -> None:
    plant, run = delivering(tmp_path, store, channel)
    (path,) = (a.path for a in store.artifacts(run.id) if a.format is Format.HTML)
    (tmp_path / "archive" / path).write_text("altered")
    deliver_one(plant.room)
    (delivery,) = to_subscribers(store, run)
    assert delivery.state is DeliveryState.FAILED
    assert "is not what was archived" in delivery.error
    assert channel.sent == []
    make_deliveries_due(store)
    deliver_one(plant.room)
    (envelope,) = channel.sent
    assert (envelope.kind, envelope.files, envelope.delivery.address) == (
        DeliveryKind.UNDELIVERED,
        {},
        "owner@example.org",
    )
    assert envelope.undelivered == (delivery,)


def test_what_was_sent_again_meanwhile_is_no_more_told(tmp_path: Path, store: Store, channel: RecordingChannel) -> None:
    channel.errors.append(DeliveryError("550", permanent=True))
    plant, run = delivering(tmp_path, store, channel)
    deliver_one(plant.room)
    (delivery,) = to_subscribers(store, run)
    store.retry_delivery(delivery.id)
    deliver_one(plant.room)
    make_deliveries_due(store)
    deliver_one(plant.room)
    assert [envelope.kind for envelope in channel.sent] == [DeliveryKind.REPORT, DeliveryKind.UNDELIVERED]
    assert channel.sent[-1].undelivered == ()


def test_a_delivery_taken_back_meanwhile_is_not_written(tmp_path: Path, sqlite_url: str) -> None:
    store = Store(sqlite_url)

    class Slow(RecordingChannel):
        def send(self, envelope: Any) -> Any:
            receipt = super().send(envelope)
            store.finish_delivery(envelope.delivery.id, envelope.delivery.attempt, DeliveryState.UNKNOWN)
            return receipt

    plant, run = delivering(tmp_path, store, Slow())
    assert deliver_one(plant.room) is not None
    assert to_subscribers(store, run)[0].state is DeliveryState.UNKNOWN
    store.close()


def test_the_owner_is_told_about_a_failure_without_files(tmp_path: Path, store: Store) -> None:
    channel = RecordingChannel()
    plant = Plant(tmp_path, store, channels={ChannelKind.EMAIL: channel})
    plant.notebook("1 / 0")
    plant.report()
    run = do(plant)
    deliver_one(plant.room)
    (envelope,) = channel.sent
    assert (envelope.kind, envelope.files, envelope.mail, envelope.subscription) == (
        DeliveryKind.FAILURE,
        {},
        None,
        None,
    )
    assert envelope.run.id == run.id
    assert envelope.run.error is not None
    assert envelope.delivery.address == "owner@example.org"


def test_the_outbox_receives_mail_and_facts(tmp_path: Path, store: Store) -> None:
    plant = Plant(tmp_path, store)
    plant.notebook("1")
    plant.report()
    plant.subscribe("s1", address="board")
    run = do(plant)
    deliver_one(plant.room)
    (delivery,) = store.deliveries(run.id)
    mail = Path(delivery.detail)
    assert mail.suffix == ".eml"
    assert mail.is_file()
    assert json.loads(mail.with_suffix(".json").read_text())["address"] == "board"


def test_limits_reach_the_kernel(tmp_path: Path, sqlite_url: str) -> None:
    store = Store(sqlite_url)
    plant = Plant(tmp_path, store, renderer=TextRenderer())
    shop = replace(plant.pipeline.shop, limits=replace(LIMITS, cell=timedelta(seconds=1)))
    plant.pipeline = replace(plant.pipeline, shop=shop)
    plant.notebook("import time\ntime.sleep(30)")
    plant.report()
    run = do(plant)
    assert run.error is not None
    assert (run.error.kind, run.error.cell) == ("ExecutionTimeout", 2)
    assert run.state is RunState.FAILED
    store.close()
