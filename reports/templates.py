"""Notebooks as Templates: what a notebook says about itself, and whether it may be published.

A template is an ordinary notebook; everything in its metadata `gazette` is optional. Files are read with json and ast:
nothing here executes a notebook or imports papermill.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reports.errors import InvalidParameter, InvalidTemplate, NotFound
from reports.model import REPORT_FORMATS, Format, PeriodPolicy
from reports.notebook import Notebook, level_gaps, read_notebook, syntax_tree
from reports.parameters import Parameter, read_parameters

METADATA_KEY = "gazette"
DEFAULT_KERNEL = "python3"
MAX_PERIOD_DAYS = 3660  # ten years; more is a typing error
KNOWN_KEYS = ("title", "description", "audience", "period", "datasets", "formats", "lang")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

_FENCED = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_TEXT_FAULTS = {
    re.compile(r"!\[\s*\]\([^)]*\)|<img(?![^>]*\balt=\s*[\"']\s*[^\"'\s])[^>]*>", re.IGNORECASE): (
        "has no description; write what it shows between the square brackets, or in alt="
    ),
    re.compile(
        r"(?<!!)\[\s*\]\([^)]*\)|<a\b[^>]*>\s*</a>", re.IGNORECASE
    ): "is a link without words; name where it leads",
    re.compile(r"(?<!!)\[\s*(click here|here|link|more|this)\s*\]\([^)]*\)", re.IGNORECASE): (
        "does not say where the link leads; screen readers list links by their words"
    ),
    re.compile(r"<(script|style|iframe|object|embed|form)\b[^>]*>", re.IGNORECASE): "is left out of every report",
}


@dataclass(frozen=True)
class Dataset:
    """Data a template declares: usage from a named source, or rows of a query over a named connection."""

    name: str
    source: str | None = None
    connection: str | None = None
    sql: str | None = None
    history_days: int = 0  # days before the comparison that the notebook wants as well
    single_requests: bool = False  # usage: also how long each request took and what went wrong, for percentiles


@dataclass(frozen=True)
class Template:
    """A parameterised notebook. `digest` is the sha256 of the file; `name` is the file's name without its ending."""

    name: str
    path: Path
    title: str
    description: str = ""
    audience: str = ""
    period_policy: PeriodPolicy = PeriodPolicy.PREVIOUS_DAY
    period_days: int | None = None
    datasets: tuple[Dataset, ...] = ()
    formats: tuple[Format, ...] = REPORT_FORMATS
    parameters: tuple[Parameter, ...] = ()
    digest: str = ""
    kernel: str = DEFAULT_KERNEL


@dataclass(frozen=True)
class Finding:
    """What `check` has to say about one part of a notebook. An error keeps it from being published."""

    level: Literal["error", "warning"]
    field: str
    message: str


def load(path: Path) -> Template:
    """The template in one file. Raises InvalidTemplate naming what cannot be used; a missing part has a default."""
    notebook = read_notebook(path)
    about = read_about(notebook)
    policy, days = read_period(about)
    return Template(
        name=path.stem,
        path=path,
        title=read_text(about, "title") or _first_heading(notebook) or _title_of(path),
        description=read_text(about, "description"),
        audience=read_text(about, "audience"),
        period_policy=policy,
        period_days=days,
        datasets=read_datasets(about),
        formats=read_formats(about),
        parameters=read_declared(notebook),
        digest=notebook.digest,
        kernel=read_kernel(notebook),
    )


def paths(notebooks_dir: Path) -> list[Path]:
    """Every notebook file of the folder, readable or not, sorted by name."""
    return sorted(path for path in notebooks_dir.glob("*.ipynb") if path.is_file() and not path.name.startswith("."))


def find(notebooks_dir: Path) -> list[Template]:
    """Every template of the folder; a file that cannot be read is left out here and explained by `check`."""
    templates = []
    for path in paths(notebooks_dir):
        try:
            templates.append(load(path))
        except InvalidTemplate:
            continue
    return templates


def get(notebooks_dir: Path, name: str) -> Template:
    """The template called `name`. Raises NotFound, also for a name that points out of the folder."""
    for path in paths(notebooks_dir):
        if path.stem == name:
            return load(path)
    raise NotFound("template", name)


# What the notebook says about itself


def read_about(notebook: Notebook) -> dict[str, Any]:
    about = notebook.metadata.get(METADATA_KEY, {})
    if not isinstance(about, dict):
        raise InvalidTemplate(METADATA_KEY, 'must be an object such as {"title": "Usage"}')
    return about


def read_text(about: Mapping[str, Any], key: str) -> str:
    value = about.get(key, "")
    if not isinstance(value, str):
        raise InvalidTemplate(key, f"must be text; got {value!r}")
    return " ".join(value.split())


def _first_heading(notebook: Notebook) -> str:
    return next((heading.text for heading in notebook.headings()), "")


def _title_of(path: Path) -> str:
    words = re.sub(r"[_\-\s]+", " ", path.stem).strip()
    return words[:1].upper() + words[1:]


