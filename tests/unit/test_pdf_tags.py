"""The tags of a PDF: what is outside of every mark is an artifact, lists get bodies, links and bookmarks get words."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, OutlineItem, Pdf

from runner.render.pdf_tags import describe_links, elements, finish_tags, name_bookmarks


def document(content: bytes) -> Pdf:
    pdf = Pdf.new()
    pdf.add_blank_page()
    pdf.pages[0].Contents = pdf.make_stream(content)
    pdf.pages[0].obj.StructParents = 0
    parents = Dictionary(Nums=Array([0, Array([None] * 9)]))
    tree = Dictionary(Type=Name.StructTreeRoot, K=Array(), ParentTree=parents)
    pdf.Root.StructTreeRoot = pdf.make_indirect(tree)
    return pdf


def element(pdf: Pdf, kind: str, *children: Any) -> Any:
    made = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name(f"/{kind}"), K=Array(list(children))))
    made.Pg = pdf.pages[0].obj
    return made


def drawn(pdf: Pdf) -> list[str]:
    return [str(each.operator) for each in pikepdf.parse_content_stream(pdf.pages[0])]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"BT (a) Tj ET", "BT BMC Tj EMC ET"),
        (b"0 0 m 1 1 l S", "BMC m l S EMC"),
        (b"q 0 0 9 9 re W n Q", "q BMC re W n EMC Q"),
        (b"/P <</MCID 0>> BDC BT (a) Tj ET 0 0 9 9 re f EMC", "BDC BT Tj ET re f EMC"),
        (b"/P <</MCID 0>> BDC /Span <</A 1>> BDC (a) Tj EMC (b) Tj EMC (c) Tj", "BDC BDC Tj EMC Tj EMC BMC Tj EMC"),
        (b"1 0 0 1 0 0 cm", "cm"),
        (b"/X Do", "BMC Do EMC"),
        (b"/T Do", "Do"),  # has tags of its own
        (b"", ""),
    ],
)
def test_what_stands_outside_of_every_mark_becomes_an_artifact(content: bytes, expected: str) -> None:
    pdf = document(content)
    drawings = {"/X": pdf.make_stream(b""), "/T": pdf.make_stream(b"", StructParents=4)}
    pdf.pages[0].Resources = Dictionary(XObject=Dictionary(drawings))
    finish_tags(pdf)
    assert drawn(pdf) == expected.split()
    marks = [each for each in pikepdf.parse_content_stream(pdf.pages[0]) if str(each.operator) == "BMC"]
    assert all(each.operands[0] == Name.Artifact for each in marks)


def test_a_list_item_gets_a_body_for_all_but_its_label() -> None:
    pdf = document(b"")
    label, text = element(pdf, "Lbl", 0), element(pdf, "P", 1)
    reference = Dictionary(Type=Name.MCR, MCID=2, Pg=pdf.pages[0].obj)
    item = element(pdf, "LI", label, text, 3, reference)
    pdf.Root.StructTreeRoot.K = Array([element(pdf, "L", item)])
    finish_tags(pdf)
    first, body = item.K
    assert [str(child["/S"]) for child in (first, body)] == ["/Lbl", "/LBody"]
    assert text["/P"] == body
    assert body["/P"] == item
    parents = pdf.Root.StructTreeRoot.ParentTree.Nums[1]
    assert parents[3] == parents[2] == body
    assert parents[0] is None
    assert [kind for kind, _ in elements(pdf)] == ["L", "LI", "Lbl", "LBody", "P"]


def test_a_finished_list_stays_as_it_is() -> None:
    pdf = document(b"")
    item = element(pdf, "LI", element(pdf, "Lbl", 0), element(pdf, "LBody", 1))
    pdf.Root.StructTreeRoot.K = Array([element(pdf, "L", item)])
    finish_tags(pdf)
    assert [child.S for child in item.K] == [Name.Lbl, Name.LBody]
    assert item.K[1].K[0] == 1


def test_links_are_announced_by_their_words() -> None:
    pdf = document(b"")
    known, unknown = "https://example.org/a", "https://example.org/b"
    notes = [
        Dictionary(Type=Name.Annot, Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=known)),
        Dictionary(Type=Name.Annot, Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=unknown)),
        Dictionary(Type=Name.Annot, Subtype=Name.Link, Dest=Array()),
        Dictionary(Type=Name.Annot, Subtype=Name.Link, Contents="said"),
    ]
    pdf.pages[0].Annots = Array(notes)
    describe_links(pdf, {known: "the handbook"})
    said = [str(note["/Contents"]) for note in pdf.pages[0].Annots]
    assert said == ["the handbook", unknown, "A place in this report", "said"]


def test_bookmarks_say_their_headings_once() -> None:
    pdf = document(b"")
    written = ["Cost  a day", "Cost a dayCost a day", "ByBy", "Not a headingNot a heading"]
    with pdf.open_outline() as outline:
        top = OutlineItem("Weekly costWeekly cost", 0)
        top.children.extend(OutlineItem(title, 0) for title in written)
        outline.root.append(top)
    name_bookmarks(pdf, ["Weekly cost", "Cost\n a day", "By", "ByBy"])
    with pdf.open_outline() as outline:
        (top,) = outline.root
        assert top.title == "Weekly cost"
        titles = [child.title for child in top.children]
    assert titles == ["Cost a day", "Cost a day", "ByBy", "Not a headingNot a heading"]


def test_the_finished_document_can_be_saved() -> None:
    pdf = document(b"BT (a) Tj ET")
    finish_tags(pdf)
    pdf.save(BytesIO())
