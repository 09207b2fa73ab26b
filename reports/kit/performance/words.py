"""What stands out in a performance report, in sentences written from the data, and what its figures mean."""

from __future__ import annotations

import pandas as pd

from reports.kit import format as fmt
from reports.kit import usage
from reports.kit.cards import change_words
from reports.kit.markup import bold, quoted
from reports.kit.performance.figures import metrics
from reports.kit.performance.models import came_and_went, scores
from reports.kit.performance.requests import Performance, by_model
from reports.kit.performance.tables import by_code
from reports.kit.usage.rankings import by_day
from reports.results import Metric

MOST = 5  # sentences
NOTABLE_TIMED = 50  # timed requests of a model in both periods before its p95 is called faster or slower
NOTABLE_MOVE = 10.0  # percent
PEAK = 1.5  # times the rate of the period; a lesser day of errors is no peak
NAMED = 3  # models that came or went and are named


def sentences(found: Performance) -> list[str]:
    """Three to five sentences with **bold** figures: failures, latency, models, the worst day, who came and went.

    A period without usage gets the sentences of a usage report that say so.
    """
    if not found.data.daily["requests"].sum():
        return usage.sentences(found.data)
    figures = metrics(found)
    written = [_failures(found, figures), _latency(found, figures), _models(found), _mover(found), _worst_day(found)]
    written += [_adopted(found), _first_token(figures), _speed(figures), _cache(figures), _volume(found, figures)]
    return [text for text in written if text][:MOST]


def _failures(found: Performance, figures: dict[str, Metric]) -> str:
    if not found.data.has("success_rate"):
        return ""
    failures, requests, rate = (figures[name] for name in ("failures", "requests", "success_rate"))
    assert failures.value is not None and requests.value is not None and rate.value is not None
    if not failures.value:
        return usage.none_failed(int(requests.value))
    if requests.value == 1:
        return f"**The one request failed**{_commonest(found)}."
    text = f"**{fmt.percent(rate.value)}** of {fmt.plural(requests.value, 'request')} succeeded"
    if rate.previous is not None:
        text += f", {fmt.percent(rate.previous)} in the period before"
    return f"{text}; {fmt.short(failures.value)} failed{_than_before(failures)}{_commonest(found)}."


def _than_before(failures: Metric) -> str:
    """How many more or fewer failed: a rate that is steady by its size can stand for many more of them."""
    if failures.value is None or not failures.previous:
        return ""
    return f" ({change_words(failures.value, failures.previous)} from {fmt.short(failures.previous)})"


def _commonest(found: Performance) -> str:
    if found.now is None or found.now.errors.empty or not found.data.has("errors"):
        return ""
    errors = by_code(found)
    lead = errors.iloc[0]
    error = bold(lead["error_class"]) + (f" ({quoted(lead['error_code'])})" if lead["error_code"] else "")
    often, failed = int(lead["failures"]), int(found.data.daily["failures"].sum())
    if often == failed:
        return f", {'each ' if often > 1 else ''}with {error}"
    if often == int(errors["failures"].iloc[1]):
        return f", with {fmt.plural(int((errors['failures'] > 0).sum()), 'kind')} of error"
    times = {1: "once", 2: "twice"}.get(often, f"{fmt.short(often)} times")
    return f", most often with {error}, {times}"


def _latency(found: Performance, figures: dict[str, Metric]) -> str:
    middle, slow, average = (figures[name] for name in ("latency_p50", "latency_p95", "latency_average"))
    if middle.value is not None and slow.value is not None:
        if fmt.duration(middle.value) == fmt.duration(slow.value):
            one = figures["requests"].value == 1
            return f"{'The request' if one else 'Requests'} took **{fmt.duration(slow.value)}**{_from(slow)}."
        text = f"Half of the requests took at most **{fmt.duration(middle.value)}**, and 95 % at most "
        return f"{text}**{fmt.duration(slow.value)}**{_from(slow)}.".replace("95 %", f"95{fmt.NBSP}%")
    if average.value is not None:
        return f"Requests took **{fmt.duration(average.value)}** on average{_from(average)}."
    return "The source does not record how long requests take." if found.data.daily["successes"].sum() else ""


def _from(figure: Metric) -> str:
    if figure.value is None or figure.previous is None:
        return ""
    words = change_words(figure.value, figure.previous)
    return (
        f" (steady, from {fmt.duration(figure.previous)})"
        if words == "steady"
        else (f" ({words} from {fmt.duration(figure.previous)})" if words != "new" else "")
    )


def _models(found: Performance) -> str:
    """The slowest and the quickest model by what most of their requests took."""
    frame = scores(found)
    column = "p95" if found.timed else "average"
    known = frame.dropna(subset=[column]).sort_values(column, ascending=False, kind="stable")
    if len(known) < 2:
        return ""
    slow, quick = known.iloc[0], known.iloc[-1]
    if slow[column] == quick[column]:
        return ""
    how = "95 % of its requests took at most" if found.timed else "on average its requests took"
    return (
        f"{bold(slow['name'])} is the slowest model: {how} {fmt.duration(float(slow[column]))}, "
        f"against {fmt.duration(float(quick[column]))} for {quoted(quick['name'])}, the quickest."
    ).replace("95 %", f"95{fmt.NBSP}%")


