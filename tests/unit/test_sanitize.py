"""What a report may contain: fragments of the kit unchanged, nothing that runs or loads."""

from __future__ import annotations

import lxml.html
import pytest
import report_notebooks

from runner.render.sanitize import clean


def same(first: str, second: str) -> bool:
    """Equal as trees: attribute order and `open=""` for `open` do not matter."""

    def shape(html: str) -> object:
        root = lxml.html.fragment_fromstring(html, create_parent="div")
        return [(e.tag, sorted(e.attrib.items()), e.text, e.tail) for e in root.iter()]

    return shape(first) == shape(second)


def kit_fragments() -> list[str]:
    outputs = [output for cell in report_notebooks.kit_notebook().cells for output in cell.get("outputs", [])]
    fragments = [output.data["text/html"] for output in outputs if "text/html" in output.data]
    return fragments + [output.metadata["gazette"].get("figures_html", "") for output in outputs]


@pytest.mark.parametrize("fragment", kit_fragments())
def test_fragments_of_the_kit_survive_unchanged(fragment: str) -> None:
    assert same(clean(fragment), fragment)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="JaVaScRiPt&colon;alert(1)">x</a>',
        '<iframe src="https://example.org"></iframe>',
        '<object data="x.swf"></object><embed src="x">',
        '<svg><script>alert(1)</script></svg><svg onload="alert(1)">',
        "<style>@import url(https://example.org/x.css)</style>",
        '<p style="background:url(https://example.org/x.png)">x</p>',
        '<link rel="stylesheet" href="https://example.org/x.css">',
        '<base href="https://example.org/">',
        '<meta http-equiv="refresh" content="0;url=https://example.org">',
        '<form action="https://example.org"><input name="password"><button>Go</button></form>',
        '<img src="https://example.org/pixel.png" alt="x">',
        '<img src="file:///etc/passwd" alt="x">',
        '<img src="/etc/passwd" alt="x">',
        '<img src="data:image/svg+xml;base64,PHN2Zz4=" alt="x">',
        '<video src="https://example.org/x.mp4"></video><audio src="x"></audio>',
        '<table background="https://example.org/x.png"><tr><td>x</td></tr></table>',
        '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)"></style></mglyph></table></mtext></math>',
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    ],
)
def test_nothing_runs_and_nothing_is_loaded(attack: str) -> None:
    cleaned = clean(f"<p>before</p>{attack}<p>after</p>").lower()
    root = lxml.html.fragment_fromstring(cleaned, create_parent="div")
    assert not root.xpath(
        "//script | //iframe | //object | //embed | //link | //base | //meta | //style | //svg | //form"
    )
    assert not root.xpath("//@src | //@style | //@background | //@*[starts-with(name(), 'on')]")
    assert not [address for address in root.xpath("//@href") if "javascript" in address]
    assert "before" in cleaned
    assert "alert(1)" not in cleaned or "&lt;" in cleaned


def test_ordinary_content_stays() -> None:
    html = '<h3>Title</h3><p>a <em>b</em> <a href="https://example.org/x">c</a></p><dl><dt>d</dt><dd>e</dd></dl>'
    assert 'href="https://example.org/x" rel="noopener noreferrer"' in clean(html)
    for part in ("<h3>Title</h3>", "<em>b</em>", "<dt>d</dt>"):
        assert part in clean(html)


def test_embedded_pictures_stay() -> None:
    picture = f'<img src="data:image/png;base64,{report_notebooks.PIXEL}" alt="one dot">'
    assert clean(picture) == picture


def test_a_figure_element_is_unwrapped_since_it_doubles_in_the_pdf() -> None:
    assert clean("<figure><p>x</p><figcaption>y</figcaption></figure>") == "<p>x</p>y"


def test_markup_in_text_stays_text() -> None:
    assert clean("&lt;script&gt;x&lt;/script&gt;") == "&lt;script&gt;x&lt;/script&gt;"
