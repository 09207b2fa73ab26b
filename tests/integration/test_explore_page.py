"""Explore as a script on real sources: its figures are the report's, its links lead on, and nothing breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import people
import pytest
import web_seed
from lxml import html
from streamlit.testing.v1 import AppTest

from reports import templates
from reports.access import Desk
from reports.errors import ExtractError, Forbidden
from reports.explored import UsageQuery
from reports.kit import usage
from reports.model import Filters, Format, Period
from reports.service import Service
from reports.sources import Source
from reports.sources.demo import load_demo
from runner.once import RenderRequest, Work, render_once
from web import wiring
from web.components import usage_board

MAIN = web_seed.ROOT / "web" / "main.py"
SECONDS = 60  # the first look reads the source
NOW = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
YESTERDAY = date(2026, 11, 17)  # wherever the zone of this site has its midnight
BROKEN = Source("broken", "litellm", "postgresql://reader:sesame@127.0.0.1:1/litellm")
MODEL, USER = "openai/gpt-4o", "user-01"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three sources: synthetic usage, one that holds nothing, one that is down."""
    folder = tmp_path_factory.mktemp("explore") / "state"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAZETTE_DATA_DIR", str(folder))
        patch.setenv("GAZETTE_NOTEBOOKS_DIR", str(web_seed.ROOT / "notebooks"))
        wiring.forget()
        service = wiring.service()
        people.add_people(service.store)
        service.add_source(load_demo(service.settings.store_url, "demo", YESTERDAY).source)
        service.add_source(Source("empty", "embedded"))
        service.add_source(BROKEN)
        yield folder
        wiring.forget()


@pytest.fixture
def service(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(wiring, "person_id", lambda: people.OWNER.id)
    monkeypatch.setattr(wiring, "utc_now", lambda: NOW)
    return wiring.service()


def opened(**query: str | list[str]) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=SECONDS).run()
    app.switch_page("app_pages/explore.py")
    for name, value in ({"source": "demo"} | query).items():
        app.query_params[name] = value
    return rerun(app)


def rerun(asked: Any) -> AppTest:
    """After a widget was set, or as it is."""
    app: AppTest = asked.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def fragments(app: AppTest) -> list[html.HtmlElement]:
    bodies = (element.proto.body for element in app.get("html"))
    return [html.fromstring(body) for body in bodies if not body.startswith("<style>")]


def cards(page: list[html.HtmlElement]) -> dict[str, str]:
    """Label -> figure and change, of the page or of a report."""
    found = [card for part in page for card in part.xpath("descendant-or-self::ul[@class='kpis']/li")]
    return {card.findtext("span[@class='label']"): " ".join(card.text_content().split()) for card in found}


def table(app: AppTest, caption: str) -> html.HtmlElement:
    (found,) = [part for part in fragments(app) if caption in str(part.get("aria-label"))]
    return found


def crumbs(app: AppTest) -> list[str]:
    return [item.text_content() for part in fragments(app) for item in part.xpath("//ol[@class='gz-crumbs']/li")]


def query_of(link: html.HtmlElement) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link.get("href")).query)


def test_the_figures_equal_the_reports(service: Service, tmp_path: Path) -> None:
    """`gazette render usage_summary` over the same days and filters, in a real kernel and down to the printed cards."""
    period = Period(YESTERDAY - timedelta(days=6), YESTERDAY, service.settings.zone)
    filters = Filters(model_ids=(MODEL,), team_ids=("team-platform", "team-support"))
    request = RenderRequest({}, period, (Format.HTML,), filters, {"usage": "demo"})
    template = templates.get(service.settings.notebooks_dir, "usage_summary")
    made = render_once(service.settings, Work(template, request, tmp_path, NOW))
    report = html.fromstring(made.artifacts[0].path.read_text(encoding="utf-8"))
    app = opened(
        model=MODEL, team=["team-platform", "team-support"], period="own", dates=f"{period.start} to {YESTERDAY}"
    )
    assert len(cards([report])) == 9
    assert cards(fragments(app)) == cards([report])
    query = UsageQuery("demo", period, period.before(), filters)
    snapshot = Desk(service, people.OWNER).usage(query, NOW)
    figures = usage.metrics(usage_board.data_of(snapshot, query, service.settings.currency))
    assert {name: figures[name].value for name in figures} == {name: made.metrics[name] for name in figures}
    assert figures["requests"].value


