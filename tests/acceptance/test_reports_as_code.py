"""The operators' example of reports as code, with the commands that stand beside it."""

from __future__ import annotations

import re
from pathlib import Path

from command import ROOT, Gazette

PAGE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_is_applied_exported_and_applied_again(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    here = Gazette(tmp_path / "here", {"notebooks_dir": str(ROOT / "notebooks"), "signing_finance": SECRET})
    file = here.folder / "reports.yaml"
    file.write_text(example, encoding="utf-8")
    dry = here.run("apply", "reports.yaml", "--dry-run").stdout
    assert '+ report "Daily usage"' in dry
    assert "3 to create, 0 unchanged." in dry
    assert here.json("report", "list")["reports"] == []
    assert "3 created, 0 unchanged." in here.run("apply", "reports.yaml").stdout
    assert here.json("apply", "reports.yaml") == {"dry_run": False, "unchanged": 3, "changes": []}
    here.run("export", "--out", "exported.yaml")
    exported = (here.folder / "exported.yaml").read_text(encoding="utf-8")
    assert SECRET not in exported
    there = Gazette(tmp_path / "there", {"notebooks_dir": str(ROOT / "notebooks")})
    (there.folder / "exported.yaml").write_text(exported, encoding="utf-8")
    made = there.json("apply", "exported.yaml")
    assert [change["action"] for change in made["changes"]] == ["create"] * 3
    assert there.run("export").stdout == exported
    changed = exported.replace("0 7 * * 1-5", "0 8 * * 1-5")
    (there.folder / "exported.yaml").write_text(changed, encoding="utf-8")
    assert 'cron: "0 7 * * 1-5" -> "0 8 * * 1-5"' in there.run("apply", "exported.yaml").stdout
    (there.folder / "exported.yaml").write_text(changed.replace("0 8", "0 99"), encoding="utf-8")
    assert "reports[0].cron: " in there.run("apply", "exported.yaml", expect=2).stderr
    refused = there.run("apply", "reports.yaml", expect=2).stderr
    assert "reports.yaml: cannot be read: No such file" in refused
    assert "0 8 * * 1-5" in there.run("export").stdout
    (there.folder / "reports.yaml").write_text(example, encoding="utf-8")
    assert "GAZETTE_SIGNING_FINANCE" in there.run("apply", "reports.yaml", expect=2).stderr
