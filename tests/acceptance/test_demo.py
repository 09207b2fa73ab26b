"""From an empty folder to delivered reports by one command."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from email import policy
from email.parser import BytesParser
from pathlib import Path

import clock
import pikepdf
from command import ROOT, Gazette


def test_demo_delivers_a_report_and_repeats_nothing(tmp_path: Path) -> None:
    gazette = Gazette(tmp_path, cold=True)
    clock.clear_of(hour=7, seconds=100)  # a new due time is rightly not repeated but run
    first = gazette.json("demo", "--once")
    assert first["runs"]
    for run in first["runs"]:
        assert run["state"] == "succeeded", run
        assert {"html", "pdf", "xlsx", "notebook"} <= {item["format"] for item in run["artifacts"]}
        for artifact in run["artifacts"]:
            content = Path(artifact["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == artifact["sha256"]
            assert len(content) == artifact["bytes"]
        assert [delivery["state"] for delivery in run["deliveries"]] == ["sent"]
        check_mail(Path(run["deliveries"][0]["path"]), run["report"])
    assert gazette.json("demo", "--once") == first
    listed = gazette.json("runs", "list")["runs"]
    assert len(listed) == len(first["runs"])


def check_mail(path: Path, report: str) -> None:
    message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    attached = {part.get_content_type() for part in message.iter_attachments()}
    assert "application/pdf" in attached
    body = message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert text.startswith(report)
    assert len(re.findall(r"^[A-Z][^:\n]+: .*\d", text, re.MULTILINE)) >= 4, "too few figures"
    pdf = next(part for part in message.iter_attachments() if part.get_content_type() == "application/pdf")
    with pikepdf.open(io.BytesIO(pdf.get_content())) as opened:
        assert len(opened.pages) >= 1


def test_data_folder_is_an_option(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "model_performance.ipynb", tmp_path / "notebooks")
    gazette = Gazette(tmp_path, {"notebooks_dir": str(tmp_path / "notebooks")})
    (run,) = gazette.json("demo", "--once", "--data", tmp_path / "elsewhere")["runs"]
    assert Path(run["artifacts"][0]["path"]).is_relative_to(tmp_path / "elsewhere")
    assert not (tmp_path / "state").exists()
