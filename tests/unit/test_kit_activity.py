"""Users and how they are told apart, how use is shared, who stays: formulas by hand, figures from plain rows."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kit_snapshots import Plan, make_dataset, open_run

from reports import kit
from reports.kit.activity import pictures, rankings, spread
from reports.kit.charts import Drawing, Unavailable
from reports.model import Period

DAY = Period(date(2026, 11, 22), date(2026, 11, 22))
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MONTH = Period(date(2026, 10, 1), date(2026, 10, 31))
HISTORY = 40


def row(day: date, user: str = "ann", **values: Any) -> dict[str, Any]:
    base = {"day": day, "user_id": user, "user_name": user.title(), "key_id": f"k-{user}", "model": "m1"}
    return base | {"provider": "p1", "requests": 1, "successes": 1} | values


def people_of(folder: Path, rows: list[dict[str, Any]], period: Period = WEEK, **plan: Any) -> kit.activity.People:
    plan = {"history_days": HISTORY, "hourly": False} | plan
    return kit.activity.people(make_dataset(folder, Plan(period, **plan), rows))


def ago(days: int, period: Period = WEEK) -> date:
    """A day before the period: 1 is the last one."""
    return period.start - timedelta(days=days)


FOUR = [
    row(ago(30), "back"),
    row(WEEK.end, "back"),
    row(ago(3), "stays"),
    row(WEEK.start, "stays"),
    row(ago(1), "gone"),
    row(WEEK.end, "new"),
    row(ago(30), "long gone"),
    row(WEEK.end, "", user_name="", requests=7),
    row(ago(2), "idle", requests=0),
]


# Groups


def test_users_are_told_apart_by_what_they_did_before(tmp_path: Path) -> None:
    now = people_of(tmp_path, FOUR).now
    assert now.active == {"back", "stays", "new"}
    assert (now.new, now.returning, now.back, now.dormant) == ({"new"}, {"stays"}, {"back"}, {"gone"})


def test_the_period_before_is_judged_the_same_way(tmp_path: Path) -> None:
    before = people_of(tmp_path, FOUR).before
    assert before is not None
    assert before.active == {"stays", "gone"} == before.new
    assert (before.returning, before.back, before.dormant) == (set(), set(), set())


def test_a_short_history_tells_no_new_users(tmp_path: Path) -> None:
    people = people_of(tmp_path, FOUR[1:5], history_days=20)
    assert people.now.new is None and people.now.back is None
    assert people.now.returning == {"stays"}
    assert people.why_no_new.replace("\u00a0", " ") == (
        "New users need 28 days of data before the period, and the source has 27 days; its data begin on "
        "Tue 20 Oct 2026."
    )
    card = kit.activity.metrics(people)["new_users"]
    assert card.value is None and card.note == "needs 28 days of earlier data"


@pytest.mark.parametrize(("missing", "told"), [(19, True), (20, False)])
def test_missing_days_are_no_history(tmp_path: Path, missing: int, told: bool) -> None:
    days = [ago(8 + n) for n in range(missing)]
    people = people_of(tmp_path, FOUR, missing=days)
    assert (people.now.new is not None) == told


def test_days_the_source_was_not_there_are_no_history(tmp_path: Path) -> None:
    data = make_dataset(tmp_path, Plan(WEEK, history_days=HISTORY), FOUR)
    data.meta["coverage"]["first_day"] = ago(20).isoformat()
    assert kit.activity.people(data).now.new is None
    assert kit.activity.people(data).first_known_day == ago(20)


def test_missing_days_in_the_comparison_leave_nothing_to_compare(tmp_path: Path) -> None:
    people = people_of(tmp_path, FOUR, missing=[ago(4)])
    assert people.before is None
    assert (people.now.returning, people.now.back, people.now.dormant) == (None, None, None)
    assert people.now.new == {"new"}
    figures = kit.activity.metrics(people)
    assert {figures[name].note for name in ("returning_users", "back_users", "dormant_users")} == {"no comparison"}
    assert figures["active_users"].previous is None


def test_the_comparison_needs_its_own_days_before_it(tmp_path: Path) -> None:
    before = people_of(tmp_path, FOUR, history_days=5).before
    assert before is not None and before.active == {"stays", "gone"}
    assert (before.returning, before.dormant, before.new) == (None, None, None)


def test_groups_add_up_for_random_users(tmp_path: Path) -> None:
    draw = random.Random(3)
    days = [MONTH.end - timedelta(days=n) for n in range(2 * 31 + HISTORY)]
    rows = [row(draw.choice(days), f"u{draw.randrange(60)}") for _ in range(300)]
    people = people_of(tmp_path, rows, MONTH)
    seen = {user: {each["day"] for each in rows if each["user_id"] == user} for user in {r["user_id"] for r in rows}}
    before = MONTH.before()
    active = {user for user, on in seen.items() if any(MONTH.start <= day <= MONTH.end for day in on)}
    earlier = {user for user, on in seen.items() if any(before.start <= day <= before.end for day in on)}
    new = {user for user in active if min(seen[user]) >= MONTH.start}
    now = people.now
    assert now.active == active and now.new == new and now.returning == active & earlier
    assert now.back == active - new - earlier and now.dormant == earlier - active
    assert min(map(len, (new, active & earlier, active - new - earlier, earlier - active))) > 0, "each is tested"


# Figures


def test_figures_by_hand(tmp_path: Path) -> None:
    rows = [row(WEEK.end, f"u{n}", requests=n) for n in range(1, 13)] + [row(WEEK.end, "", requests=22)]
    figures = kit.activity.metrics(people_of(tmp_path, rows))
    assert figures["active_users"].value == 12
    assert figures["requests_per_user"].value == 78 / 12
    assert figures["middle_user_requests"].value == 6.5
    assert figures["top_10_share"].value == pytest.approx((78 - 1 - 2) / 100 * 100)


def test_without_users_there_is_no_rate(tmp_path: Path) -> None:
    figures = kit.activity.metrics(people_of(tmp_path, [row(WEEK.end, "")]))
    assert figures["active_users"].value == 0 and figures["new_users"].value == 0
    assert {figures[name].value for name in ("requests_per_user", "top_10_share", "gini")} == {None}


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [([5, 5, 5, 5], 0.0), ([1, 2, 3, 4], 0.25), ([0, 0, 0, 10], 0.75), ([7], 0.0), ([3, 1], 0.25)],
)
def test_gini_by_hand(amounts: list[int], expected: float) -> None:
    assert spread.gini(amounts) == pytest.approx(expected)


def test_gini_is_the_mean_difference_of_pairs_and_twice_the_area_of_the_lorenz_curve() -> None:
    draw = random.Random(5)
    amounts = [round(draw.paretovariate(1.1)) for _ in range(200)]
    pairs = sum(abs(a - b) for a in amounts for b in amounts)
    assert spread.gini(amounts) == pytest.approx(pairs / (2 * len(amounts) * sum(amounts)))
    users, shares = spread.lorenz(amounts)
    below = sum(
        (b - a) * (low + high) / 2 for (a, b), (low, high) in zip(pairwise(users), pairwise(shares), strict=True)
    )
    assert spread.gini(amounts) == pytest.approx(1 - 2 * below)


def test_nothing_to_share_has_no_gini() -> None:
    assert spread.gini([]) is None and spread.gini([0, 0]) is None
    with pytest.raises(ValueError, match="nothing to share"):
        spread.lorenz([0])


# Classes


@pytest.mark.parametrize(
    ("amounts", "labels"),
    [
        ([], []),
        ([1], ["1"]),
        ([4, 5], ["2–4", "5–9"]),
        ([10, 1999], ["10–19", "20–49", "50–99", "100–199", "200–499", "500–999", "1,000–1,999"]),
        ([1, 100_000], ["1–2", "3–9", "10–29", "30–99"]),
        ([1, 10**9], ["1–9", "10–99", "100–999"]),
    ],
)
def test_classes_have_names_for_people(amounts: list[int], labels: list[str]) -> None:
    assert [each.label for each in spread.size_classes(amounts)][: len(labels) or None] == labels


def test_every_user_is_in_one_class() -> None:
    draw = random.Random(9)
    for top in (1, 10, 999, 10**6, 10**11):
        amounts = [max(1, round(top * draw.random() ** 3)) for _ in range(500)]
        classes = spread.size_classes(amounts)
        assert sum(each.count for each in classes) == 500
        assert len(classes) <= spread.MOST_CLASSES
        assert all(low.high + 1 == high.low for low, high in pairwise(classes))
        assert [each.count for each in classes] == [sum(c.low <= a <= c.high for a in amounts) for c in classes]


# Charts


def test_users_a_day_with_zero_and_missing_days(tmp_path: Path) -> None:
    rows = [row(WEEK.start, user) for user in ("a", "b", "b", "")] + [row(WEEK.end, "c")]
    people = people_of(tmp_path, rows, missing=[WEEK.start + timedelta(days=2)])
    counts = pictures.actives(people, WEEK).tolist()
    assert counts[:2] == [2, 0] and math.isnan(counts[2]) and counts[3:] == [0, 0, 0, 1]


def test_days_stand_against_the_days_before(tmp_path: Path) -> None:
    drawing = kit.activity.daily_actives(people_of(tmp_path, FOUR))
    assert isinstance(drawing, Drawing)
    assert drawing.figures["value"].tolist() == [1, 0, 0, 0, 0, 0, 2]
    assert drawing.figures["previous"].tolist() == [0, 0, 0, 0, 1, 0, 1]


def test_a_single_day_follows_the_weeks_before_it(tmp_path: Path) -> None:
    people = people_of(tmp_path, [row(ago(n, DAY), "a") for n in range(40)], DAY)
    drawing = kit.activity.daily_actives(people)
    assert isinstance(drawing, Drawing) and len(drawing.figures) == 28 and "previous" not in drawing.figures
    alone = kit.activity.daily_actives(
        people_of(tmp_path / "b", [row(DAY.end)], DAY, missing=[ago(1, DAY)], history_days=0)
    )
    assert isinstance(alone, Unavailable)


@pytest.mark.parametrize("users", [2, 9, 40, 5000])
def test_the_lorenz_curve_ends_at_everything(tmp_path: Path, users: int) -> None:
    people = people_of(tmp_path, [row(WEEK.end, f"u{n}", requests=1 + n * n) for n in range(users)])
    drawing = kit.activity.lorenz(people)
    assert isinstance(drawing, Drawing)
    curve = drawing.figure.data[0]
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 100, 100)
    assert len(curve.x) <= pictures.drawings.MOST_POINTS
    assert len(drawing.figures) == min(users, 10) and drawing.figures["requests"].iloc[-1] == pytest.approx(100)
    half = sum(sorted(1 + n * n for n in range(users))[: users // 2]) / sum(1 + n * n for n in range(users)) * 100
    if users % 2 == 0:
        assert f"the less active half makes {half:.1f}" in drawing.alt


@pytest.mark.parametrize(("users", "said"), [([], "No known user"), (["a"], "only one active user")])
def test_a_curve_of_one_user_says_so(tmp_path: Path, users: list[str], said: str) -> None:
    found = kit.activity.lorenz(people_of(tmp_path, [row(WEEK.end, user) for user in users]))
    assert isinstance(found, Unavailable) and said in found.reason and found.nothing


def test_the_histogram_counts_users(tmp_path: Path) -> None:
    rows = [row(WEEK.end, "a", requests=3), row(WEEK.start, "a", requests=4), row(WEEK.end, "b"), row(WEEK.end, "c")]
    drawing = kit.activity.requests_per_user(people_of(tmp_path, rows))
    assert isinstance(drawing, Drawing)
    assert drawing.figures.to_dict("list") == {"requests": ["1", "2–4", "5–9"], "users": [2, 0, 1]}
    assert "Most, 2\u00a0users, made 1." in drawing.alt


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([3, 4, 4], "Each of the 3 active users made 2–4 requests."),
        ([1, 1], "Each of the 2 active users made 1 request."),
        ([71], "The only active user made 71 requests."),
        ([1], "The only active user made 1 request."),
    ],
)
def test_users_alike_are_a_sentence_and_no_picture(tmp_path: Path, requests: list[int], said: str) -> None:
    rows = [row(WEEK.end, f"u{place}", requests=count) for place, count in enumerate(requests)]
    found = kit.activity.requests_per_user(people_of(tmp_path, rows))
    assert isinstance(found, Unavailable) and found.nothing
    assert found.reason.replace("\u00a0", " ") == said


def cohort_rows(missing: date | None = None) -> list[dict[str, Any]]:
    """Two new users in the week of 2 November, one of them back after two weeks; one in the week of 9 November."""
    days = {"old": [ago(45), WEEK.end], "a": [date(2026, 11, 3), date(2026, 11, 16)], "b": [date(2026, 11, 8)]}
    days["c"] = [date(2026, 11, 9), date(2026, 11, 20)]
    return [row(day, user) for user, on in days.items() for day in on]


def test_weekly_retention_by_hand(tmp_path: Path) -> None:
    found = pictures.weekly_retention(people_of(tmp_path, cohort_rows()))
    assert isinstance(found, pictures.Retention)
    assert [stamp.date().isoformat() for stamp in found.sizes.index] == ["2026-11-02", "2026-11-09"]
    assert found.sizes.tolist() == [2, 1]
    assert found.shares.iloc[0, :3].tolist() == [100, 0, 50] and found.shares.iloc[1, :2].tolist() == [100, 100]
    assert found.outside.iloc[1, 2] and not found.outside.iloc[0, :3].any()
    assert found.after(1) == pytest.approx(1 / 3 * 100) and found.after(2) == 50 and found.after(7) is None
    drawing = kit.activity.retention(people_of(tmp_path / "b", cohort_rows()))
    assert isinstance(drawing, Drawing)
    assert "3\u00a0new users in 2\u00a0weeks" in drawing.alt and "33.3\u00a0% after 1\u00a0week" in drawing.alt


def test_a_week_with_missing_days_is_no_data(tmp_path: Path) -> None:
    people = people_of(tmp_path, cohort_rows(), missing=[date(2026, 11, 12)])
    found = pictures.weekly_retention(people)
    assert isinstance(found, pictures.Retention)
    assert math.isnan(found.active.at[found.sizes.index[0], 1]) and found.after(1) == 100


def test_a_short_history_follows_nobody(tmp_path: Path) -> None:
    found = kit.activity.retention(people_of(tmp_path, cohort_rows()[1:], history_days=10))
    assert isinstance(found, Unavailable) and "two whole weeks" in found.reason and not found.nothing
    nobody = kit.activity.retention(people_of(tmp_path / "b", [row(ago(46)), row(WEEK.end)]))
    assert isinstance(nobody, Unavailable) and nobody.reason.startswith("Nobody used it for the first time")


# Tables


def test_users_have_what_only_this_report_knows(tmp_path: Path) -> None:
    rows = [*FOUR, row(WEEK.start, "new", model="m2", requests=5), row(WEEK.end, "new", model="m3", requests=0)]
    frame = rankings.users(people_of(tmp_path, rows)).frame.set_index("id")
    assert frame.loc["new", ["models", "group", "requests"]].tolist() == [2, "new", 6]
    assert frame.loc["new", "last_active"] == WEEK.end and frame.loc["stays", "last_active"] == WEEK.start
    assert frame["group"].to_dict() == {"": "", "new": "new", "back": "came back", "stays": "returning"}
    assert frame["previous_requests"].to_dict() == {"": 0, "new": 0, "back": 0, "stays": 1}


def test_moves_add_up_to_the_change(tmp_path: Path) -> None:
    rows = [row(ago(1), "a", requests=9), row(WEEK.end, "a", requests=2), row(WEEK.end, "b", requests=4)]
    rows += [row(ago(2), "", requests=3), row(ago(2), "c", requests=5), row(WEEK.end, "c", requests=5)]
    frame = rankings.moves(people_of(tmp_path, rows))
    assert dict(zip(frame["name"], frame["difference"], strict=True)) == {"B": 4, "Unknown user": -3, "A": -7}
    assert frame["difference"].sum() == (2 + 4 + 5) - (9 + 3 + 5)
    assert rankings.moves(people_of(tmp_path / "b", rows, missing=[ago(3)])).empty


def listed(people: kit.activity.People, *keys: tuple[str, str, str, str]) -> kit.activity.People:
    """`people` whose source lists keys: id, alias, user, team."""
    columns = zip(("key_id", "key_alias", "user_id", "team_id"), zip(*keys, strict=True), strict=True)
    pq.write_table(pa.table(dict(columns)), people.data.folder / "keys.parquet")
    return people


def test_dormant_keys_have_owner_and_last_use(tmp_path: Path) -> None:
    rows = [
        row(ago(9), key_id="old", key_alias="laptop", team_name="Search", requests=4),
        row(ago(3), key_id="old", key_alias="laptop 2", team_name="Search", requests=2),
        row(ago(40), "", key_id="f" * 64, user_name=""),
        row(ago(40), key_id="busy"),
        row(WEEK.end, key_id="busy"),
        row(WEEK.end, key_id="old", key_alias="laptop 2", requests=0),
    ]
    frame = rankings.dormant_keys(people_of(tmp_path, rows))
    assert frame["name"].tolist() == ["laptop 2", "ffffffffffff…"]
    assert frame["owner"].tolist() == ["Ann", "nobody known"]
    assert frame["last_used"].tolist() == [ago(3), ago(40)] and frame["unused_days"].tolist() == [9, 46]
    assert frame["requests"].tolist() == [6, 1]


def test_keys_that_were_never_used_are_dormant_too(tmp_path: Path) -> None:
    keys = [("new", "spare", "ann", ""), ("k-ann", "used", "ann", ""), ("odd", "", "who", "t9")]
    people = listed(people_of(tmp_path, [row(WEEK.end)]), *keys)
    frame = rankings.dormant_keys(people)
    assert frame[["name", "owner", "team"]].to_numpy().tolist() == [["odd", "who", "t9"], ["spare", "Ann", "No team"]]
    assert frame["last_used"].isna().all() and frame["requests"].tolist() == [0, 0]


def test_a_filter_by_model_says_nothing_of_unused_keys(tmp_path: Path) -> None:
    people = people_of(tmp_path, [row(WEEK.end)], filters={"model_ids": ["m1"]})
    assert rankings.dormant_keys(listed(people, ("new", "spare", "ann", ""))).empty


def test_unknown_use_is_listed_by_key(tmp_path: Path) -> None:
    rows = [row(WEEK.end), row(WEEK.start, "", key_id="x", requests=5), row(WEEK.end, "", key_id="x", requests=1)]
    rows += [row(WEEK.start, "", key_id="", requests=2), row(ago(1), "", key_id="x", requests=50)]
    frame = rankings.unknown_keys(people_of(tmp_path, rows))
    assert frame[["name", "requests"]].to_numpy().tolist() == [["x", 6], ["No key", 2]]
    assert frame["last_active"].tolist() == [WEEK.end, WEEK.start]


def test_outliers_stand_far_from_the_others(tmp_path: Path) -> None:
    rows = [row(WEEK.end, f"u{n}", requests=90 + n, prompt_tokens=(90 + n) * 10) for n in range(20)]
    rows += [row(WEEK.end, "loud", requests=50_000, prompt_tokens=500_000), row(WEEK.end, "", requests=10**7)]
    frame = rankings.outliers(people_of(tmp_path, rows))
    assert frame[["name", "what"]].to_numpy().tolist() == [["Loud", "requests"]]
    logs = sorted(math.log10(each["requests"]) for each in rows[:-1])
    middle = logs[10]
    mad = sorted(abs(value - middle) for value in logs)[10]
    assert frame["score"].iloc[0] == pytest.approx((math.log10(50_000) - middle) * 0.6745 / mad)
    assert frame["times"].iloc[0] == pytest.approx(50_000 / 100)


def test_few_users_have_no_outliers(tmp_path: Path) -> None:
    rows = [row(WEEK.end, f"u{n}", requests=10**n) for n in range(9)]
    assert rankings.outliers(people_of(tmp_path, rows)).empty


# Sentences


def plain(sentences: list[str]) -> list[str]:
    return [text.replace("\u00a0", " ").replace("**", "") for text in sentences]


def test_sentences_state_the_figures(tmp_path: Path) -> None:
    assert plain(kit.activity.sentences(people_of(tmp_path, FOUR))) == [
        "3 users were active, against 2 in the period before: 1 new, 1 returning and 1 back after an absence.",
        "1 of the 2 users of the period before was not active in this one.",
        "The most active user makes 10.0 % of the requests; the middle user made 1 of them (Gini 0.00).",
        "Back made 1 more request than before, the largest rise; Gone made 1 fewer request than before.",
        "70.0 % of the requests, 7, belong to no known user.",
    ]


def test_the_share_of_users_who_stayed_says_since_when(tmp_path: Path) -> None:
    """It is also read where no chart stands beside it: in a mail, and on the cover of a workbook."""
    more = [row(day, f"n{n}") for n in range(3) for day in (date(2026, 11, 10), date(2026, 11, 17))]
    found = plain(kit.activity.sentences(people_of(tmp_path, [*cohort_rows(), *more])))
    assert "66.7 % of the users who first came since Mon 2 Nov 2026 were active in the week after." in found


def test_sentences_without_history_say_why(tmp_path: Path) -> None:
    found = plain(kit.activity.sentences(people_of(tmp_path, FOUR[1:4], missing=[ago(5)], history_days=0)))
    assert found[0].startswith("2 users were active. New users need 28 days of data")


def test_sentences_without_users(tmp_path: Path) -> None:
    unknown = plain(kit.activity.sentences(people_of(tmp_path, [row(WEEK.end, "")])))
    assert unknown == [
        "No request could be traced to a known user.",
        "100.0 % of the requests, 1, belong to no known user.",
    ]
    nothing = plain(kit.activity.sentences(people_of(tmp_path / "b", [row(ago(1))])))
    assert nothing[0].startswith("No usage was recorded") and nothing[-1].startswith("The one user who")


def test_every_figure_shown_is_defined(tmp_path: Path) -> None:
    people = people_of(tmp_path, FOUR)
    terms = kit.activity.terms(people)
    for metric in kit.activity.metrics(people).values():
        words = {
            "Requests of the middle user": "Requests per user",
            "Gini coefficient": "Lorenz curve and Gini coefficient",
        }
        assert words.get(metric.label, metric.label) in terms
    assert "Wed 30 Sep 2026 on are known" in terms["New users"]


# Tables of the page


def test_many_users_are_capped_on_the_page_and_whole_in_the_sheet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [row(WEEK.end, f"u{n:05d}", requests=1 + n % 977) for n in range(10_000)]
    rows += [row(ago(1), f"u{n:05d}", requests=400) for n in range(10_000)]
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, history_days=HISTORY), rows)
    people = kit.activity.people(kit.dataset("usage"))
    kit.activity.users_table(people, top_n=20)
    kit.activity.movers_tables(people, top_n=20)
    texts = [piece["text/plain"].splitlines() for piece in pieces.of("table")]
    assert all(len(lines) == 2 + 20 + 2 for lines in texts)
    assert all("All others (" in lines[-2] and lines[-1].startswith("Total") for lines in texts)
    users, rises, falls = (pq.read_table(tmp_path / table.file).to_pandas() for table in pieces.results.tables)
    assert len(users) == 10_000 and users["requests"].sum() == sum(1 + n % 977 for n in range(10_000))
    assert rises["difference"].sum() + falls["difference"].sum() == users["requests"].sum() - 4_000_000
