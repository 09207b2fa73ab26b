"""A notebook file as plain values: cells, tags, headings and Python syntax trees, read with json and ast alone.

It never imports nbformat or papermill (together 2.4 s) and never executes anything.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from reports.errors import InvalidTemplate

NBFORMAT = 4
PARAMETERS_TAG = "parameters"  # the tag papermill looks for

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LINE_MAGIC = re.compile(r"^(\s*)(?:[%!].*|[\w.]+\?{1,2}|\?{1,2}[\w.]+)\s*$")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[\w, ]+=\s*)[%!].*$")
_PYTHON_CELL_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")


@dataclass(frozen=True)
class Cell:
    kind: str  # code, markdown or raw
    source: str
    tags: tuple[str, ...]
    number: int  # position among the cells of its kind, from 1, as errors name it


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Notebook:
    path: Path
    cells: tuple[Cell, ...]
    metadata: dict[str, Any]
    digest: str  # sha256 of the file's bytes

    def code_cells(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    def parameters_cells(self) -> list[Cell]:
        return [cell for cell in self.code_cells() if PARAMETERS_TAG in cell.tags]

    def headings(self) -> Iterator[Heading]:
        for cell in self.cells:
            if cell.kind == "markdown":
                yield from markdown_headings(cell.source)


def read_notebook(path: Path) -> Notebook:
    """The notebook at `path`.

    Raises InvalidTemplate("file", ...) if it cannot be read, is no JSON, or is not in notebook format 4.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidTemplate("file", f"{path.name} cannot be read: {error.strerror}") from error
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{path.name} is not valid JSON ({error}); save it again from JupyterLab"
        raise InvalidTemplate("file", message) from error
    if not isinstance(data, dict) or data.get("nbformat") != NBFORMAT:
        raise InvalidTemplate("file", f"{path.name} is not in notebook format 4; save it again from JupyterLab")
    metadata = data.get("metadata", {})
    if not isinstance(metadata, dict):
        raise InvalidTemplate("file", f"{path.name} has metadata that is not an object")
    return Notebook(path, tuple(_cells(data.get("cells"), path)), metadata, sha256(content).hexdigest())


def _cells(data: Any, path: Path) -> Iterator[Cell]:
    if not isinstance(data, list):
        raise InvalidTemplate("file", f"{path.name} has no list of cells; save it again from JupyterLab")
    counts: dict[str, int] = {}
    for position, cell in enumerate(data, start=1):
        try:
            kind, source = cell["cell_type"], cell["source"]
            text = source if isinstance(source, str) else "".join(source)
            tags = tuple(str(tag) for tag in cell.get("metadata", {}).get("tags", ()))
            counts[kind] = counts.get(kind, 0) + 1
        except (TypeError, KeyError, AttributeError) as error:
            message = f"cell {position} of {path.name} is damaged; save the notebook again from JupyterLab"
            raise InvalidTemplate("file", message) from error
        yield Cell(kind, text, tags, counts[kind])


def markdown_headings(markdown: str) -> Iterator[Heading]:
    """The headings of a text cell, without those inside of fenced code."""
    fence = ""
    for line in markdown.splitlines():
        opened = _FENCE.match(line)
        if opened and not fence:
            fence = opened.group(1)
        elif opened and opened.group(1).startswith(fence):
            fence = ""
        elif not fence and (found := _HEADING.match(line)):
            yield Heading(len(found.group(1)), _plain(found.group(2)))


def level_gaps(levels: Sequence[int]) -> list[tuple[int, int]]:
    """Where one heading goes down more than a level: the level before it and its own. The title counts as level 1."""
    return [(before, after) for before, after in zip([1, *levels], levels, strict=False) if after > before + 1]


def _plain(text: str) -> str:
    """Markdown emphasis, code marks and links reduced to their words."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"(\*{1,3}|`+|~~)(.+?)\1", r"\2", text).strip()


def syntax_tree(source: str) -> ast.Module | None:
    """The cell as a syntax tree, or None for a cell in another language (`%%bash`).

    IPython's line magics and shell escapes become `pass`; `await` outside a function is fine, as in IPython. Line
    numbers stay those of the cell. Raises SyntaxError.
    """
    first = source.lstrip().split("\n", 1)[0]
    if first.startswith("%%"):
        if not first.startswith(_PYTHON_CELL_MAGICS):
            return None
        source = source.replace(first, "", 1)
    try:
        return _parse(source)
    except SyntaxError:
        return _parse(_without_magics(source))


def _parse(source: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a doubtful escape in somebody's notebook is not this reader's business
        try:
            tree = compile(source, "<cell>", "exec", flags, dont_inherit=True)
        except (ValueError, RecursionError, MemoryError) as error:  # a NUL character; nesting too deep
            raise SyntaxError(str(error) or "nested too deeply") from error
    assert isinstance(tree, ast.Module)
    return tree


def _without_magics(source: str) -> str:
    lines = (_LINE_MAGIC.sub(r"\1pass", line) for line in source.split("\n"))
    return "\n".join(_ASSIGNED_MAGIC.sub(r"\1None", line) for line in lines)
