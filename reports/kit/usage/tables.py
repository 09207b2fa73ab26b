"""The tables of a usage report. Each one's rows, with the row of all others, add up to the report's own figures."""

from __future__ import annotations

from reports.kit import format as fmt
from reports.kit.datasets import Dataset
from reports.kit.sentences import notice, remark
from reports.kit.tables import Column, table
from reports.kit.usage.rankings import (
    DIMENSIONS,
    ORDER_COLUMNS,
    Order,
    Ranking,
    by_time,
    failures,
    order_of,
    ranking,
    ranking_columns,
    unpriced,
)

NO_USAGE = "No usage was recorded in this period."


def top_table(data: Dataset, dimension: str, *, order: Order = "cost", top_n: int = 10) -> None:
    """Emit the largest users, models, providers or teams, all others in one row, and the total.

    `dimension` is user, model, provider or team; `order` what they are ranked by, where any of it is recorded. The
    sheet has all of them.
    """
    order = order_of(data, order)
    plural = f"{DIMENSIONS[dimension].label}s"
    if not data.has(dimension):
        notice(f"{plural}: not available. {data.why_not(dimension)}")
        return
    found = ranking(data, dimension, order=order, top_n=top_n)
    table(
        plural,
        found.frame,
        ranking_columns(data, found, order=order),
        name=f"top-{dimension}s",
        caption=_caption(found, order) + gone_words(found),
        sheet_caption=_whole_caption(found, order) + gone_words(found),
        total=True,
        max_rows=found.shown,
        empty=NO_USAGE,
    )


def _caption(found: Ranking, order: Order) -> str:
    entries = len(found.frame)
    if entries <= found.shown:
        return _whole_caption(found, order)
    amounts = found.frame[ORDER_COLUMNS[order]]
    whole = float(amounts.sum())
    share = f", {fmt.percent(float(amounts.head(found.shown).sum()) / whole * 100)} of the total" if whole else ""
    return f"The first {found.shown} of {fmt.full(entries)}, by {order}{share}"


def _whole_caption(found: Ranking, order: Order) -> str:
    label = found.dimension.label.lower()
    return f"All {label}s by {order}" if len(found.frame) > 1 else f"Usage by {label}"


def gone_words(found: Ranking) -> str:
    """What the change of the total counts beside the rows, to follow a caption; empty where it counts nothing else."""
    if not found.gone:
        return ""
    label = found.dimension.label.lower()
    left = "no longer active" if label == "user" else "no longer used"
    return f"; the change of the total counts {fmt.plural(found.gone, label)} {left}"


def time_table(data: Dataset) -> None:
    """Emit a row for every day of the period, or for every hour of a single day, and the total."""
    if data.daily.empty and not data.coverage.missing(data.period):
        remark(NO_USAGE)
        return
    frame, columns = by_time(data)
    step = columns[0].label
    table(
        f"{step}s", frame, columns, name="over-time", caption=f"Usage by {step.lower()}", total=True, missing="no data"
    )


def failed_tables(data: Dataset, *, top_n: int = 10) -> None:
    """Emit failed requests by model and by user, most first, or the sentence that there were none."""
    if not data.has("success_rate"):
        notice(f"Failed requests: not available. {data.why_not('success_rate')}")
        return
    if not data.daily["failures"].sum():
        remark("No request failed." if data.daily["requests"].sum() else NO_USAGE)
        return
    for dimension in ("model", "user"):
        label = DIMENSIONS[dimension].label
        columns = [
            Column("name", label),
            Column("failures", "Failed requests", "count"),
            Column("failure_rate", f"Of the {label.lower()}'s requests", "percent", ratio=("failures", "requests")),
            Column("failure_share", "Share of all failures", "percent", share="failures"),
        ]
        frame = failures(data, dimension)
        table(
            f"Failures by {label.lower()}",
            frame,
            columns,
            caption=f"Failed requests by {label.lower()}",
            total=True,
            max_rows=min(top_n, int((frame["failures"] > 0).sum())),
        )


def unpriced_table(data: Dataset, *, top_n: int = 10) -> None:
    """Emit successful usage that cost nothing although it has tokens, with its list price where one is known."""
    columns = [
        Column("model", "Model"),
        Column("provider", "Provider"),
        Column("unpriced_requests", "Unpriced requests", "count"),
        Column("unpriced_tokens", "Unpriced tokens", "tokens"),
        Column("list_price_usd", "At list price", "usd"),
    ]
    table(
        "Unpriced usage",
        unpriced(data),
        columns,
        caption="Usage with tokens but no cost: unpriced, cached or free. It is part of all figures at a cost of zero",
        total=True,
        max_rows=top_n,
        missing="not known",
        empty="Every successful request with tokens has a cost." if data.daily["requests"].sum() else NO_USAGE,
    )
