"""Sentences of a report: what stands out, notices about what is missing, and plain remarks."""

from __future__ import annotations

from collections.abc import Sequence

from reports.kit.markup import escape, sentence_html, sentence_plain
from reports.kit.output import emit, record


def highlights(sentences: Sequence[str]) -> None:
    """Emit what stands out, one sentence an item, three to five of them. `**bold**` is the only markup."""
    items = "".join(f"<li>{sentence_html(text)}</li>" for text in sentences)
    emit("highlights", f'<ul class="highlights">{items}</ul>', "\n".join(sentence_plain(text) for text in sentences))
    for text in sentences:
        record("highlight", {"text": sentence_plain(text)})


def notice(text: str) -> None:
    """Emit what a reader must not miss, such as why a section has no figures."""
    emit("notice", f'<p class="notice">{escape(text)}</p>', text)


def remark(text: str) -> None:
    """Emit a plain sentence: what a chart leaves out, or that there is nothing to list, which is no fault."""
    emit("notice", f'<p class="remark">{escape(text)}</p>', text)