def read_period(about: Mapping[str, Any]) -> tuple[PeriodPolicy, int | None]:
    period = about.get("period", {})
    if not isinstance(period, dict):
        raise InvalidTemplate("period", 'must be an object such as {"policy": "previous_day"}')
    try:
        policy = PeriodPolicy(period.get("policy", PeriodPolicy.PREVIOUS_DAY))
    except ValueError as error:
        known = ", ".join(PeriodPolicy)
        raise InvalidTemplate("period.policy", f"must be one of {known}; got {period['policy']!r}") from error
    days = period.get("days")
    if days is not None and (type(days) is not int or not 1 <= days <= MAX_PERIOD_DAYS):
        raise InvalidTemplate("period.days", f"must be a whole number from 1 to {MAX_PERIOD_DAYS}; got {days!r}")
    if policy is PeriodPolicy.LAST_N_DAYS and days is None:
        raise InvalidTemplate("period.days", "is needed with the policy last_n_days")
    return policy, days


def read_language(about: Mapping[str, Any]) -> str:
    """The language of the report's text as a tag such as en or de-AT; English where none is given."""
    language = about.get("lang", "en")
    if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
        raise InvalidTemplate("lang", f"must be a language tag such as en or de; got {language!r}")
    return language


def read_formats(about: Mapping[str, Any]) -> tuple[Format, ...]:
    names = about.get("formats", list(REPORT_FORMATS))
    if not isinstance(names, list) or not names or not all(name in REPORT_FORMATS for name in names):
        known = ", ".join(REPORT_FORMATS)
        raise InvalidTemplate("formats", f"must be a list of {known}; got {names!r}")
    return tuple(Format(name) for name in dict.fromkeys(names))


def read_datasets(about: Mapping[str, Any]) -> tuple[Dataset, ...]:
    datasets = about.get("datasets", {})
    if not isinstance(datasets, dict):
        raise InvalidTemplate("datasets", 'must be an object such as {"usage": {"source": "usage"}}')
    return tuple(read_dataset(name, spec) for name, spec in datasets.items())


def read_dataset(name: str, spec: Any) -> Dataset:
    """One declared dataset. Raises InvalidTemplate unless it has either a source or a connection with SQL."""
    field = f"datasets.{name}"
    if not is_plain_name(name):
        raise InvalidTemplate(field, f"{name!r} cannot name a dataset; use letters, digits and _")
    if not isinstance(spec, dict):
        raise InvalidTemplate(field, 'must be an object such as {"source": "usage"}')
    source, connection, sql = (_optional_text(field, spec, key) for key in ("source", "connection", "sql"))
    if (source is None) == (connection is None) or (connection is None) != (sql is None):
        raise InvalidTemplate(field, 'needs either "source", or "connection" together with "sql"')
    history = spec.get("history_days", 0)
    if type(history) is not int or not 0 <= history <= MAX_PERIOD_DAYS:
        raise InvalidTemplate(f"{field}.history_days", f"must be a whole number from 0 to {MAX_PERIOD_DAYS}")
    single = spec.get("single_requests", False)
    if type(single) is not bool:
        raise InvalidTemplate(f"{field}.single_requests", f"must be true or false; got {single!r}")
    return Dataset(name, source, connection, sql, history, single)