def test_a_page_shows_cards_sentences_charts_with_their_figures_and_parts(service: Service) -> None:
    app = opened()
    assert app.title[0].value == "Explore"
    assert [each.value for each in app.header] == [
        "What stands out", "Cost by model", "Requests", "Cost", "Tokens by model", "When it is busy",
    ]  # fmt: skip
    pictures = [each.proto for each in app.get("plotly_chart")]
    assert len(pictures) == 5
    assert all(picture.alt for picture in pictures)
    summaries = [each.text_content() for part in fragments(app) for each in part.xpath("//details/summary")]
    assert summaries == [
        "Figures: Cost by model", "Figures: Requests", "Figures: Cost", "Figures: Tokens by model",
        "Figures: When it is busy",
    ]  # fmt: skip
    rows = table(app, "8 models, the largest cost first").xpath(".//tbody/tr")
    assert len(rows) == 9
    assert rows[-1].xpath("th")[0].text_content() == "Total"
    assert rows[-1].xpath("td")[0].text_content() == cards(fragments(app))["Requests"].split()[1]
    assert "synthetic" in app.markdown[0].value
    assert crumbs(app) == ["All usage"]


def test_a_name_leads_to_its_parts_and_the_crumbs_lead_back(service: Service) -> None:
    app = opened(period="last_30_days")
    (link,) = table(app, "models, the largest").xpath(f".//a[.='{MODEL}']")
    assert link.get("target") == "_self"
    drilled = query_of(link)
    assert drilled == {"source": ["demo"], "period": ["last_30_days"], "by": ["user"], "model": [MODEL]}
    app = opened(**drilled)
    assert crumbs(app) == ["All usage", f"Model {MODEL}"]
    assert cards(fragments(app))["Models used"].startswith("Models used 1 ")
    (link,) = table(app, "users, the largest").xpath(".//a[.='Ada Krüger']")
    app = opened(**query_of(link))
    assert crumbs(app) == ["All usage", f"Model {MODEL}", "User Ada Krüger"]
    assert cards(fragments(app))["Active users"].startswith("Active users 1 ")
    back = [query_of(link) for part in fragments(app) for link in part.xpath("//ol[@class='gz-crumbs']//a")]
    assert [each.get("model") for each in back] == [None, [MODEL]]
    assert all("user" not in each for each in back)


def test_every_monday_leads_to_a_report_of_the_same_source_and_filters(service: Service) -> None:
    (link,) = [a for part in fragments(opened(model=MODEL)) for a in part.xpath("//p[@class='gz-action']/a")]
    asked = query_of(link)
    assert (asked["source"], json.loads(asked["filters"][0])) == (["demo"], {"model_ids": [MODEL]})
    app = AppTest.from_file(MAIN, default_timeout=SECONDS).run()
    app.switch_page("app_pages/edit.py")
    for name, values in asked.items():
        app.query_params[name] = values
    rerun(app)
    assert not app.warning
    rerun(app.button(key="save").click())
    (saved,) = [each for each in service.reports() if each.name.startswith("Weekly usage")]
    assert (saved.sources, saved.filters.model_ids) == ({"usage": "demo"}, (MODEL,))
    service.delete_report(saved.id)


