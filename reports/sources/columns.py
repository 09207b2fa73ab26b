"""Other people's columns as ours: known layouts, a column map, and values checked row by row.

Works on Arrow batches of texts or of typed values. A bad row is named with its column and reason and left out; it is
never guessed at. Nothing here reads a file or writes a table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from reports.errors import InvalidInput
from reports.model import JsonDict
from reports.sources import cells
from reports.sources.snapshot import DIMENSIONS

Kind = Literal["events", "daily"]

TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens")
TEXTS = (*DIMENSIONS, "user_name", "key_alias", "team_name")
# Field -> how its values are read. The order is that of the checks.
EVENT_FIELDS = {
    "started_at": "moment",
    "request_id": "text",
    "requests": "count",
    "failures": "count",
    "status": "text",
    **dict.fromkeys(TOKENS, "count"),
    "spend_usd": "number",
    "duration_ms": "number",
    "timed_requests": "count",
    "ttft_ms": "number",
    "cache_hit": "truth",
    **dict.fromkeys((*TEXTS, "end_user", "error_class", "error_code"), "text"),
}
DAILY_FIELDS = {
    "day": "day",
    "requests": "count",
    "successes": "count",
    "failures": "count",
    **dict.fromkeys(TOKENS, "count"),
    "spend_usd": "number",
    "duration_sum_ms": "number",
    "timed_requests": "count",
    **dict.fromkeys(TEXTS, "text"),
}
FIELDS: dict[Kind, dict[str, str]] = {"events": EVENT_FIELDS, "daily": DAILY_FIELDS}
REQUIRED: dict[Kind, tuple[str, ...]] = {
    "events": ("started_at", "prompt_tokens", "completion_tokens"),
    "daily": ("day", "requests", "prompt_tokens", "completion_tokens"),
}
# Other names a field goes by, in small letters: ours, LiteLLM's, and those of published traces.
SYNONYMS = {
    "started_at": ("timestamp", "starttime", "start_time", "created_at", "time"),
    "day": ("date",),
    "user_id": ("user",),
    "key_id": ("api_key",),
    "provider": ("custom_llm_provider",),
    "requests": ("api_requests",),
    "successes": ("successful_requests",),
    "failures": ("failed_requests",),
    "prompt_tokens": ("input_tokens", "contexttokens"),
    "completion_tokens": ("output_tokens", "generatedtokens"),
    "cache_read_tokens": ("cache_read_input_tokens",),
    "cache_creation_tokens": ("cache_creation_input_tokens",),
    "spend_usd": ("spend", "cost", "cost_usd"),
    "duration_ms": ("request_duration_ms",),
    "duration_sum_ms": ("total_response_time_ms",),
}
SERVEGEN = ("pool", "client_id", "hour", "requests", "input_tokens_mean", "output_tokens_mean")
SHOWN_CHARACTERS = 80  # of a value that cannot be used
OUTCOMES = ("status", "successes", "failures")  # fields of which any tells what became of a request
NO_OUTCOMES = "The source does not tell which requests failed."
FAILED = ("failure", "failed", "fail", "error", "timeout", "rate_limited")


@dataclass(frozen=True)
class Constant:
    """A value that every row has, given in quotes in a column map."""

    text: str


@dataclass(frozen=True)
class Layout:
    """How a file says what we want: our field -> its column, or a constant."""

    kind: Kind
    columns: Mapping[str, str | Constant]
    day_zero: date | None = None  # servegen: where its relative hours begin
    zone: str = "UTC"  # of moments that name none
    notes: tuple[str, ...] = ()

    @property
    def tells_outcomes(self) -> bool:
        return any(name in self.columns for name in OUTCOMES)


@dataclass(frozen=True)
class BadRow:
    row: int  # from 1, without the header
    column: str
    reason: str
    text: str = ""


@dataclass(frozen=True)
class Cleaned:
    """Good rows with every field of the layout's kind, and where each stood; and the bad ones."""

    rows: pa.Table
    positions: Any  # index in the batch of each good row
    bad: list[BadRow] = field(default_factory=list)
    uncounted: int = 0  # good rows that stand for requests whose tokens nobody counted


def read_map(pairs: Mapping[str, str]) -> dict[str, str | Constant]:
    """A column map as people write it: `{"model": "engine"}`, or a constant in quotes: `{"model": "'azure-code'"}`."""
    known = EVENT_FIELDS.keys() | DAILY_FIELDS.keys()
    columns: dict[str, str | Constant] = {}
    for ours, theirs in pairs.items():
        if ours not in known:
            raise InvalidInput("map", f"{ours!r} is no field of ours; these are: {', '.join(sorted(known))}")
        quoted = len(theirs) >= 2 and theirs[0] == theirs[-1] and theirs[0] in "'\""
        columns[ours] = Constant(theirs[1:-1]) if quoted else theirs
    return columns


