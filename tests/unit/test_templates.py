"""Notebooks as templates: what is read, what is forgiven, and what keeps one from being published."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from reports import templates
from reports.errors import InvalidTemplate, NotFound
from reports.model import REPORT_FORMATS, Format, PeriodPolicy
from reports.notebook import read_notebook, syntax_tree
from reports.templates import Dataset, Finding, check, load

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
USAGE = NOTEBOOKS / "core_usage.ipynb"
PLAIN = NOTEBOOKS / "core_plain.ipynb"

Write = Callable[..., Path]


def markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "outputs": [], "source": source}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a notebook that is fit, but for what a test changes."""

    def write(
        gazette: Any = None, *, cells: list[Any] | None = None, name: str = "fit", metadata: Any = None, **top: Any
    ) -> Path:
        about = {"title": "Fit"} if gazette is None else gazette
        fit = [markdown("# Fit"), code("top: int = 10", "parameters"), code("print(top)")]
        notebook = {"nbformat": 4, "nbformat_minor": 5, "cells": fit if cells is None else cells}
        notebook["metadata"] = {"gazette": about} if metadata is None else metadata
        path = tmp_path / f"{name}.ipynb"
        path.write_text(json.dumps(notebook | top), encoding="utf-8")
        return path

    return write


def found(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.field) for finding in findings]


# Reading


def test_everything_a_notebook_says_about_itself() -> None:
    template = load(USAGE)
    assert (template.name, template.path, template.kernel) == ("core_usage", USAGE, "python3")
    assert template.title == "Usage summary"
    assert template.description == "What the gateway was used for."
    assert template.audience == "Platform owners"
    assert (template.period_policy, template.period_days) == (PeriodPolicy.LAST_N_DAYS, 14)
    assert template.formats == (Format.HTML, Format.XLSX)
    assert template.datasets == (
        Dataset("usage", source="usage", history_days=28),
        Dataset(
            "orders",
            connection="warehouse",
            sql="select day, amount from orders where day between :start and :end",
        ),
    )
    assert [(each.name, each.type, each.optional) for each in template.parameters] == [
        ("team", "str", True),
        ("top", "int", False),
        ("since", "date", True),
        ("view", "str", False),
    ]
    assert template.digest == sha256(USAGE.read_bytes()).hexdigest()


def test_a_notebook_that_says_nothing_is_still_a_template() -> None:
    template = load(PLAIN)
    assert template.title == "Core plain"
    assert template.parameters == ()
    assert template.datasets == ()
    assert (template.period_policy, template.period_days) == (PeriodPolicy.PREVIOUS_DAY, None)
    assert template.formats == REPORT_FORMATS


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Usage of the *gateway*", "Usage of the gateway"),
        ("Words first\n\n## **Second** level ##", "Second level"),
        ("```\n# a comment\n```\n# The [real](https://example.org) `title`", "The real title"),
        ("~~~\n# a\n```\n# b\n~~~\n# c", "c"),
        ("#hashtag\n\n    # code", "Fit"),
        ("# snake_case and 2*3*4", "snake_case and 234"),
    ],
)
def test_the_first_heading_is_the_title_where_none_is_given(write: Write, text: str, title: str) -> None:
    assert load(write({}, cells=[markdown(text)])).title == title


def test_a_source_may_be_one_text_or_a_list_of_lines(write: Write) -> None:
    cells = [markdown("# A"), code("a = 1\nb = 2", "parameters")]
    split = [markdown("# A"), code("", "parameters") | {"source": ["a = 1\n", "b = 2"]}]
    assert load(write(cells=cells)).parameters == load(write(cells=split)).parameters


def test_the_first_cell_tagged_so_declares_the_parameters(write: Write) -> None:
    path = write(cells=[code("other = 1"), code("a = 1", "x", "parameters"), code("b = 2", "parameters")])
    assert [parameter.name for parameter in load(path).parameters] == ["a"]


def test_the_digest_follows_the_bytes(write: Write) -> None:
    before = load(write()).digest
    assert load(write({"title": "Other"})).digest != before


