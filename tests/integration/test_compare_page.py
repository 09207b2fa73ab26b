"""Two runs side by side: figures and rows in words, whichever is named first; and who may see them."""

from __future__ import annotations

import people
import pytest
from pages import Site, fragments, opened, table, words

from reports.model import Format, RunKind, RunState
from reports.store import RunQuery
from web import wiring


def test_figures_and_rows_stand_side_by_side_with_the_change_in_words(site: Site) -> None:
    earlier, later = site.seeded.earlier, site.seeded.succeeded
    for a, b in ((earlier.id, later.id), (later.id, earlier.id)):
        app = opened("compare", a=a, b=b)
        assert table(app, "Figures of both runs") == [
            ["Cost", "$80.50", "$120.25", "↑ up 49.4\N{NO-BREAK SPACE}%"],
            ["Requests", "10", "10", "→ steady"],
        ]
        assert table(app, "Top models") == [
            ["model-of-120", "–", "$1.00", "new"],
            ["model-of-80", "$1.00", "–", "gone"],
            ["gpt-large", "$80.50", "$120.25", "↑ up 49.4\N{NO-BREAK SPACE}%"],
        ]
        assert "1\N{NO-BREAK SPACE}figure has another value" in words(app)


def test_by_itself_a_run_is_compared_with_the_one_before(site: Site) -> None:
    app = opened("compare", a=site.seeded.succeeded.id)
    assert app.query_params["b"] == site.seeded.earlier.id
    assert len(table(app, "Figures of both runs")) == 2


def test_a_run_without_kept_results_is_said_not_to_be_comparable(site: Site) -> None:
    done = RunQuery(report_id=site.seeded.daily.id, states=(RunState.SUCCEEDED,), kinds=(RunKind.SCHEDULED,), limit=9)
    old = next(run for run in site.service.runs(done) if run.id != site.seeded.succeeded.id)
    assert "cannot be compared" in words(opened("compare", a=site.seeded.succeeded.id, b=old.id))


def test_an_altered_file_is_never_compared(site: Site) -> None:
    kept = next(each for each in site.service.artifacts(site.seeded.earlier.id) if each.format is Format.RESULTS)
    (site.service.settings.data_dir / "archive" / kept.path).write_bytes(b"altered")
    said = words(opened("compare", a=site.seeded.succeeded.id, b=site.seeded.earlier.id))
    assert "cannot be compared" in said
    assert "is not what was archived" in said


def test_without_runs_it_says_where_to_choose(site: Site) -> None:
    assert "Choose the first in the archive" in words(opened("compare"))


def test_what_is_anothers_is_not_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "person_id", lambda: people.VIEWER.id)
    app = opened("compare", a=site.seeded.succeeded.id, b=site.seeded.earlier.id)
    assert [each.value for each in app.title][-1] == "Not found"


# The run's page


def test_a_run_offers_to_be_compared_kept_and_run_again(site: Site) -> None:
    run = site.seeded.succeeded
    app = opened("run", id=run.id)
    app.button(key="pin").click().run()
    assert site.service.run(run.id).pinned
    assert "beyond its time" in words(app)
    app.button(key="unpin").click().run()
    assert not site.service.run(run.id).pinned
    app.button(key="again").click().run()
    assert "same days" in app.success[0].value
    (again,) = site.service.runs(RunQuery(report_id=run.report_id, states=(RunState.QUEUED,)))
    assert (again.kind, again.period, again.parameters) == (RunKind.MANUAL, run.period, run.parameters)
    assert "the days and values of this run" in words(opened("run", id=again.id))


def test_a_run_is_sent_again_to_whom_it_did_not_reach(site: Site) -> None:
    run = site.seeded.succeeded
    app = opened("run", id=run.id)
    (chosen,) = app.multiselect
    there = {each.subscription_id: each for each in site.service.deliveries(run.id)}
    assert [there[id].state.value for id in chosen.value] == ["failed"]
    mail = next(id for id, each in there.items() if each.state.value == "sent")
    chosen.set_value([*chosen.value, mail])
    app.button(key="resend").click().run()
    assert "2 deliveries are waiting" in app.success[0].value
    now = {each.subscription_id: each for each in site.service.deliveries(run.id)}
    assert [(now[id].state.value, now[id].copy) for id in (chosen.value[0], mail)] == [("pending", 0), ("pending", 1)]
    assert "sent again, copy 1" in words(app)
    (entry, *_) = site.service.store.audit()
    assert (entry.action, entry.item) == ("resend", run.id)


def test_a_subscriber_may_read_a_run_and_not_send_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "person_id", lambda: people.SUBSCRIBER.id)
    app = opened("run", id=site.seeded.succeeded.id)
    assert "Daily usage" in app.title[0].value
    assert not app.multiselect
    assert not [button.key for button in app.button if button.key]


# The archive


def test_the_archive_is_searched_by_name_owner_and_kind_and_links_files(site: Site) -> None:
    app = opened("archive")
    app.text_input(key="q").set_value("DAILY").run()
    rows = table(app, "42 runs")
    assert rows[0][-1].replace(" ", "").startswith("HTMLofDailyusage")
    app.selectbox(key="choice_kind").set_value("manual").run()
    assert len(table(app, "1 run,")) == 1
    app.text_input(key="owner").set_value("nobody").run()
    assert "No run is like that" in words(app)
    assert any(f"files/{site.seeded.artifacts[Format.PDF].id}" in each for each in fragments(opened("archive")))
