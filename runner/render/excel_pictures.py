"""Pictures in a workbook, each with its text alternative; openpyxl itself would call all of them "Picture".

The files are written as they came; only their size is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from openpyxl.drawing.fill import Blip, BlipFillProperties
from openpyxl.drawing.geometry import PresetGeometry2D
from openpyxl.drawing.image import Image
from openpyxl.drawing.picture import PictureFrame
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, OneCellAnchor
from openpyxl.drawing.xdr import XDRPositiveSize2D
from openpyxl.utils.units import pixels_to_EMU

from runner.render.excel_cells import Cells, clean_text

FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif"}  # what every spreadsheet program draws
WIDEST = 900  # pixels of a picture in a sheet
ROW_HEIGHT = 20  # pixels of a row as every program draws it by default
MAX_ALT = 8_000  # characters; programs cut longer ones


@dataclass(frozen=True)
class Picture:
    """One picture of a report. `table` names the table of its figures, or is "" where it has none."""

    title: str
    alt: str
    content: bytes
    kind: str = "png"
    width: int = 0  # in CSS pixels; 0 for the picture's own size
    table: str = ""


class _Placed(Image):  # type: ignore[misc]
    """A picture at a place. Not made by openpyxl's own means, which would decode and encode it once more."""

    def __init__(self, picture: Picture, column: int, row: int) -> None:
        self._content = picture.content
        self.format = picture.kind
        self.width, self.height = size_of(picture)
        self.anchor = OneCellAnchor(
            _from=AnchorMarker(col=column - 1, row=row - 1),
            ext=XDRPositiveSize2D(pixels_to_EMU(self.width), pixels_to_EMU(self.height)),
        )
        self.anchor.pic = _frame(picture)

    def _data(self) -> bytes:
        return self._content


def _frame(picture: Picture) -> PictureFrame:
    """What stands around a picture in the file; openpyxl only adds which file it is."""
    frame = PictureFrame()
    frame.nvPicPr.cNvPr.name = clean_text(picture.title)
    frame.nvPicPr.cNvPr.descr = clean_text(picture.alt)[:MAX_ALT]
    frame.nvPicPr.cNvPr.id = 1
    frame.blipFill = BlipFillProperties(blip=Blip(cstate="print"))
    frame.blipFill.stretch = type(frame.blipFill).stretch.expected_type()
    frame.spPr.prstGeom = PresetGeometry2D(prst="rect")
    frame.spPr.ln = None
    return frame


def size_of(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels as it is shown."""
    from PIL import Image as Decoder  # noqa: PLC0415  only for workbooks with pictures

    with Decoder.open(BytesIO(picture.content)) as opened:
        width, height = opened.size
    shown = min(picture.width or width, WIDEST)
    return shown, max(round(height * shown / width), 1)


def place_beside(sheet: Any, picture: Picture, columns: int) -> None:
    """Put the picture to the right of a table with so many columns."""
    sheet.add_image(_Placed(picture, columns + 2, 2))


def write_pictures(sheet: Any, pictures: Sequence[Picture]) -> None:
    """One below the other, each under its title and above its text alternative, which all can read."""
    sheet.column_dimensions["A"].width = 120
    cells, row = Cells(sheet), 1
    for number, picture in enumerate(pictures, 1):
        sheet.append([cells.text(picture.title, "heading")])
        sheet.add_image(_Placed(picture, 1, row + 1))
        rows = size_of(picture)[1] // ROW_HEIGHT + 2
        for _ in range(rows):
            sheet.append([])
        sheet.append([cells.text(picture.alt, "wrapped")])
        if number < len(pictures):
            sheet.append([])
        row += rows + 3