@pytest.mark.parametrize(
    ("gazette", "field", "says"),
    [
        ([], "gazette", "object"),
        ({"title": 5}, "title", "must be text; got 5"),
        ({"period": "daily"}, "period", "object"),
        ({"period": {"policy": "daily"}}, "period.policy", "one of previous_day, last_7_days"),
        ({"period": {"policy": "last_n_days"}}, "period.days", "is needed"),
        ({"period": {"policy": "last_n_days", "days": 0}}, "period.days", "from 1 to"),
        ({"period": {"policy": "last_n_days", "days": True}}, "period.days", "from 1 to"),
        ({"formats": ["docx"]}, "formats", "list of html, pdf, xlsx"),
        ({"formats": []}, "formats", "list of"),
        ({"formats": "html"}, "formats", "list of"),
        ({"formats": [{}]}, "formats", "list of"),
        ({"datasets": ["usage"]}, "datasets", "object"),
        ({"datasets": {"usage": "usage"}}, "datasets.usage", "object"),
        ({"datasets": {"usage": {}}}, "datasets.usage", "needs either"),
        ({"datasets": {"o": {"connection": "w"}}}, "datasets.o", "needs either"),
        ({"datasets": {"o": {"sql": "select 1"}}}, "datasets.o", "needs either"),
        ({"datasets": {"o": {"source": "u", "connection": "w", "sql": "select 1"}}}, "datasets.o", "needs either"),
        ({"datasets": {"o": {"source": 5}}}, "datasets.o.source", "must be text"),
        ({"datasets": {"o": {"source": "u", "history_days": -1}}}, "datasets.o.history_days", "from 0"),
        ({"datasets": {"o": {"source": "u", "single_requests": 1}}}, "datasets.o.single_requests", "true or false"),
        ({"datasets": {"../x": {"source": "u"}}}, "datasets.../x", "cannot name a dataset"),
        ({"datasets": {"class": {"source": "u"}}}, "datasets.class", "cannot name a dataset"),
        ({"datasets": {"größe": {"source": "u"}}}, "datasets.größe", "cannot name a dataset"),
    ],
)
def test_odd_metadata_is_refused_by_field(write: Write, gazette: Any, field: str, says: str) -> None:
    path = write(gazette)
    with pytest.raises(InvalidTemplate, match=says) as caught:
        load(path)
    assert caught.value.field == field
    assert ("error", field) in found(check(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not valid JSON"),
        (b'{"cells": [', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "format 4"),
        (b'{"nbformat": 3, "worksheets": []}', "format 4"),
        (b'{"nbformat": 4}', "no list of cells"),
        (b'{"nbformat": 4, "cells": [], "metadata": []}', "not an object"),
        (b'{"nbformat": 4, "cells": ["a"]}', "cell 1"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 1"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', "cell 1"),
        (b'{"nbformat": 4, "cells": [{"cell_type": [], "source": ""}]}', "cell 1"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "metadata": []}]}', "cell 1"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "damaged.ipynb"
    path.write_bytes(content)
    with pytest.raises(InvalidTemplate, match=says) as caught:
        load(path)
    assert caught.value.field == "file"
    assert found(check(path)) == [("error", "file")]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidTemplate, match="cannot be read: No such file"):
        load(tmp_path / "none.ipynb")


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "language": "R"}},
        {"language_info": {"name": "julia"}},
        {"kernelspec": "python3"},
    ],
)
def test_only_python_notebooks_are_templates(write: Write, metadata: dict[str, Any]) -> None:
    path = write(metadata=metadata)
    with pytest.raises(InvalidTemplate) as caught:
        load(path)
    assert caught.value.field == "kernel"
    assert ("error", "kernel") in found(check(path))


def test_a_bad_parameter_names_itself(write: Write) -> None:
    path = write(cells=[markdown("# A"), code("x: dict = {}", "parameters")])
    with pytest.raises(InvalidTemplate, match="has the type dict") as caught:
        load(path)
    assert caught.value.field == "parameters.x"
    assert found(check(path)) == [("error", "parameters.x")]


# Finding


def test_a_folder_holds_the_templates_that_can_be_read(tmp_path: Path, write: Write) -> None:
    copy(USAGE, tmp_path)
    copy(PLAIN, tmp_path)
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / ".hidden.ipynb").write_text("{}")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "core_usage-checkpoint.ipynb").write_text("{}")
    (tmp_path / "folder.ipynb").mkdir()
    assert [template.name for template in templates.find(tmp_path)] == ["core_plain", "core_usage"]
    assert [path.name for path in templates.paths(tmp_path)] == ["broken.ipynb", "core_plain.ipynb", "core_usage.ipynb"]


