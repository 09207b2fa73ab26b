"""What language models cost: figures, causes, budgets, forecast, charge-back and advice; all from one `Costs`."""

from reports.kit.cost.advice import Limits, advice
from reports.kit.cost.budgets import burn
from reports.kit.cost.drivers import drivers
from reports.kit.cost.figures import metrics
from reports.kit.cost.pictures import change_steps, course, forecast_chart, spenders
from reports.kit.cost.splits import savings, spikes, split
from reports.kit.cost.study import Costs, Month, costs
from reports.kit.cost.tables import (
    advice_table,
    budget_table,
    chargeback_table,
    driver_table,
    savings_table,
    spike_table,
    split_table,
)
from reports.kit.cost.words import sentences, terms

__all__ = [
    "Costs",
    "Limits",
    "Month",
    "advice",
    "advice_table",
    "budget_table",
    "burn",
    "change_steps",
    "chargeback_table",
    "costs",
    "course",
    "driver_table",
    "drivers",
    "forecast_chart",
    "metrics",
    "savings",
    "savings_table",
    "sentences",
    "spenders",
    "spike_table",
    "spikes",
    "split",
    "split_table",
    "terms",
]