def find_layout(names: Sequence[str], pairs: Mapping[str, str], options: JsonDict) -> Layout:
    """The layout of a file with columns `names`: what `pairs` map, then what is called as we call it.

    Raises InvalidInput naming the field without a column, and listing the columns there are.
    """
    mapped = read_map(pairs)
    for ours, theirs in mapped.items():
        if isinstance(theirs, str) and theirs not in names:
            raise InvalidInput("map", f"{ours}={theirs}: there is no column {theirs!r}. {_columns(names)}")
    zone = str(options.get("zone") or "UTC")
    if zone not in available_timezones():
        raise InvalidInput("zone", f"must be an IANA time zone such as Europe/Berlin, not {zone!r}")
    if set(SERVEGEN) <= set(names):
        return _servegen_layout(mapped, options)
    small = {name.lower().strip(): name for name in names} | {name: name for name in names}
    found: dict[str, str | Constant] = {}
    for ours in EVENT_FIELDS.keys() | DAILY_FIELDS.keys():
        called = [small[name] for name in (ours, *SYNONYMS.get(ours, ())) if name in small]
        if called:
            found[ours] = called[0]
    columns = found | mapped
    _check_unique(columns, names)
    kind: Kind = "events" if "started_at" in columns and not ("day" in columns and "requests" in columns) else "daily"
    _check_required("events" if "day" not in columns else kind, columns, names)
    return Layout(kind, {ours: theirs for ours, theirs in columns.items() if ours in FIELDS[kind]}, zone=zone)


def _check_required(kind: Kind, columns: Mapping[str, str | Constant], names: Sequence[str]) -> None:
    for field_ in REQUIRED[kind]:
        if field_ not in columns:
            other = " (or day, for daily rows)" if field_ == "started_at" else ""
            raise InvalidInput(
                field_, f"no column of the file is it{other}. Name it with --map {field_}=COLUMN. {_columns(names)}"
            )


def _check_unique(columns: Mapping[str, str | Constant], names: Sequence[str]) -> None:
    for ours, theirs in columns.items():
        if isinstance(theirs, str) and names.count(theirs) > 1:
            raise InvalidInput(
                "file", f"its header names {theirs!r} twice, so which is {ours} is not known; rename one"
            )


def _columns(names: Sequence[str]) -> str:
    return f"The columns are: {', '.join(names) or 'none'}."


def _servegen_layout(mapped: Mapping[str, str | Constant], options: JsonDict) -> Layout:
    text = str(options.get("day_zero") or "")
    try:
        day_zero = date.fromisoformat(text)
    except ValueError as error:
        message = "its hours are relative: say with --day-zero 2026-11-02 on which day they begin"
        raise InvalidInput("day_zero", message) from error
    note = "Tokens of a client's hour are requests times their mean, rounded to a whole number."
    same = {name: name for name in ("started_at", "requests", "prompt_tokens", "completion_tokens")}
    columns = {**same, "model": "pool", "user_id": "client_id", **mapped}
    return Layout("events", columns, day_zero, notes=(note,))


def clean(batch: pa.Table, layout: Layout) -> Cleaned:
    """The rows of a batch with our fields and types; rows with a value we cannot use are named, not guessed."""
    uncounted = 0
    if layout.day_zero is not None:
        batch, uncounted = _servegen(batch, layout.day_zero)
    columns: dict[str, Any] = {}
    reasons: list[tuple[Any, str, str]] = []
    for name, kind in FIELDS[layout.kind].items():
        values, found = _field(batch, layout, name, kind)
        columns[name] = values
        reasons += [(mask, name, reason) for mask, reason in found]
    reasons += _settle(columns, layout.kind, batch.num_rows)
    if layout.kind == "daily" and not layout.tells_outcomes:  # neither a success nor a failure is known
        columns["successes"] = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    wrong = pa.array([False] * batch.num_rows, pa.bool_())
    for mask, _, _ in reasons:
        wrong = pc.or_(wrong, mask)
    good = pc.invert(wrong)
    table = pa.table(columns).filter(good)
    positions = pc.indices_nonzero(good).to_numpy()
    bad = _bad_rows(reasons, batch, layout) if pc.any(wrong).as_py() else []
    return Cleaned(table, positions, bad, uncounted)


