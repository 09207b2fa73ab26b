"""Runs that follow one another, on both databases: what they are compared with, and who is spared a report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from examples import DUE, LEASE, a_delivery, a_report, a_run, a_subscription
from running import Plant

from reports import bundle, conditions
from reports.model import (
    Condition,
    DeliveryState,
    Format,
    PeriodPolicy,
    Run,
    RunKind,
    RunState,
    SendIf,
)
from reports.planning import DELIVER, planned_run
from reports.store import Store
from runner.pipeline import COMPARED_WITH, execute_run
from runner.sending import deliver_one

USAGE = {"usage": {"source": "usage"}}
HEAD = "day,user_id,model,requests,successes,prompt_tokens,completion_tokens,spend"
ANN, BEN = "2026-11-15,ann,gpt,3,3,20,6,0.75", "2026-11-15,ben,gpt,4,4,30,7,1.0"
OTHER_DAY = "2026-11-14,ann,gpt,9,9,20,6,2.0"
REPORT = """
import json
from pathlib import Path
import pandas as pd
from reports import kit
daily = kit.dataset("usage").daily
kit.metrics([kit.metric("requests", "Requests", int(daily.requests.sum()), 4)])
users = daily.groupby("user_id", as_index=False)[["requests", "spend_usd"]].sum()
kit.table("Users", users, [kit.Column("user_id", "User"), kit.Column("requests", "Requests", "count"),
                           kit.Column("spend_usd", "Cost", "usd")])
