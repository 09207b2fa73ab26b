"""The loop: guarded steps, clock jumps, seats, a graceful end, and a whole runner as a process of its own."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from examples import a_plain_report
from running import DUE, Plant, TextRenderer, write_notebook
from waiting import wait_until

from reports.errors import ExtractError
from reports.model import ChannelKind, DeliveryState, Format, Report, RunState, Subscription
from reports.settings import load_settings
from reports.store import Store
from reports.store.tables import runs as runs_table
from runner import loop
from runner.loop import Clockwork
from runner.ports import Rendering
from runner.wiring import build_runner

PROJECT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)


# The beat


def test_a_step_that_raises_is_counted_and_does_not_spin_or_stop_others(capsys: pytest.CaptureFixture[str]) -> None:
    clockwork, done = Clockwork(), []

    def broken() -> None:
        raise ValueError("broken step")

    clockwork.every(timedelta(seconds=30), "broken", broken)
    clockwork.every(timedelta(milliseconds=1), "sound", lambda: done.append(1))
    for _ in range(5):
        clockwork.beat()
        time.sleep(0.005)
    assert clockwork.failures == 1
    assert len(done) == 5
    assert "broken step" in capsys.readouterr().out


def test_steps_keep_their_interval() -> None:
    clockwork, done = Clockwork(), []
    clockwork.every(timedelta(seconds=0.2), "step", lambda: done.append(time.monotonic()))
    end = time.monotonic() + 1.1
    while time.monotonic() < end:
        clockwork.beat()
        time.sleep(0.01)
    assert 2 <= len(done) <= 6


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_jump_of_the_clock_does_not_stop_the_beat(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    clockwork, done = Clockwork(), []
    clockwork.every(timedelta(seconds=0.1), "step", lambda: done.append(1))
    clockwork.beat()
    real_time, real_datetime = time.time, datetime

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real_datetime.now(tz) + timedelta(seconds=jump)

    monkeypatch.setattr(time, "time", lambda: real_time() + jump)
    monkeypatch.setattr("schedule.datetime.datetime", Jumped)
    monkeypatch.setattr(loop, "datetime", Jumped)
    clockwork.beat()
    time.sleep(0.15)
    clockwork.beat()
    assert len(done) == 3


# Once


def test_once_does_all_that_is_due_and_counts_it(plant: Plant) -> None:
    plant.notebook("1")
    plant.notebook("1 / 0", name="broken")
    for number in range(5):
        plant.report(id=f"r{number}", name=f"Report {number}")
    plant.report(id="bad", name="Bad", template="broken", owner="sam")
    plant.subscribe("s1")
    plant.subscribe("s2", channel=ChannelKind.EMAIL, address="reader@example.org")
    counts = plant.runner().run_once()
    assert counts == {"runs": 6, "succeeded": 5, "failed": 1, "deliveries": 3, "sent": 3}
    assert len(list((plant.folder / "outbox").rglob("*.eml"))) == 3
    assert plant.runner().run_once() == dict.fromkeys(counts, 0)


def test_once_keeps_to_its_moment_however_long_it_takes(plant: Plant) -> None:
    """A due time that comes while an earlier one waits for a seat does not take its place."""
    plant.notebook("1")
    plant.report(id="r1", name="First", cron="* * * * *")
    plant.report(id="r2", name="Second", cron="* * * * *")

    class Slow(TextRenderer):
        def render(self, notebook: Path, run_dir: Path, formats: tuple[Format, ...], title: str) -> Rendering:
            plant.now += timedelta(minutes=3)
            return super().render(notebook, run_dir, formats, title)

    shop = replace(plant.pipeline.shop, renderer=Slow())
    plant.pipeline = replace(plant.pipeline, shop=shop)
    assert plant.runner(seats=1).run_once()["succeeded"] == 2
    assert {(run.state, run.due_at) for run in plant.runs()} == {(RunState.SUCCEEDED, DUE)}
    assert plant.runner(seats=1).run_once(DUE + timedelta(minutes=1, seconds=1))["succeeded"] == 2


def test_once_leaves_what_waits_for_a_later_try(plant: Plant) -> None:
    plant.notebook("1")
    plant.now = datetime.now(UTC)  # the database's clock decides when the next try is due
    plant.report(next_due_at=plant.now - SECOND)
    plant.renderer.error = OSError(28, "No space left on device")
    assert plant.runner().run_once()["succeeded"] == 0
    assert [run.state for run in plant.runs()] == [RunState.QUEUED]


def test_seats_limit_what_runs_at_once(plant: Plant) -> None:
    plant.notebook("import time\ntime.sleep(0.6)")
    for number in range(5):
        plant.report(id=f"r{number}", name=f"Report {number}")
    runner, most = plant.runner(seats=2), 0
    work = threading.Thread(target=runner.run_once)
    work.start()
    while work.is_alive():
        most = max(most, len(list((plant.folder / "runs").glob("*.lock"))))
        time.sleep(0.02)
    assert most == 2
    assert {run.state for run in plant.runs()} == {RunState.SUCCEEDED}


def test_runs_leave_no_thread_descriptor_or_child(tmp_path: Path, sqlite_url: str) -> None:
    store = Store(sqlite_url)
    plant = Plant(tmp_path, store)
    plant.notebook("1")
    plant.report(cron="* * * * *")
    plant.subscribe("s1")
    me = psutil.Process()

    def state() -> tuple[int, int, int]:
        gc.collect()
        store.engine.dispose()  # kept connections vary with how many were needed at one moment
        return threading.active_count(), me.num_fds(), len(me.children(recursive=True))

    def run() -> None:
        plant.now += timedelta(minutes=1)
        assert plant.runner().run_once()["succeeded"] == 1

    run()
    before = state()
    for _ in range(10):
        run()
    wait_until(lambda: all(now <= then for now, then in zip(state(), before, strict=True)), 5)
    store.close()


# Forever


def test_forever_runs_what_comes_due_and_says_it_is_alive(plant: Plant) -> None:
    plant.notebook("1")
    plant.report()
    plant.subscribe("s1")
    stop = threading.Event()
    runner = plant.runner()
    work = threading.Thread(target=runner.run_forever, args=(stop,))
    work.start()
    try:
        wait_until(lambda: runner.tally.sent == 1)
        (seen,) = plant.store.runners()
        assert seen.id == "tester"
        assert {"host", "pid", "version", "seats", "isolation"} <= seen.info.keys()
    finally:
        stop.set()
        work.join(20)
    assert not work.is_alive()
    assert plant.store.runners() == []


def slow(plant: Plant) -> None:
    plant.notebook("from pathlib import Path\nPath('ready').touch()\nimport time\ntime.sleep(1.5)")
    plant.report()


def test_a_running_report_gets_its_grace(plant: Plant) -> None:
    slow(plant)
    stop, runner = threading.Event(), plant.runner()
    work = threading.Thread(target=runner.run_forever, args=(stop,))
    work.start()
    wait_until(lambda: list((plant.folder / "runs").glob("*/ready")))
    stop.set()
    work.join(20)
    assert [run.state for run in plant.runs()] == [RunState.SUCCEEDED]


@pytest.mark.parametrize("hurried", [True, False])
def test_after_the_grace_a_run_is_given_back(plant: Plant, hurried: bool) -> None:
    plant.notebook("from pathlib import Path\nPath('ready').touch()\nimport time\ntime.sleep(60)")
    plant.report()
    stop, hurry = threading.Event(), threading.Event()
    runner = plant.runner(grace_seconds=30.0 if hurried else 0.3)
    work = threading.Thread(target=runner.run_forever, args=(stop, hurry))
    work.start()
    wait_until(lambda: list((plant.folder / "runs").glob("*/ready")))
    stop.set()
    if hurried:
        hurry.set()
    work.join(15)
    assert not work.is_alive()
    (run,) = plant.runs()
    assert (run.state, run.tries) == (RunState.QUEUED, 0)
    assert not [child for child in psutil.Process().children() if "runner.execute.kernel" in " ".join(child.cmdline())]


def test_a_run_whose_work_hangs_is_given_back(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.loop.LAST_SECONDS", 0.2)
    asked, answered = threading.Event(), threading.Event()

    def hang(*_: object) -> object:
        asked.set()
        answered.wait(60)
        raise ExtractError("the connection was lost at last")

    monkeypatch.setattr("runner.making.extract", hang)
    plant.notebook("1")
    plant.report()
    stop, ended = threading.Event(), []
    runner = plant.runner(grace_seconds=0.1)
    work = threading.Thread(target=lambda: ended.append(runner.run_forever(stop)))
    work.start()
    assert asked.wait(20)
    stop.set()
    work.join(20)
    assert ended == [False]
    (run,) = plant.runs()
    assert (run.state, run.tries) == (RunState.QUEUED, 0)
    next_one = plant.claim()
    answered.set()
    wait_until(lambda: not runner._executing)
    assert plant.store.run(run.id).attempt == next_one.attempt
    assert plant.store.run(run.id).state is RunState.RUNNING


def test_a_database_that_fails_a_while_does_not_end_the_runner(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.notebook("1")
    plant.report()
    due, calls = plant.store.due_reports, []

    def flaky(now: datetime, limit: int) -> list[Report]:
        calls.append(now)
        if len(calls) < 4:
            raise ConnectionError("the database restarts")
        return due(now, limit)

    monkeypatch.setattr(plant.store, "due_reports", flaky)
    stop, runner = threading.Event(), plant.runner()
    work = threading.Thread(target=runner.run_forever, args=(stop,))
    work.start()
    wait_until(lambda: runner.tally.succeeded == 1)
    stop.set()
    work.join(20)


def test_a_healthy_minute_is_reported(plant: Plant) -> None:
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Listener)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    stop = threading.Event()
    runner = plant.runner(dead_man_url=f"http://127.0.0.1:{server.server_port}/alive")
    work = threading.Thread(target=runner.run_forever, args=(stop,))
    work.start()
    try:
        wait_until(lambda: asked == ["/alive"])
    finally:
        stop.set()
        work.join(20)
        server.shutdown()
        serving.join()
        server.server_close()


def test_an_answer_without_end_takes_no_seat(plant: Plant) -> None:
    hung_up = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 4096)
            except OSError:
                hung_up.set()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Listener)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    runner = plant.runner(dead_man_url=f"http://127.0.0.1:{server.server_port}/alive")
    try:
        runner._report_alive(Clockwork())
        assert hung_up.wait(20)
    finally:
        runner.run_once()
        server.shutdown()
        serving.join()
        server.server_close()


def test_an_unhealthy_minute_is_not(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    clockwork = Clockwork()
    runner = plant.runner(dead_man_url="http://127.0.0.1:9/alive")
    started: list[object] = []
    monkeypatch.setattr(runner, "_in_background", started.append)
    clockwork.guarded("tick", lambda: 1 / 0)
    runner._report_alive(clockwork)
    assert not started
    runner._report_alive(clockwork)
    assert len(started) == 1
    runner.run_once()


# The whole runner, wired from settings, with browser and all


def configure(folder: Path, url: str) -> dict[str, str]:
    """Settings in the environment of a process, with one report that is due every minute."""
    write_notebook(folder / "notebooks", "sample", "import plotly.graph_objects as go", "print(team)")
    store = Store(url)
    store.add_report(
        a_plain_report(
            template="sample",
            cron="* * * * *",
            zone="UTC",
            formats=(Format.HTML, Format.PDF),
            next_due_at=datetime.now(UTC).replace(second=0, microsecond=0),
        )
    )
    store.add_subscription(Subscription(id="s1", report_id="r1", channel=ChannelKind.EMAIL, address="a@example.org"))
    store.close()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GAZETTE_")}
    return plain | {
        "GAZETTE_DATA_DIR": str(folder / "state"),
        "GAZETTE_NOTEBOOKS_DIR": str(folder / "notebooks"),
        "GAZETTE_DATABASE_URL": url,
        "GAZETTE_TICK_SECONDS": "0.2",
    }


SCRIPT = """
import json, sys
from reports.settings import load_settings
from runner.wiring import build_runner, configure_logging
configure_logging()
with build_runner(load_settings()) as runner:
    if "--once" in sys.argv:
        print(json.dumps(runner.run_once()))
    else:
        runner.run_forever()
