"""The page for analysts: its code, cell by cell, is a template that passes its checks and makes a report."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import nbformat
from command import ROOT, Gazette

PAGE = (ROOT / "docs" / "writing-templates.md").read_text(encoding="utf-8")
ORDERS = [
    ("2026-11-09", "Teapot", 2, 50.0),
    ("2026-11-10", "Cup", 12, 48.0),
    ("2026-11-12", "Teapot", 1, 25.0),
    ("2026-11-16", "Cup", 99, 396.0),  # after the week
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def write_page_as_notebook(folder: Path) -> None:
    folder.mkdir()
    (about,) = blocks("json")
    cells = [nbformat.v4.new_code_cell(block.rstrip()) for block in blocks("python")]
    cells[0].metadata["tags"] = ["parameters"]
    cells.insert(-1, nbformat.v4.new_markdown_cell("## Since the last report"))
    cells.insert(-3, nbformat.v4.new_markdown_cell("## Best products"))
    cells.insert(-5, nbformat.v4.new_markdown_cell("## Sales a day"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "gazette": json.loads(about)}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata, cells=cells), folder / "shop_sales.ipynb")


def test_the_page_makes_a_report(tmp_path: Path) -> None:
    write_page_as_notebook(tmp_path / "notebooks")
    shop = tmp_path / "shop.db"
    with sqlite3.connect(shop) as connection:
        connection.execute("create table orders (day text, product text, pieces integer, amount real)")
        connection.executemany("insert into orders values (?, ?, ?, ?)", ORDERS)
    gazette = Gazette(tmp_path, {"notebooks_dir": str(tmp_path / "notebooks")})
    gazette.run("source", "add", "shop", f"sqlite:///{shop}")
    findings = gazette.json("template", "check", "shop_sales")["templates"]["shop_sales"]
    assert [finding for finding in findings if finding["level"] == "error"] == []
    arguments = ("--formats", "html,pdf,xlsx", "--out", tmp_path / "out", "--at", "2026-11-16T08:00Z")
    made = gazette.json("render", "shop_sales", *arguments)
    assert made["period"] == {"start": "2026-11-09", "end": "2026-11-15", "zone": "UTC"}
    assert made["metrics"] == {"pieces": 15, "amount": 123.0, "products": 2}
    html = (tmp_path / "out" / "shop_sales.html").read_text(encoding="utf-8")
    assert "There is no earlier report to compare with." in html
    assert "Shop sales" in html and "Teapot" in html and 'role="img"' in html
    gazette.run("report", "add", "shop_sales", "--cron", "0 8 * * 1", "--zone", "Europe/Berlin")
