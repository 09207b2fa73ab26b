"""A template executed in a real kernel, as a run or as JupyterLab does, with what it displayed and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lxml.html
import nbclient
import nbformat
import pandas as pd
import pytest
from kit_snapshots import Plan, make_run

from reports.results import RUN_DIR_VARIABLE, Results, Table, read_results

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


class Executed:
    """One executed notebook with what it recorded."""

    def __init__(self, notebook: Any, run_dir: Path) -> None:
        self.notebook = notebook
        self.run_dir = run_dir
        self.results: Results = read_results(run_dir)

    @property
    def outputs(self) -> list[Any]:
        return [output for cell in self.notebook.cells for output in cell.get("outputs", [])]

    def of(self, role: str) -> list[Any]:
        return [each for each in self.outputs if each.metadata.get("gazette", {}).get("role") == role]

    def values(self) -> dict[str, float | int | None]:
        return self.results.metric_values()

    def html(self) -> str:
        return "".join(each.data.get("text/html", "") for each in self.outputs)

    def table(self, name: str) -> Table:
        (found,) = [table for table in self.results.tables if table.name == name]
        return found

    def sheet(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.run_dir / self.table(name).file)

    def shown(self, name: str) -> list[dict[str, str]]:
        """The rows of a table of the page, as label -> text."""
        root = lxml.html.fromstring(f"<main>{self.html()}</main>")
        heads = [head.text_content() for head in root.xpath(f"//table[@id='table-{name}']/thead//th")]
        rows = root.xpath(f"//table[@id='table-{name}']/tbody/tr")
        cells = [[cell.text_content() for cell in row.xpath("./th|./td")] for row in rows]
        return [dict(zip(heads, each, strict=True)) for each in cells]

    def footer(self, name: str) -> dict[str, str]:
        """The total row of a table of the page, by the words above its columns."""
        pages = [each.data["text/html"] for each in self.of("table")]
        (page,) = [page for page in pages if f'id="table-{name}"' in page]
        root = lxml.html.fromstring(page)
        heads = [head.text_content() for head in root.xpath("//thead//th")]
        cells = [cell.text_content() for cell in root.xpath("//tbody/tr[@class='total']/*")]
        return dict(zip(heads, cells, strict=True))


def execute(
    template: str, folder: Path, environment: Mapping[str, str], values: Mapping[str, Any] | None = None
) -> Executed:
    """Execute a template in `folder`, with values in the place of its parameters."""
    notebook = nbformat.read(NOTEBOOKS / f"{template}.ipynb", as_version=4)
    if values:
        lines = "\n".join(f"{name} = {value!r}" for name, value in values.items())
        notebook.cells.insert(1, nbformat.v4.new_code_cell(lines))
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client.execute()
    return Executed(notebook, folder)


def execute_run(
    template: str, run_dir: Path, plan: Plan, daily: Any = None, hourly: Any = None, **values: Any
) -> Executed:
    """Execute a template as a run over the rows given, or those of the plan."""
    run_dir.mkdir(exist_ok=True)
    make_run(run_dir, plan, daily, hourly)
    return execute(template, run_dir, {RUN_DIR_VARIABLE: str(run_dir)}, values)
