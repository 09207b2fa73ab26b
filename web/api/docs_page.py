"""The API's description as a page to read: every operation, its fields and its answers, from the OpenAPI document.

One page of HTML without a script: the pages' policy loads nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

METHODS = ("get", "post", "put", "patch", "delete")
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #0b0c0e; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; } h3 { margin: 1.5rem 0 0.25rem; font-size: 1rem; }
code { font-family: ui-monospace, monospace; font-size: 0.95em; } a { color: #0b57a4; }
dt { font-weight: 600; } dd { margin: 0 0 0.25rem 1.5rem; }
"""


def page(described: Mapping[str, Any], root_path: str) -> str:
    parts = sorted(
        {operation["tags"][0] for operations in described["paths"].values() for operation in operations.values()}
    )
    sections = Markup("").join(_section(part, described["paths"], root_path) for part in parts)
    return str(
        Markup(
            "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title} REST API</title>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'><style>{style}</style></head>"
            "<body><main><h1>{title} REST API</h1><p>{about}</p>"
            "<p>The whole description, for programs: <a href='{root}/openapi.json'>openapi.json</a></p>"
            "{sections}<section><h2>Bodies and answers</h2>{schemas}</section></main></body></html>"
        ).format(
            title=described["info"]["title"],
            about=described["info"]["description"],
            style=Markup(STYLE),
            root=root_path,
            sections=sections,
            schemas=Markup("").join(_schema(*named) for named in sorted(described["components"]["schemas"].items())),
        )
    )


def _section(part: str, paths: Mapping[str, Any], root_path: str) -> Markup:
    operations = [
        _operation(method, root_path + path, found[method])
        for path, found in paths.items()
        for method in METHODS
        if method in found and found[method]["tags"][0] == part
    ]
    return Markup("<section><h2>{}</h2>{}</section>").format(part.capitalize(), Markup("").join(operations))


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Markup:
    fields = Markup("").join(_field(each) for each in operation.get("parameters", []))
    listed = Markup("<dl>{}</dl>").format(fields) if fields else Markup("")
    return Markup("<h3 class='operation'><code>{} {}</code></h3><p>{}</p>{}{}").format(
        method.upper(), path, operation.get("description", ""), _body(operation), listed
    )


def _body(operation: Mapping[str, Any]) -> Markup:
    if "requestBody" not in operation:
        return Markup("")
    (content,) = operation["requestBody"]["content"].values()
    name = content["schema"]["$ref"].rsplit("/", 1)[-1]
    return Markup("<p>Body: <a href='#{}'><code>{}</code></a>, as JSON.</p>").format(name, name)


def _schema(name: str, schema: Mapping[str, Any]) -> Markup:
    fields = schema.get("properties", {})
    required = schema.get("required", [])
    listed = Markup("").join(
        Markup("<dt><code>{}</code>{}</dt><dd>{} {}</dd>").format(
            field, ", required" if field in required else "", _type(about), about.get("description", "")
        )
        for field, about in fields.items()
    )
    values = ", ".join(map(str, schema.get("enum", [])))
    return Markup("<h3 id='{}'><code>{}</code></h3><p>{}</p><dl>{}</dl>").format(
        name, name, schema.get("description", "") if fields else values, listed
    )


def _type(about: Mapping[str, Any]) -> Markup:
    if "$ref" in about:
        name = about["$ref"].rsplit("/", 1)[-1]
        return Markup("<a href='#{}'><code>{}</code></a>").format(name, name)
    if "anyOf" in about:
        return Markup(" or ").join(_type(each) for each in about["anyOf"])
    if about.get("type") == "array":
        return Markup("list of ") + _type(about["items"])
    return escape(about.get("format") or about.get("type") or "any value")


def _field(parameter: Mapping[str, Any]) -> Markup:
    place = f" ({parameter['in']})" if parameter["in"] != "query" else ""
    return Markup("<dt><code>{}</code>{}</dt><dd>{}</dd>").format(
        parameter["name"], place, escape(parameter.get("description", "")) or "Any."
    )
