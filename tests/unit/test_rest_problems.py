"""Errors of the core as problems: which status and kind each becomes, at which field, and what is kept back."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from starlette.requests import Request

from reports.errors import (
    ConfigError,
    Conflict,
    ExtractError,
    Forbidden,
    GazetteError,
    InvalidCron,
    InvalidInput,
    InvalidParameter,
    InvalidRecipient,
    InvalidTemplate,
    LeaseLost,
    NotFound,
    StaleVersion,
)
from web.api import problems
from web.api.problems import TITLES, TYPES, answer, field_of, of_core

ASKED = Request({"type": "http", "method": "GET", "path": "/runs", "query_string": b"", "headers": []})


class Answering:
    """A service whose database answers, or does not."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers

    def reachable(self) -> bool:
        return self.answers


@pytest.fixture
def _database(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(problems, "service", lambda: Answering(getattr(request, "param", True)))


def problem(error: GazetteError) -> dict[str, Any]:
    response = of_core(ASKED, error)
    told: dict[str, Any] = json.loads(bytes(response.body))
    assert told["status"] == response.status_code
    assert response.media_type == "application/problem+json"
    return told


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidInput("name", "must not be empty"), 422, "invalid-input"),
        (InvalidRecipient("address", "is none"), 422, "invalid-input"),
        (InvalidTemplate("parameters", "is no Python"), 422, "invalid-input"),
        (NotFound("report", "x"), 404, "not-found"),
        (Forbidden("That is for editors."), 403, "not-allowed"),
        (Conflict("It is running."), 409, "conflict"),
        (LeaseLost("It was taken back."), 409, "conflict"),
        (StaleVersion("report", "x", 7), 409, "stale-version"),
    ],
)
def test_each_error_has_its_status_and_says_what_it_says(error: GazetteError, status: int, kind: str) -> None:
    told = problem(error)
    assert (told["status"], told["type"], told["title"]) == (status, TYPES + kind, TITLES[kind])
    assert told["detail"] == str(error)


def test_a_lost_update_names_the_current_version() -> None:
    assert problem(StaleVersion("report", "x", 7))["currentVersion"] == 7
    assert of_core(ASKED, StaleVersion("report", "x", 7)).headers["ETag"] == '"7"'


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize(
    "error", [ConfigError("database_url", "postgresql://me:hunter2@db is not there"), ExtractError("hunter2")]
)
def test_what_only_an_operator_can_mend_goes_to_the_log_alone(
    error: GazetteError, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        told = problem(error)
    assert (told["status"], told["type"]) == (500, TYPES + "fault")
    assert "hunter2" not in json.dumps(told)
    assert "hunter2" in caplog.text


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize("_database", [False], indirect=True)
def test_without_a_database_it_is_worth_another_try() -> None:
    response = of_core(ASKED, ConfigError("database_url", "is not there"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (InvalidInput("period_days", ""), "periodDays"),
        (InvalidInput("grace", ""), "graceSeconds"),
        (InvalidInput("filters.team_ids", ""), "filters.teamIds"),
        (InvalidInput("sources.my_usage", ""), "sources.my_usage"),
        (InvalidInput("send_if.metric", ""), "sendIf.metric"),
        (InvalidRecipient("recipients.3", ""), "recipients.3"),
        (InvalidRecipient("webhook_url", ""), "webhookUrl"),
        (InvalidCron("minute", ""), "cron"),
        (InvalidCron("expression", ""), "cron"),
        (InvalidCron("zone", ""), "zone"),
        (InvalidParameter("top_n", ""), "parameters.top_n"),
        (InvalidParameter("parameters", ""), "parameters"),
    ],
)
def test_a_field_is_called_as_in_the_body(error: InvalidInput, field: str) -> None:
    assert field_of(error) == field


def test_a_problem_tells_nothing_that_is_not_there() -> None:
    told = json.loads(bytes(answer(404, "not-found", "There is nothing.").body))
    assert set(told) == {"type", "title", "status", "detail"}
    assert answer(404, "not-found", "").headers["Cache-Control"] == "no-store"
