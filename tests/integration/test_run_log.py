"""The log of a run on both databases: what its owner reads of every attempt, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from running import NOW, Plant

from reports.model import LogLevel, Run
from reports.store.run_log import LINE_LIMIT
from reports.store.tables import run_log
from reports.store.tables import runs as runs_table
from runner.pipeline import execute_run

USAGE = {"usage": {"source": "usage"}}
NOISY = "import sys\nprint('no scale is set\\nfor the axis', file=sys.stderr)"


@pytest.fixture
def plant(plant: Plant) -> Plant:
    plant.csv_source("2026-11-14,u1,gpt,2,2,10,5,0.5", "2026-11-15,u1,gpt,3,3,20,6,0.75")
    return plant


def do(plant: Plant) -> Run:
    run = plant.claim()
    execute_run(plant.pipeline, run)
    return plant.store.run(run.id)


def told(plant: Plant, run: Run) -> list[tuple[int, LogLevel, str]]:
    return [(line.attempt, line.level, line.text) for line in plant.store.run_log(run.id)]


def test_what_was_read_written_and_made_is_told(plant: Plant) -> None:
    plant.notebook(NOISY, datasets=USAGE)
    plant.report()
    plant.subscribe("s1")
    run = do(plant)
    began, read, noise, made, ended = told(plant, run)
    assert began == (1, LogLevel.INFO, "Attempt 1 began.")
    assert read[2].startswith("Data usage: 2 rows from usage, extracted at 2026-11-16T")
    number = noise[2].split()[2]
    assert noise[1:] == (LogLevel.WARNING, f"Code cell {number} wrote to stderr: no scale is set\nfor the axis")
    assert made[2].startswith("Made html (")
    assert made[2].endswith("the mail and the executed notebook.")
    assert ended[2] == "Succeeded; 1 delivery to send."
    moments = [line.at for line in plant.store.run_log(run.id)]
    assert moments == sorted(moments)


def test_every_attempt_stands_in_it(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    plant.renderer.error = OSError(28, "No space left on device")
    run = do(plant)
    (_, failed) = told(plant, run)
    assert failed[:2] == (1, LogLevel.ERROR)
    assert failed[2].startswith("Failed in the stage render, tried again at ")
    assert failed[2].endswith("[Errno 28] No space left on device")
    plant.renderer.error = None
    with plant.store.writing() as connection:
        connection.execute(sa.update(runs_table).values(not_before=NOW))
    do(plant)
    assert [attempt for attempt, _, _ in told(plant, run)] == [1, 1, 2, 2, 2]


def test_files_that_are_used_again_are_said_to_be(plant: Plant) -> None:
    plant.notebook("1", datasets=USAGE)
    plant.report(cron="0 * * * *")
    first = do(plant)
    plant.now += timedelta(hours=1)
    second = do(plant)
    assert any(text.endswith(f"the files of run {first.id} are used again.") for _, _, text in told(plant, second))


def test_a_stopping_runner_and_a_dead_one_are_told_apart(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    plant.pipeline.stopping.set()
    run = do(plant)
    assert told(plant, run)[-1][2] == "The runner is stopping and gave the run back; this attempt does not count."
    assert plant.store.claim_run("another", timedelta(seconds=-1)) is not None
    plant.store.reap_runs()
    assert told(plant, run)[-1] == (
        2,
        LogLevel.WARNING,
        "The runner stopped answering; it is queued again.",
    )


def test_a_line_is_cut_and_any_text_is_kept(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    run = do(plant)
    plant.store.log_line(run.id, 1, "a\0b\ud800" + "x" * LINE_LIMIT, LogLevel.WARNING)
    text = plant.store.run_log(run.id)[-1].text
    assert len(text) == LINE_LIMIT
    assert text.startswith("a\ufffdb?x") and text.endswith("x…")


def test_it_goes_when_the_run_goes(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    run = do(plant)
    assert told(plant, run)
    with plant.store.writing() as connection:
        connection.execute(sa.delete(runs_table))
        assert connection.execute(sa.select(sa.func.count()).select_from(run_log)).scalar_one() == 0
