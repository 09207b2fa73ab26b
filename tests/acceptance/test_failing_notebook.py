"""A notebook that fails: the run says where and why, subscribers get nothing, the owner is told."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import nbformat
from command import Gazette
from deliveries import mail_server


def write_failing_notebook(folder: Path) -> None:
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "gazette": {"title": "Stock", "description": "What is left.", "period": {"policy": "previous_day"}},
        },
        cells=[
            nbformat.v4.new_markdown_cell("# Stock"),
            nbformat.v4.new_code_cell("shelf: str = 'A'  # Which shelf", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("stock = {'A': 3}"),
            nbformat.v4.new_code_cell("print(stock['A'])\nleft = stock['B'] - 1\nprint(left)"),
        ],
    )
    nbformat.write(notebook, folder / "stock.ipynb")


def test_owner_is_told_and_subscribers_are_not(tmp_path: Path) -> None:
    write_failing_notebook(tmp_path / "notebooks")
    with mail_server() as mail:
        gazette = Gazette(
            tmp_path,
            {
                "notebooks_dir": str(tmp_path / "notebooks"),
                "smtp_host": "127.0.0.1",
                "smtp_port": str(mail.port),
                "smtp_security": "none",
            },
        )
        gazette.run("report", "add", "stock", "--owner", "owner@example.org", "--name", "Stock")
        gazette.run("subscribe", "Stock", "--email", "board@example.org")
        (run,) = gazette.json("report", "run", "Stock", "--wait", expect=1)["runs"]
        assert run["state"] == "failed"
        error = run["error"]
        assert (error["cell"], error["line"].strip()) == (3, "left = stock['B'] - 1")
        assert "KeyError" in error["message"] and "'B'" in error["message"]
        assert [delivery["kind"] for delivery in gazette.json("runs", "show", run["id"])["deliveries"]] == ["failure"]
        (told,) = mail.accepted
    message: Any = message_from_bytes(told.content, policy=policy.default)
    assert message["To"] == "owner@example.org"
    assert "Failed" in message["Subject"]
    text = message.get_body(("plain",)).get_content()
    assert "left = stock['B'] - 1" in text and "KeyError" in text
    shown = gazette.json("runs", "show", run["id"])
    assert not shown["artifacts"]
    assert [line["level"] for line in shown["log"]][-1] == "error"
