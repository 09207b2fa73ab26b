"""What an executed notebook shows: which of an output's representations a report uses, and its charts.

Reads the notebook only; drawing and cleaning happen elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.model import JsonDict
from runner.render import sanitize

PLOTLY = "application/vnd.plotly.v1+json"
IMAGES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
# Best first. HTML stands before pictures, since a data frame's styler or a widget may carry both.
SHOWN = (PLOTLY, "text/html", *IMAGES, "text/markdown", "text/latex", "application/json", "text/plain")
LEFT_OUT = "left-out"  # in place of a MIME type: the output needs a live notebook, and the report says so

FULL_WIDTH = 860  # CSS pixels of the report's one column
PLAIN_HEIGHT = 380  # of a figure that states none
SIZES = (120, 2000)  # smallest and largest edge that is drawn

# Names of objects that say nothing to a reader: <thing at 0x7f...>, and what drawing with matplotlib or Plotly returns.
_HANDLE = re.compile(
    r"[\[(]*<[^<>]*\bat 0x[0-9a-f]+>[\s\S]*|Figure\(\{[\s\S]*|[\[(]*Text\([\s\S]*|[\s\S]*<BarContainer object of[\s\S]*"
    r"|(array\()?[\[(]*<(\w*Axes\w*|Figure|\w+Container|(matplotlib|mpl_toolkits|seaborn)\.[\w.]+)\b[\s\S]*"
)
_NAMED_ONLY = re.compile(r"<[\w. ]+( object)?>")  # beside another type, as <IPython.core.display.JSON object>
_UNSEEN = re.compile(r"application/javascript|application/vnd\.\w+_load\..*")  # a notebook shows nothing of it either


@dataclass(frozen=True)
class Chart:
    """One chart as the notebook holds it. `place` is the cell's and the output's index."""

    place: tuple[int, int]
    figure: JsonDict
    name: str
    title: str
    alt: str
    width: int
    height: int
    half: bool = False
    figures_html: str = ""
    figures: str = ""  # name of the table of its figures
    by_kit: bool = False  # drawn by one of the kit's builders, not by the notebook


@dataclass(frozen=True)
class Shown:
    """The one representation of an output that a report shows. `role` is the kit's, or ""."""

    place: tuple[int, int]
    mime: str
    content: Any
    role: str
    details: JsonDict  # the kit's metadata
    metadata: JsonDict  # the output's own


def role_of(output: Mapping[str, Any]) -> str:
    return str(details_of(output).get("role", ""))


def details_of(output: Mapping[str, Any]) -> JsonDict:
    details = output.get("metadata", {}).get("gazette", {})
    return dict(details) if isinstance(details, Mapping) else {}


def shown_outputs(notebook: Mapping[str, Any]) -> Iterator[Shown]:
    """Every output a report shows, in order. Errors, warnings on stderr and names of bare objects are not."""
    for cell_index, cell in enumerate(notebook["cells"]):
        for index, output in enumerate(cell.get("outputs", [])):
            shown = choose(output, (cell_index, index))
            if shown is not None:
                yield shown


def choose(output: Mapping[str, Any], place: tuple[int, int]) -> Shown | None:
    """The best representation with something to see; one that is LEFT_OUT where all of them need a live notebook."""
    kind = output["output_type"]
    if kind == "stream":
        text = str(output["text"])
        printed = output.get("name") == "stdout" and bool(text.strip())
        return Shown(place, "text/plain", text, "", {}, {}) if printed else None
    if kind not in {"display_data", "execute_result"}:
        return None
    data, details = output["data"], details_of(output)
    role = str(details.get("role", ""))
    for mime in SHOWN:
        if mime in data and (role or _has_something(mime, data)):
            return Shown(place, mime, data[mime], role, details, dict(output.get("metadata", {})))
    return Shown(place, LEFT_OUT, "", "", {}, {}) if any(map(_is_live, data.items())) else None


def _has_something(mime: str, data: Mapping[str, Any]) -> bool:
    if mime == "text/html":
        return sanitize.shows_something(str(data[mime]))
    if mime == "text/plain":
        text = str(data[mime]).strip()
        named_only = len(data) > 1 and _NAMED_ONLY.fullmatch(text)
        return bool(text) and not named_only and not _HANDLE.fullmatch(text)
    return True


def _is_live(item: tuple[str, Any]) -> bool:
    """Whether a notebook would show something here that a report cannot."""
    mime, content = item
    if mime == "text/html":
        return sanitize.has_elements(str(content))
    return mime != "text/plain" and not _UNSEEN.fullmatch(mime)


def charts(notebook: Mapping[str, Any]) -> tuple[Chart, ...]:
    """The notebook's Plotly figures, whether written by the kit or shown as they are."""
    figures = [shown for shown in shown_outputs(notebook) if shown.mime == PLOTLY]
    return tuple(_chart(shown, number) for number, shown in enumerate(figures, 1))


def _chart(shown: Shown, number: int) -> Chart:
    details, layout = shown.details, shown.content.get("layout", {})
    title = str(details.get("title") or _title(layout) or f"Chart {number}")
    return Chart(
        place=shown.place,
        figure=shown.content,
        name=str(details.get("name") or f"chart-{number}"),
        title=title,
        alt=str(details.get("alt") or (title if title.startswith("Chart ") else f"Chart: {title}")),
        width=_size(details.get("width") or layout.get("width"), FULL_WIDTH),
        height=_size(details.get("height") or layout.get("height"), PLAIN_HEIGHT),
        half=details.get("layout") == "half",
        figures_html=str(details.get("figures_html") or ""),
        figures=str(details.get("figures") or ""),
        by_kit=details.get("drawn_by") == "kit",
    )


def _title(layout: Mapping[str, Any]) -> str:
    title = layout.get("title", "")
    text = title.get("text", "") if isinstance(title, Mapping) else title
    return re.sub(r"<[^>]*>", " ", str(text or "")).strip()


def _size(value: Any, default: int) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return default
    return int(min(max(value, SIZES[0]), SIZES[1]))
