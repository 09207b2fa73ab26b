"""What the demo defines, also where somebody has edited its reports since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import web_seed

from reports.service import Service
from reports.sources import Source
from runner.commands import demo

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = web_seed.open_service(web_seed.settings_in(tmp_path / "state"))
    service.add_source(Source(demo.SOURCE, "embedded"))
    yield service
    service.store.close()


def test_each_template_has_a_report_and_its_latest_due_time_queued_once(service: Service) -> None:
    for _ in range(2):
        for template in service.templates():
            item = demo.define(service, template, NOW)
            assert item is not None
            (run,) = demo.runs_of(service, item)
            assert run.due_at == item.due_at <= NOW
            assert len(service.subscriptions(item.report.id)) == 1


def test_a_report_that_lost_its_schedule_is_left_alone(service: Service) -> None:
    template = service.template("usage_summary")
    item = demo.define(service, template, NOW)
    assert item is not None
    service.edit_report(replace(service.report(item.report.id), cron=""), NOW)
    assert demo.define(service, template, NOW) is None
    assert len(demo.runs_of(service, item)) == 1, "what was asked for before is still done"
