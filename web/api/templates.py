"""`/templates`: the notebooks that reports are made of, with the parameters each declares."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from reports.model import Format, PeriodPolicy
from reports.parameters import Parameter
from reports.templates import Template
from web.api.calling import Acting
from web.api.problems import MISSING
from web.api.wire import Answer, Items

router = APIRouter(prefix="/templates", tags=["templates"])


class ParameterOut(Answer):
    """One typed input."""

    name: str
    type: str = Field(description="str, int, float, bool, date, datetime, or a list of them.")
    default: Any
    required: bool
    optional: bool = Field(description="Null is a value of its own.")
    choices: list[Any]
    help: str

    @classmethod
    def of(cls, parameter: Parameter) -> ParameterOut:
        return cls(**vars(parameter) | {"choices": list(parameter.choices)})


class TemplateOut(Answer):
    """A parameterised notebook."""

    name: str
    title: str
    description: str
    audience: str
    period_policy: PeriodPolicy
    period_days: int | None
    datasets: list[str]
    formats: list[Format]
    parameters: list[ParameterOut]
    digest: str = Field(description="sha256 of the notebook.")

    @classmethod
    def of(cls, template: Template) -> TemplateOut:
        return cls(
            name=template.name,
            title=template.title,
            description=template.description,
            audience=template.audience,
            period_policy=template.period_policy,
            period_days=template.period_days,
            datasets=[dataset.name for dataset in template.datasets],
            formats=list(template.formats),
            parameters=[ParameterOut.of(parameter) for parameter in template.parameters],
            digest=template.digest,
        )


@router.get("")
def list_templates(desk: Acting) -> Items[TemplateOut]:
    """Every notebook that can be read as a template, by name."""
    return Items(items=[TemplateOut.of(template) for template in desk.templates()])


@router.get("/{name}", responses=MISSING)
def get_template(name: str, desk: Acting) -> TemplateOut:
    """One template."""
    return TemplateOut.of(desk.template(name))