"""


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, *arguments]
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_runner_process_once(tmp_path: Path, store_url: str) -> None:
    environment = configure(tmp_path, store_url)
    with start(environment, "--once") as runner:
        out, err = runner.communicate(timeout=90)
    assert runner.returncode == 0, err
    counts = json.loads(out)
    assert counts["succeeded"] == counts["sent"] >= 1
    assert any(json.loads(line)["action"] == "run.succeeded" for line in err.splitlines() if line.startswith("{"))
    (mail, *_) = (tmp_path / "state" / "outbox").rglob("*.eml")
    assert b"a@example.org" in mail.read_bytes()


def test_a_runner_process_stops_on_sigterm(tmp_path: Path, store_url: str) -> None:
    environment = configure(tmp_path, store_url)
    with start(environment) as runner:
        store = Store(store_url)
        wait_until(lambda: any(run.state is RunState.SUCCEEDED for run in store.runs()), 60)
        runner.send_signal(signal.SIGTERM)
        _, err = runner.communicate(timeout=60)
    assert runner.returncode == 0, err
    assert "runner.stopped" in err
    assert store.runners() == []
    assert all(run.state is not RunState.RUNNING for run in store.runs())
    store.close()


def test_a_killed_runners_work_is_done_by_the_next(tmp_path: Path, sqlite_url: str) -> None:
    environment = configure(tmp_path, sqlite_url)
    body = "from pathlib import Path\nPath('ready').touch()\nimport time\ntime.sleep(3)"
    write_notebook(tmp_path / "notebooks", "sample", body)
    store = Store(sqlite_url)
    runs = tmp_path / "state" / "runs"
    with start(environment) as first:
        wait_until(lambda: list(runs.glob("*/ready")), 60)
        first.kill()
        first.communicate()
    (running,) = [run for run in store.runs() if run.state is RunState.RUNNING]
    expire(store)
    with start(environment, "--once") as second:
        _, err = second.communicate(timeout=90)
    assert second.returncode == 0, err
    done = store.run(running.id)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2)
    assert [delivery.state for delivery in store.deliveries(done.id)] == [DeliveryState.SENT]
    assert not list(runs.iterdir())
    store.close()


def expire(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(sa.update(runs_table).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))


def test_building_a_runner_makes_the_database_and_the_folders(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "state", notebooks_dir=tmp_path / "notebooks")
    with build_runner(settings) as runner:
        assert runner.run_once()["runs"] == 0
    assert (tmp_path / "state" / "gazette.db").is_file()
