"""The context of a notebook outside a run: JupyterLab shows what the report's next run would show.

Finds the project, the template and its data, as of today, and extracts into a folder that goes when the kernel ends.
Never used in a run, where the kernel must not reach a database.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from reports.errors import NotFound
from reports.model import Filters, Period
from reports.periods import compute
from reports.results import Context
from reports.settings import Settings, load_settings
from reports.sources import Source, extract, registry
from reports.templates import Dataset, Template, find


def live_context(title: str | None, *, at: datetime | None = None) -> Context:
    """What the template called `title` would show if it were due at `at` (aware; default: now).

    A dataset reads the source that a run of the template would read. Raises NotFound when the project has no template
    of that title or no such source, ConfigError for odd settings and ExtractError when a dataset cannot be read.
    """
    at = at or datetime.now(UTC)
    root = project_root(Path.cwd())
    with contextlib.chdir(root):  # settings and their paths are relative to the project
        settings = load_settings()
        template = _template(settings, title)
        period = compute(template.period_policy, at, settings.zone, days=template.period_days)
        there = registry.registered(settings.store_url)
        datasets = {
            each.name: str(_extract(settings, each, registry.serving(each, there), period, at))
            for each in template.datasets
        }
    return Context(
        report=template.title,
        template=template.name,
        period=period.to_json(),
        comparison=period.before().to_json(),
        datasets=datasets,
        due_at=at.isoformat(),
        template_digest=template.digest,
        currency=settings.currency,
    )


def project_root(folder: Path) -> Path:
    """The nearest folder upwards with a gazette.toml or with templates; else where Gazette is installed."""
    for candidate in (folder, *folder.parents):
        if (candidate / "gazette.toml").is_file() or any((candidate / "notebooks").glob("*.ipynb")):
            return candidate
    return Path(__file__).resolve().parents[2]


def _template(settings: Settings, title: str | None) -> Template:
    templates = find(settings.notebooks_dir)
    wanted = [template for template in templates if title is None or template.title == title]
    if len(wanted) != 1:
        name = title or "notebook; call kit.report with the title in its gazette metadata first"
        raise NotFound("template titled", name)
    return wanted[0]


def _extract(settings: Settings, dataset: Dataset, source: Source, period: Period, at: datetime) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gazette-live-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / dataset.name
    extract(source, dataset, period, period.before(), Filters(), target, store_url=settings.store_url, at=at)
    return target
