"""What stands out about the users of a period, in sentences written from the data, and what the figures mean."""

from __future__ import annotations

from reports.kit import format as fmt
from reports.kit.activity.figures import LEADERS, spread
from reports.kit.activity.people import MIN_HISTORY_DAYS, Groups, People
from reports.kit.activity.pictures import Retention, weekly_retention
from reports.kit.activity.rankings import MIN_JUDGED, moves
from reports.kit.anomalies import CUT
from reports.kit.markup import bold, quoted
from reports.kit.usage import ranking, totals
from reports.kit.usage import sentences as usage_sentences
from reports.kit.usage import terms as usage_terms

MOST = 5  # sentences
EVERYTHING = 100.0  # percent
FEW = 5  # new users; what fewer do is no share
USAGE_TERMS = ("Change", "Active users", "Success rate", "Cost", "Tokens", "Missing days")


def sentences(people: People) -> list[str]:
    """Three to five sentences with **bold** figures: how many, who came and went, how use is shared, who moved."""
    if not totals(people.data.daily).requests:
        return [*usage_sentences(people.data), *filter(None, [_dormant(people.now)])]
    if not people.now.active:
        return ["**No request could be traced to a known user.**", _unknown(people)]
    found = [_active(people), _dormant(people.now), _shared(people), _moved(people), _stayed(people), _unknown(people)]
    return [text for text in found if text][:MOST]


def _active(people: People) -> str:
    now, before = people.now, people.before
    count = len(now.active)
    if before and now.active == before.active and now.new is not None:
        same = "The same user was" if count == 1 else f"The same {fmt.full(count)} users were"
        return f"**{same}** active as in the period before."
    text = f"**{fmt.plural(count, 'user')}** {'was' if count == 1 else 'were'} active"
    if before:
        text += f", against {fmt.full(len(before.active)) if before.active else 'none'} in the period before"
    if now.new is None and now.returning:
        return f"{text}; **{fmt.full(len(now.returning))}** of them in both periods. {people.why_no_new}"
    parts = _parts(now)
    if not parts and now.new is None:
        return f"{text}. {people.why_no_new}"
    if not parts:
        return f"{text}; {'not' if count == 1 else 'none of them'} for the first time."
    return f"{text}: {fmt.listed(parts)}."


def _parts(now: Groups) -> list[str]:
    """The active users by what they did before: new, returning, back; no part without users."""
    words = ((now.new, "new"), (now.returning, "returning"), (now.back, "back after an absence"))
    return [f"**{fmt.full(len(ids))}** {word}" for ids, word in words if ids]


def _dormant(now: Groups) -> str:
    if now.dormant is None or not (now.dormant or now.returning):
        return ""
    count = len(now.dormant)
    if not count and now.active == now.returning and now.new is not None:
        return ""  # the same users, as was said
    if not count:
        return "Everybody who was active in the period before was active again."
    if count == 1 and not now.returning:
        return "The one user who was active in the period before was not active in this one."
    was = "was" if count == 1 else "were"
    whole = fmt.full(count + len(now.returning or ()))
    return f"**{fmt.full(count)}** of the {whole} users of the period before {was} not active in this one."


def _shared(people: People) -> str:
    found = spread(people.requests, totals(people.data.daily).requests)
    if found.gini is None or found.top_10_share is None or found.middle_user_requests is None:
        return ""
    if len(people.requests) == 1:
        name = ranking(people.data, "user").frame.query("id != ''")["name"].iloc[0]
        whose = "Every request is" if found.top_10_share == EVERYTHING else "Every request of a known user is"
        return f"{whose} by {bold(name)}."
    middle = f"the middle user made {fmt.figure(found.middle_user_requests, 'number')} of them"
    if len(people.requests) > 2 * LEADERS:
        share = fmt.percent(found.top_10_share)
        return f"The ten most active users make **{share}** of the requests; {middle} (Gini {found.gini:.2f})."
    lead = fmt.percent(float(people.requests.iloc[0]) / totals(people.data.daily).requests * 100)
    return f"The most active user makes **{lead}** of the requests; {middle} (Gini {found.gini:.2f})."


def _moved(people: People) -> str:
    frame = moves(people)
    frame = frame[frame["id"] != ""]
    parts: list[str] = []
    for place, way, sign, most in ((0, "more", 1, "largest rise"), (-1, "fewer", -1, "largest fall")):
        moved = frame["difference"] * sign > 0
        if moved.any():
            amount = fmt.plural(abs(int(frame["difference"].iloc[place])), f"{way} request")
            name = str(frame["name"].iloc[place])
            who = bold(name) if not parts else quoted(name)
            parts.append(f"{who} made {amount} than before{f', the {most}' if moved.sum() > 1 else ''}")
    return f"{'; '.join(parts)}." if parts else ""


def _stayed(people: People) -> str:
    found = weekly_retention(people)
    if not isinstance(found, Retention) or (share := found.after(1)) is None:
        return ""
    followed = found.sizes[found.active[1].notna()]
    if int(followed.sum()) < FEW:
        return ""
    since = fmt.day(followed.index[0].date())
    return f"**{fmt.percent(share)}** of the users who first came since {since} were active in the week after."


def _unknown(people: People) -> str:
    rows = people.data.daily
    unknown, whole = int(rows.loc[rows["user_id"] == "", "requests"].sum()), int(rows["requests"].sum())
    share = fmt.percent(unknown / whole * 100)
    return f"**{share}** of the requests, {fmt.short(unknown)}, belong to no known user." if unknown else ""


def terms(people: People) -> dict[str, str]:
    """What the figures of a report on users mean, by term; how far back the data reach is part of it."""
    first, known = people.first_known_day, usage_terms()
    history = f" The days from {fmt.day(first)} on are known." if first else ""
    own = {
        "New users": "Active users who were not seen on any earlier day that the report can look at. Told only with at "
        f"least {MIN_HISTORY_DAYS} days of data before the period.{history}",
        "Returning users": "Users active in this period and in the period before.",
        "Came back": "Users active in this period and earlier, but not in the period before. Active users are the new, "
        "the returning and those who came back.",
        "Dormant users": "Users active in the period before and not in this one; no part of the active users.",
        "Requests per user": "Requests of known users / active users. Requests of unknown users are left out. The "
        "middle user's requests are the median.",
        "Share of the top 10": "Requests of the ten users with the most requests / all requests, those of unknown "
        "users included, × 100.",
        "Lorenz curve and Gini coefficient": "Share of the requests that the least active users make together. Gini = "
        "Σ (2i − n − 1) xᵢ / (n Σ xᵢ), with the n active users' requests xᵢ in ascending order (Dixon and others, "
        "Ecology 68, 1987): 0 where all make the same, close to 1 where one makes all.",
        "Weekly retention": "Users by the ISO week of their first request, in whole weeks that begin at least "
        f"{MIN_HISTORY_DAYS} days after the data do; of those, the share active in each week after.",
        "Outliers": f"Robust score 0.6745 × (x − median) / MAD beyond ±{CUT} (Iglewicz and Hoaglin, 1993), of the "
        f"logarithm of each user's amount: a few users make most. Judged from {MIN_JUDGED} active users on.",
        "Dormant keys": "Keys not used in this period that were used earlier in the days the report can look at, or "
        "that the source lists without any use in them.",
    }
    return own | {name: known[name] for name in USAGE_TERMS}
