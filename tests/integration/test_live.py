"""Notebooks outside a run, in real kernels as JupyterLab starts them: their data are those a run would read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import clock
import nbclient
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from reports.sources import Source
from reports.store import Store

QUERY = "select day, pieces from orders where day between :start and :end order by day"
SHOW = """
from reports import kit
kit.report("Shop sales")
orders = kit.dataset("orders").data
print(len(orders), int(orders["pieces"].sum()))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a template over the connection `shop`, and the database it queries."""
    folder = tmp_path / "project"
    (folder / "notebooks").mkdir(parents=True)
    about = {
        "title": "Shop sales",
        "period": {"policy": "last_7_days"},
        "datasets": {"orders": {"connection": "shop", "sql": QUERY}},
    }
    notebook = new_notebook(cells=[new_code_cell(SHOW)], metadata={"gazette": about})
    nbformat.write(notebook, folder / "notebooks" / "shop_sales.ipynb")
    last = clock.yesterday()
    orders = [(str(last - timedelta(days=back)), 10 + back) for back in range(9)]
    with sqlite3.connect(folder / "shop.db") as shop:
        shop.execute("create table orders (day text, pieces integer)")
        shop.executemany("insert into orders values (?, ?)", orders)
    shop.close()
    return folder


def execute(project: Path, store: Store, sources: Sequence[Source], monkeypatch: pytest.MonkeyPatch) -> str:
    """What the notebook prints, started in its own folder with nothing set but the project's database."""
    for source in sources:
        store.add_source(source)
    monkeypatch.setenv("GAZETTE_DATABASE_URL", store.url.render_as_string(hide_password=False))
    folder = project / "notebooks"
    notebook = nbformat.read(folder / "shop_sales.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return "".join(output.text for output in notebook.cells[0].outputs if output.output_type == "stream")


def test_a_query_reads_its_named_connection(project: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL is relative to the project, and part of it is a variable, as in a run."""
    monkeypatch.setenv("GAZETTE_SOURCE_SHOP", "shop.db")
    sources = [Source("usage", "embedded"), Source("shop", "sql", "sqlite:///${GAZETTE_SOURCE_SHOP}")]
    assert execute(project, store, sources, monkeypatch) == f"7 {sum(10 + back for back in range(7))}\n"


def test_a_query_never_takes_another_source(project: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CellExecutionError, match=r"no source 'shop'\. The sources are: demo\."):
        execute(project, store, [Source("demo", "embedded")], monkeypatch)