def test_a_folder_that_does_not_exist_holds_none(tmp_path: Path) -> None:
    assert templates.find(tmp_path / "none") == []


def test_a_template_is_found_by_its_name(tmp_path: Path) -> None:
    copy(USAGE, tmp_path)
    assert templates.get(tmp_path, "core_usage").title == "Usage summary"


@pytest.mark.parametrize(
    "name", ["", "none", "core_usage.ipynb", "../notebooks/core_usage", "/etc/passwd", "core_*", "a\0"]
)
def test_another_name_finds_nothing(name: str) -> None:
    with pytest.raises(NotFound) as caught:
        templates.get(NOTEBOOKS, name)
    assert (caught.value.kind, caught.value.id) == ("template", name)


def test_a_broken_template_says_so_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(InvalidTemplate, match="not valid JSON"):
        templates.get(tmp_path, "broken")


# Publishing


def test_nothing_is_found_in_fit_notebooks(write: Write) -> None:
    assert check(USAGE) == []
    assert check(write()) == []


def test_a_notebook_may_run_and_yet_not_be_published() -> None:
    findings = check(PLAIN)
    assert found(findings) == [("warning", "title"), ("error", "parameters"), ("warning", "headings")]
    assert "tag one in JupyterLab" in findings[1].message


def test_a_parameters_cell_may_hold_only_a_comment(write: Write) -> None:
    assert check(write(cells=[markdown("# A"), code("# nothing to ask", "parameters")])) == []


def test_all_that_is_wrong_is_found_at_once(write: Write) -> None:
    about = {
        "title": 5,
        "period": {"policy": "x"},
        "formats": ["x"],
        "colour": "red",
        "datasets": {"a b": {}, "ok": {"source": "usage"}, "other": {"connection": "w"}},
    }
    cells = [markdown("# A\n### C"), code("x: dict = {}", "parameters"), code("y: int = 1", "parameters"), code("if")]
    path = write(name="no good!", cells=cells, metadata={"gazette": about, "kernelspec": {"name": "old"}})
    assert found(check(path)) == [
        ("error", "name"),
        ("warning", "colour"),
        ("error", "title"),
        ("error", "period.policy"),
        ("error", "formats"),
        ("error", "datasets.a b"),
        ("error", "datasets.other"),
        ("error", "kernel"),
        ("error", "parameters"),
        ("error", "parameters.x"),
        ("error", "cell 3"),
        ("warning", "headings"),
    ]


def test_a_kernel_must_exist_where_reports_run(write: Write) -> None:
    path = write(metadata={"gazette": {"title": "Fit"}, "kernelspec": {"name": "analysts", "language": "python"}})
    assert load(path).kernel == "analysts"
    (finding,) = check(path)
    assert "analysts is not known" in finding.message
    assert "python3" in finding.message
    assert check(path, kernels=("python3", "analysts")) == []


@pytest.mark.parametrize(
    ("sql", "doubtful"),
    [
        ("select * from orders", True),
        ("select * from orders where day >= :start", True),
        ("select day::start, 1::end from orders", True),
        ("select * from orders where day >= :started and day < :ended", True),
        ("select * from orders where day between :start and :end", False),
        ("select * from orders where at >= :start_at and at < :end_at", False),
    ],
)
def test_a_query_should_bind_the_period(write: Write, sql: str, doubtful: bool) -> None:
    path = write({"title": "Fit", "datasets": {"orders": {"connection": "warehouse", "sql": sql}}})
    assert found(check(path)) == [("warning", "datasets.orders.sql")] * doubtful


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = (", "line 1"),
        ("a = 1\nif a\n", "line 2"),
        ("name = input('Who? ')", "asks with input()"),
        ("def ask():\n    return int(input())", "line 2"),
        ("%%time\nx = input()", "asks with input()"),
        ("x = '\0'", "not valid Python"),
        ("(" * 5000, "not valid Python"),
    ],
)
def test_code_that_cannot_run_alone(write: Write, source: str, says: str) -> None:
    (finding,) = check(write(cells=[markdown("# A"), code("", "parameters"), code(source)]))
    assert (finding.level, finding.field) == ("error", "cell 2")
    assert says in finding.message


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nx = 1",
        "!pip list",
        "files = !ls\nfor f in files:\n    %time print(f)",
        "a, b = %who_ls",
        "len?\n?len\nlen??",
        "%%bash\nfor f in *; do input; done",
        "%%html\n<b>input()</b>",
        "%%time\nsum(range(10))",
        "\n%%capture out\nx = 1",
        "await something()",
        "async for x in y:\n    pass",
        "text = '''\n% is no magic here\n! neither\n'''",
        "rate = 5 % 3",
        "form.input(1)",
        "# input()",
        "pattern = '\\d'",
    ],
)
def test_what_ipython_allows_is_allowed(write: Write, source: str) -> None:
    assert check(write(cells=[markdown("# A"), code("", "parameters"), code(source)])) == []


