"""Files imported into our own tables report what the files hold, once, whatever is imported again."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from reports.errors import InvalidInput
from reports.model import Filters, Period
from reports.sources import Snapshot, Source, check, extract
from reports.sources.columns import BadRow
from reports.sources.usage_import import ImportReport, SideFile, import_usage
from reports.store.engine import Database
from reports.store.usage_tables import usage_events
from reports.templates import Dataset

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
EVENTS = """request_id,started_at,user_id,user_name,key_id,key_alias,model,provider,prompt_tokens,completion_tokens,\
spend_usd,status
r1,2026-11-20T08:30:00Z,u1,Ann,k1,ann-key,m1,p1,100,10,0.5,success
r2,2026-11-20T23:45:00Z,u1,Ann,k1,ann-key,m2,p1,200,20,0.25,success
r3,2026-11-22T00:10:00+01:00,u2,,k2,,m1,p1,300,0,0,failure
"""
DAILY = """day,user,model,requests,failures,prompt_tokens,completion_tokens,spend
2026-11-20,u1,m1,10,1,1000,100,1.5
2026-11-21,u2,m1,5,0,500,50,0.75
2026-11-21,u2,m1,3,1,300,30,0.25
"""


def write(tmp_path: Path, text: str, name: str = "usage.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def load(
    url: str, path: Path, source: str = "usage", mapping: dict[str, str] | None = None, **options: Any
) -> ImportReport:
    return import_usage(url, path, source, mapping or {}, {"data_dir": str(path.parent), **options})


def take(url: str, tmp_path: Path, period: Period, filters: Filters = Filters(), source: str = "usage") -> Snapshot:  # noqa: B008
    folder = tmp_path / f"snapshot-{len(list(tmp_path.iterdir()))}"
    embedded = Source(source, "embedded")
    return extract(embedded, Dataset("usage"), period, None, filters, folder, store_url=url, at=NOW)


def daily(snapshot: Snapshot) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path / "daily.parquet")


def hourly(snapshot: Snapshot) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path / "hourly.parquet")


NOVEMBER = Period(date(2026, 11, 20), date(2026, 11, 22))


def test_the_azure_trace_reports_the_totals_of_its_file(store_url: str, shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "data" / "azure" / "AzureLLMInferenceTrace_code.csv"
    report = load(store_url, path, data_dir=tmp_path)
    assert (report.read, report.added, report.rejected) == (8819, 8819, 0)
    assert report.first_day == report.last_day == date(2023, 11, 16)

    file = pd.read_csv(path)
    snapshot = take(store_url, tmp_path, Period(date(2023, 11, 16), date(2023, 11, 16)))
    for frame in (daily(snapshot), hourly(snapshot)):
        assert frame["requests"].sum() == len(file) == 8819
        assert frame["prompt_tokens"].sum() == file["ContextTokens"].sum()
        assert frame["completion_tokens"].sum() == file["GeneratedTokens"].sum()
    assert hourly(snapshot)["hour"].tolist() == [pd.Timestamp("2023-11-16 18:00"), pd.Timestamp("2023-11-16 19:00")]
    assert snapshot.meta["coverage"]["incomplete_days"] == ["2023-11-16"]


def test_servegen_reports_the_totals_of_its_file_in_any_zone(store_url: str, shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "data" / "servegen" / "servegen_hourly.csv.gz"
    report = load(store_url, path, data_dir=tmp_path, day_zero="2026-11-02")
    assert (report.read, report.added, report.rejected) == (47568, 47568, 0)
    assert (report.first_day, report.last_day) == (date(2026, 11, 2), date(2026, 11, 15))
    assert any("427 rows name no tokens" in note for note in report.notes)

    file = pd.read_csv(path)
    prompt = int((file["requests"] * file["input_tokens_mean"].fillna(0)).round().sum())
    completion = int((file["requests"] * file["output_tokens_mean"].fillna(0)).round().sum())
    for zone in ("UTC", "America/New_York"):
        snapshot = take(store_url, tmp_path, Period(date(2026, 11, 1), date(2026, 11, 16), zone))
        for frame in (daily(snapshot), hourly(snapshot)):
            assert frame["requests"].sum() == int(file["requests"].sum())
            assert frame["prompt_tokens"].sum() == prompt
            assert frame["completion_tokens"].sum() == completion
    rows = daily(snapshot)
    assert set(rows["model"]) == set(file["pool"])
    assert set(rows["user_id"]) == set(file["client_id"].astype(str))
    assert rows.groupby("model")["requests"].sum().to_dict() == file.groupby("pool")["requests"].sum().to_dict()


def test_servegen_needs_to_know_its_first_day(store_url: str, tmp_path: Path) -> None:
    header = "pool,client_id,hour,requests,input_tokens_mean,output_tokens_mean\n"
    path = write(tmp_path, header + "m,1,25,3.0,2.5,1.5\n")
    with pytest.raises(InvalidInput, match="--day-zero 2026-11-02") as caught:
        load(store_url, path)
    assert caught.value.field == "day_zero"
    load(store_url, path, day_zero="2026-11-20")
    [row] = daily(take(store_url, tmp_path, NOVEMBER)).to_dict("records")
    assert (row["day"], row["requests"], row["prompt_tokens"]) == (date(2026, 11, 21), 3, 8)


def test_events_land_on_the_day_of_the_zone(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS))
    in_utc = daily(take(store_url, tmp_path, NOVEMBER)).groupby("day")["requests"].sum().to_dict()
    assert in_utc == {date(2026, 11, 20): 2, date(2026, 11, 21): 1}
    berlin = Period(NOVEMBER.start, NOVEMBER.end, "Europe/Berlin")
    in_berlin = daily(take(store_url, tmp_path, berlin)).groupby("day")["requests"].sum().to_dict()
    assert in_berlin == {date(2026, 11, 20): 1, date(2026, 11, 21): 1, date(2026, 11, 22): 1}


def test_what_a_row_says_is_what_is_reported(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS))
    rows = daily(take(store_url, tmp_path, NOVEMBER)).set_index(["user_id", "model"])
    first = rows.loc[("u1", "m1")]
    assert (first["user_name"], first["key_alias"], first["spend_usd"], first["provider"]) == (
        "Ann",
        "ann-key",
        0.5,
        "p1",
    )
    failed = rows.loc[("u2", "m1")]
    assert (failed["requests"], failed["failures"], failed["successes"], failed["user_name"]) == (1, 1, 0, "")
    assert rows["timed_requests"].isna().all()  # nobody measured; never 0


def test_the_same_file_twice_adds_nothing(store_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, EVENTS)
    assert (load(store_url, path).added, load(store_url, path).added) == (3, 0)
    assert load(store_url, path).updated == 3
    assert daily(take(store_url, tmp_path, NOVEMBER))["requests"].sum() == 3


def test_rows_without_ids_are_told_apart_by_content(store_url: str, tmp_path: Path) -> None:
    header, *lines = (line.split(",", 1)[1] for line in EVENTS.splitlines())
    twice = "\n".join([header, *lines, lines[0]])  # two requests that agree in everything
    path = write(tmp_path, twice)
    assert (load(store_url, path).added, load(store_url, path).added) == (4, 0)
    grown = write(tmp_path, f"{twice}\n{lines[0].replace('08:30', '09:30')}")
    assert load(store_url, grown).added == 1
    assert daily(take(store_url, tmp_path, NOVEMBER))["requests"].sum() == 5


def test_a_later_row_of_one_request_id_corrects_the_earlier(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS + EVENTS.splitlines()[1].replace("0.5", "0.75") + "\n"))
    rows = daily(take(store_url, tmp_path, NOVEMBER))
    assert (rows["requests"].sum(), math.fsum(rows["spend_usd"])) == (3, 1.0)


def test_daily_rows_of_one_key_add_up_and_stay_put(store_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, DAILY)
    first, second = load(store_url, path), load(store_url, path)
    assert (first.read, first.added, second.added) == (3, 2, 0)
    snapshot = take(store_url, tmp_path, NOVEMBER)
    rows = daily(snapshot)
    assert rows["requests"].tolist() == [10, 8]
    assert rows["successes"].tolist() == [9, 7]
    assert rows["spend_usd"].tolist() == [1.5, 1.0]
    assert snapshot.file("hourly.parquet") is None
    assert "hourly" in snapshot.meta["unavailable"]
    assert snapshot.meta["coverage"]["missing_days"] == ["2026-11-22"]


def test_daily_rows_stay_utc_days_in_another_zone_and_say_so(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, DAILY))
    snapshot = take(store_url, tmp_path, Period(NOVEMBER.start, NOVEMBER.end, "Asia/Tokyo"))
    assert snapshot.meta["day_zone"] == "UTC"
    assert "Asia/Tokyo" in snapshot.meta["unavailable"]["local_days"]


def test_a_source_holds_events_or_daily_rows_never_both(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS, "events.csv"))
    with pytest.raises(InvalidInput, match="holds events and the file holds daily rows") as caught:
        load(store_url, write(tmp_path, DAILY, "daily.csv"))
    assert caught.value.field == "source"
    load(store_url, tmp_path / "daily.csv", source="other")
    with pytest.raises(InvalidInput, match="holds daily rows and the file holds events"):
        load(store_url, tmp_path / "events.csv", source="other")


@pytest.mark.parametrize(("text", "column"), [(EVENTS, "status"), (DAILY, "failures")], ids=["events", "daily"])
def test_rows_without_outcomes_are_no_successes(store_url: str, tmp_path: Path, text: str, column: str) -> None:
    """A report must not say that nothing failed where nobody knows; nor mix such rows with others."""
    frame = pd.read_csv(StringIO(text))
    plain = write(tmp_path, frame.drop(columns=column).to_csv(index=False), "plain.csv")
    assert any("--map status=COLUMN" in note for note in load(store_url, plain).notes)
    unavailable = take(store_url, tmp_path, NOVEMBER).meta["unavailable"]
    assert unavailable["success_rate"] == "The source does not tell which requests failed."
    with pytest.raises(InvalidInput, match="only the file tells which requests failed") as caught:
        load(store_url, write(tmp_path, text, "told.csv"))
    assert caught.value.field == "source"
    told = load(store_url, tmp_path / "told.csv", source="told")
    assert not told.notes
    with pytest.raises(InvalidInput, match="only 'told' tells which requests failed"):
        load(store_url, plain, source="told")


def test_bad_rows_are_counted_named_and_kept(sqlite_url: str, tmp_path: Path) -> None:
    bad = [
        "r4,yesterday,u1,,k1,,m1,p1,1,1,0,success",
        "r5,2026-11-20T10:00:00Z,u1,,k1,,m1,p1,minus,1,0,success",
        "r6,2026-02-30T10:00:00Z,u1,,k1,,m1,p1,1,1,0,success",
        "r7,2026-11-20T10:00:00Z,u1",
        "r8,2026-11-20T10:00:00Z,u1,,k1,,m1,p1,1.5,1,0,success",
        "r9,2026-11-20T10:00:00Z,u1,,k1,,m1,p1,1,1,-3,success",
        "r10,2026-11-20T10:00:00Z,u1,,k1,,m1,p1,,1,0,success",
    ]
    path = write(tmp_path, EVENTS + "\n".join(bad) + "\nr11,2026-11-20T11:00:00Z,u1,,k1,,m1,p1,1,1,nan,success\n")
    report = load(sqlite_url, path)
    assert (report.read, report.added, report.rejected) == (11, 3, 8)
    assert report.rejected_file is not None
    assert report.rejected_file.parent == tmp_path / "rejected"
    kept = pd.read_csv(report.rejected_file, keep_default_na=False)
    assert kept["row"].tolist() == [4, 5, 6, 7, 8, 9, 10, 11]
    assert kept["column"].tolist() == [
        "started_at", "prompt_tokens", "started_at", "", "prompt_tokens", "spend_usd", "prompt_tokens", "spend_usd",
    ]  # fmt: skip
    assert "'yesterday' is no moment" in kept["reason"][0]
    assert "3 values for 12 columns" in kept["reason"][3]
    assert kept["reason"][6] == "is empty"
    assert kept["text"].tolist() == [*bad, "r11,2026-11-20T11:00:00Z,u1,,k1,,m1,p1,1,1,nan,success"]
    assert report.first_rejected[0].startswith("row 4, started_at")


def test_a_clean_file_leaves_no_side_file(sqlite_url: str, tmp_path: Path) -> None:
    assert load(sqlite_url, write(tmp_path, EVENTS)).rejected_file is None
    assert not (tmp_path / "rejected").exists()


@pytest.mark.parametrize("name", ["usage.csv", "usage.csv.gz", "usage.parquet"])
def test_formats_agree(sqlite_url: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".parquet"):
        frame = pd.read_csv(write(tmp_path, EVENTS, "plain.csv"), parse_dates=["started_at"])
        frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
        pq.write_table(pa.Table.from_pandas(frame), path)
    else:
        write(tmp_path, EVENTS, name)
    assert load(sqlite_url, path).added == 3
    rows = daily(take(sqlite_url, tmp_path, NOVEMBER))
    assert rows["prompt_tokens"].tolist() == [100, 200, 300]
    assert rows["day"].tolist() == [date(2026, 11, 20), date(2026, 11, 20), date(2026, 11, 21)]


def test_a_map_names_columns_and_constants(sqlite_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, "when;eingabe;ausgabe\n2026-11-20 08:00;5;6\n1763625600;7;8\n")
    mapping = {
        "started_at": "when",
        "prompt_tokens": "eingabe",
        "completion_tokens": "ausgabe",
        "model": "'azure-code'",
    }
    report = load(sqlite_url, path, mapping=mapping, zone="Europe/Berlin")
    assert (report.added, report.rejected) == (2, 0)
    rows = daily(take(sqlite_url, tmp_path, Period(date(2025, 11, 20), date(2026, 11, 20))))
    assert set(rows["model"]) == {"azure-code"}
    assert rows["day"].tolist() == [date(2025, 11, 20), date(2026, 11, 20)]
    database = Database(sqlite_url)
    with database.reading() as connection:
        last = connection.scalar(sa.select(sa.func.max(usage_events.c.started_at)))
    database.close()
    assert last == datetime(2026, 11, 20, 7, tzinfo=UTC)  # eight o'clock in Berlin


@pytest.mark.parametrize(
    ("header", "mapping", "field", "message"),
    [
        ("a,b", {}, "started_at", "The columns are: a, b"),
        ("started_at,b", {}, "prompt_tokens", "--map prompt_tokens=COLUMN"),
        ("day,prompt_tokens,completion_tokens", {}, "requests", "--map requests=COLUMN"),
        ("started_at,b", {"model": "engine"}, "map", "no column 'engine'"),
        ("started_at,b", {"modell": "b"}, "map", "'modell' is no field of ours"),
        ("", {}, "started_at", "The columns are: none"),
    ],
)
def test_a_missing_column_is_named_with_what_to_do(
    sqlite_url: str, tmp_path: Path, header: str, mapping: dict[str, str], field: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(sqlite_url, write(tmp_path, header + "\n"), mapping=mapping)
    assert caught.value.field == field
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("broken.parquet", b"PAR1 no"), ("broken.csv.gz", b"\x1f\x8b no"), ("latin.csv", b"started_at,m\xfcller\n")],
)
def test_a_broken_file_is_refused_as_such(sqlite_url: str, tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load(sqlite_url, path)
    assert caught.value.field == "file"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("utf16.csv", EVENTS.encode("utf-16"), "save it as CSV in UTF-8"),
        ("flipped.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 50, "cannot be read"),
        ("one-line.csv", b'{"rows": "' + b"x" * 200_000 + b'"}', "cannot be read"),
        ("empty.parquet", b"", "cannot be read"),
        ("twice.csv", EVENTS.replace("provider", "model").encode(), "names 'model' twice"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    sqlite_url: str, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as caught:
        load(sqlite_url, path)
    assert caught.value.field == "file"


def test_what_stands_before_a_broken_place_is_imported_and_the_rest_when_it_is_mended(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.sources.rowfiles.BLOCK_BYTES", 1 << 10)
    header, *rows = EVENTS.splitlines()
    text = "\n".join([header, *(rows[0].replace("r1", f"a{number}") for number in range(100))]) + "\n"
    path = write(tmp_path, text)
    path.write_bytes(text.encode() + rows[1].replace("Ann", "J\xfcrgen").encode("latin-1") + b"\n")
    with pytest.raises(InvalidInput, match="What stands before is imported"):
        load(sqlite_url, path)
    before = int(daily(take(sqlite_url, tmp_path, NOVEMBER))["requests"].sum())
    assert 0 < before <= 100
    path.write_text(text + rows[1].replace("Ann", "J\xfcrgen") + "\n", encoding="utf-8")
    assert load(sqlite_url, path).added == 101 - before


def test_columns_that_nobody_wants_may_be_of_any_name_and_type(sqlite_url: str, tmp_path: Path) -> None:
    plain = [line.partition(",")[2] for line in EVENTS.splitlines()]  # without request ids: the content makes them
    trailing = write(tmp_path, "\n".join(f"{line},," for line in plain) + "\n", "trailing.csv")
    assert [load(sqlite_url, trailing, source="a").added for _ in range(2)] == [3, 0]
    frame = pd.read_csv(write(tmp_path, "\n".join(plain) + "\n", "plain.csv"))
    table = pa.Table.from_pandas(frame).append_column("tags", pa.array([["x"], [], None]))
    table = table.append_column("meta", pa.array([{"a": 1}, None, {"a": None}])).append_column(
        "raw", pa.array([b"\xff"] * 3)
    )
    pq.write_table(table, tmp_path / "nested.parquet")
    assert [load(sqlite_url, tmp_path / "nested.parquet", source="b").added for _ in range(2)] == [3, 0]


def test_a_column_of_our_name_goes_before_one_in_other_letters(sqlite_url: str, tmp_path: Path) -> None:
    text = EVENTS.replace("status\n", "status,Model\n").replace("success\n", "success,M\n")
    load(sqlite_url, write(tmp_path, text.replace("failure\n", "failure,M\n")))
    assert set(daily(take(sqlite_url, tmp_path, NOVEMBER))["model"]) == {"m1", "m2"}


def test_counts_that_contradict_each_other_are_refused(sqlite_url: str, tmp_path: Path) -> None:
    header = "day,requests,successes,failures,prompt_tokens,completion_tokens"
    rows = ["2026-11-20,10,,11,1,1", "2026-11-20,10,11,,1,1", "2026-11-20,10,5,4,1,1", "2026-11-20,10,6,4,1,1"]
    report = load(sqlite_url, write(tmp_path, "\n".join([header, *rows]) + "\n"))
    assert (report.added, report.rejected) == (1, 3)
    assert all("do not add up" in row for row in report.first_rejected)


def test_a_long_value_is_not_told_whole(sqlite_url: str, tmp_path: Path) -> None:
    report = load(sqlite_url, write(tmp_path, EVENTS.replace(",u2,", f",{'x' * 100_000},")))
    assert report.rejected == 1 and len(report.first_rejected[0]) < 300


def test_rejected_rows_are_not_held(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.sources.rowfiles.BLOCK_BYTES", 1 << 10)
    header, row, *_ = EVENTS.splitlines()
    path = write(tmp_path, "\n".join([header, *[row.replace("2026", "year")] * 200]) + "\n")
    most = 0
    keep = SideFile.keep

    def watched(self: SideFile, bad: list[BadRow]) -> None:
        nonlocal most
        most = max(most, len(bad))
        keep(self, bad)

    monkeypatch.setattr(SideFile, "keep", watched)
    report = load(sqlite_url, path)
    assert (report.rejected, len(report.first_rejected)) == (200, 5)
    assert len(pd.read_csv(report.rejected_file)) == 200
    assert most < 50


def test_no_file_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="check the path"):
        load(sqlite_url, tmp_path / "nothing.csv")


def test_progress_counts_rows_up_to_all_of_them(sqlite_url: str, tmp_path: Path) -> None:
    seen: list[int] = []
    import_usage(sqlite_url, write(tmp_path, EVENTS), "usage", {}, {}, seen.append)
    assert seen
    assert seen == sorted(seen)
    assert seen[-1] == 3


def test_filters_hold_for_days_and_hours(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS))
    for filters, requests in (
        (Filters(user_ids=("u1",)), 2),
        (Filters(model_ids=("m1",)), 2),
        (Filters(model_ids=("m1",), user_ids=("u1",)), 1),
        (Filters(key_aliases=("ann-key",)), 2),
        (Filters(key_aliases=("k2",)), 1),  # a key without an alias goes by its id
        (Filters(key_aliases=("nobody's",)), 0),
        (Filters(provider_ids=("p1' OR '1'='1",)), 0),
    ):
        snapshot = take(store_url, tmp_path, NOVEMBER, filters)
        assert daily(snapshot)["requests"].sum() == requests
        assert hourly(snapshot)["requests"].sum() == requests
        assert snapshot.meta["coverage"]["missing_days"] == ["2026-11-22"]


def test_coverage_tells_the_last_day_that_is_only_begun(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS))  # ends on the 21st at 23:10 UTC: within the last hour
    assert take(store_url, tmp_path, NOVEMBER).meta["coverage"] == {
        "missing_days": ["2026-11-22"],
        "incomplete_days": [],
        "first_day": "2026-11-20",
        "last_day": "2026-11-21",
    }
    noon = write(
        tmp_path, EVENTS.splitlines()[0] + "\nr9,2026-11-22T12:00:00Z,u1,,k1,,m1,p1,1,1,0,success\n", "more.csv"
    )
    load(store_url, noon)
    coverage = take(store_url, tmp_path, NOVEMBER).meta["coverage"]
    assert (coverage["missing_days"], coverage["incomplete_days"]) == ([], ["2026-11-22"])


def test_a_source_without_rows_is_all_missing(store_url: str, tmp_path: Path) -> None:
    snapshot = take(store_url, tmp_path, NOVEMBER)
    assert snapshot.rows == 0
    assert snapshot.meta["coverage"]["missing_days"] == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert list(daily(snapshot).columns)[:3] == ["day", "user_id", "user_name"]


def test_sources_do_not_see_each_other(store_url: str, tmp_path: Path) -> None:
    load(store_url, write(tmp_path, EVENTS))
    load(store_url, write(tmp_path, EVENTS), source="twin")
    assert daily(take(store_url, tmp_path, NOVEMBER))["requests"].sum() == 3


def test_check_tells_what_is_there(store_url: str, tmp_path: Path) -> None:
    embedded = Source("usage", "embedded")
    empty = check(embedded, store_url=store_url)
    assert (empty.rows, empty.first_day) == (0, None)
    assert "gazette usage import" in empty.notes[0]
    load(store_url, write(tmp_path, EVENTS))
    report = check(embedded, store_url=store_url)
    assert (report.rows, report.first_day, report.last_day) == (3, date(2026, 11, 20), date(2026, 11, 21))
    assert report.tables == ("usage_events",)
