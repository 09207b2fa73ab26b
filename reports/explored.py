"""What Explore asks of a source, and what it may offer to choose from: values only.

The dataset is the one that the usage summary declares, so that the page and a report of the same days and filters
share one snapshot, and with it every figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reports.model import Filters, Period
from reports.templates import Dataset

EXPLORED = Dataset("usage", source="usage")
FRESH = timedelta(minutes=5)  # a look at the same figures reads the source once in this time
NO_FILTERS = Filters()


@dataclass(frozen=True)
class UsageQuery:
    """Usage of one source over the days of a period, against those of another or against nothing."""

    source: str
    period: Period
    comparison: Period | None
    filters: Filters = NO_FILTERS