def test_magics_keep_the_line_numbers() -> None:
    tree = syntax_tree("%%time\n%load_ext x\nx = !ls\ny = 1")
    assert tree is not None
    assert [statement.lineno for statement in tree.body][-1] == 4


@pytest.mark.parametrize(
    ("texts", "source", "says"),
    [
        (["Only words"], "", "no title"),
        (["## Section"], "", "no title"),
        (["# A", "# B"], "", "2 titles"),
        (["# A", "### C"], "", "`###` follows `#`"),
        (["# A", "## B\n#### D"], "", "`####` follows `##`"),
        (["# A"], "from reports import kit\nkit.report('A')", "2 titles"),
    ],
)
def test_doubtful_headings(write: Write, texts: list[str], source: str, says: str) -> None:
    findings = check(write(cells=[*map(markdown, texts), code("", "parameters"), code(source)]))
    assert [finding.level for finding in findings] == ["warning"]
    assert says in findings[0].message


@pytest.mark.parametrize(
    ("texts", "source"),
    [
        (["# A", "## B", "### C", "## D"], ""),
        (["## B"], "from reports import kit\n\nkit.report('A')"),
        ([], "from reports.kit import report\n\nreport('A')"),
    ],
)
def test_fine_headings(write: Write, texts: list[str], source: str) -> None:
    assert check(write(cells=[*map(markdown, texts), code("", "parameters"), code(source)])) == []


def test_code_cells_are_numbered_as_errors_name_them() -> None:
    assert [cell.number for cell in read_notebook(USAGE).code_cells()] == [1, 2, 3]


def test_reading_templates_imports_nothing_heavy() -> None:
    heavy = "papermill nbformat nbconvert nbclient pandas jupyter_client IPython sqlalchemy streamlit"
    script = (
        "import sys, pathlib, reports.templates as t\n"
        f"t.check(pathlib.Path({str(USAGE)!r}))\n"
        f"print([name for name in {heavy.split()} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=NOTEBOOKS.parents[1]
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("![](chart.png)", "'![](chart.png)' has no description"),
        ('<img src="data:x">', "has no description"),
        ('<img src="data:x" alt=" ">', "has no description"),
        ("see [](https://example.org)", "is a link without words"),
        ("see [here](https://example.org)", "does not say where the link leads"),
        ("<script>1</script>", "is left out of every report"),
        ("<iframe src='https://example.org'></iframe>", "is left out of every report"),
    ],
)
def test_texts_some_readers_would_miss(write: Write, text: str, says: str) -> None:
    path = write(cells=[markdown("# t"), code("", "parameters"), markdown(text)])
    (finding,) = check(path)
    assert (finding.level, finding.field) == ("warning", "text cell 2")
    assert says in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "![Sales by month](chart.png)",
        '<img src="data:x" alt="Sales">',
        "[the handbook](https://example.org)",
        "[![home](a.png)](https://example.org)",
        "```\n![](x)\n<script>\n```",
        "write `![](x)` or `<script>`",
        "a list[] (empty)",
    ],
)
def test_texts_that_are_fine(write: Write, text: str) -> None:
    assert check(write(cells=[markdown("# t"), code("", "parameters"), markdown(text)])) == []


@pytest.mark.parametrize(
    ("lang", "fine"), [("en", True), ("de-AT", True), ("", False), ("English!", False), (5, False)]
)
def test_the_language_is_a_tag(write: Write, lang: Any, fine: bool) -> None:
    findings = check(write({"title": "Fit", "lang": lang}))
    assert found(findings) == ([] if fine else [("error", "lang")])
