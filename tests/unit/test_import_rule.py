"""Who may import whom: the rule as data, held over every file by its syntax tree.

Imports inside functions and under TYPE_CHECKING count as well; a test on a made-up tree shows that the rule can fail.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PURE = (
    "reports/model.py",
    "reports/cron.py",
    "reports/periods.py",
    "reports/parameters.py",
    "reports/retry.py",
    "reports/errors.py",
    "reports/results.py",
    "reports/conditions.py",
    "reports/notebook.py",
    "reports/planning.py",
    "reports/changes.py",
    "reports/filenames.py",
)
PURE_MODULES = tuple(path.removesuffix(".py").replace("/", ".") for path in PURE)
STANDARD = tuple(sorted(sys.stdlib_module_names))
HEAVY = ("papermill", "nbconvert", "nbclient", "schedule", "yagmail", "requests")
DATABASE = ("sqlalchemy", "alembic")


@dataclass(frozen=True)
class Rule:
    """What the files under `paths` (but not under `but`) may import (None: anything) and what they never may."""

    paths: tuple[str, ...]
    only: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


RULES = (
    Rule(PURE, only=(*STANDARD, "cronsim", *PURE_MODULES)),
    Rule(("reports/",), never=("streamlit", *HEAVY, "fastapi", "starlette", "runner", "web", "app")),
    Rule(("reports/",), never=DATABASE, but=("reports/store/", "reports/sources/")),
    Rule(
        ("reports/kit/",),
        only=(*STANDARD, "pandas", "numpy", "plotly", "pyarrow", "scipy", "statsmodels", "IPython", "reports"),
        never=("reports.store", "reports.service"),
    ),
    Rule(("reports/settings.py",), never=("reports.store", "reports.sources", "reports.kit", "reports.service")),
    Rule(("runner/",), never=("streamlit", "web", "app")),
    Rule(("app.py", "web/"), never=("runner", *HEAVY)),
    Rule(("notebooks/",), only=(*STANDARD, "reports.kit", "pandas", "plotly")),
)

# `os.environ` and `os.getenv`: settings.py reads the configuration, the kit the one variable that names a run's folder.
ENVIRONMENT_RULE = Rule(("reports/", "web/", "app.py"), but=("reports/settings.py", "reports/kit/"))


@dataclass(frozen=True)
class Import:
    path: str  # relative to the root, with slashes
    line: int
    module: str


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def applies(rule: Rule, path: str) -> bool:
    return path.startswith(rule.paths) and not path.startswith(rule.but or ("\0",))


def files(root: Path) -> Iterator[tuple[str, str]]:
    """Path and source of every Python file and of every code cell that the rules are about."""
    paths = [
        *root.glob("*.py"),
        *(path for part in ("reports", "runner", "web") for path in (root / part).rglob("*.py")),
    ]
    for path in sorted(paths):
        yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                source = "".join(cell["source"])
                magics = (line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
                yield path.relative_to(root).as_posix(), "\n".join(magics)


def imports(path: str, source: str) -> Iterator[Import]:
    package = path.split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:  # `from reports import store` imports reports.store
                yield Import(path, node.lineno, f"{base}.{alias.name}")
        elif isinstance(node, ast.Call) and node.args and _is_dynamic(node.func):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(path, node.lineno, name.value)


def _is_dynamic(function: ast.expr) -> bool:
    return ast.unparse(function) in {"__import__", "import_module", "importlib.import_module"}


def broken(root: Path) -> list[str]:
    found = []
    for path, source in files(root):
        rules = [rule for rule in RULES if applies(rule, path)]
        for each in imports(path, source):
            for rule in rules:
                allowed = rule.only is None or any(within(each.module, package) for package in rule.only)
                if not allowed or any(within(each.module, package) for package in rule.never):
                    found.append(f"{each.path}:{each.line} imports {each.module}")
    return list(dict.fromkeys(found))


def circle(root: Path) -> list[str]:
    """Modules of which each imports the next, and the last is the first again; none where there is no such circle."""
    sources = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (path, source)
        for path, source in files(root)
        if path.endswith(".py")
    }
    graph: dict[str, set[str]] = {}
    for name, (path, source) in sources.items():
        for each in imports(path, source):
            module = each.module if each.module in sources else each.module.rpartition(".")[0]
            if module in sources and module != name:
                graph.setdefault(name, set()).add(module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def environment_readers(root: Path) -> list[str]:
    found = []
    for path, source in files(root):
        if not applies(ENVIRONMENT_RULE, path):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
                found.append(f"{path}:{node.lineno} reads the environment")
    return found


# The rule over this project


def test_every_file_keeps_the_rule() -> None:
    assert broken(ROOT) == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle(ROOT) == []


def test_the_rule_sees_the_project() -> None:
    seen = {path for path, _ in files(ROOT)}
    assert set(PURE) <= seen
    assert {"reports/settings.py", "runner/ports.py", "web/__init__.py"} <= seen


def test_only_settings_read_the_environment() -> None:
    assert environment_readers(ROOT) == []


# The rule itself


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("reports/cron.py", "import pandas"),
        ("reports/model.py", "from reports.settings import Settings"),
        ("reports/periods.py", "from reports import store"),
        ("reports/retry.py", "from .store import Store"),
        ("reports/archive.py", "import sqlalchemy.orm"),
        ("reports/service.py", "from runner.wiring import build"),
        ("reports/service.py", "def send():\n    import requests"),
        ("reports/store/queries.py", "import streamlit as st"),
        ("reports/store/queries.py", "if TYPE_CHECKING:\n    from web.api import router"),
        ("reports/sources/sql.py", "import importlib\nimportlib.import_module('papermill.execute')"),
        ("reports/kit/data.py", "from reports.store import Store"),
        ("reports/kit/data.py", "from ..service import run"),
        ("reports/kit/data.py", "import httpx"),
        ("runner/loop.py", "try:\n    import streamlit\nexcept ImportError:\n    pass"),
        ("runner/tick.py", "import web"),
        ("runner/deliver/email.py", "from app import application"),
        ("app.py", "import runner.cli"),
        ("web/api.py", "__import__('papermill')"),
        ("web/app_pages/explore.py", "from nbconvert import HTMLExporter"),
        ("notebooks/usage.ipynb", "import sqlalchemy"),
        ("notebooks/usage.ipynb", "%matplotlib inline\nfrom reports.store import Store"),
        ("notebooks/usage.ipynb", "from reports import service"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, path: str, source: str) -> None:
    write(tmp_path, path, source)
    (finding,) = broken(tmp_path)
    assert finding.startswith(f"{path}:")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("reports/cron.py", "from cronsim import CronSim\nfrom reports.errors import InvalidCron\nimport zoneinfo"),
        ("reports/store/engine.py", "import sqlalchemy\nfrom reports.model import Run\nfrom . import tables"),
        ("reports/sources/sql.py", "from sqlalchemy import text\nimport pyarrow"),
        ("reports/kit/data.py", "import pandas\nfrom reports.sources import extract\nfrom .format import money"),
        ("reports/archive.py", "import fsspec"),
        ("reports/archive.py", "import requests_like_name\nimport webcolors"),
        ("runner/pipeline.py", "import papermill, requests, schedule\nfrom reports.store import Store"),
        ("app.py", "import streamlit\nfrom reports.service import Service\nfrom web import api"),
        ("notebooks/usage.ipynb", "from reports import kit\nimport pandas as pd\nfrom datetime import date"),
        ("tests/anything.py", "import runner, web"),
    ],
)
def test_what_is_allowed_is_not_found(tmp_path: Path, path: str, source: str) -> None:
    write(tmp_path, path, source)
    assert broken(tmp_path) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    write(tmp_path, "reports/kit/__init__.py", "from reports.kit.context import period")
    write(tmp_path, "reports/kit/context.py", "def period():\n    from reports.kit import live")
    write(tmp_path, "reports/kit/live.py", "from reports.results import Context")
    assert circle(tmp_path) == []
    write(tmp_path, "reports/kit/live.py", "from reports.kit.context import Context")
    found = circle(tmp_path)
    assert (set(found), found[0]) == ({"reports.kit.context", "reports.kit.live"}, found[-1])


def test_a_reader_of_the_environment_is_found(tmp_path: Path) -> None:
    write(tmp_path, "reports/service.py", "import os\nos.environ['HOME']")
    write(tmp_path, "reports/settings.py", "import os\nos.environ['HOME']")
    assert environment_readers(tmp_path) == ["reports/service.py:2 reads the environment"]


def write(root: Path, path: str, source: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".ipynb"):
        source = json.dumps({"cells": [{"cell_type": "code", "source": source.splitlines(keepends=True)}]})
    target.write_text(source, encoding="utf-8")


# What importing costs


def test_the_runner_keeps_the_slow_format_checker_out_before_anything_else() -> None:
    """Its grammar costs 1.2 s in every process (SPEED.md): the first statement of runner says it is not there."""
    _docstring, needed, first = ast.parse((ROOT / "runner/__init__.py").read_text(encoding="utf-8")).body[:3]
    assert ast.unparse(needed) == "import sys"
    assert ast.unparse(first) == "sys.modules.setdefault('rfc3987_syntax', None)"
    answer = python("import runner, sys; print('rfc3987_syntax' in sys.modules, sys.modules['rfc3987_syntax'])")
    assert answer == "True None"


def test_an_import_of_that_checker_fails_in_the_runner() -> None:
    script = "import runner\ntry:\n    import rfc3987_syntax\nexcept ImportError:\n    print('kept out')"
    assert python(script) == "kept out"


@pytest.mark.parametrize("module", PURE_MODULES)
def test_a_pure_module_loads_only_the_standard_library_and_cronsim(module: str) -> None:
    """Transitively too, beside what the interpreter has loaded at start."""
    script = f"import sys; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    roots = {name.split(".")[0] for name in python(script).split() if not name.startswith("_sysconfigdata")}
    assert roots - set(STANDARD) <= {"reports", "cronsim"}


def python(script: str) -> str:
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return answer.stdout.strip()
