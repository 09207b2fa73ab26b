"""The chart tab: one page that keeps plotly.js loaded and turns figures into SVG or PNG, many in one batch.

It draws what a notebook stored and decides nothing about looks; the library comes from the installed plotly package,
never from the network.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reports.errors import RenderError
from reports.model import JsonDict
from runner.render.devtools import CommandFailed, Connection
from runner.render.tab import Tab, open_tab

FIGURE_SECONDS = 30  # a figure that waits longer for something, such as a map from the network, has failed
DRAWINGS_PER_TAB = 600  # then a fresh tab: plotly.js keeps a little of every figure it drew

_CSS_NAME = re.compile(r"""["'].*|[A-Za-z_-][\w-]*( [A-Za-z_-][\w-]*)*""")

_PAGE = (
    "<!doctype html><meta charset=utf-8><meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
    "img-src data: blob:; style-src 'unsafe-inline'\"><body></body>"
)
_DRAW = """async function (orders, seconds) {
  const late = () => new Promise((_, fail) => setTimeout(() => fail(new Error('it takes too long')), seconds * 1000));
  return await Promise.all(orders.map(async (order) => {
    try {
      const options = {...order.size, format: order.format, scale: order.scale, imageDataOnly: true};
      const drawn = Plotly.toImage({data: order.data, layout: order.layout}, options);
      return {image: await Promise.race([drawn, late()])};
    } catch (error) {
      return {error: String((error && error.message) || error)};
    }
  }));
}"""


@dataclass(frozen=True)
class Drawing:
    """An order to draw one figure. `figure` is Plotly's JSON: data and layout."""

    figure: JsonDict
    title: str
    width: int
    height: int
    format: Literal["svg", "png"] = "svg"
    scale: float = 1.0


class ChartTab:
    """A tab with plotly.js in it; it draws one batch at a time."""

    def __init__(self, tab: Tab, window: str) -> None:
        self._tab = tab
        self._window = window  # the page's global object, which functions are called on
        self._drawn = 0

    @classmethod
    async def open(cls, connection: Connection) -> ChartTab:
        tab = await open_tab(connection)
        await tab.set_content(_PAGE)
        await tab.send("Runtime.evaluate", {"expression": _plotly_source()})
        answer = await tab.send("Runtime.evaluate", {"expression": "globalThis"})
        return cls(tab, answer["result"]["objectId"])

    @property
    def worn_out(self) -> bool:
        return self._drawn >= DRAWINGS_PER_TAB

    async def draw(self, drawings: Sequence[Drawing]) -> list[str]:
        """SVG text or base64 PNG, in the order asked. Raises RenderError naming a figure that cannot be drawn."""
        self._drawn += len(drawings)
        answer = await self._tab.send(
            "Runtime.callFunctionOn",
            {
                "functionDeclaration": _DRAW,
                "objectId": self._window,
                "arguments": [{"value": [_order(drawing) for drawing in drawings]}, {"value": FIGURE_SECONDS}],
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        if "exceptionDetails" in answer:
            raise CommandFailed(str(answer["exceptionDetails"].get("text", "the drawing script failed")))
        return [_image(result, drawing) for result, drawing in zip(answer["result"]["value"], drawings, strict=True)]

    async def close(self) -> None:
        await self._tab.close()


def _order(drawing: Drawing) -> JsonDict:
    return {
        "data": _drawable(drawing.figure.get("data", [])),
        "layout": _drawable(drawing.figure.get("layout", {})),
        "size": {"width": drawing.width, "height": drawing.height},
        "format": drawing.format,
        "scale": drawing.scale,
    }


def _drawable(value: Any) -> Any:
    """`value` as the browser draws it right.

    NaN and infinities become null: JSON has none, and Plotly draws a gap for null. Font names become valid CSS: one
    such as Source Sans 3 needs quotes, and without them the whole list is ignored.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _fonts(item) if key == "family" else _drawable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_drawable(item) for item in value]
    return value


def _fonts(family: Any) -> Any:
    if not isinstance(family, str):
        return family
    names = [name.strip() for name in family.split(",")]
    return ", ".join(name if _CSS_NAME.fullmatch(name) else f'"{name}"' for name in names if name)


def _image(result: JsonDict, drawing: Drawing) -> str:
    if "error" in result:
        message = f"the chart {drawing.title!r} cannot be drawn: {result['error']}"
        raise RenderError("chart", message, permanent=True)
    return str(result["image"])


def _plotly_source() -> str:
    spec = importlib.util.find_spec("plotly")  # found, not imported: the package costs 40 MB
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise RenderError("chart", "the plotly package has no plotly.min.js; install plotly again", permanent=True)