def is_plain_name(name: str) -> bool:
    """Whether `name` is safe as a Python name and as a file name: ASCII, an identifier, no keyword."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _optional_text(field: str, spec: Mapping[str, Any], key: str) -> str | None:
    value = spec.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise InvalidTemplate(f"{field}.{key}", f"must be text; got {value!r}")
    return value


def read_declared(notebook: Notebook) -> tuple[Parameter, ...]:
    """The parameters of the first cell tagged so, which is the one papermill replaces; none is fine."""
    cells = notebook.parameters_cells()
    if not cells:
        return ()
    try:
        return read_parameters(cells[0].source)
    except InvalidParameter as error:
        field = "parameters" if error.field == "parameters" else f"parameters.{error.field}"
        raise InvalidTemplate(field, error.message) from error


def read_kernel(notebook: Notebook) -> str:
    """The name of the kernel. Raises InvalidTemplate for another language than Python."""
    spec = notebook.metadata.get("kernelspec", {})
    info = notebook.metadata.get("language_info", {})
    if not isinstance(spec, dict) or not isinstance(info, dict):
        raise InvalidTemplate("kernel", "has damaged metadata; choose a kernel in JupyterLab and save again")
    language = spec.get("language") or info.get("name") or "python"
    if str(language).lower() not in {"python", "ipython"}:
        raise InvalidTemplate("kernel", f"is for {language}; Gazette runs Python notebooks")
    return str(spec.get("name") or DEFAULT_KERNEL)


# Whether it may be published


def check(path: Path, kernels: tuple[str, ...] = (DEFAULT_KERNEL,)) -> list[Finding]:
    """All that is wrong or doubtful with the notebook at `path`; nothing if it is fit to be published.

    `kernels` names those that exist where reports run.
    """
    try:
        notebook = read_notebook(path)
    except InvalidTemplate as error:
        return [_refusal(error)]
    return [
        *_check_name(path),
        *_check_about(notebook),
        *_check_kernel(notebook, kernels),
        *_check_parameters(notebook),
        *_check_code(notebook),
        *_check_headings(notebook),
        *_check_texts(notebook),
    ]


def _refusal(error: InvalidTemplate) -> Finding:
    return Finding("error", error.field, error.message)


def _refused(read: Callable[..., object], *arguments: object) -> list[Finding]:
    try:
        read(*arguments)
    except InvalidTemplate as error:
        return [_refusal(error)]
    return []


def _check_name(path: Path) -> Iterator[Finding]:
    if not re.fullmatch(r"\w[\w.-]{0,99}", path.stem):
        yield Finding("error", "name", f"{path.name} is not a plain file name; use letters, digits, - and _")


def _check_about(notebook: Notebook) -> Iterator[Finding]:
    if refusals := _refused(read_about, notebook):
        yield from refusals
        return
    about = read_about(notebook)
    for key in about:
        if key not in KNOWN_KEYS:
            yield Finding("warning", key, f"is not read; the metadata `gazette` knows {', '.join(KNOWN_KEYS)}")
    for key in ("title", "description", "audience"):
        yield from _refused(read_text, about, key)
    if not about.get("title"):
        yield Finding("warning", "title", "is missing in the metadata `gazette`; lists will show the first heading")
    yield from _refused(read_period, about)
    yield from _refused(read_formats, about)
    yield from _refused(read_language, about)
    datasets = about.get("datasets", {})
    if not isinstance(datasets, dict):
        yield from _refused(read_datasets, about)
        return
    for name, spec in datasets.items():
        yield from _refused(read_dataset, name, spec) or _check_sql(name, spec.get("sql"))


def _check_sql(name: str, sql: str | None) -> Iterator[Finding]:
    if sql is not None and not all(re.search(rf"(?<!:):{bound}(_at)?\b", sql) for bound in ("start", "end")):
        message = "reads every row whatever the period; bind :start and :end in its where clause"
        yield Finding("warning", f"datasets.{name}.sql", message)


def _check_kernel(notebook: Notebook, kernels: tuple[str, ...]) -> Iterator[Finding]:
    if refusals := _refused(read_kernel, notebook):
        yield from refusals
    elif (kernel := read_kernel(notebook)) not in kernels:
        known = ", ".join(kernels)
        yield Finding(
            "error", "kernel", f"{kernel} is not known where reports run; choose {known} in JupyterLab and save"
        )


def _check_parameters(notebook: Notebook) -> Iterator[Finding]:
    cells = notebook.parameters_cells()
    if not cells:
        message = "there is no cell tagged `parameters`; tag one in JupyterLab (it may hold only a comment)"
        yield Finding("error", "parameters", message)
    if len(cells) > 1:
        yield Finding("error", "parameters", f"{len(cells)} cells are tagged `parameters`; keep one")
    yield from _refused(read_declared, notebook)


def _check_code(notebook: Notebook) -> Iterator[Finding]:
    for cell in notebook.code_cells():
        field = f"cell {cell.number}"
        try:
            tree = syntax_tree(cell.source)
        except SyntaxError as error:
            yield Finding("error", field, f"is not valid Python: {error.msg} (line {error.lineno or 1})")
            continue
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "input":
                message = f"line {node.lineno} asks with input(), and nobody answers in a run; make it a parameter"
                yield Finding("error", field, message)


def _check_headings(notebook: Notebook) -> Iterator[Finding]:
    levels = [heading.level for heading in notebook.headings()]
    titles = levels.count(1) + _draws_its_title(notebook)
    if titles == 0:
        yield Finding("warning", "headings", "there is no title; begin the first Markdown cell with `# `")
    if titles > 1:
        yield Finding("warning", "headings", f"there are {titles} titles; keep one `# ` and write `## ` for sections")
    for before, after in level_gaps(levels):
        message = f"`{'#' * after}` follows `{'#' * before}`; go down one level at a time, screen readers rely on it"
        yield Finding("warning", "headings", message)


def _check_texts(notebook: Notebook) -> Iterator[Finding]:
    """What text cells hold that some readers would miss, or that no report shows."""
    for cell in notebook.cells:
        if cell.kind != "markdown":
            continue
        for pattern, message in _TEXT_FAULTS.items():
            if found := pattern.search(_FENCED.sub("", cell.source)):
                yield Finding("warning", f"text cell {cell.number}", f"{found[0][:60]!r} {message}")


def _draws_its_title(notebook: Notebook) -> bool:
    """Whether the notebook lets the kit write its title: `kit.report()` after an import of reports.kit."""
    source = "\n".join(cell.source for cell in notebook.code_cells())
    return "reports" in source and re.search(r"^\s*(kit\.)?report\(", source, re.MULTILINE) is not None
