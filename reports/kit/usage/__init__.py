"""Usage of language models in figures, rankings, pictures and sentences; all from one Dataset, so that they agree."""

from reports.kit.usage.pictures import cost_by, over_time, rhythm, share_by_model, tokens_by_model
from reports.kit.usage.rankings import Order, ranking
from reports.kit.usage.tables import failed_tables, time_table, top_table, unpriced_table
from reports.kit.usage.totals import Totals, metrics, totals
from reports.kit.usage.words import none_failed, sentences, terms

__all__ = [
    "Order",
    "Totals",
    "cost_by",
    "failed_tables",
    "metrics",
    "none_failed",
    "over_time",
    "ranking",
    "rhythm",
    "sentences",
    "share_by_model",
    "terms",
    "time_table",
    "tokens_by_model",
    "top_table",
    "totals",
    "unpriced_table",
]
