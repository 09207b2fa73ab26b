"""One report by hand and the wiring: real kernel, real browser, no row written."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from running import write_notebook

from reports import templates
from reports.errors import ConfigError, ExecutionError, Forbidden, NotFound
from reports.links import Links
from reports.model import (
    Artifact,
    ChannelKind,
    Format,
    Period,
    PeriodPolicy,
    Report,
    RunKind,
    Stage,
    Subscription,
)
from reports.planning import planned_run
from reports.seals import Seals, check_file_seal, subscription_of
from reports.settings import Settings, load_settings
from reports.sources import Source
from reports.store import Store
from runner.deliver.email import EmailChannel
from runner.deliver.outbox import OutboxChannel
from runner.deliver.webhook import WebhookChannel
from runner.once import RenderRequest, Work, render_once
from runner.wiring import limits_of, make_channels

AT = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
REPORT = Report("r1", "Daily", "sample", "owner@example.org", "", "UTC", PeriodPolicy.PREVIOUS_DAY)
DAY = Period(date(2026, 11, 15), date(2026, 11, 15), "Europe/Berlin")
USAGE = {"usage": {"source": "usage"}}
COUNTS = """
import json, os
from pathlib import Path
import pandas as pd
from reports.results import append
daily = pd.read_parquet("datasets/usage/daily.parquet")
today = daily[daily.day.astype(str) == "2026-11-15"]
append(Path.cwd(), "metric", {"name": "requests", "label": "Requests", "value": int(today.requests.sum())})
today[["model", "requests"]]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(data_dir=tmp_path / "state", notebooks_dir=tmp_path / "notebooks")
    settings.data_dir.mkdir()
    csv = tmp_path / "usage.csv"
    columns = "day,user_id,model,requests,successes,prompt_tokens,completion_tokens,spend"
    rows = ["2026-11-14,u1,gpt,9,9,1,1,1", "2026-11-15,u1,gpt,3,3,1,1,1", "2026-11-15,u2,gpt,4,4,1,1,2"]
    csv.write_text("\n".join([columns, *rows]))
    store = Store(settings.store_url)
    store.migrate()
    store.add_source(Source("billing", "files", str(csv)))
    store.close()
    return settings


def test_renders_the_wanted_files_and_tells_figures(settings: Settings, tmp_path: Path) -> None:
    write_notebook(settings.notebooks_dir, "sample", COUNTS, datasets=USAGE)
    template = templates.get(settings.notebooks_dir, "sample")
    stages: list[Stage] = []
    request = RenderRequest({"team": "a"}, DAY, (Format.HTML, Format.PDF, Format.NOTEBOOK))
    made = render_once(settings, Work(template, request, tmp_path / "out", AT, stages.append))
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["sample.html", "sample.ipynb", "sample.pdf"]
    for artifact in made.artifacts:
        content = artifact.path.read_bytes()
        assert (artifact.bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (made.period, made.metrics, made.pages) == (DAY, {"requests": 7}, 1)
    assert stages == [Stage.EXTRACT, Stage.EXECUTE, Stage.RENDER]
    assert made.seconds.keys() == {"extract", "execute", "render"}
    store = Store(settings.store_url)
    assert store.runs() == []
    store.close()
    assert sorted(path.name for path in settings.data_dir.iterdir() if path.suffix == "") == []


def test_a_failing_cell_is_told_and_nothing_is_left(settings: Settings, tmp_path: Path) -> None:
    write_notebook(settings.notebooks_dir, "sample", "1 / 0")
    template = templates.get(settings.notebooks_dir, "sample")
    with pytest.raises(ExecutionError, match="ZeroDivisionError"):
        render_once(settings, Work(template, RenderRequest({}, DAY, (Format.HTML,)), tmp_path / "out", AT))
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_not_there_is_named_with_those_that_are(settings: Settings, tmp_path: Path) -> None:
    write_notebook(settings.notebooks_dir, "sample", COUNTS, datasets=USAGE)
    template = templates.get(settings.notebooks_dir, "sample")
    request = RenderRequest({}, DAY, (Format.HTML,), sources={"usage": "elsewhere"})
    with pytest.raises(NotFound, match="The sources are: billing"):
        render_once(settings, Work(template, request, tmp_path / "out", AT))


def test_mails_go_to_the_outbox_without_a_mail_server(settings: Settings) -> None:
    channels = make_channels(settings)
    assert channels.keys() == set(ChannelKind)
    assert isinstance(channels[ChannelKind.EMAIL], OutboxChannel)
    assert isinstance(channels[ChannelKind.WEBHOOK], WebhookChannel)
    with_server = settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_security": "none"})
    assert isinstance(make_channels(with_server)[ChannelKind.EMAIL], EmailChannel)
    with pytest.raises(ConfigError, match="smtp_security"):
        make_channels(settings.model_copy(update={"smtp_host": "mail.example.org", "smtp_security": "none"}))


def test_links_need_an_address(settings: Settings) -> None:
    artifact = Artifact("a1", "r1", Format.PDF, "r1/1/report.pdf", "00", 1)
    seals, run = Seals("k" * 32), planned_run(REPORT, AT, RunKind.MANUAL, {})
    assert Links(settings, seals).files(run, {Format.PDF: artifact}) == {}
    public = settings.model_copy(update={"base_url": "https://reports.example.org"})
    link = Links(public, seals).files(run, {Format.PDF: artifact})[Format.PDF]
    address, _, seal = link.partition("?sig=")
    assert address == "https://reports.example.org/files/a1"
    check_file_seal(seals, "a1", seal, AT + settings.retention - timedelta(seconds=1))
    with pytest.raises(Forbidden, match="expired"):
        check_file_seal(seals, "a1", seal, AT + settings.retention)
    with pytest.raises(Forbidden, match="altered"):
        check_file_seal(seals, "a2", seal, AT)


def test_only_mails_carry_the_way_out(settings: Settings) -> None:
    seals, public = Seals("k" * 32), settings.model_copy(update={"base_url": "https://reports.example.org"})
    mail = Subscription("s1", "r1", ChannelKind.EMAIL, "board@example.org")
    assert Links(settings, seals).unsubscribe(mail) is None
    assert Links(public, seals).unsubscribe(replace(mail, channel=ChannelKind.WEBHOOK)) is None
    link = Links(public, seals).unsubscribe(mail)
    assert link is not None
    address, _, seal = link.rpartition("/")
    assert address == "https://reports.example.org/unsubscribe"
    assert subscription_of(seals, seal, AT) == "s1"


def test_limits_come_from_the_settings(settings: Settings) -> None:
    changed = settings.model_copy(update={"run_wall_seconds": 90, "run_cell_seconds": 20, "kernel_memory_mb": 512})
    limits = limits_of(changed)
    assert (limits.wall.seconds, limits.cell.seconds, limits.memory_bytes) == (90, 20, 512 * 1024**2)
