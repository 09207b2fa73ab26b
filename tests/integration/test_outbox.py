"""The outbox folder: real files, whole or not at all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from deliveries import AT, a_run, an_envelope

from reports.errors import DeliveryError
from reports.model import ChannelKind, DeliveryKind, RunError, RunState
from runner.deliver.outbox import OutboxChannel


def files_of(outbox: Path) -> list[str]:
    return sorted(str(path.relative_to(outbox)) for path in outbox.rglob("*") if path.is_file())


def test_a_mail_and_its_facts(tmp_path: Path) -> None:
    outbox = tmp_path / "state" / "outbox"
    receipt = OutboxChannel(outbox).send(an_envelope(tmp_path, channel=ChannelKind.OUTBOX, address="board"))

    stem = "2026-11-16/weekly-usage-delivery-9"
    assert files_of(outbox) == [f"{stem}.eml", f"{stem}.json"]
    assert receipt.path == str(outbox / f"{stem}.eml")
    assert receipt.path in receipt.detail
    message = message_from_bytes((outbox / f"{stem}.eml").read_bytes(), policy=default)
    assert message["To"] == "board <board@outbox.invalid>"
    assert [part.get_content() for part in message.iter_attachments()] == [b"%PDF-1.7 a report"]  # type: ignore[attr-defined]
    facts = json.loads((outbox / f"{stem}.json").read_text())
    assert facts["type"] == "report.succeeded"
    assert facts["address"] == "board"
    assert facts["data"]["run"]["id"] == "run-7"


def test_sending_again_replaces_also_after_midnight(tmp_path: Path) -> None:
    outbox = OutboxChannel(tmp_path / "outbox")
    envelope = an_envelope(tmp_path)
    first = outbox.send(envelope)
    second = outbox.send(replace(envelope, at=AT + timedelta(days=1)))
    assert first.path == second.path
    assert len(files_of(tmp_path / "outbox")) == 2
    assert b"Date: Tue, 17 Nov 2026" in Path(str(second.path)).read_bytes()


def test_the_folder_is_that_of_the_due_day_in_the_reports_zone(tmp_path: Path) -> None:
    run = a_run(due_at=AT.replace(hour=23, minute=30))  # 00:30 of the next day in Berlin
    OutboxChannel(tmp_path / "outbox").send(an_envelope(tmp_path, run=run))
    assert files_of(tmp_path / "outbox")[0].startswith("2026-11-17/")


@pytest.mark.parametrize("name", ["../../x", "CON", "x" * 300, "{x.__class__}", "/etc/passwd"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    outbox = tmp_path / "outbox"
    envelope = an_envelope(tmp_path, run=a_run(report_name=name))
    receipt = OutboxChannel(outbox).send(
        replace(envelope, delivery=replace(envelope.delivery, id="../../../" + envelope.delivery.id))
    )
    assert outbox.resolve() in Path(str(receipt.path)).resolve().parents
    assert len(files_of(outbox)) == 2


def test_a_failure_notice(tmp_path: Path) -> None:
    run = a_run(state=RunState.FAILED, error=RunError("execute", "ExecutionError", "KeyError: 'x'", cell=4))
    outbox = tmp_path / "outbox"
    OutboxChannel(outbox).send(an_envelope(tmp_path, kind=DeliveryKind.FAILURE, address="ana", run=run))
    mail, facts = ((outbox / name).read_text() for name in files_of(outbox))
    assert "Subject: Failed: Weekly usage" in mail
    assert json.loads(facts)["type"] == "report.failed"


def test_what_was_meant_for_a_mail_server_that_is_not_set_up(tmp_path: Path) -> None:
    """Owners may be user names, which no mail server could write to."""
    envelope = an_envelope(tmp_path, kind=DeliveryKind.FAILURE, channel=ChannelKind.EMAIL, address="ana")
    receipt = OutboxChannel(tmp_path / "outbox").send(envelope)
    assert b"To: ana <ana@outbox.invalid>" in Path(str(receipt.path)).read_bytes()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file stands in the way")
    with pytest.raises(DeliveryError, match="could not be written") as caught:
        OutboxChannel(tmp_path / "outbox").send(an_envelope(tmp_path))
    assert not caught.value.permanent


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    outbox = OutboxChannel(tmp_path / "outbox")
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", no_room)
        with pytest.raises(DeliveryError, match="No space left on device"):
            outbox.send(an_envelope(tmp_path))
    assert files_of(tmp_path / "outbox") == []


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    outbox = OutboxChannel(tmp_path / "outbox")
    envelope = an_envelope(tmp_path)
    envelopes = [replace(envelope, delivery=replace(envelope.delivery, id=f"delivery-{n}")) for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        paths = {receipt.path for receipt in pool.map(outbox.send, [*envelopes, *envelopes])}
    assert len(paths) == 20
    assert len(files_of(tmp_path / "outbox")) == 40
