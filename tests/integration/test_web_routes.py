"""Files, health and metrics of the real server, in a process of its own."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import people
import psutil
import pytest
import requests
import web_seed
import web_server
from postgresql import PostgresServer
from prometheus_client.parser import text_string_to_metric_families
from web_seed import Seeded

from reports.model import LEASE, Format, Run, RunKind, RunState
from reports.planning import planned_run
from reports.service import Service

SECONDS = 10  # no answer takes so long


@dataclass(frozen=True)
class Site:
    url: str
    seeded: Seeded
    session: requests.Session

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(self.url + path, headers=headers, timeout=SECONDS)

    def file(self, format: Format, **headers: str) -> requests.Response:
        return self.get(f"/files/{self.seeded.artifacts[format].id}", **headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "scratch").mkdir()
    seeded = web_seed.seed(folder / "state", folder / "scratch")
    with web_server.served(folder / "state", folder / "log") as url:
        yield Site(url, seeded, people.signed_in(url))


def test_an_archived_page_runs_nothing_and_loads_nothing(site: Site) -> None:
    answer = site.file(Format.HTML)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("format", Format)
def test_what_is_sent_is_what_was_archived(site: Site, format: Format) -> None:
    answer = site.file(format, **{"Accept-Encoding": "gzip"})
    assert hashlib.sha256(answer.content).hexdigest() == site.seeded.artifacts[format].sha256
    assert answer.headers["Content-Encoding"] == "identity"
    assert int(answer.headers["Content-Length"]) == site.seeded.artifacts[format].bytes


def test_a_pdf_is_shown_and_a_sheet_is_saved_under_a_safe_name(site: Site) -> None:
    day = site.seeded.succeeded.period.end.isoformat()
    assert site.file(Format.PDF).headers["Content-Disposition"] == f'inline; filename="daily-usage_{day}.pdf"'
    sheet = site.file(Format.XLSX)
    assert sheet.headers["Content-Disposition"] == f'attachment; filename="daily-usage_{day}.xlsx"'
    assert sheet.headers["Content-Type"].endswith("spreadsheetml.sheet")


@pytest.mark.parametrize(
    ("asked", "first", "end"), [("bytes=0-8", 0, 9), ("bytes=100-", 100, None), ("bytes=-7", -7, None)]
)
def test_a_part_can_be_asked_for(site: Site, asked: str, first: int, end: int | None) -> None:
    answer = site.file(Format.PDF, Range=asked)
    assert answer.status_code == 206
    assert answer.content == web_seed.PDF[first:end]
    assert answer.headers["Content-Range"].endswith(f"/{len(web_seed.PDF)}")


def test_a_part_beyond_the_end_is_refused(site: Site) -> None:
    assert site.file(Format.PDF, Range="bytes=99999999-").status_code == 416


def test_a_part_of_another_version_is_the_whole(site: Site) -> None:
    answer = site.file(Format.PDF, **{"Range": "bytes=0-8", "If-Range": '"another"'})
    assert (answer.status_code, answer.content) == (200, web_seed.PDF)


def test_a_file_that_is_known_is_not_sent_again(site: Site) -> None:
    tag = site.file(Format.PDF).headers["ETag"]
    again = site.file(Format.PDF, **{"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_head_tells_the_size(site: Site) -> None:
    path = f"/files/{site.seeded.artifacts[Format.PDF].id}"
    answer = site.session.head(site.url + path, timeout=SECONDS)
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(web_seed.PDF)))


@pytest.mark.parametrize("id", ["nope", "%2e%2e", "%2e%2e%2fgazette.db", "a" * 5000])
def test_what_is_not_there_is_not_found(site: Site, id: str) -> None:
    answer = site.get(f"/files/{id}")
    assert answer.status_code in {400, 404}
    assert b"SQLite" not in answer.content


def test_an_altered_file_is_not_sent(site: Site, tmp_path: Path) -> None:
    service = web_seed.open_service(site.seeded.settings)
    service.store.add_run(planned_run(site.seeded.by_hand, site.seeded.succeeded.due_at, RunKind.MANUAL, {}))
    run = _claim(service)
    artifact = web_seed.stored(service, run, Format.PDF, b"%PDF as archived", tmp_path)
    service.store.finish_run(run.id, run.attempt, [artifact], {}, {}, [])
    service.store.close()
    archived = Path(site.seeded.settings.archive_location, artifact.path)
    archived.write_bytes(b"%PDF as altered!")
    answer = site.get(f"/files/{artifact.id}")
    assert answer.status_code == 500
    assert "not what was archived" in answer.text
    assert "altered" not in answer.text
    archived.unlink()
    assert "missing" in site.get(f"/files/{artifact.id}").text


def _claim(service: Service) -> Run:
    while run := service.store.claim_run("test", LEASE):
        if run.kind is RunKind.MANUAL:
            return run
    raise AssertionError("the run was not queued")


def test_no_copy_of_a_file_is_left_behind(site: Site) -> None:
    before = set(Path(tempfile.gettempdir()).glob("gazette-file-*"))
    for format in Format:
        site.file(format)
        site.file(format, Range="bytes=0-3")
    end = time.monotonic() + SECONDS
    while not set(Path(tempfile.gettempdir()).glob("gazette-file-*")) <= before:  # removed after the last byte is sent
        assert time.monotonic() < end
        time.sleep(0.05)


def test_healthz_says_that_the_database_answers(site: Site) -> None:
    answer = site.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.headers["Cache-Control"] == "no-store"


def test_metrics_count_runs_and_deliveries_by_state(site: Site) -> None:
    answer = site.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    runs = {sample.labels["state"]: sample.value for sample in families["gazette_runs"].samples}
    assert set(runs) == {state.value for state in RunState}
    assert runs["succeeded"] >= web_seed.OLD_RUNS + 1
    assert runs["failed"] == 1
    deliveries = {sample.labels["state"]: sample.value for sample in families["gazette_deliveries"].samples}
    assert (deliveries["sent"], deliveries["failed"]) == (1, 1)
    assert families["gazette_queue_length"].samples[0].value >= 0
    assert families["gazette_runners_alive"].samples[0].value in {0, 1}
    assert "process_resident_memory_bytes" in families


def test_every_answer_carries_the_headers(site: Site) -> None:
    for path in ("/", "/healthz", "/metrics", "/files/nope", "/_stcore/health"):
        headers = site.get(path).headers
        assert "default-src" in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path


def test_a_foreign_name_for_this_machine_is_refused(site: Site) -> None:
    for path in ("/", "/metrics", "/healthz"):
        assert site.get(path, Host="attacker.example").status_code == 400


def test_it_listens_on_loopback_only(site: Site) -> None:
    port = int(site.url.rsplit(":", 1)[1])
    listening = [each for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port]
    assert {each.laddr.ip for each in listening} == {"127.0.0.1"}


def test_an_empty_database_is_healthy_too(tmp_path: Path) -> None:
    with web_server.served(tmp_path / "state", tmp_path / "log") as url:
        answer = requests.get(f"{url}/healthz", timeout=SECONDS)
        assert answer.json() == {"status": "ok", "database": "reachable", "runners_alive": 0}
        assert requests.get(f"{url}/metrics", timeout=SECONDS).ok


def test_a_lost_database_is_unhealthy(postgres_server: PostgresServer, tmp_path: Path) -> None:
    database = postgres_server.new_database()
    with web_server.served(tmp_path / "state", tmp_path / "log", GAZETTE_DATABASE_URL=database) as url:
        assert requests.get(f"{url}/healthz", timeout=SECONDS).ok
        postgres_server.drop_database(database)
        answer = requests.get(f"{url}/healthz", timeout=SECONDS)
        assert (answer.status_code, answer.json()["database"]) == (503, "unreachable")
        assert requests.get(f"{url}/metrics", timeout=SECONDS).status_code == 503