def test_the_caption_of_a_ranking_says_whom_the_change_of_its_total_counts(service: Service, tmp_path: Path) -> None:
    """Like the report's, where somebody spent in the period before and is gone in this one."""
    days = [(YESTERDAY - timedelta(days=back)).isoformat() for back in range(14)]
    rows = [*(f"{day},stays,m,1,9,9,2.0" for day in days), f"{days[10]},gone,m,1,9,9,5.0"]
    path = tmp_path / "usage.csv"
    path.write_text("\n".join(["date,user_id,model,requests,prompt_tokens,completion_tokens,spend_usd", *rows]))
    service.add_source(Source("leavers", "files", str(path)))
    try:
        app = opened(source="leavers", by="user")
        caption = str(table(app, "1 user, the largest cost first").get("aria-label"))
        assert caption.endswith("; the change of the total counts 1\N{NO-BREAK SPACE}user no longer active")
        assert "counts" not in str(table(opened(source="leavers", by="model"), "1 model").get("aria-label"))
    finally:
        service.remove_source("leavers")


def test_charts_name_people_and_not_their_ids(service: Service) -> None:
    (picture, *_) = [each.proto for each in opened(by="user").get("plotly_chart")]
    assert "Ada Krüger" in picture.alt
    assert "user-01" not in picture.spec


def test_filters_offer_what_is_known_and_stand_in_the_url(service: Service) -> None:
    app = opened()
    users = app.multiselect(key="choice_user")
    assert "Ada Krüger" in users.options
    rerun(users.set_value([USER]))
    assert app.query_params["user"] == USER
    assert crumbs(app) == ["All usage", "User Ada Krüger"]
    rerun(app.multiselect(key="choice_user").set_value([]))
    assert "user" not in app.query_params
    assert crumbs(app) == ["All usage"]


def test_a_filter_nobody_knows_gives_zeros_and_stays_to_be_taken_off(service: Service) -> None:
    app = opened(model="no-such-model")
    assert cards(fragments(app))["Requests"].startswith("Requests 0")
    assert app.multiselect(key="choice_model").value == ["no-such-model"]
    assert not app.get("plotly_chart")
    assert any("No usage was recorded" in part.text_content() for part in fragments(app))


def test_days_are_chosen_by_name_or_typed(service: Service) -> None:
    app = opened()
    rerun(app.selectbox(key="choice_period").select("own"))
    assert "are empty" in app.error[0].value
    rerun(app.text_input(key="dates").set_value(f"{YESTERDAY}"))
    assert not app.error
    assert cards(fragments(app))["Requests"]
    rerun(app.text_input(key="dates").set_value("someday"))
    assert "is not understood" in app.error[0].value
    assert not app.get("plotly_chart")


def test_without_a_comparison_nothing_is_compared(service: Service) -> None:
    app = opened(against="nothing")
    assert "against" not in app.markdown[0].value
    assert all("from" not in card for card in cards(fragments(app)).values())


def test_parts_are_ordered_as_asked(service: Service) -> None:
    app = opened(by="team", order="requests")
    counts = [row[0] for row in figures_of(table(app, "the largest requests first"))]
    assert counts == sorted(counts, reverse=True)
    assert len(counts) == 7  # with no team


def test_a_key_leads_to_its_usage_alone(service: Service) -> None:
    app = opened(by="key")
    rows = table(app, "keys, the largest").xpath(".//tbody/tr[th//a]")
    link, requests = rows[0].xpath("th//a")[0], rows[0].xpath("td")[0].text_content()
    app = opened(**query_of(link))
    assert crumbs(app) == ["All usage", f"Key {link.text_content()}"]
    assert cards(fragments(app))["Requests"].split()[1] == requests
    report = next(a for part in fragments(app) for a in part.xpath("//p[@class='gz-action']/a"))
    assert json.loads(query_of(report)["filters"][0]) == {"key_aliases": [link.text_content()]}


def test_only_a_key_of_its_own_name_can_be_looked_into() -> None:
    assert usage_board.only({"id": "k-1", "name": "batch"}, "key") == "batch"
    assert usage_board.only({"id": "k-1", "name": "k-1"}, "key") == "k-1"
    assert usage_board.only({"id": "k-1", "name": "batch (k-1)"}, "key") == ""
    assert usage_board.only({"id": "", "name": "No key"}, "key") == ""
    assert usage_board.only({"id": "u-1", "name": "Ada (u-1)"}, "user") == "u-1"


