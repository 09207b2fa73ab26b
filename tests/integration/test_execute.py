"""The executor with real kernels: results, errors as their owner reads them, limits, and nothing left behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from waiting import wait_until

from reports import templates
from reports.errors import ExecutionError, ExecutionTimeout, InvalidParameter, StageError
from reports.templates import Template
from runner.execute import failures
from runner.execute.executor import PapermillExecutor, prepare
from runner.execute.kernel import OutputBudget
from runner.execute.launcher import SCRATCH, ColdLauncher, KernelOrder, end_strays, environment, strays
from runner.execute.provisioner import SOCKETS_PREFIX
from runner.ports import Limits

PARAMETERS = 'team: str = "all"\ntop: int = 3'
LIMITS = Limits(wall=timedelta(seconds=60), cell=timedelta(seconds=30))


@pytest.fixture
def executor() -> Iterator[PapermillExecutor]:
    executor = PapermillExecutor()
    yield executor
    executor.close()


@pytest.fixture
def make_template(tmp_path: Path) -> Any:
    def make(*cells: str, parameters: str | None = PARAMETERS, name: str = "sample") -> Template:
        parts = [new_markdown_cell("# Sample")]
        if parameters is not None:
            parts.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        parts += [new_code_cell(textwrap.dedent(cell).strip()) for cell in cells]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(new_notebook(cells=parts), path)
        return templates.load(path)

    return make


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def texts(notebook: Path) -> str:
    """All that the cells printed or showed as text."""
    found = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            found.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "".join(found)


def fail(executor: PapermillExecutor, template: Template, run_dir: Path, limits: Limits = LIMITS) -> ExecutionError:
    with pytest.raises(ExecutionError) as caught:
        executor.execute(template, {}, run_dir, limits)
    return caught.value


# Results


def test_executes_with_parameters_and_keeps_the_template(executor, make_template, run_dir) -> None:
    template = make_template("print(team, top)", "import pandas as pd\npd.DataFrame({'a': [1, 2]})")
    before = template.path.read_bytes()
    executed = executor.execute(template, {"team": 'O\'Neil "<script>" {team}', "top": 7}, run_dir, LIMITS)
    assert executed == run_dir / "notebook.ipynb"
    assert 'O\'Neil "<script>" {team} 7' in texts(executed)
    assert template.path.read_bytes() == before
    notebook = nbformat.read(executed, as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert "text/html" in notebook.cells[-1].outputs[0].data


def test_runs_without_a_parameters_cell_and_without_values(executor, make_template, run_dir) -> None:
    executed = executor.execute(make_template("print('plain')", parameters=None), {}, run_dir, LIMITS)
    assert texts(executed) == "plain\n"


def test_empty_cells_and_skipped_cells_do_not_count_as_missing(executor, make_template, run_dir) -> None:
    template = make_template("", "1 / 0", "print('end')")
    notebook = nbformat.read(template.path, as_version=4)
    notebook.cells[3].metadata["tags"] = ["skip-execution"]
    nbformat.write(notebook, template.path)
    executed = executor.execute(templates.load(template.path), {}, run_dir, LIMITS)
    assert texts(executed) == "end\n"


def test_paths_with_braces_are_inert(executor, make_template, tmp_path: Path) -> None:
    folder = tmp_path / "{team.__class__}" / "{x}"
    folder.mkdir(parents=True)
    executed = executor.execute(make_template("print(team)"), {"team": "a"}, folder, LIMITS)
    assert executed.parent == folder


def test_plotly_figures_are_kept_as_figures(executor, make_template, run_dir) -> None:
    template = make_template("import plotly.graph_objects as go\ngo.Figure(go.Bar(x=[1], y=[2]))")
    executed = executor.execute(template, {}, run_dir, LIMITS)
    outputs = nbformat.read(executed, as_version=4).cells[-1].outputs
    assert outputs[0].data["application/vnd.plotly.v1+json"]["data"][0]["type"] == "bar"


def test_two_runs_at_once_do_not_mix(executor, make_template, tmp_path: Path) -> None:
    template = make_template("import time\nfor i in range(20):\n    print(team, end=' ')\n    time.sleep(0.01)")

    def run(team: str) -> str:
        folder = tmp_path / team
        folder.mkdir()
        return texts(executor.execute(template, {"team": team}, folder, LIMITS))

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(run, ["one", "two"])
    assert one == "one " * 20
    assert two == "two " * 20


def test_the_notebook_names_no_path_of_this_machine(executor, make_template, run_dir) -> None:
    executed = executor.execute(make_template("1"), {}, run_dir, LIMITS)
    assert str(run_dir.parent) not in executed.read_text()


# Parameters: the second wall


def test_undeclared_names_are_refused_before_a_kernel_starts(executor, make_template, run_dir) -> None:
    template = make_template("print(1)")
    for name in ("x=1;import os", "other", "team\n", "__class__"):
        with pytest.raises(InvalidParameter) as caught:
            executor.execute(template, {name: 1}, run_dir, LIMITS)
        assert caught.value.field == name


def test_days_and_instants_arrive_as_such(executor, make_template, run_dir) -> None:
    parameters = """
    from datetime import date, datetime
    since: date = date(2026, 1, 1)
    at: datetime | None = None
    names: list[str] = []
    """
    template = make_template("print(repr([since, at, names]))", parameters=textwrap.dedent(parameters).strip())
    values = {"since": "2026-11-15", "at": "2026-11-15T08:00:00+01:00", "names": ["2026-11-01"]}
    executed = executor.execute(template, values, run_dir, LIMITS)
    assert texts(executed).startswith("[datetime.date(2026, 11, 15), datetime.datetime(2026, 11, 15, 8, 0, tzinfo=")
    assert texts(executed).endswith("['2026-11-01']]\n")
    assert nbformat.read(executed, as_version=4).metadata["papermill"]["parameters"] == values


@pytest.mark.parametrize("values", [{}, {"team": 5}])
def test_values_of_another_type_and_missing_ones_are_refused(executor, make_template, run_dir, values: Any) -> None:
    with pytest.raises(InvalidParameter, match="team"):
        executor.execute(make_template("1", parameters="team: str"), values, run_dir, LIMITS)


def test_each_preparation_is_a_notebook_of_its_own(make_template) -> None:
    template = make_template("print(team)")
    one, two = prepare(template, {"team": "a"}), prepare(template, {"team": "b"})
    one.cells[0].source = "changed"
    assert two.cells[0].source == "# Sample"
    assert [c.source for c in one.cells if "injected-parameters" in c.metadata.tags] == ['# Parameters\nteam = "a"\n']


def test_a_template_changed_since_it_was_read_is_not_executed(executor, make_template, run_dir) -> None:
    template = make_template("print(1)")
    make_template("print(2)")
    with pytest.raises(StageError) as caught:
        executor.execute(template, {}, run_dir, LIMITS)
    assert not caught.value.permanent


# Errors


def test_an_error_names_cell_line_and_kind(executor, make_template, run_dir) -> None:
    error = fail(executor, make_template("x = 1", "y = 2\nz = y / 0\nprint(z)"), run_dir)
    assert (error.cell, error.ename, error.evalue) == (3, "ZeroDivisionError", "division by zero")
    assert error.line == "z = y / 0"
    assert error.source == "y = 2\nz = y / 0\nprint(z)"
    assert "\x1b" not in error.traceback
    assert "ZeroDivisionError" in error.traceback
    assert "Cell 3 failed at `z = y / 0`: ZeroDivisionError: division by zero" in str(error)
    assert error.permanent


def test_numbers_do_not_count_the_injected_cell(executor, make_template, run_dir) -> None:
    template = make_template("raise ValueError(team)")
    with pytest.raises(ExecutionError) as caught:
        executor.execute(template, {"team": "a"}, run_dir, LIMITS)
    assert caught.value.cell == 2
    assert caught.value.line == "raise ValueError(team)"


def test_the_line_is_the_failing_cells_own_call(executor, make_template, run_dir) -> None:
    error = fail(executor, make_template("def broken():\n    return [][1]", "a = 1\nbroken()"), run_dir)
    assert (error.cell, error.line) == (3, "broken()")


@pytest.mark.parametrize(
    ("source", "ename", "line"),
    [
        ("x = = 1", "SyntaxError", "x = = 1"),
        ("import sys\nsys.exit(0)", "SystemExit", "sys.exit(0)"),
        ("exit()", "SystemExit", "exit()"),
        ("name = input('who? ')", "StdinNotImplementedError", "name = input('who? ')"),
        ("import no_such_package", "ModuleNotFoundError", "import no_such_package"),
    ],
)
def test_cells_that_must_fail(executor, make_template, run_dir, source: str, ename: str, line: str) -> None:
    error = fail(executor, make_template(source, "print('after')"), run_dir)
    assert (error.cell, error.ename, error.line) == (2, ename, line)


def test_an_exit_in_the_last_cell_fails_too(executor, make_template, run_dir) -> None:
    assert fail(executor, make_template("print('work')\nquit()"), run_dir).ename == "SystemExit"


def test_an_error_tag_does_not_hide_a_failure(executor, make_template, run_dir) -> None:
    template = make_template("1 / 0")
    notebook = nbformat.read(template.path, as_version=4)
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, template.path)
    assert fail(executor, templates.load(template.path), run_dir).ename == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os\nos._exit(0)", "it ended with status 0"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV (Segmentation fault)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "SIGKILL (Killed, as when memory runs out)"),
    ],
)
def test_a_dead_kernel_names_the_cell_that_ran(executor, make_template, run_dir, source: str, words: str) -> None:
    error = fail(executor, make_template("ok = 1", source, "print('after')"), run_dir)
    assert (error.cell, error.ename, error.source) == (3, "KernelDied", source)
    assert words in error.evalue


def test_a_crash_names_its_line(executor, make_template, run_dir) -> None:
    error = fail(executor, make_template("import ctypes\nx = 1\nctypes.string_at(0)"), run_dir)
    assert error.line == "ctypes.string_at(0)"
    assert "Segmentation fault" in error.traceback


def test_a_kernel_that_dies_after_the_last_answer_has_not_succeeded(executor, make_template, run_dir) -> None:
    source = "import os, threading\nthreading.Timer(0.0, lambda: os._exit(3)).start()"
    assert fail(executor, make_template(source), run_dir).ename == "KernelDied"


def test_a_kernel_that_cannot_start_may_be_tried_again(executor, make_template, run_dir) -> None:
    error = fail(executor, make_template("1"), run_dir, Limits(memory_bytes=40 * 1024**2))
    assert error.cell is None
    assert "could not start" in error.evalue
    assert not error.permanent


# Limits


def test_a_cell_that_ignores_interrupts_is_ended_at_its_limit(executor, make_template, run_dir) -> None:
    hang = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    time.sleep(0.1)"
    started = time.monotonic()
    with pytest.raises(ExecutionTimeout) as caught:
        executor.execute(make_template("a = 1", hang), {}, run_dir, Limits(cell=timedelta(seconds=2)))
    assert time.monotonic() - started < 60, "it was not ended at its limit"
    assert "Cell 3 did not finish within 2 seconds" in str(caught.value)
    assert (caught.value.cell, caught.value.source) == (3, hang)
    assert not list(strays(run_dir))


def test_the_whole_notebook_has_a_limit_besides_the_cells(executor, make_template, run_dir) -> None:
    nap = "import time\ntime.sleep(0.8)"
    limits = Limits(wall=timedelta(seconds=2), cell=timedelta(seconds=30))
    with pytest.raises(ExecutionTimeout) as caught:
        executor.execute(make_template(*[nap] * 5), {}, run_dir, limits)
    assert "the notebook reached its limit of 2 seconds" in str(caught.value)
    assert caught.value.cell in (3, 4)


def test_memory_is_limited(executor, make_template, run_dir) -> None:
    error = fail(executor, make_template("data = bytearray(3 * 1024**3)"), run_dir, Limits(memory_bytes=2 * 1024**3))
    assert error.ename == "MemoryError"


def test_limits_are_hard_and_reach_children(executor, make_template, run_dir) -> None:
    source = """
    import json, resource, subprocess, sys
    names = ["RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE"]
    code = f"import json, resource; print(json.dumps([resource.getrlimit(getattr(resource, n)) for n in {names}]))"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    """
    shown = json.loads(texts(executor.execute(make_template(source), {}, run_dir, LIMITS)))
    assert shown == [[4 * 1024**3] * 2, [1024**3] * 2, [1024] * 2, [0, 0]]


@pytest.mark.parametrize("source", ['print("x" * 200_000_000)', 'for i in range(3000):\n    print("x" * 70_000)'])
def test_two_hundred_megabytes_of_output_are_cut_and_say_so(executor, make_template, run_dir, source: str) -> None:
    executed = executor.execute(make_template(source, "print('after')"), {}, run_dir, LIMITS)
    shown = texts(executed)
    assert "[Output was cut here: a notebook may show 10 MB in all.]" in shown
    assert shown.count("Output was cut") == 1
    assert executed.stat().st_size < 12 * 1024**2


def test_no_output_is_lost_on_the_way(executor, make_template, run_dir) -> None:
    source = "for i in range(4000):\n    display({'text/plain': f'{i},'}, raw=True)"
    shown = texts(executor.execute(make_template(source), {}, run_dir, LIMITS))
    assert shown == "".join(f"{i}," for i in range(4000))


def test_an_error_beyond_the_output_limit_is_still_known(executor, make_template, run_dir) -> None:
    error = fail(executor, make_template("print('x' * 11_000_000)", "raise ValueError('told')"), run_dir)
    assert (error.cell, error.ename, error.evalue) == (3, "ValueError", "told")


def test_budget_cuts_once_and_counts_nested_text() -> None:
    budget = OutputBudget(10)
    assert budget.admit("display_data", {"data": {"text/plain": "12345"}}) is not None
    kind, content = budget.admit("stream", {"name": "stdout", "text": "1234567890"}) or ("", {})
    assert kind == "stream"
    assert "Output was cut" in content["text"]
    assert budget.admit("stream", {"name": "stdout", "text": "more"}) is None
    assert budget.admit("error", {"ename": "E", "evalue": "v" * 9000, "traceback": ["t"]}) == (
        "error",
        {"ename": "E", "evalue": "v" * 2000, "traceback": []},
    )


# What a kernel sees


def test_a_kernel_sees_no_secret(executor, make_template, run_dir, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GAZETTE_DATABASE_URL", "GAZETTE_SMTP_PASSWORD", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "very-secret")
    source = """
    import json, os
    from pathlib import Path
    parents = []
    for pid in (os.getpid(), os.getppid()):
        parents.append(Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace"))
    print(json.dumps({"env": dict(os.environ), "parents": parents, "cwd": os.getcwd()}))
    """
    text = texts(executor.execute(make_template(source), {}, run_dir, LIMITS))
    assert "very-secret" not in text
    seen = json.loads(text)
    assert {name for name in seen["env"] if name.startswith("GAZETTE")} == {"GAZETTE_RUN_DIR"}
    assert seen["env"]["GAZETTE_RUN_DIR"] == seen["cwd"] == str(run_dir)
    assert seen["env"]["HOME"] == str(run_dir / SCRATCH)


def test_the_zone_of_the_run_is_the_kernels(executor, make_template, run_dir) -> None:
    source = "import datetime\nprint(datetime.datetime(2026, 7, 1).astimezone().utcoffset())"
    executed = executor.execute(make_template(source), {}, run_dir, LIMITS, zone="Asia/Kolkata")
    assert texts(executed) == "5:30:00\n"


def test_the_environment_is_made_from_nothing(tmp_path: Path) -> None:
    variables = environment(KernelOrder(tmp_path, Limits(), "Europe/Berlin"))
    assert variables["TZ"] == "Europe/Berlin"
    assert variables["LANG"] == "C.UTF-8"
    assert not {"USER", "VIRTUAL_ENV", "http_proxy"} & variables.keys()


def test_costly_imports_stay_out_of_the_kernel(executor, make_template, run_dir) -> None:
    source = "import sys\nprint(sys.modules['rfc3987_syntax'], sys.modules['debugpy'], 'papermill' in sys.modules)"
    assert texts(executor.execute(make_template(source), {}, run_dir, LIMITS)) == "None None False\n"


# Nothing is left


ESCAPES = """
import os, subprocess, time
subprocess.Popen(["sleep", "7301"], start_new_session=True, env={"PATH": os.environ["PATH"]})
subprocess.Popen(["sleep", "7301"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "7301"])
    os._exit(0)
time.sleep(0.2)
"""


def sleepers() -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "7301"]]


@pytest.mark.parametrize("ending", ["", "1 / 0", "os._exit(1)", "while True: pass"])
def test_children_that_left_the_session_are_ended(executor, make_template, run_dir, ending: str) -> None:
    template = make_template(f"{ESCAPES}\n{ending}")
    try:
        executor.execute(template, {}, run_dir, Limits(cell=timedelta(seconds=3)))
    except (ExecutionError, ExecutionTimeout):
        assert ending
    assert not sleepers()


def test_a_stopped_guard_does_not_protect_its_kernel(executor, make_template, run_dir) -> None:
    source = f"{ESCAPES}\nimport signal\nos.kill(os.getppid(), signal.SIGSTOP)"
    executor.execute(make_template(source), {}, run_dir, LIMITS)
    assert not list(strays(run_dir))
    assert not sleepers()


def test_a_killed_guard_takes_its_kernel_along(executor, make_template, run_dir) -> None:
    source = "import os, signal, subprocess\nsubprocess.Popen(['sleep', '7301'])\nos.kill(os.getppid(), signal.SIGKILL)"
    error = fail(executor, make_template(source, "import time\ntime.sleep(30)"), run_dir)
    assert error.ename == "KernelDied"
    assert not sleepers()


def test_strays_are_known_by_their_run_folder(tmp_path: Path) -> None:
    env = environment(KernelOrder(tmp_path / "runs" / "1", Limits()))
    with subprocess.Popen(["sleep", "7302"], env=env) as child:
        assert [p.pid for p in strays(tmp_path / "runs")] == [child.pid]
        assert not list(strays(tmp_path / "other"))
        assert end_strays(tmp_path / "runs") == 1
        assert not psutil.pid_exists(child.pid)


def test_nothing_survives_a_killed_runner(make_template, run_dir, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    make_template(f"{ESCAPES}\nfrom pathlib import Path\nPath({str(ready)!r}).touch()\ntime.sleep(60)")
    code = f"""
        from pathlib import Path
        from reports import templates
        from runner.execute.executor import PapermillExecutor
        from runner.ports import Limits
        template = templates.load(Path({str(tmp_path / "sample.ipynb")!r}))
        PapermillExecutor().execute(template, {{}}, Path({str(run_dir)!r}), Limits())
    """
    runner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=Path(__file__).parents[2])
    wait_until(ready.exists)
    assert len(sleepers()) == 3
    runner.kill()
    runner.wait()
    wait_until(lambda: not sleepers() and not list(strays(run_dir)), seconds=15)


def test_close_ends_the_kernels_that_still_run(make_template, run_dir) -> None:
    executor = PapermillExecutor()
    template = make_template("from pathlib import Path\nPath('ready').touch()\nimport time\ntime.sleep(60)")
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(executor.execute, template, {}, run_dir, LIMITS)
        wait_until((run_dir / "ready").exists)
        executor.close()
        with pytest.raises(ExecutionError):
            future.result(timeout=10)
    assert not list(strays(run_dir))


def test_ten_runs_leave_no_thread_descriptor_child_or_folder(executor, make_template, tmp_path: Path) -> None:
    template = make_template("print(1)")
    me = psutil.Process()

    def run(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        executor.execute(template, {}, folder, LIMITS)

    def state() -> tuple[int, int, int, int]:
        gc.collect()
        folders = len(list(Path("/tmp").glob(f"{SOCKETS_PREFIX}{os.getpid()}-*")))
        return threading.active_count(), me.num_fds(), len(me.children(recursive=True)), folders

    run(0)
    before = state()
    for number in range(1, 11):
        run(number)
    wait_until(lambda: state() == before, seconds=5)


# Words


def test_exit_words() -> None:
    assert failures.exit_words(1) == "it ended with status 1"
    assert failures.exit_words(None) == "it does not answer any more"
    assert "CPU time" in failures.exit_words(128 + signal.SIGXCPU)
    assert failures.exit_words(128 + 99) == "signal 99"


def test_durations_in_words() -> None:
    shown = [failures.in_words(timedelta(seconds=s)) for s in (1, 2, 0.5, 60, 300, 90)]
    assert shown == ["1 second", "2 seconds", "0.5 seconds", "1 minute", "5 minutes", "90 seconds"]


def test_a_launch_that_fails_closes_its_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    before = psutil.Process().num_fds()
    with pytest.raises(FileNotFoundError):
        ColdLauncher().launch(KernelOrder(tmp_path, Limits()), tmp_path / "connection.json")
    assert psutil.Process().num_fds() == before
