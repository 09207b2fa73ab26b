"""What a machine is told about a run: the JSON of a webhook, and of the file beside each mail in the outbox.

The shape is that of Standard Webhooks (type, timestamp, data). It holds figures, names, hashes and links; the files
themselves only where the subscriber asked for them and they are small.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

from reports.messages.envelope import Envelope
from reports.messages.mail_body import Attachment, attachments
from reports.messages.wording import shown_address
from reports.model import DeliveryKind, JsonDict, RunState

BODY_LIMIT_BYTES = 20_000  # what Standard Webhooks recommends at most; content in base64 is not counted
ERROR_LIMIT = 2000  # characters of an error's message
CONTENT_LIMIT_BYTES = 1024 * 1024  # of all files together, before base64


def payload(envelope: Envelope, *, with_content: bool = False) -> JsonDict:
    """Raises DeliveryError if a file of the envelope is gone."""
    run = envelope.run
    files = attachments(envelope)
    data: JsonDict = {
        "deliveryId": envelope.delivery.message,
        "report": {"id": run.report_id, "name": run.report_name, "template": run.template},
        "run": {
            "id": run.id,
            "kind": run.kind.value,
            "state": run.state.value,
            "dueAt": _instant(run.due_at),
            "attempt": run.attempt,
        },
        "period": run.period.to_json(),
        "metrics": {name: _number(value) for name, value in run.metrics.items()},
        "artifacts": [_artifact(envelope, file) for file in files],
    }
    if envelope.kind is DeliveryKind.TEST:
        data["test"] = True
    if envelope.kind.to_owner:
        data |= _for_the_owner(envelope)
    if with_content:
        _add_content(data, files)
    happened = run.finished_at or envelope.at
    return {"type": f"report.{_event(envelope)}", "timestamp": _instant(happened), "data": data}


def _event(envelope: Envelope) -> str:
    if envelope.kind is DeliveryKind.UNDELIVERED:
        return "undelivered"
    if envelope.kind is DeliveryKind.FAILURE:
        return "missed" if envelope.run.state is RunState.MISSED else "failed"
    return "succeeded"


def _for_the_owner(envelope: Envelope) -> JsonDict:
    run, error = envelope.run, envelope.run.error
    told: JsonDict = {}
    if envelope.kind is DeliveryKind.UNDELIVERED:
        told["undelivered"] = [
            {
                "deliveryId": each.id,
                "channel": each.channel.value,
                "address": shown_address(each.channel, each.address),
                "state": each.state.value,
                "error": each.error[:ERROR_LIMIT],
            }
            for each in envelope.undelivered
        ]
    elif run.state is RunState.MISSED:
        told["reason"] = run.reason
    elif error is not None:
        message = error.message[:ERROR_LIMIT]
        told["error"] = {"stage": error.stage, "kind": error.kind, "message": message, "cell": error.cell}
    return told


def body(envelope: Envelope, *, with_content: bool = False) -> bytes:
    """The payload as bytes. Metrics are left out, and said to be, where they would make it too large."""
    message = payload(envelope, with_content=with_content)
    encoded = _encoded(message)
    content = sum(len(artifact.get("content", "")) for artifact in message["data"]["artifacts"])
    if len(encoded) - content > BODY_LIMIT_BYTES:
        message["data"]["metrics"] = {}
        message["data"]["metricsOmitted"] = f"The figures are larger than {BODY_LIMIT_BYTES} bytes; read the run."
        encoded = _encoded(message)
    return encoded


def _encoded(message: JsonDict) -> bytes:
    return json.dumps(message, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _artifact(envelope: Envelope, file: Attachment) -> JsonDict:
    artifact: JsonDict = {
        "format": file.format.value,
        "fileName": file.name,
        "bytes": file.size,
        "sha256": envelope.sha256.get(file.format, ""),
    }
    if file.format in envelope.links:
        artifact["url"] = envelope.links[file.format]
    return artifact


def _add_content(data: JsonDict, files: tuple[Attachment, ...]) -> None:
    if sum(file.size for file in files) > CONTENT_LIMIT_BYTES:
        data["contentOmitted"] = f"The files are larger than {CONTENT_LIMIT_BYTES} bytes together; use their links."
        return
    for artifact, file in zip(data["artifacts"], files, strict=True):
        artifact["contentEncoding"] = "base64"
        artifact["content"] = base64.b64encode(file.read()).decode("ascii")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _number(value: Any) -> Any:
    """JSON knows no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
