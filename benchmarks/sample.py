"""The report every benchmark makes: 100,000 requests in SQLite, a notebook with three charts and three tables.

The notebook uses pandas and Plotly only, so that the three commands by hand and Gazette can run the very same file.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

ROWS = 100_000
CHARTS = 3
MODELS = {
    "large": 3e-6,
    "small": 2.5e-7,
    "reasoning": 1.5e-5,
    "mini": 6e-7,
    "open": 9e-7,
    "medium": 2e-6,
}  # USD a token
SHARES = (0.3, 0.25, 0.1, 0.2, 0.1, 0.05)


def write_data(path: Path, rows: int = ROWS) -> None:
    """One month of seeded requests in the table `events`."""
    random = np.random.default_rng(11)
    seconds = np.sort(random.uniform(0, 31 * 86_400, rows))
    model = random.choice(list(MODELS), rows, p=SHARES)
    prompt = random.lognormal(6.5, 1, rows).astype(int)
    completion = random.lognormal(5.5, 1, rows).astype(int)
    price = pd.Series(model).map(MODELS).to_numpy()
    events = pd.DataFrame(
        {
            "at": (pd.Timestamp("2026-10-01") + pd.to_timedelta(seconds, unit="s")).strftime("%Y-%m-%d %H:%M:%S"),
            "client": [f"client-{number % 250:03d}" for number in random.zipf(1.3, rows)],
            "model": model,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cost": (prompt + 4 * completion) * price,
            "status": random.choice(["ok", "error", "timeout"], rows, p=(0.95, 0.03, 0.02)),
            "latency_ms": (200 + completion * random.gamma(4, 2, rows)).astype(int),
        }
    )
    with sqlite3.connect(path) as connection:
        events.to_sql("events", connection, index=False, if_exists="replace")
        connection.execute("create index events_at on events(at)")


PARAMETERS = """\
db: str = "events.db"  # SQLite file with the table events
start: str = "2026-10-01"  # First day
end: str = "2026-11-01"  # Day after the last
rows: int = 15  # Rows of the top table
"""

CELLS = (
    ("markdown", "# Gateway usage\n\nUsage, cost and reliability of the model gateway in October 2026."),
    ("parameters", PARAMETERS),
    ("code", "import pandas as pd\nimport plotly.express as px\nimport sqlite3"),
    (
        "code",
        "with sqlite3.connect(db) as connection:\n"
        "    events = pd.read_sql('select * from events where at >= ? and at < ?', connection, params=(start, end),\n"
        "                         parse_dates=['at'])\n"
        "events['day'] = events['at'].dt.floor('D')",
    ),
    ("markdown", "## By model"),
    (
        "code",
        "events.groupby('model').agg(requests=('cost', 'size'), prompt_tokens=('prompt_tokens', 'sum'),\n"
        "    completion_tokens=('completion_tokens', 'sum'), cost=('cost', 'sum'),\n"
        "    median_ms=('latency_ms', 'median')).sort_values('cost', ascending=False).round(4)",
    ),
    ("markdown", "## Cost a day"),
    (
        "code",
        "daily = events.groupby(['day', 'model'], as_index=False)['cost'].sum()\n"
        "px.bar(daily, x='day', y='cost', color='model', title='Cost a day by model, USD').show()",
    ),
    (
        "code",
        "tokens = events.groupby('day', as_index=False)[['prompt_tokens', 'completion_tokens']].sum()\n"
        "px.line(tokens, x='day', y=['prompt_tokens', 'completion_tokens'], title='Tokens a day').show()",
    ),
    ("markdown", "## Heaviest clients"),
    (
        "code",
        "events.groupby('client').agg(requests=('cost', 'size'), cost=('cost', 'sum')).nlargest(rows, 'cost').round(3)",
    ),
    ("markdown", "## Reliability"),
    (
        "code",
        "bins = events.assign(ms=(events['latency_ms'] // 250 * 250).clip(upper=10_000))\n"
        "px.line(bins.groupby(['ms', 'model'], as_index=False).size(), x='ms', y='size', color='model',\n"
        "        title='Requests by latency, ms').show()",
    ),
    ("code", "pd.crosstab(events['model'], events['status'])"),
)


def write_notebook(path: Path) -> None:
    """The template, with the metadata Gazette reads and the commands by hand ignore."""
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            "gazette": {"title": "Gateway usage", "period": {"policy": "previous_month"}, "datasets": {}},
        }
    )
    for kind, source in CELLS:
        if kind == "markdown":
            notebook.cells.append(nbformat.v4.new_markdown_cell(source))
        else:
            tags = {"tags": ["parameters"]} if kind == "parameters" else {}
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata=tags))
    nbformat.write(notebook, path)
