"""Pages with a large archive: the server's part of a rerun, with 100,000 runs, 2,000 reports and 20,000 subscriptions.

    python -m benchmarks.pages [--rows 100000] [--repeats 30] [--cpu]

Each page of `web/app_pages` is run as Streamlit runs it, for an admin, and run again: that is what a click costs the
server. What is loaded is frozen first, as the server does; the browser is left out. The same figures for a tenth of the
rows stand beside them. Bars of the project: each page below 100 ms, and none more than 1.5 times as long with ten times
the rows.
"""

from __future__ import annotations

import gc
import logging
import sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.large import ADMIN, TURNS, Asked, Ids, Part, compare
from web import starting, wiring

MAIN = Path(__file__).resolve().parents[1] / "web" / "main.py"
SECONDS = 60  # the first run of a page imports what it shows


def pages(ids: Ids) -> dict[str, tuple[str, dict[str, str]]]:
    """What is measured: a file of `app_pages` and its query. A page that is not named is measured without a query."""
    named = {
        "reports": ("reports", {}),
        "reports, later page": ("reports", {"page": "8"}),
        "reports by text": ("reports", {"q": "platform"}),
        "report": ("report", {"id": ids.report}),
        "archive": ("archive", {}),
        "archive, later page": ("archive", {"page": "100"}),
        "archive of a report": ("archive", {"report": ids.report}),
        "archive by text": ("archive", {"q": "platform"}),
        "archive of an owner": ("archive", {"owner": "owner-0"}),
        "archive of what failed": ("archive", {"state": "failed"}),
        "run": ("run", {"id": ids.run}),
        "edit": ("edit", {"id": ids.report}),
        "edit, choosing a template": ("edit", {}),
        "edit, a new report": ("edit", {"template": "usage_summary", "source": "usage"}),
        "explore": ("explore", {}),
        "subscribe": ("subscribe", {"report": ids.report}),
        "preview": ("preview", {"run": ids.preview}),
        "compare": ("compare", {"a": ids.earlier, "b": ids.run}),
    }
    there = sorted(path.stem for path in (MAIN.parent / "app_pages").glob("[a-z]*.py"))
    known = {page for page, _query in named.values()}
    return {name: each for name, each in named.items() if each[0] in there} | {
        page: (page, {}) for page in there if page not in known
    }


def measured(_folder: Path, ids: Ids, asked: Asked) -> dict[str, list[float]]:
    """What each page took in one turn, in milliseconds."""
    wiring.person_id = lambda: ADMIN.id  # stands where the sign-in stands
    return {name: _times(page, query, asked) for name, (page, query) in pages(ids).items()}


def _times(page: str, query: dict[str, str], asked: Asked) -> list[float]:
    app = AppTest.from_file(MAIN, default_timeout=SECONDS).run()
    app.switch_page(f"app_pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    for field in app.text_input:  # a browser fills them from the URL, this does not
        if field.key in query:
            field.set_value(query[field.key])
    app.run()
    gc.collect()
    gc.freeze()
    taken = []
    for _ in range(asked.repeats // TURNS):
        began = asked.clock()
        app.run()
        taken.append(1000 * (asked.clock() - began))
        assert not app.exception, app.exception[0].stack_trace
        assert not app.error, app.error[0].value
    return taken


def prepare() -> None:
    """As the server does before its first request; and no word about there being no server."""
    starting.preload()
    logging.disable(logging.WARNING)


RERUNS = Part("Pages", measured, bar=100)

if __name__ == "__main__":
    prepare()
    sys.exit(compare([RERUNS], __doc__ or ""))
