"""The figures, charts, tables and sentences of a performance report: how fast, how reliable, which model.

Percentiles, first tokens, cache hits and error classes need single requests; days alone give an average latency, and
every part that is missing says why.
"""

from reports.kit.performance.figures import metrics
from reports.kit.performance.models import came_and_went, scores
from reports.kit.performance.pictures import (
    cost_against_latency,
    errors_by_day,
    latency_by_model,
    volume_against_latency,
)
from reports.kit.performance.requests import Performance, Requests, by_model, percentile, read
from reports.kit.performance.tables import adopted_table, errors_table, score_card
from reports.kit.performance.words import sentences, terms

__all__ = [
    "Performance",
    "Requests",
    "adopted_table",
    "by_model",
    "came_and_went",
    "cost_against_latency",
    "errors_by_day",
    "errors_table",
    "latency_by_model",
    "metrics",
    "percentile",
    "read",
    "score_card",
    "scores",
    "sentences",
    "terms",
    "volume_against_latency",
]
