"""Make the pictures of README, docs and the choice of templates from a fresh demo: `python scripts/pictures.py`.

The demo's data is seeded, so that the pictures change only when the reports do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import page_pictures
from PIL import Image

from runner.browser_path import find_browser

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "images"
CARDS = ROOT / "web" / "pictures"
TEMPLATES = ("usage_summary", "cost_analysis", "user_activity", "model_performance")
WIDTH, HEIGHT = 1000, 1500  # pixels: the first screenful of a report, as a reader meets it
CARD = (400, 600)  # pixels of the small ones, twice what the page shows
COLOURS = 64


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gazette-pictures-") as name:
        folder = Path(name)
        out = folder / "report"
        gazette(folder, "demo", "--once")
        for template in TEMPLATES:
            gazette(folder, "render", template, "--period", "previous_week", "--formats", "html", "--out", str(out))
            picture = PICTURES / f"{template.replace('_', '-')}.png"
            shoot(out / f"{template}.html", picture, folder)
            shrink(picture, CARDS / f"{template}.png")
        page_pictures.make(folder, PICTURES)


def gazette(folder: Path, *arguments: str) -> dict[str, object]:
    environment = {**os.environ, "GAZETTE_DATA_DIR": str(folder / "state")}
    command = [sys.executable, "-m", "runner", *arguments, "--json"]
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def shoot(page: Path, picture: Path, folder: Path) -> None:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-background-networking"]
    sizes = [f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture}"]
    command = [str(find_browser(None)), *flags, *sandbox, *sizes, page.as_uri()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def shrink(picture: Path, card: Path) -> None:
    card.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as whole:
        small = whole.convert("RGB").resize(CARD, Image.Resampling.LANCZOS)
    small.quantize(COLOURS).save(card, optimize=True)


if __name__ == "__main__":
    main()
