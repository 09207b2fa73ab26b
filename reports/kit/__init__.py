"""What notebooks import: `from reports import kit`. A small vocabulary for reports that read well everywhere.

report, period, comparison, dataset, metric and metrics, highlights, notice, remark, table and Column, chart and charts,
usage, activity, cost, performance, forecast, anomalies, changes, definitions. Each call displays its piece and, in a
run, records it; nothing here opens a database in a run.
"""

from reports.kit import activity, charts, cost, palette, performance, usage
from reports.kit.anomalies import anomalies
from reports.kit.cards import metric, metrics
from reports.kit.changes import changes
from reports.kit.charts import chart
from reports.kit.context import comparison, currency, period
from reports.kit.datasets import Coverage, Dataset, dataset
from reports.kit.forecast import forecast
from reports.kit.header import definitions, report
from reports.kit.sentences import highlights, notice, remark
from reports.kit.tables import Column, table

palette.register()

__all__ = [
    "Column",
    "Coverage",
    "Dataset",
    "activity",
    "anomalies",
    "changes",
    "chart",
    "charts",
    "comparison",
    "cost",
    "currency",
    "dataset",
    "definitions",
    "forecast",
    "highlights",
    "metric",
    "metrics",
    "notice",
    "performance",
    "period",
    "remark",
    "report",
    "table",
    "usage",
]