def _field(batch: pa.Table, layout: Layout, name: str, kind: str) -> tuple[Any, list[tuple[Any, str]]]:
    theirs = layout.columns.get(name)
    if theirs is None:
        return pa.nulls(batch.num_rows, cells.TYPES[kind]), []
    text = theirs.text if isinstance(theirs, Constant) else None
    column = cells.combined(batch[theirs]) if text is None else pa.repeat(text, batch.num_rows)
    values, bad = cells.READERS[kind](column) if kind != "moment" else cells.moments(column, layout.zone)
    found = [(bad, cells.REASONS[kind])]
    if name in REQUIRED[layout.kind]:
        found.append((pc.and_not(pc.is_null(values), bad), "is empty"))
    return values, found


def _settle(columns: dict[str, Any], kind: Kind, rows: int) -> list[tuple[Any, str, str]]:
    """Fill in what a row leaves out, and find counts that contradict each other."""
    for name, type_ in ((name, "count") for name in TOKENS):
        columns[name] = _filled(columns[name], 0, type_)
    columns["spend_usd"] = _filled(columns["spend_usd"], 0.0, "number")
    for name, values in columns.items():
        if FIELDS[kind][name] == "text":
            columns[name] = pc.fill_null(values, "")
    if kind == "events":
        columns["requests"] = pc.fill_null(columns["requests"], 1)
        failed = pc.is_in(pc.utf8_lower(columns["status"]), pa.array(FAILED))
        implied = pc.if_else(failed, columns["requests"], pa.scalar(0, pa.int64()))
        columns["failures"] = pc.coalesce(columns["failures"], implied)
    else:
        failures = pc.coalesce(columns["failures"], pc.subtract(columns["requests"], columns["successes"]))
        columns["failures"] = pc.fill_null(failures, 0)
        successes = pc.subtract(columns["requests"], columns["failures"])
        columns["successes"] = pc.coalesce(columns["successes"], successes)
    wrong = pc.fill_null(_contradiction(columns, kind), False)
    return [(wrong, "failures", "successes and failures do not add up to requests")]


def _contradiction(columns: Mapping[str, Any], kind: Kind) -> Any:
    if kind == "events":
        return pc.greater(columns["failures"], columns["requests"])
    negative = pc.or_(pc.less(columns["successes"], 0), pc.less(columns["failures"], 0))
    return pc.or_(negative, pc.not_equal(pc.add(columns["successes"], columns["failures"]), columns["requests"]))


def _filled(values: Any, value: float, kind: str) -> Any:
    return pc.fill_null(values, pa.scalar(value, cells.TYPES[kind]))


def _bad_rows(reasons: Iterable[tuple[Any, str, str]], batch: pa.Table, layout: Layout) -> list[BadRow]:
    found: dict[int, BadRow] = {}
    for mask, name, reason in reasons:
        for index in pc.indices_nonzero(mask).to_pylist():
            theirs = layout.columns.get(name)
            if index in found:
                continue
            value = _plain(batch[theirs][index]) if isinstance(theirs, str) else None
            shown = reason if value is None or value == "" else f"{_shortened(repr(value))} {reason}"
            text = _as_line([_plain(column[index]) for column in batch.columns])
            found[index] = BadRow(index, theirs if isinstance(theirs, str) else name, shown, text)
    return list(found.values())


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _plain(value: Any) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):  # a moment that Python has no date for
        return str(value.cast(pa.string()).as_py())


def _as_line(values: Sequence[Any]) -> str:
    """One row as it would stand in a CSV file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _servegen(batch: pa.Table, day_zero: date) -> tuple[pa.Table, int]:
    """A servegen batch with moments and tokens, and how many rows name no tokens.

    Tokens are requests times their mean, rounded; its image models count requests only, and these have 0 tokens.
    """
    requests, _ = cells.numbers(cells.combined(batch["requests"]))
    hours, _ = cells.counts(cells.combined(batch["hour"]))
    start = int(datetime(day_zero.year, day_zero.month, day_zero.day, tzinfo=UTC).timestamp())
    started = pc.cast(pc.multiply(pc.add(pc.multiply(hours, 3600), start), 1_000_000), cells.MOMENT)
    batch = batch.append_column("started_at", started)
    uncounted = 0
    for ours, theirs in (("prompt_tokens", "input_tokens_mean"), ("completion_tokens", "output_tokens_mean")):
        mean, bad = cells.numbers(cells.combined(batch[theirs]))
        empty = pc.and_not(pc.is_null(mean), bad)
        uncounted = max(uncounted, pc.sum(empty).as_py() or 0)
        tokens = pc.multiply(requests, pc.if_else(empty, 0.0, mean))
        whole = pc.cast(pc.round(tokens, round_mode="half_to_even"), pa.int64(), safe=False)
        batch = batch.append_column(ours, whole)
    return batch, uncounted
