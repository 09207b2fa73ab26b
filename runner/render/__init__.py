"""Files from an executed notebook: HTML, PDF, workbook and mail, drawn and printed by one browser."""

from runner.render.renderer import ReportRenderer

__all__ = ["ReportRenderer"]
