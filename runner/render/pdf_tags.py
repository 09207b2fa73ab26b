"""Finish the tags of Chromium's PDF: what belongs to no element is an artifact, lists, links and bookmarks are mended.

Page numbers, running titles, rules and hidden signs are drawn outside of any element, and PDF/UA-1 wants them marked,
so that they are not read out. Drawing stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pikepdf
from pikepdf import Name, Operator, Pdf

_OPENING, _CLOSING = {"BMC", "BDC"}, {"EMC"}
_PATH = {"m", "l", "c", "v", "y", "h", "re", "W", "W*"}  # build a path, which nothing may interrupt
_PATH_ENDS = {"S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n"}
_PAINTING = {"Tj", "TJ", "'", '"', "sh", "INLINE IMAGE"}
_MAX_DEPTH = 400  # of the structure tree; deeper is damaged

Instruction = Any  # pikepdf's ContentStreamInstruction, or a tuple of operands and operator

_ARTIFACT: Instruction = ([Name.Artifact], Operator("BMC"))
_END: Instruction = ([], Operator("EMC"))


def elements(pdf: Pdf) -> Iterator[tuple[str, Any]]:
    """Every structure element with its type, in the order of reading."""
    if Name.StructTreeRoot not in pdf.Root:
        return
    waiting: list[tuple[Any, int]] = [(pdf.Root.StructTreeRoot.get("/K"), 0)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, pikepdf.Array):
            waiting.extend((child, depth) for child in reversed(list(node)))
        elif isinstance(node, pikepdf.Dictionary) and "/S" in node and depth < _MAX_DEPTH:
            yield str(node["/S"]).lstrip("/"), node
            waiting.append((node.get("/K"), depth + 1))


def finish_tags(pdf: Pdf) -> None:
    """Mark artifacts on every page, and give each list item the body that readers of lists look for."""
    parents = _parent_arrays(pdf.Root.StructTreeRoot.get("/ParentTree"))
    for kind, element in list(elements(pdf)):
        if kind == "LI":
            _add_body(pdf, element, parents)
    for page in pdf.pages:
        marked = _with_artifacts(pikepdf.parse_content_stream(page), page.obj.get("/Resources"))
        page.Contents = pdf.make_stream(pikepdf.unparse_content_stream(marked))


def _parent_arrays(node: Any) -> dict[int, Any]:
    """The parent tree's arrays by a page's key: from a marked content's number to the element it belongs to."""
    if node is None:
        return {}
    numbers = list(node.get("/Nums", []))
    found = {int(key): value for key, value in zip(numbers[::2], numbers[1::2], strict=True)}
    for child in node.get("/Kids", []):
        found |= _parent_arrays(child)
    return {key: value for key, value in found.items() if isinstance(value, pikepdf.Array)}


def describe_links(pdf: Pdf, texts: Mapping[str, str]) -> None:
    """Give each link the words a reader announces it with: `texts` by address, else the address itself."""
    for page in pdf.pages:
        for note in page.obj.get("/Annots", []):
            if note.get("/Subtype") == Name.Link and "/Contents" not in note:
                address = str(note.A.get("/URI", "")) if "/A" in note else ""
                note.Contents = pikepdf.String(texts.get(address) or address or "A place in this report")


def name_bookmarks(pdf: Pdf, headings: Iterable[str]) -> None:
    """Let each bookmark say its heading once: Chromium repeats the words of one that it moved to the next page."""
    words = {_squeezed(heading): " ".join(heading.split()) for heading in headings}
    repeated = {key * times: said for key, said in words.items() for times in (2, 3)} | words
    for bookmark in _bookmarks(pdf.Root.get("/Outlines")):
        title = str(bookmark.get("/Title", ""))
        bookmark.Title = pikepdf.String(repeated.get(_squeezed(title), title))


def _bookmarks(parent: Any) -> Iterator[Any]:
    bookmark = parent.get("/First") if parent is not None else None
    while bookmark is not None:
        yield bookmark
        yield from _bookmarks(bookmark)
        bookmark = bookmark.get("/Next")


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _children(element: Any) -> list[Any]:
    children = element.get("/K", [])
    return list(children) if isinstance(children, pikepdf.Array) else [children]


def _add_body(pdf: Pdf, item: Any, parents: dict[int, Any]) -> None:
    """Put all that follows a list item's label into an LBody."""
    labels = [child for child in _children(item) if _type(child) in {"/Lbl", "/LBody"}]
    content = [child for child in _children(item) if _type(child) not in {"/Lbl", "/LBody"}]
    if not content:
        return
    body = pdf.make_indirect(pikepdf.Dictionary(Type=Name.StructElem, S=Name.LBody, P=item, K=pikepdf.Array(content)))
    if "/Pg" in item:
        body.Pg = item.Pg
    for child in content:
        if isinstance(child, pikepdf.Dictionary) and "/S" in child:
            child.P = body
        else:
            _adopt(child, body, parents)
    item.K = pikepdf.Array([*labels, body])


def _type(child: Any) -> str:
    return str(child.get("/S", "")) if isinstance(child, pikepdf.Dictionary) else ""


def _adopt(child: Any, body: Any, parents: dict[int, Any]) -> None:
    """Let a piece of marked content name `body` as what it belongs to."""
    if isinstance(child, pikepdf.Dictionary):
        holder, number = child.get("/Stm", child.get("/Pg", body.get("/Pg"))), child.get("/MCID")
    else:
        holder, number = body.get("/Pg"), child
    array = parents.get(int(holder.get("/StructParents", -1))) if holder is not None else None
    if array is not None and number is not None:
        array[int(number)] = body


def _with_artifacts(instructions: Iterable[Instruction], resources: Any) -> list[Instruction]:
    """The page's drawing with a mark around each thing that stands outside of every mark.

    A path is marked from its first point to its painting: nothing may stand between them.
    """
    written: list[Instruction] = []
    depth = 0
    in_path = False
    for instruction in instructions:
        operator = str(instruction.operator)
        if depth == 0 and not in_path and _stands_alone(instruction, operator, resources):
            written += [_ARTIFACT, instruction, _END]
        elif depth == 0 and operator in _PATH and not in_path:
            in_path = True
            written += [_ARTIFACT, instruction]
        elif in_path and operator in _PATH_ENDS:
            in_path = False
            written += [instruction, _END]
        else:
            depth += (operator in _OPENING) - (operator in _CLOSING)
            written.append(instruction)
    return written


def _stands_alone(instruction: Instruction, operator: str, resources: Any) -> bool:
    return operator in _PAINTING or (operator == "Do" and not _holds_tags(resources, str(instruction.operands[0])))


def _holds_tags(resources: Any, name: str) -> bool:
    """Whether a drawing used by the page has marked content of its own, which no artifact may contain."""
    drawings = resources.get("/XObject", {}) if resources is not None else {}
    used = drawings.get(name)
    return used is not None and "/StructParents" in used