def figures_of(part: html.HtmlElement) -> list[list[int]]:
    rows = part.xpath(".//tbody/tr[position() < last()]")
    return [[int(row.xpath("td")[0].text_content().replace(",", ""))] for row in rows]


def test_every_monday_makes_a_report_of_what_is_on_the_screen(service: Service) -> None:
    app = opened(model=MODEL, user=USER)
    (link,) = [link for part in fragments(app) for link in part.xpath("//p[@class='gz-action']/a")]
    assert urlsplit(link.get("href")).path == "edit"
    asked = query_of(link)
    assert json.loads(asked["filters"][0]) == {"user_ids": [USER], "model_ids": [MODEL]}
    assert asked["name"] == [f"Weekly usage: Model {MODEL}; User Ada Krüger"]
    assert (asked["period_policy"], asked["cron"]) == (["previous_week"], ["0 7 * * 1"])


def test_a_source_that_is_down_says_so_and_another_can_be_chosen(service: Service) -> None:
    app = opened(source="broken", model=MODEL)
    assert "broken" in app.error[0].value
    assert "sesame" not in app.error[0].value
    assert app.multiselect(key="choice_model").value == [MODEL]
    assert not app.get("plotly_chart")
    rerun(app.selectbox(key="choice_source").select("demo"))
    assert not app.error
    assert len(app.get("plotly_chart")) == 5


def test_a_source_without_usage_says_how_to_fill_it(service: Service) -> None:
    app = opened(source="empty")
    assert "holds no usage yet" in app.info[0].value
    assert "gazette usage import" in app.code[0].value


def test_without_a_source_the_page_says_how_to_get_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(wiring, "person_id", lambda: people.ADMIN.id)
    wiring.forget()
    people.add_people(wiring.service().store)
    app = opened()
    assert "no usage to explore yet" in app.info[0].value
    assert [line.split()[1] for line in app.code[0].value.splitlines()] == ["demo", "source", "usage"]
    wiring.forget()


def test_viewers_see_neither_the_page_nor_the_data(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "person_id", lambda: people.VIEWER.id)
    app = opened()
    assert app.title[0].value == "Not allowed"
    assert [part.get("class") for part in fragments(app)] == ["gz-footer"]  # who is signed in, and the way out
    assert not app.get("plotly_chart")
    desk = Desk(service, people.VIEWER)
    with pytest.raises(Forbidden):
        desk.usage_sources()
    with pytest.raises(Forbidden):
        desk.usage(UsageQuery("demo", Period(YESTERDAY, YESTERDAY), None), NOW)


def test_editors_get_the_sources_of_usage_without_their_addresses(service: Service) -> None:
    service.add_source(Source("warehouse", "sql", "postgresql://reader@db.example.org/shop"))
    found = Desk(service, people.OWNER).usage_sources()
    assert [(each.name, each.url) for each in found] == [("broken", ""), ("demo", ""), ("empty", "")]
    service.remove_source("warehouse")


def test_the_same_look_reads_the_source_once(service: Service) -> None:
    desk = Desk(service, people.OWNER)
    query = UsageQuery("demo", Period(YESTERDAY, YESTERDAY), None, Filters(team_ids=("team-legal",)))
    first, again = desk.usage(query, NOW), desk.usage(query, NOW + timedelta(minutes=4))
    assert again.path == first.path
    assert desk.usage(query, NOW + timedelta(minutes=6)).path != first.path
    with pytest.raises(ExtractError):
        desk.usage(UsageQuery("broken", query.period, None), NOW)


def test_nothing_of_the_data_is_kept_in_the_session(service: Service) -> None:
    app = opened(model=MODEL)
    kept = app.session_state._state.filtered_state  # AppTest offers no other way to see all of it
    assert all(isinstance(value, str | list) for value in kept.values()), kept