"""
PREVIOUS = "print(json.loads(Path('context.json').read_text())['previous_run'])"


def prepare(plant: Plant, *rows: str, cells: tuple[str, ...] = (REPORT, "kit.changes()")) -> None:
    plant.csv_source(*rows)
    plant.notebook(*cells, datasets=USAGE)
    plant.report(cron="", next_due_at=None)


def write_rows(plant: Plant, *rows: str) -> None:
    (plant.folder / "usage.csv").write_text("\n".join([HEAD, *rows]))


def run_now(plant: Plant, kind: RunKind = RunKind.MANUAL, **changes: Any) -> Run:
    """Queue, execute and deliver a run as if asked for now; the next one is asked for a minute later."""
    report = plant.store.report("r1")
    run = plant.store.add_run(replace(planned_run(report, plant.now, kind, report.parameters), **changes))
    claimed = plant.store.claim_run("tester", timedelta(minutes=1))
    assert claimed is not None and claimed.id == run.id
    execute_run(plant.pipeline, claimed)
    while deliver_one(plant.room):
        pass
    plant.now += timedelta(minutes=1)
    done = plant.store.run(run.id)
    assert done.state is RunState.SUCCEEDED, done.error
    return done


def outcomes(plant: Plant, run: Run) -> dict[str, tuple[str, str]]:
    told = {each.address: (each.state.value, each.detail) for each in plant.store.deliveries(run.id)}
    return {address: (state, "" if state == "sent" else detail) for address, (state, detail) in told.items()}


def kept(plant: Plant, run: Run) -> bundle.Bundle:
    (artifact,) = [each for each in plant.store.artifacts(run.id) if each.format is Format.RESULTS]
    target = plant.folder / f"{run.id}.zip"
    return bundle.read(plant.pipeline.archive.fetch(artifact.path, target, artifact.sha256))


# What a run is compared with


def test_a_run_is_compared_with_the_one_before(plant: Plant) -> None:
    prepare(plant, ANN, cells=(REPORT, "kit.changes()", PREVIOUS))
    first = run_now(plant)
    assert first.provenance[COMPARED_WITH] is None
    before = kept(plant, first).results.changes
    assert before is not None and not before.compared
    write_rows(plant, ANN, BEN)
    second = run_now(plant)
    assert second.provenance[COMPARED_WITH] == first.id
    found = kept(plant, second)
    assert found.results.changes is not None
    assert (found.results.changes.metrics, found.results.changes.new_rows) == (1, 1)
    assert found.metrics["requests"].value == 7 and found.rows == {"users": 2}
    notebook = next(each for each in plant.store.artifacts(second.id) if each.format is Format.NOTEBOOK)
    text = plant.pipeline.archive.read(notebook.path).decode()
    assert first.id in text and "previous/results.zip" in text


def test_the_earlier_results_are_read_only_and_of_no_use_to_forge(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    forge = "p = Path('previous/results.zip')\nif p.exists():\n    assert oct(p.stat().st_mode)[-3:] == '444'"
    forge += "\n    p.chmod(0o600)\n    p.write_bytes(b'forged')"
    prepare(plant, ANN, cells=(REPORT, forge))
    plant.subscribe("watch", send_if=Condition(SendIf.CHANGED))
    run_now(plant)
    assert outcomes(plant, run_now(plant))["watch"] == ("skipped", "nothing changed since the last report")


def test_a_preview_is_compared_but_never_compared_with(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN)
    first = run_now(plant)
    preview = run_now(plant, RunKind.PREVIEW)
    assert preview.provenance[COMPARED_WITH] == first.id
    assert run_now(plant).provenance[COMPARED_WITH] == first.id


def test_what_reached_nobody_is_no_last_report(plant: Plant) -> None:
    prepare(plant, ANN)
    plant.subscribe("never", send_if=conditions.parse("requests>1000"))
    first = run_now(plant)
    assert outcomes(plant, first) == {"never": ("skipped", "requests is 3, not above 1000")}
    assert run_now(plant).provenance[COMPARED_WITH] is None
    plant.subscribe("always")
    third = run_now(plant)
    assert run_now(plant).provenance[COMPARED_WITH] == third.id


def test_a_run_kept_from_its_subscribers_is_no_last_report(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN)
    plant.subscribe("s1")
    run_now(plant, provenance={DELIVER: False})
    assert run_now(plant).provenance[COMPARED_WITH] is None


def test_other_parameters_are_another_report(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN)
    run_now(plant)
    other = planned_run(plant.store.report("r1"), plant.now, RunKind.MANUAL, {"team": "blue"})
    assert plant.store.last_delivered_run("r1", other.parameters_key) is None


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_an_earlier_file_that_is_damaged_costs_the_comparison_only(sqlite_plant: Plant, damage: str) -> None:
    plant = sqlite_plant
    prepare(plant, ANN)
    plant.subscribe("watch", send_if=Condition(SendIf.CHANGED))
    first = run_now(plant)
    (path,) = (plant.folder / "archive").rglob("results.zip")
    path.chmod(0o600)
    path.write_bytes(b"altered") if damage == "altered" else path.unlink()
    second = run_now(plant)
    assert first.id != second.id and second.provenance[COMPARED_WITH] is None
    assert outcomes(plant, second)["watch"] == ("sent", ""), "in doubt it is sent"


def test_a_report_about_changes_is_made_again_when_it_would_say_something_else(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN)
    for calls in (1, 2, 3):  # the same data, but each time another report before it
        run_now(plant)
        assert plant.renderer.calls == calls


def test_a_report_that_does_not_ask_is_shared(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN, cells=(REPORT,))
    first = run_now(plant)
    second = run_now(plant)
    assert plant.renderer.calls == 1
    assert (second.provenance["made_by_run"], second.provenance[COMPARED_WITH]) == (first.id, first.id)
    assert kept(plant, second).metrics == kept(plant, first).metrics


def test_a_report_asked_for_by_hand_reads_its_data_anew(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN)
    assert run_now(plant).metrics == {"requests": 3}
    write_rows(plant, ANN, BEN)  # within the time that scheduled runs share an extraction
    assert run_now(plant).metrics == {"requests": 7}


# Send only if


def test_only_who_wants_it_is_sent_a_report(plant: Plant) -> None:
    prepare(plant, ANN)
    plant.subscribe("always")
    plant.subscribe("changed", send_if=Condition(SendIf.CHANGED))
    plant.subscribe("data", send_if=Condition(SendIf.HAS_DATA))
    plant.subscribe("many", send_if=conditions.parse("requests>=5"))
    plant.subscribe("grown", send_if=conditions.parse("requests change>50%"))
    first = outcomes(plant, run_now(plant))
    sent = ("sent", "")
    assert first == {
        "always": sent,
        "changed": sent,  # nothing to compare with
        "data": sent,
        "many": ("skipped", "requests is 3, below 5"),
        "grown": ("skipped", "requests changed by -25%, not above 50%"),
    }
    same = outcomes(plant, run_now(plant))
    assert same["changed"] == ("skipped", "nothing changed since the last report")
    assert same["always"] == same["data"] == sent
    write_rows(plant, ANN, BEN)
    assert set(outcomes(plant, run_now(plant)).values()) == {sent}
    write_rows(plant, OTHER_DAY)
    empty = outcomes(plant, run_now(plant))
    assert empty["data"] == ("skipped", "there is no data for the period")
    assert empty["changed"] == sent, "that nothing is left is a change"


def test_without_the_section_every_figure_and_table_counts(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN, cells=(REPORT,))
    plant.subscribe("watch", send_if=Condition(SendIf.CHANGED))
    sent = ("sent", "")
    assert outcomes(plant, run_now(plant))["watch"] == sent
    assert outcomes(plant, run_now(plant))["watch"][0] == "skipped"
    write_rows(plant, ANN.replace("0.75", "0.80"))
    assert outcomes(plant, run_now(plant))["watch"] == sent


def test_a_notebook_that_records_nothing_is_sent(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    plant.notebook("1")
    plant.report(cron="", next_due_at=None)
    plant.subscribe("changed", send_if=Condition(SendIf.CHANGED))
    plant.subscribe("data", send_if=Condition(SendIf.HAS_DATA))
    run_now(plant)
    assert set(outcomes(plant, run_now(plant)).values()) == {("sent", "")}


def test_a_shared_report_is_judged_too(sqlite_plant: Plant) -> None:
    plant = sqlite_plant
    prepare(plant, ANN, cells=(REPORT,))
    plant.subscribe("many", send_if=conditions.parse("requests>2"))
    run_now(plant)
    assert outcomes(plant, run_now(plant))["many"] == ("sent", "")
    assert plant.renderer.calls == 1


def test_skipped_is_an_end_that_a_person_can_overrule(plant: Plant) -> None:
    prepare(plant, ANN)
    plant.subscribe("never", send_if=conditions.parse("requests>1000"))
    run = run_now(plant)
    (skipped,) = plant.store.deliveries(run.id)
    assert (skipped.state, skipped.attempt, skipped.next_attempt_at) == (DeliveryState.SKIPPED, 0, None)
    assert plant.store.claim_delivery("tester", LEASE) is None
    assert plant.store.deliveries_by_state()[DeliveryState.SKIPPED] == 1
    plant.store.retry_delivery(skipped.id)
    assert deliver_one(plant.room) is not None
    assert plant.store.delivery(skipped.id).state is DeliveryState.SENT
    found = plant.store.last_delivered_run("r1", run.parameters_key)
    assert found is not None and found.id == run.id


# The store


def test_a_condition_is_kept_with_its_subscription(store: Store) -> None:
    report = store.add_report(a_report())
    for text in ("always", "has_data", "changed", "spend_usd>=0.1", "requests change<-20%"):
        made = store.add_subscription(a_subscription(report, send_if=conditions.parse(text)))
        assert store.subscription(made.id).send_if == conditions.parse(text)
    edited = store.update_subscription(replace(made, send_if=Condition(SendIf.CHANGED)))
    assert edited.send_if == Condition(SendIf.CHANGED)


def test_the_last_delivered_run_is_the_one_sent_last(store: Store) -> None:
    report = store.add_report(a_report())
    subscription = store.add_subscription(a_subscription(report))
    finished = []
    for minute in range(3):
        run = a_run(report, due_at=DUE + timedelta(minutes=minute))
        store.enqueue(store.report(report.id), [run], report.next_due_at)
        claimed = store.claim_run("runner", LEASE)
        assert claimed is not None
        store.finish_run(claimed.id, claimed.attempt, [], {}, {}, [a_delivery(run, subscription)])
        finished.append(run)
    key = finished[0].parameters_key
    assert store.last_delivered_run(report.id, key) is None
    for expected, state in ((0, DeliveryState.SENT), (0, DeliveryState.FAILED), (2, DeliveryState.SENT)):
        delivery = store.claim_delivery("runner", LEASE)
        assert delivery is not None
        store.finish_delivery(delivery.id, delivery.attempt, state)
        found = store.last_delivered_run(report.id, key)
        assert found is not None and found.id == finished[expected].id
    store.mark_pruned(finished[2].id)
    found = store.last_delivered_run(report.id, key)
    assert found is not None and found.id == finished[0].id, "a pruned run's files are gone"


def test_days_that_nobody_was_told_of_belong_to_the_next_report(store: Store) -> None:
    report = store.add_report(a_report(period_policy=PeriodPolicy.SINCE_LAST))
    subscription = store.add_subscription(a_subscription(report))
    run = a_run(report)
    for state in (DeliveryState.SKIPPED, DeliveryState.PENDING):
        store.enqueue(store.report(report.id), [run], report.next_due_at)
        claimed = store.claim_run("runner", LEASE)
        assert claimed is not None
        delivery = a_delivery(run, subscription, state=state)
        store.finish_run(claimed.id, claimed.attempt, [], {}, {}, [delivery])
        expected = None if state is DeliveryState.SKIPPED else run.period.end
        assert store.last_period_end(report.id, run.parameters_key) == expected
        run = a_run(report, due_at=DUE + timedelta(days=1))
