"""The report as one self-contained HTML page, by nbconvert with our own template.

No script, no address that is loaded, no code and no prompts; charts are inline SVG. nbconvert is imported on first
use, since it costs half a second.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.errors import RenderError
from runner.render import inline_svg, outputs, sanitize, svg
from runner.render.document import arrange, running_title
from runner.render.outputs import Chart, Shown
from runner.render.tables import TableNames, make_regular

if TYPE_CHECKING:
    from nbconvert.exporters.templateexporter import TemplateExporter

TEMPLATES = Path(__file__).parent / "templates"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_PLACEHOLDER = re.compile(r'<(?:div|span) class="picture" data-number="(\d+)"></(?:div|span)>')
LEFT_OUT = "An interactive output is left out here: it needs a live notebook, and a report runs no scripts."


@dataclass
class _Pictures:
    """Drawings kept aside while the document is arranged: an HTML parser would spoil SVG's capital letters."""

    texts: list[str] = field(default_factory=list)

    def keep(self, text: str, tag: str = "div") -> str:
        """What stands for the drawing until then; a span where it may be within a sentence or a cell."""
        self.texts.append(text)
        return f'<{tag} class="picture" data-number="{len(self.texts) - 1}"></{tag}>'

    def put_back(self, page: str) -> str:
        return _PLACEHOLDER.sub(lambda match: self.texts[int(match[1])], page)


class _Blocks:
    """The HTML of each output of one notebook."""

    def __init__(self, charts: Sequence[Chart], drawings: Sequence[str]) -> None:
        self.pictures = _Pictures()
        self._charts = {chart.place: (chart, drawing) for chart, drawing in zip(charts, drawings, strict=True)}
        self._tables = TableNames()
        self._images = 0

    def __deepcopy__(self, memo: object) -> _Blocks:
        return self  # nbconvert copies its resources; the pictures must come back to the caller

    def of(self, shown: Shown, cell: Mapping[str, Any]) -> str:
        """One `<div class="output">`, or "" for an output with nothing to show."""
        if shown.mime == outputs.PLOTLY:
            return self._chart(*self._charts[shown.place])
        if shown.mime in outputs.IMAGES:
            return self._image(shown, cell)
        if shown.mime == outputs.LEFT_OUT:
            return f'<div class="output"><p class="notice">{LEFT_OUT}</p></div>'
        inner = self._text(shown)
        return f'<div class="output">{inner}</div>' if inner.strip() else ""

    def prose(self, source: str, attachments: Mapping[str, Any]) -> str:
        return self._regular(_markdown(source, attachments))

    def _text(self, shown: Shown) -> str:
        text = str(shown.content)
        if shown.mime == "text/html":
            return sanitize.clean(text) if shown.role else self._foreign(text)
        if shown.mime == "application/json":
            return _printed(json.dumps(shown.content, ensure_ascii=False, indent=2))
        return self.prose(text, {}) if shown.mime == "text/markdown" else _printed(text)

    def _foreign(self, text: str) -> str:
        """HTML of no kit: its drawings are kept aside while the rest is cleaned and its tables made regular."""
        rest, drawings = inline_svg.take_out(text)
        made = self._regular(sanitize.clean(rest))
        for mark, drawing in drawings.items():
            made = made.replace(mark, self._inline(drawing))
        return made

    def _inline(self, drawing: inline_svg.Drawing) -> str:
        if not drawing.visible:
            return ""
        alt = drawing.title or self._next_figure()
        try:
            picture = svg.embed(drawing.text, alt, f"p{len(self.pictures.texts) + 1}")
        except RenderError:
            return f"[Not in the report: a drawing that is no valid SVG, {html.escape(alt)}]"
        return self.pictures.keep(picture, "span")

    def _next_figure(self) -> str:
        self._images += 1
        return f"Figure {self._images}"

    def _regular(self, clean: str) -> str:
        return make_regular(clean, self._tables) if "<table" in clean else clean

    def _chart(self, chart: Chart, drawing: str) -> str:
        kind = "output half" if chart.half else "output"
        figures = sanitize.clean(chart.figures_html)
        return f'<div class="{kind}">{self._framed(drawing, chart.alt)}{figures}</div>'

    def _framed(self, drawing: str, alt: str, *, own_size: bool = False) -> str:
        embedded = svg.embed(drawing, alt, f"p{len(self.pictures.texts) + 1}")
        if own_size:
            embedded = embedded.replace("<svg", '<svg class="own"', 1)
        return f'<div class="chart" tabindex="0">{self.pictures.keep(embedded)}</div>'

    def _image(self, shown: Shown, cell: Mapping[str, Any]) -> str:
        number, size = self._next_figure(), shown.metadata.get(shown.mime, {})
        own = cell.get("metadata", {}).get("gazette", {})
        alt = str(shown.details.get("alt") or own.get("alt") or size.get("alt") or number)
        if shown.mime == "image/svg+xml":
            return f'<div class="output">{self._framed(str(shown.content), alt, own_size=True)}</div>'
        data = re.sub(r"\s+", "", str(shown.content))
        try:
            base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise RenderError("html", f"the picture {alt!r} is damaged: {error}", permanent=True) from error
        width = f' width="{int(size["width"])}"' if isinstance(size.get("width"), int | float) else ""
        image = f'<img src="data:{shown.mime};base64,{data}" alt="{html.escape(alt)}"{width}>'
        return f'<div class="output"><p class="image">{image}</p></div>'


