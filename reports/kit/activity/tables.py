"""The tables of a report on users. Rows, the row of all others and the total add up to the report's own figures."""

from __future__ import annotations

from reports.kit import format as fmt
from reports.kit.activity.people import People
from reports.kit.activity.rankings import MIN_JUDGED, dormant_keys, moves, outliers, unknown_keys, users
from reports.kit.anomalies import CUT
from reports.kit.sentences import notice, remark
from reports.kit.tables import Column, table
from reports.kit.usage import Order, totals
from reports.kit.usage.tables import NO_USAGE

REQUESTS = Column("requests", "Requests", "count")
BEFORE = Column("previous_requests", "Requests before", "count")
ABOUT_USERS = "Models is how many a user used; Change is in requests"
SUCCESS = Column("success_rate", "Success rate", "percent", ratio=("successes", "requests"))


def users_table(people: People, *, order: Order = "requests", top_n: int = 20) -> None:
    """Emit every user's requests, tokens, cost, models, success rate, last active day and change in requests.

    The page has the first `top_n`, unknown users in a row of their own, and all others together; the sheet has all.
    """
    found = users(people, order=order, top_n=top_n)
    count = len(found.frame)
    caption = f"The first {found.shown} of {fmt.full(count)}, by {order}" if count > found.shown else "All users"
    dormant = ", in the total also those of dormant users" if people.now.dormant else ""
    table(
        "Users",
        found.frame,
        _user_columns(people),
        name="users",
        caption=f"{caption}. {ABOUT_USERS}{dormant}",
        sheet_caption=f"All users. {ABOUT_USERS}{dormant}",
        total=True,
        max_rows=found.shown,
        empty=NO_USAGE,
    )


def _user_columns(people: People) -> list[Column]:
    columns = [
        Column("name", "User"),
        Column("id", "User id", sheet_only=True),
        Column("group", "Group"),
        REQUESTS,
        Column("share", "Share of requests", "percent", share="requests", sheet_only=True),
        Column("successes", "Successes", "count", sheet_only=True),
        Column("failures", "Failed", "count", sheet_only=True),
        Column("prompt_tokens", "Prompt tokens", "tokens", sheet_only=True),
        Column("completion_tokens", "Completion tokens", "tokens", sheet_only=True),
        Column("total_tokens", "Tokens", "tokens"),
        Column("spend_usd", "Cost", "usd"),
        Column("models", "Models", "number"),
        SUCCESS,
        Column("last_active", "Last active", "date"),
    ]
    if not people.data.has("success_rate"):
        columns = [each for each in columns if each.name not in {"successes", "failures", "success_rate"}]
    if people.now.returning is None and people.now.new is None:
        columns = [each for each in columns if each.name != "group"]
    if people.before:
        whole = totals(people.data.previous).requests  # of dormant users, too: they have no row
        columns.append(Column(BEFORE.name, BEFORE.label, BEFORE.unit, sheet_only=True, total=whole))
        columns.append(Column("change", "Change", "percent", change=("requests", "previous_requests")))
    return columns


def movers_tables(people: People, *, top_n: int = 10) -> None:
    """Emit the users whose requests rose, and those whose fell, most first; both add up to the change in requests."""
    if not people.before:
        notice("Movers: not available. There is no period to compare with.")
        return
    frame = moves(people)
    rose, fell = frame[frame["difference"] > 0], frame[frame["difference"] < 0].iloc[::-1]
    columns = [
        Column("name", "User"),
        Column("id", "User id", sheet_only=True),
        REQUESTS,
        BEFORE,
        Column("difference", "Difference", "count"),
        Column("change", "Change", "percent", change=("requests", "previous_requests")),
    ]
    for title, part, way in (("Rises", rose, "rose"), ("Falls", fell, "fell")):
        sum_of = fmt.plural(abs(int(part["difference"].sum())), "request")
        table(
            title,
            part,
            columns,
            caption=f"Users whose requests {way}, by {sum_of} in all",
            total=True,
            max_rows=top_n,
            empty=f"No user's requests {way}.",
        )


def dormant_keys_table(people: People, *, top_n: int = 20) -> None:
    """Emit the keys that exist or were used before, and were not in the period: owner and last use, last used first."""
    data = people.data
    if len(data.coverage.missing(data.period)) == data.period.days:
        notice("Dormant keys: not available. The source has no data for these days.")
        return
    frame, first = dormant_keys(people), people.first_known_day
    since = f" since {fmt.day(first)}" if first else ""
    columns = [
        Column("name", "Key"),
        Column("key_id", "Key id", sheet_only=True),
        Column("owner", "Owner"),
        Column("team", "Team"),
        Column("last_used", "Last used", "date"),
        Column("unused_days", "Days without use", "number"),
        Column("requests", "Requests before", "count"),
    ]
    table(
        "Dormant keys",
        frame,
        columns,
        caption=f"{fmt.plural(len(frame), 'key')} not used in this period; uses{since} are known",
        total=True,
        max_rows=top_n,
        missing="not known",
        empty=f"Every key known{since} was used in this period."
        if data.daily["requests"].sum()
        else "No key is known.",
    )


def outliers_table(people: People, *, top_n: int = 20) -> None:
    """Emit users far from the others in requests, tokens a request or cost, with the score that says so."""
    judged = len(people.now.active)
    if judged < MIN_JUDGED:
        remark(f"Outliers: not judged. Fewer than {MIN_JUDGED} active users have no usual amount.")
        return
    columns = [
        Column("name", "User"),
        Column("what", "In what"),
        Column("value", "Value", "number"),
        Column("usual", "Median of users", "number"),
        Column("times", "Times the median", "number"),
        Column("score", "Score", "number"),
    ]
    table(
        "Outliers",
        outliers(people),
        columns,
        caption=f"Users whose robust score is above {CUT} or below −{CUT}, of {fmt.full(judged)} active users",
        max_rows=top_n,
        empty=f"No user of {fmt.full(judged)} stands far from the others: no robust score is beyond {CUT}.",
    )


def unknown_table(people: People, *, top_n: int = 20) -> None:
    """Emit the usage that belongs to no known user, by key."""
    data, frame = people.data, unknown_keys(people)
    requests, whole = int(frame["requests"].sum()), totals(data.daily).requests
    columns = [
        Column("name", "Key"),
        Column("key_id", "Key id", sheet_only=True),
        REQUESTS,
        Column("successes", "Successes", "count", sheet_only=True),
        Column("total_tokens", "Tokens", "tokens"),
        Column("spend_usd", "Cost", "usd"),
        SUCCESS,
        Column("last_active", "Last active", "date"),
    ]
    if not data.has("success_rate"):
        columns = [each for each in columns if each.name not in {"successes", "success_rate"}]
    share = fmt.percent(requests / whole * 100) if whole else ""
    table(
        "Unknown user",
        frame,
        columns,
        caption=f"Usage by keys that belong to no known user: {share} of all requests",
        total=True,
        max_rows=top_n,
        empty="Every request belongs to a known user." if whole else NO_USAGE,
    )