def _mover(found: Performance) -> str:
    if found.now is None or found.timed_before is None:
        return ""
    both = by_model(found.now).merge(
        by_model(found.timed_before), left_index=True, right_index=True, suffixes=("", "_before")
    )
    both = both[(both["timed"] >= NOTABLE_TIMED) & (both["timed_before"] >= NOTABLE_TIMED)]
    if both.empty:
        return ""
    moves = (both["p95"] - both["p95_before"]) / both["p95_before"] * 100
    place = int(moves.abs().to_numpy().argmax())
    name, move = str(moves.index[place]), float(moves.iloc[place])
    if abs(move) < NOTABLE_MOVE:
        return ""
    way = "slower" if move > 0 else "faster"
    now, before = (fmt.duration(float(both[column].iloc[place])) for column in ("p95", "p95_before"))
    return f"{bold(name)} became {way}: its p95 latency went from {before} to **{now}**."


def _worst_day(found: Performance) -> str:
    if not found.data.has("success_rate") or found.data.period.days < 2:
        return ""
    days = by_day(found.data).set_index("day")
    used = days[days["requests"] > 0]
    rates = used["failures"] / used["requests"] * 100
    whole = used["failures"].sum() / used["requests"].sum() * 100
    if not whole > 0 or rates.max() < PEAK * whole:
        return ""
    at = pd.DatetimeIndex(rates.index)[int(rates.to_numpy().argmax())]
    return f"The worst day was **{fmt.long_day(at.date())}**: {fmt.percent(float(rates.max()))} of its requests failed."


def _adopted(found: Performance) -> str:
    if not found.data.comparable or not found.data.previous["requests"].sum():
        return ""  # from nothing, every model is new
    frame = came_and_went(found.data)
    parts = []
    for status, words in (("new", "came into use"), ("back", "came back"), ("retired", "were used no more")):
        names = [bold(name) for name in frame[frame["status"] == status]["name"]]
        if names:
            shown = names[:NAMED] + ([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])
            said = words.replace("were", "was") if len(names) == 1 else words
            parts.append(f"{fmt.listed(shown)} {said}")
    return f"{'; '.join(parts)}." if parts else ""


def _first_token(figures: dict[str, Metric]) -> str:
    middle, slow = figures["ttft_p50"], figures["ttft_p95"]
    if middle.value is None or slow.value is None:
        return ""
    if fmt.duration(middle.value) == fmt.duration(slow.value):
        one = figures["requests"].value == 1
        return f"{'The answer' if one else 'Streamed answers'} began within **{fmt.duration(slow.value)}**."
    return (
        f"Half of the streamed answers began within **{fmt.duration(middle.value)}**, "
        f"95{fmt.NBSP}% within {fmt.duration(slow.value)}."
    )


def _speed(figures: dict[str, Metric]) -> str:
    speed = figures["output_tokens_per_second"]
    return "" if speed.value is None else f"Answers were written at **{fmt.short(speed.value)} tokens a second**."


def _cache(figures: dict[str, Metric]) -> str:
    rate = figures["cache_hit_rate"]
    if rate.value is None:
        return ""
    if not rate.value:
        return "No answer came from the response cache."
    return f"**{fmt.percent(rate.value)}** of the answers came from the response cache."


def _volume(found: Performance, figures: dict[str, Metric]) -> str:
    requests, tokens = figures["requests"].value, figures["total_tokens"].value
    if not requests or tokens is None:
        return ""
    models = fmt.plural(int(figures["models"].value or 0), "model")
    if requests == 1:
        return f"The request had **{fmt.plural(tokens, 'token')}**."
    return f"A request had **{fmt.full(tokens / requests)} tokens** on average, over {models}."


def terms(found: Performance) -> dict[str, str]:
    """What the figures of a performance report mean, by term; how exact the percentiles are depends on the data."""
    common = usage.terms()
    exact = (found.data.meta.get("performance") or {}).get("exact", True)
    digits = "" if exact else " Durations are kept to three significant digits, so percentiles are within 0.5 %."
    own = {
        "Latency": "From the request to the end of its answer; successful requests only. As recorded by the source, "
        "else the time from its start to its end.",
        "Average latency": "Response times added up / timed successful requests.",
        "p50 and p95": "What half of the successful requests, and 95 % of them, took at most; between two requests by "
        f"their distance.{digits}",
        "Time to first token": "From the request to the first token of its answer, of streamed answers only: an answer "
        "that came in one piece has none.",
        "Output tokens a second": "Completion tokens / the seconds they were written in: from the first token, or "
        "where that is not known from the request, to the end of the answer; successful, timed requests.",
        "Cache-hit rate": "Successful requests answered from the response cache / successful requests of which the "
        "source says whether they were × 100. Prompts cached by a provider are not meant.",
        "Error rate": "Failed requests of a day / its requests × 100, by the class of error that the source gives.",
        "Cost per 1M tokens": "Cost / total tokens × 1,000,000.",
        "Adopted, no longer used": "Models with requests in this period and none in the one before, or the reverse.",
    }
    kept = ("Change", "Success rate", "Tokens", "Cost", "Missing days")
    return {"Success rate": common["Success rate"], **own} | {term: common[term] for term in kept}
