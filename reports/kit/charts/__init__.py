"""Charts of a report: builders that draw figures with their text and numbers, and `chart`, which emits one.

Builders take plain series and frames with the days already filled in; NaN is a day without data, 0 is a day of zero.
"""

from reports.kit.charts.bars import compared_bars, share_bars, split_bars
from reports.kit.charts.courses import Course, Steps, cumulative, outlook
from reports.kit.charts.drawing import Drawing, Measure, Unavailable, chart
from reports.kit.charts.heat import heat_map
from reports.kit.charts.lines import daily_lines, hourly_lines
from reports.kit.charts.pareto import pareto
from reports.kit.charts.points import points
from reports.kit.charts.ranges import level_bars, range_bars
from reports.kit.charts.stacks import stacked_daily, stacked_hourly
from reports.kit.charts.steps import step_bars

__all__ = [
    "Course",
    "Drawing",
    "Measure",
    "Steps",
    "Unavailable",
    "chart",
    "compared_bars",
    "cumulative",
    "daily_lines",
    "heat_map",
    "hourly_lines",
    "level_bars",
    "outlook",
    "pareto",
    "points",
    "range_bars",
    "share_bars",
    "split_bars",
    "stacked_daily",
    "stacked_hourly",
    "step_bars",
]
