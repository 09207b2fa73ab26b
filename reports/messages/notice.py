"""The frame of every message to an owner: what happened to which report, the facts, and what to do next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from html import escape

from reports import periods
from reports.messages.envelope import Envelope
from reports.messages.mail_body import (
    ACCENT,
    INK,
    LINE,
    QUIET,
    TINT,
    Body,
    page,
    schedule_in_words,
    small_print,
    wrapped,
)
from reports.model import Run

ALARM = "#b5450f"
LONGEST_NAME = 24  # characters of a fact's name that stands beside its value in plain text

Excerpt = list[tuple[bool, str]]  # lines of source, each with whether it is the failing one


@dataclass(frozen=True)
class Notice:
    """`word` says what happened, such as "Failed"; `step` what to do now, with code between backticks."""

    word: str
    facts: list[tuple[str, str]]
    step: str
    excerpt: Excerpt = field(default_factory=list)
    lead: str = ""  # a sentence before the facts


def notice_body(envelope: Envelope, notice: Notice) -> Body:
    run = envelope.run
    why = f"You get this mail because you own the report “{run.report_name}”. It went to you alone."
    small = [why, *filter(None, [schedule_in_words(envelope.report)]), f"Run {run.id}, made by Gazette."]
    return Body(_text(envelope, notice, small), _html(envelope, notice, small))


def report_argument(run: Run) -> str:
    """The report as one argument of a shell command; by its id where its name holds the sign that marks code here."""
    return run.report_id if "`" in run.report_name else shlex.quote(run.report_name)


def _text(envelope: Envelope, notice: Notice, small: list[str]) -> str:
    width = max((len(name) for name, _ in notice.facts if len(name) <= LONGEST_NAME), default=0) + 1
    lines = [f"{notice.word}: {envelope.run.report_name}", periods.in_words(envelope.run.period), ""]
    if notice.lead:
        lines += [wrapped(notice.lead), ""]
    for name, value in notice.facts:
        lines += [f"{name + ':':<{width}} {value}"] if len(name) <= LONGEST_NAME else [f"{name}:", f"  {value}"]
    if notice.excerpt:
        lines += ["", *(f"{'>' if failing else ' '} {line}" for failing, line in notice.excerpt)]
    lines += ["", wrapped(f"What to do next: {notice.step}")]
    if envelope.page:
        lines += ["", "The run's page:", envelope.page]
    return "\n".join([*lines, "", "-- ", *map(wrapped, small), ""])


def _html(envelope: Envelope, notice: Notice, small: list[str]) -> str:
    run = envelope.run
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;vertical-align:top;padding:6px 16px 6px 0;color:{QUIET};'
        f'font-weight:400;overflow-wrap:anywhere">{escape(name)}</th>'
        f'<td style="padding:6px 0;vertical-align:top;overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for name, value in notice.facts
    )
    lead = f'<p style="margin:0 0 8px">{escape(notice.lead)}</p>' if notice.lead else ""
    link = ""
    if envelope.page:
        address = escape(envelope.page)
        link = f'<p style="margin:16px 0 0"><a href="{address}" style="color:{ACCENT}">Open the run</a></p>'
    content = (
        f'<p style="margin:0;color:{ALARM};font-weight:600">■ {notice.word}</p>'
        f'<h1 style="margin:2px 0 0;font-size:26px;line-height:1.2">{escape(run.report_name)}</h1>'
        f'<p style="margin:4px 0 16px;padding-bottom:14px;border-bottom:3px solid {ALARM};color:{QUIET}">'
        f"{escape(periods.in_words(run.period))}</p>"
        f"{lead}"
        f'<table style="border-collapse:collapse;width:100%;font-size:15px">{rows}</table>'
        f"{_excerpt_html(notice.excerpt)}"
        '<h2 style="margin:20px 0 4px;font-size:17px">What to do next</h2>'
        f'<p style="margin:0">{_with_code(notice.step)}</p>{link}'
    )
    footer = small_print("<br>".join(escape(line) for line in small))
    return page(f"{notice.word}: {run.report_name}", f'{content}<div style="margin-top:28px">{footer}</div>')


def _excerpt_html(excerpt: Excerpt) -> str:
    if not excerpt:
        return ""
    lines = "".join(
        f'<span style="color:{ALARM};font-weight:600">&gt; {escape(line)}</span>\n'
        if failing
        else f"  {escape(line)}\n"
        for failing, line in excerpt
    )
    return (
        f'<pre style="margin:16px 0 0;padding:12px 14px;background:{TINT};border:1px solid {LINE};color:{INK};'
        f'font-size:13px;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere">{lines}</pre>'
    )


def _with_code(text: str) -> str:
    """`...` as code."""
    pieces = escape(text).split("`")
    return "".join(
        f'<code style="overflow-wrap:anywhere">{piece}</code>' if number % 2 else piece
        for number, piece in enumerate(pieces)
    )
