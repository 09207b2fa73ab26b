"""Colours, dashes and patterns of a report, and the Plotly template `gazette` made of them.

Each colour has at least 4.5:1 on white and never stands alone: a dash, a pattern or a direct label says the same.
"""

from __future__ import annotations

import plotly.graph_objects as go
import plotly.io as pio

INK = "#1b1f24"
QUIET = "#555d68"
AXIS = "#9aa1ab"
GRID = "#e4e7ec"
ACCENT = "#0b57a4"
SERIES = ("#0b57a4", "#b5450f", "#2a7d5f", "#8a3b8f", "#7a5c00", "#4d5663")
OTHER = SERIES[-1]  # all that is not named
PREVIOUS = "#6b7480"  # the period before, always dashed
DASH = "4px,3px"
PATTERNS = ("", "/", ".", "\\", "|", "")  # the sixth is what is not named
SCALE = ("#f2f6fb", "#08386b")  # zero to most
NO_DATA = "#aab1bb"
FONT = "Source Sans 3, Segoe UI, Helvetica, Arial, sans-serif"
FONT_SIZE = 13
FULL_WIDTH = 880  # px: the text column of a report
HALF_WIDTH = 428  # px: two beside each other
TEMPLATE = "gazette"


def register() -> None:
    """Make `gazette` the template of every figure made from now on."""
    ticks = {"linecolor": AXIS, "tickcolor": AXIS, "ticklen": 4, "tickangle": 0, "fixedrange": True}
    pio.templates[TEMPLATE] = go.layout.Template(
        layout={
            "font": {"family": FONT, "size": FONT_SIZE, "color": INK},
            "colorway": list(SERIES),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 56, "r": 20, "t": 28, "b": 36},
            "showlegend": False,
            "hoverlabel": {"align": "left"},
            "xaxis": {"showgrid": False, "zeroline": False, "ticks": "outside", **ticks},
            "yaxis": {"gridcolor": GRID, "zeroline": True, "zerolinecolor": AXIS, "rangemode": "tozero", **ticks},
        }
    )
    pio.templates.default = TEMPLATE


def dress(figure: go.Figure) -> None:
    """Give one figure the template, whatever others made the default of this process."""
    figure.update_layout(template=pio.templates[TEMPLATE])


def pattern(shape: str) -> dict[str, object]:
    """A white pattern over the colour of a bar."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "#ffffff", "solidity": 0.16, "size": 8}


def hatch() -> dict[str, object]:
    """What marks days and hours without data, so that they are not read as zero."""
    return {"shape": "/", "fillmode": "overlay", "fgcolor": NO_DATA, "solidity": 0.18, "size": 6}


def shade(share: float) -> str:
    """The colour of the sequential scale for a share between 0 and 1."""
    low, high = ([int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in SCALE)
    mixed = [round(a + (b - a) * min(max(share, 0.0), 1.0)) for a, b in zip(low, high, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)
