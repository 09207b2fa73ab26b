"""Which pictures a workbook gets: its charts drawn for the sheet, and the notebook's own pictures as they are.

Vector pictures of the notebook are not taken: spreadsheet programs differ in what they draw of them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import lxml.html

from runner.render.charts import Drawing
from runner.render.excel_pictures import FORMATS, Picture
from runner.render.outputs import Chart

SCALE = 1.5  # sharp enough beside a table, at a third of the size of a mail's picture
_DATA = re.compile(r"data:(image/\w+);base64,(.*)", re.DOTALL)


def orders(charts: Sequence[Chart]) -> list[Drawing]:
    """What has to be drawn for `pictures`."""
    return [Drawing(on_white(chart), chart.title, chart.width, chart.height, "png", SCALE) for chart in charts]


def on_white(chart: Chart) -> dict[str, object]:
    """The figure with a ground of its own: dark letters on nothing could not be read on a dark one."""
    layout = {**chart.figure.get("layout", {}), "paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff"}
    return {**chart.figure, "layout": layout}


def pictures(charts: Sequence[Chart], drawn: Sequence[str], page: str) -> tuple[Picture, ...]:
    """Every picture of the report. `drawn` answers the `orders`: PNGs in base64."""
    found = [
        Picture(chart.title, chart.alt, base64.b64decode(png), "png", chart.width, chart.figures)
        for chart, png in zip(charts, drawn, strict=True)
    ]
    return (*found, *_of_page(page))


def _of_page(page: str) -> list[Picture]:
    found = []
    for image in lxml.html.document_fromstring(page).xpath("//article//img"):
        data = _DATA.fullmatch(image.get("src", ""))
        if data and data[1] in FORMATS:
            heading = image.xpath("string(preceding::*[self::h2 or self::h3][1])") or image.get("alt")
            width = int(image.get("width")) if str(image.get("width", "")).isdigit() else 0
            content = base64.b64decode(data[2])
            found.append(Picture(" ".join(heading.split()), image.get("alt"), content, FORMATS[data[1]], width))
    return found