def render_html(notebook: Any, charts: Sequence[Chart], drawings: Sequence[str], title: str) -> str:
    """The whole page. `drawings` are the SVG texts of `charts`. Raises RenderError."""
    from nbconvert.filters.markdown_mistune import InvalidNotebook  # noqa: PLC0415  heavy, see the module

    blocks = _Blocks(charts, drawings)
    margin = f"@page{{@top-left{{content:{running_title(title)}}}}}@page:first{{@top-left{{content:none}}}}"
    resources = {"blocks": blocks, "title": title, "lang": language_of(notebook), "css": _style() + margin}
    try:
        page, _ = _exporter().from_notebook_node(notebook, resources=resources)
    except InvalidNotebook as error:
        raise RenderError("html", f"a text cell is not usable: {error}", permanent=True) from error
    return blocks.pictures.put_back(str(page))


def markdown_block(cell: Mapping[str, Any], blocks: _Blocks) -> str:
    """What a text cell adds to the report (a filter of the template)."""
    return f'<div class="cell">{blocks.prose(str(cell["source"]), cell.get("attachments", {}))}</div>'


def output_blocks(cell: Mapping[str, Any], index: int, blocks: _Blocks) -> str:
    """What a code cell adds to the report (a filter of the template)."""
    shown = [outputs.choose(output, (index, number)) for number, output in enumerate(cell.get("outputs", []))]
    return "".join(blocks.of(each, cell) for each in shown if each is not None)


def _markdown(source: str, attachments: Mapping[str, Any]) -> str:
    """Markdown as clean HTML. A dollar sign is money here, so formulas are not looked for."""
    from mistune import BlockParser, InlineParser  # noqa: PLC0415  heavy, see the module
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath  # noqa: PLC0415

    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True, attachments=dict(attachments))
    parser = MarkdownWithMath(renderer=renderer, block=BlockParser(), inline=InlineParser())
    return sanitize.clean(parser.render(source))


def _printed(text: str) -> str:
    from nbconvert.filters.ansi import strip_ansi  # noqa: PLC0415  heavy, see the module

    plain = re.sub(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", "", str(strip_ansi(text))).strip("\n")  # type: ignore[no-untyped-call]
    return f'<pre class="printed" tabindex="0">{html.escape(plain)}</pre>' if plain.strip() else ""


def language_of(notebook: Mapping[str, Any]) -> str:
    own = notebook.get("metadata", {}).get("gazette", {})
    language = str(own.get("lang", "en")) if isinstance(own, Mapping) else "en"
    return language if _LANGUAGE.fullmatch(language) else "en"


@cache
def _style() -> str:
    text = (TEMPLATES / "report" / "report.css").read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))


@cache
def _exporter() -> TemplateExporter:
    from nbconvert.exporters.templateexporter import TemplateExporter  # noqa: PLC0415  heavy, see the module

    return TemplateExporter(  # type: ignore[no-untyped-call]
        template_name="report",
        template_file="index.html.j2",
        extra_template_basedirs=[str(TEMPLATES)],
        default_preprocessors=[],
        filters={"markdown_block": markdown_block, "output_blocks": output_blocks, "arrange": arrange},
    )
