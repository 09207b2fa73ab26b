"""Make HTML from a notebook safe to show: no script, no handler, no style, nothing loaded from elsewhere.

Outputs carry data, and data may carry markup. The cleaning is done by nh3 (35 times faster here than bleach, which
nbconvert would use); this module only says what a report may contain.
"""

from __future__ import annotations

import re
from functools import cache

import nh3

_LOST_WITH_CONTENT = {
    "applet", "audio", "button", "canvas", "embed", "form", "frame", "frameset", "head", "iframe", "math", "noscript",
    "object", "option", "script", "select", "style", "svg", "template", "textarea", "title", "video",
}  # fmt: skip
_ADDED_TAGS = {"main", "section", "tfoot"}
_UNWRAPPED_TAGS = {"figure", "figcaption", "map", "area", "center", "main"}  # a <figure> is a second Figure in the PDF
_ATTRIBUTES = {
    "*": {"class", "id", "title", "lang", "dir", "role", "tabindex", "hidden"},
    "a": {"href"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "type"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope", "abbr"},
    "time": {"datetime"},
}
_EMBEDDED_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_TAG = re.compile(r"<[^>]*>")
_SILENT = re.compile(r"<(script|style)\b[\s\S]*?</\1\s*>|<!--[\s\S]*?-->|<(link|meta)\b[^>]*>", re.IGNORECASE)
_ADDRESS = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


def clean(html: str) -> str:
    """`html` with only what a report may contain; fragments written by `reports.kit` come back unchanged."""
    return _cleaner().clean(html)


def shows_something(html: str) -> bool:
    """Whether a reader sees anything of `html` in a report, where scripts do not run and frames stay empty."""
    if "<svg" in html.lower():  # taken out before the cleaning, see `html`
        return True
    left = clean(html)
    return any(tag in left for tag in ("<img", "<hr")) or bool(_TAG.sub("", left).strip())


def has_elements(html: str) -> bool:
    """Whether `html` holds more than styles, scripts and remarks: an element that a script may fill."""
    return re.search(r"<\w", _SILENT.sub("", html)) is not None


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=(nh3.ALLOWED_TAGS | _ADDED_TAGS) - _UNWRAPPED_TAGS - _LOST_WITH_CONTENT,
        clean_content_tags=_LOST_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        generic_attribute_prefixes={"aria-"},
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _EMBEDDED_IMAGE.fullmatch(value) else None
    if name == "href":
        return value if _ADDRESS.match(value) else None
    if name == "tabindex":
        return value if value in {"0", "-1"} else None
    return value
