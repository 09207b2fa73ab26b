"""`/files/{artifact_id}`: a file of the archive, verified, whole or in ranges, for those who may read its run.

With `?sig=`, as links in mails and webhooks have it, for whoever has the link: this one file, until the link is over.

What is sent is the copy whose sha256 was just compared with the one recorded. An archived page was written from data
and runs nowhere near the UI: no script, no origin, nothing loaded.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from reports.errors import ArchiveError, Forbidden, NotFound
from reports.filenames import attachment_name
from reports.model import Artifact, Format, Run
from reports.seals import check_file_seal
from web.wiring import desk_of, seals, service, utc_now

HTML_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# A browser's own PDF viewer is an object of the page it makes around the file.
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
OTHER_POLICY = "sandbox; default-src 'none'"


@dataclass(frozen=True)
class Serving:
    """How files of a format are sent."""

    media_type: str
    policy: str = OTHER_POLICY
    disposition: str = "attachment"


SERVINGS: Mapping[Format, Serving] = {
    Format.HTML: Serving("text/html; charset=utf-8", HTML_POLICY, "inline"),
    Format.PDF: Serving("application/pdf", PDF_POLICY, "inline"),
    Format.XLSX: Serving("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.NOTEBOOK: Serving("application/x-ipynb+json"),
    Format.MAIL: Serving("application/json"),
    Format.RESULTS: Serving("application/zip"),
}


class TemporaryFileResponse(FileResponse):
    """Sends a file and removes it, however the sending ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            Path(self.path).unlink(missing_ok=True)


def artifact_file(request: Request) -> Response:
    """404 for what is not there, no longer kept or another's; 403 for a link that was altered or is over.

    500 for a file that is not what was archived.
    """
    try:
        artifact, run = _asked_for(request)
        if f'"{artifact.sha256}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=_headers(artifact, run))
        return _response(artifact, run, _fetched(artifact))
    except Forbidden as error:
        return PlainTextResponse(f"{error}\n", 403)
    except NotFound:
        return PlainTextResponse("There is no such file; the run may be past its retention.\n", 404)
    except ArchiveError as error:
        return PlainTextResponse(f"{error}\n", 500)


def _asked_for(request: Request) -> tuple[Artifact, Run]:
    artifact_id, seal = request.path_params["artifact_id"], request.query_params.get("sig")
    if seal is not None:
        check_file_seal(seals(), artifact_id, seal, utc_now())
        artifact = service().artifact(artifact_id)
        return artifact, service().run(artifact.run_id)
    desk = desk_of(request)
    if desk is None:  # the sign-in lets nobody come so far
        raise Forbidden("Sign in first.")
    artifact = desk.artifact(artifact_id)
    return artifact, desk.run(artifact.run_id)


def _fetched(artifact: Artifact) -> Path:
    """A verified copy of its own: the archive may be remote, and ranges need a file that can seek."""
    descriptor, name = tempfile.mkstemp(prefix="gazette-file-")
    os.close(descriptor)
    return service().archive.fetch(artifact.path, Path(name), artifact.sha256)


def _response(artifact: Artifact, run: Run, path: Path) -> Response:
    serving = SERVINGS[artifact.format]
    return TemporaryFileResponse(
        path,
        media_type=serving.media_type,
        filename=attachment_name(run.report_name, run.period, artifact.format),
        content_disposition_type=serving.disposition,
        headers=_headers(artifact, run),
    )


def _headers(artifact: Artifact, run: Run) -> dict[str, str]:
    headers = {
        "ETag": f'"{artifact.sha256}"',
        "Cache-Control": "private, no-cache",  # ask again each time: the file may be past its retention
        "Content-Encoding": "identity",  # keeps Streamlit's gzip away, which breaks ranges
        "Content-Security-Policy": SERVINGS[artifact.format].policy,
    }
    if run.finished_at is not None:
        headers["Last-Modified"] = format_datetime(run.finished_at, usegmt=True)
    return headers
