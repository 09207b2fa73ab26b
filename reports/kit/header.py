"""The head and the foot of a report: what it is, which days, from where, and what the figures mean.

Both are written from the run's context and the datasets' own facts; neither computes a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reports.kit import format as fmt
from reports.kit.context import RunContext, current
from reports.kit.datasets import Dataset, read_dataset
from reports.kit.markup import escape, name, plain
from reports.kit.output import emit, record
from reports.model import Filters, Period
from reports.periods import in_words

FILTER_WORDS = {
    "user_ids": ("user", "users"),
    "team_ids": ("team", "teams"),
    "model_ids": ("model", "models"),
    "provider_ids": ("provider", "providers"),
    "key_aliases": ("key", "keys"),
}
MAX_NAMED = 5  # values of one filter that are named; the rest is counted


def report(title: str | None = None) -> None:
    """Emit the header: the only h1, the period and its comparison, filters, zone, source and coverage warnings.

    `title` names the kind of report and, outside a run, finds its template; in a run the report's own name is the
    heading. Call it once, first. Raises what `context.current` raises.
    """
    run = current(title)
    kind = title or run.context.report
    heading = _heading(run, kind)
    datasets = [read_dataset(run, each) for each in run.context.datasets]
    lines, warnings = _lines(run, datasets), _warnings(run, datasets)
    emit("header", _header_html(run, kind, heading, datasets), "\n".join([heading, *lines, *warnings]))
    facts = {"title": heading, "lines": [plain(line) for line in lines], "warnings": [plain(w) for w in warnings]}
    record("header", facts)


def _heading(run: RunContext, kind: str) -> str:
    own = run.context.report
    return own if own and own != run.context.template else kind


def _header_html(run: RunContext, kind: str, heading: str, datasets: Sequence[Dataset]) -> str:
    kicker = "Gazette" if kind == heading else f"Gazette · {kind}"
    _, *details = _lines(run, datasets)
    notices = "".join(f"<p>{escape(text)}</p>" for text in _warnings(run, datasets))
    return (
        f'<header class="report-header"><p class="kicker">{escape(kicker)}</p><h1>{name(heading)}</h1>'
        f'<p class="period"><strong>{escape(in_words(run.period))}</strong> {escape(_against(run, datasets))}</p>'
        f'<p class="source">{escape(" ".join(details[1:]))}</p>'
        + (f'<div class="notice" role="note">{notices}</div>' if notices else "")
        + "</header>"
    )


def _lines(run: RunContext, datasets: Sequence[Dataset]) -> list[str]:
    days = fmt.plural(run.period.days, "day")
    against = _against(run, datasets)
    lines = [f"{in_words(run.period)} ({days}).", against[:1].upper() + against[1:], _filters(run.filters)]
    lines += [_zone(run.period, datasets), *(source_words(each) for each in datasets)]
    return lines


def _against(run: RunContext, datasets: Sequence[Dataset]) -> str:
    if run.comparison is None:
        return "without a comparison."
    return (
        f"against {in_words(run.comparison)}."
        if all(each.comparable for each in datasets)
        else f"without a comparison with {in_words(run.comparison)}."
    )


def _filters(filters: Filters) -> str:
    chosen = [_filter(field, values) for field, values in vars(filters).items() if values]
    return f"Only {fmt.listed(chosen)}." if chosen else "All users, teams and models."


def _filter(field: str, values: Sequence[str]) -> str:
    one, many = FILTER_WORDS[field]
    named = list(values[:MAX_NAMED])
    if len(values) > MAX_NAMED:
        named.append(f"{len(values) - MAX_NAMED} more")
    return f"{one if len(values) == 1 else many} {', '.join(named)}"


def _zone(period: Period, datasets: Sequence[Dataset]) -> str:
    utc = any(each.meta.get("day_zone") == "UTC" != period.zone for each in datasets)
    return f"Time zone {period.zone}; the source counts days in UTC." if utc else f"Days and hours in {period.zone}."


def source_words(data: Dataset) -> str:
    """Where the figures come from and how old they are."""
    said = "synthetic" in data.label.lower()
    synthetic = " (synthetic data)" if data.meta.get("synthetic") and not said else ""
    return f"Source: {data.label}{synthetic}, {_as_of(data)}."


def _as_of(data: Dataset) -> str:
    stamp = data.meta.get("data_as_of")
    word = "data as of" if stamp else "read"
    stamp = stamp or data.meta.get("extracted_at")
    return f"{word} {moment(stamp, data.period.zone)}" if stamp else "time of data unknown"


def moment(stamp: str, zone: str) -> str:
    """An ISO instant in words: 16 November 2026, 06:00 UTC."""
    at = datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone))
    return f"{at.day} {fmt.MONTHS[at.month - 1]} {at.year}, {at:%H:%M} {at.tzname()}"


def _warnings(run: RunContext, datasets: Sequence[Dataset]) -> list[str]:
    return [text for data in datasets for text in coverage_warnings(data, run.period, run.comparison)]


def coverage_warnings(data: Dataset, period: Period, comparison: Period | None) -> list[str]:
    """Sentences a reader needs before the figures: missing and incomplete days, and why nothing is compared."""
    warnings = []
    if missing := data.coverage.missing(period):
        warnings.append(f"No data for {fmt.runs(missing)}: missing here, not zero.")
    if incomplete := data.coverage.incomplete(period):
        warnings.append(f"The data of {fmt.runs(incomplete)} was not complete when it was read.")
    if before := data.coverage.missing(comparison):
        warnings.append(f"No comparison: the source has no data for {fmt.runs(before)}.")
    elif missing and comparison:
        warnings.append("No comparison: a period with missing days would look like a fall.")
    return warnings


def definitions(terms: Mapping[str, str]) -> None:
    """Emit the footer "About these figures": source, coverage, age of the data, template, run, then each term."""
    run = current()
    datasets = [read_dataset(run, each) for each in run.context.datasets]
    facts = [text for data in datasets for text in (source_words(data), _covered(data))] + _identity(run)
    entries = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in terms.items())
    html = (
        '<footer class="definitions"><h2>About these figures</h2>'
        f"<p>{escape(' '.join(facts))}</p><dl>{entries}</dl></footer>"
    )
    text = [*facts, *(f"{term}: {meaning}" for term, meaning in terms.items())]
    emit("definitions", html, "\n".join(["About these figures", *text]))
    for term, meaning in [("Data", " ".join(facts)), *terms.items()]:
        record("definition", {"term": term, "meaning": plain(meaning)})


def _covered(data: Dataset) -> str:
    missing, days = len(data.coverage.missing(data.period)), data.period.days
    if missing:
        return f"It covers {days - missing} of {fmt.plural(days, 'day')}."
    return "It covers the day." if days == 1 else f"It covers all {fmt.plural(days, 'day')}."


def _identity(run: RunContext) -> list[str]:
    context = run.context
    digest = f" {context.template_digest[:12]}" if context.template_digest else ""
    texts = [f"Template {context.template}{digest}."] if context.template else []
    return texts + ([f"Run {context.run_id}."] if context.run_id else [])
