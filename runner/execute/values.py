"""Parameter values as the notebook's own types: papermill would hand over a day as text.

Values arrive as JSON and are checked again here, names first, since papermill writes names into the notebook as code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from papermill.translators import PythonTranslator, papermill_translators

from reports.parameters import check_required, coerce
from reports.templates import Template

TRANSLATOR = "gazette"  # the kernel's name towards papermill, by which it finds our translator

_FROM_TEXT: dict[str, Callable[[str], Any]] = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}


class TypedTranslator(PythonTranslator):  # type: ignore[misc]
    """Papermill's translation to Python, and days and instants beside it."""

    @classmethod
    def translate(cls, val: Any) -> str:
        if isinstance(val, date):  # a datetime is one too; the notebook may have given `datetime` a meaning of its own
            return f'__import__("datetime").{type(val).__name__}.fromisoformat("{val.isoformat()}")'
        text: str = super().translate(val)
        return text


papermill_translators.register(TRANSLATOR, TypedTranslator)


def typed(template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the types that the template declares.

    Raises InvalidParameter for an undeclared name, a value of another type and a required value that is missing.
    """
    checked = coerce(template.parameters, values)
    check_required(template.parameters, checked)
    types = {parameter.name: parameter.type for parameter in template.parameters}
    return {name: _typed(types[name], value) for name, value in checked.items()}


def _typed(type: str, value: Any) -> Any:
    read = _FROM_TEXT.get(type)
    return value if read is None or value is None else read(value)
