"""What a form offers to filter by: what the source has seen lately, the most used first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import people
import pytest

from reports.access import Desk
from reports.archive import Archive
from reports.errors import ExtractError, Forbidden, NotFound
from reports.service import Service
from reports.settings import Settings
from reports.sources import Source, known
from reports.sources.demo import load_demo
from reports.store import Store

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADER = "day,user_id,team_id,model,provider,key_alias,requests,successes,prompt_tokens,completion_tokens,spend"
ROWS = (
    "2026-11-18,ann,blue,small,openai,ann-key,5,5,10,10,0.1",
    "2026-11-19,ben,blue,large,anthropic,ben-key,90,90,10,10,0.1",
    "2026-11-20,ann,red,small,openai,ann-key,50,50,10,10,0.1",
    "2026-11-20,,,small,openai,,7,7,10,10,0.1",
    "2026-10-01,gone,old,retired,openai,gone-key,900,900,10,10,0.1",
)


@pytest.fixture
def service(store: Store, tmp_path: Path) -> Service:
    url = store.url.render_as_string(hide_password=False)
    settings = Settings(data_dir=tmp_path / "state", notebooks_dir=tmp_path / "notebooks", database_url=url)
    return Service(store, Archive(settings.archive_location), settings)


def add_csv(service: Service, folder: Path, *rows: str) -> None:
    path = folder / "usage.csv"
    path.write_text("\n".join([HEADER, *rows]))
    service.add_source(Source("usage", "files", str(path)))


def test_values_of_the_last_days_are_offered_the_most_used_first(service: Service, tmp_path: Path) -> None:
    add_csv(service, tmp_path, *ROWS)
    found = service.known_values("usage", AT)
    assert list(found["user_ids"]) == ["ben", "ann"]
    assert list(found["team_ids"]) == ["blue", "red"]
    assert list(found["model_ids"]) == ["large", "small"]
    assert list(found["provider_ids"]) == ["anthropic", "openai"]


def test_not_more_are_offered_than_can_be_looked_through(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "OFFERED", 2)
    rows = [f"2026-11-20,user-{number},t,m,p,k,{number},{number},1,1,0.1" for number in range(1, 6)]
    add_csv(service, tmp_path, *rows)
    assert list(service.known_values("usage", AT)["user_ids"]) == ["user-5", "user-4"]


def test_an_embedded_source_without_rows_offers_nothing(service: Service) -> None:
    service.add_source(Source("usage", "embedded"))
    assert all(not values for values in service.known_values("usage", AT).values())


def test_people_go_by_their_names(service: Service) -> None:
    service.add_source(load_demo(service.settings.store_url, "demo", AT.date(), days=3).source)
    found = service.known_values("demo", AT)
    assert found["user_ids"]["user-01"] == "Ada Krüger"
    assert found["team_ids"]["team-support"] == "Customer support"


def test_a_source_that_is_gone_says_so(service: Service, tmp_path: Path) -> None:
    add_csv(service, tmp_path, *ROWS)
    (tmp_path / "usage.csv").unlink()
    with pytest.raises(ExtractError):
        service.known_values("usage", AT)
    with pytest.raises(NotFound):
        service.known_values("nothing", AT)


def test_only_editors_are_told(service: Service, tmp_path: Path) -> None:
    add_csv(service, tmp_path, *ROWS)
    assert Desk(service, people.OWNER).known_values("usage", AT)["user_ids"]
    with pytest.raises(Forbidden):
        Desk(service, people.VIEWER).known_values("usage", AT)
