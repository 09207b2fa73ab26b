"""What a mail says: the run's mail artifact with its two markers replaced by the files and by the small print.

The artifact was made by the renderer and is the same for every subscriber; only the markers differ. Nothing here knows
about headers, MIME or servers.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from urllib.parse import quote

from reports import cron, periods
from reports.errors import DeliveryError
from reports.filenames import attachment_name
from reports.messages.envelope import Envelope
from reports.messages.wording import size_in_words
from reports.model import Format, Report

MARKERS = re.compile(r"\{\{(links|footer)\}\}")
HTML_LIMIT_BYTES = 100_000  # Gmail cuts a message's HTML at 102 kB
TEXT_WIDTH = 76
FORMAT_WORDS = {
    Format.HTML: "Web page",
    Format.PDF: "PDF",
    Format.XLSX: "Excel workbook",
    Format.NOTEBOOK: "Notebook",
}
FONT = "font-family:'Segoe UI',Helvetica,Arial,sans-serif"
INK, QUIET, LINE, TINT, ACCENT = "#1b1f24", "#555d68", "#d9dde3", "#f5f7fa", "#0b57a4"
PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light">'
    "<title>{title}</title></head>"
    f'<body style="margin:0;padding:0;background:#fff;color:{INK};{FONT};font-size:16px;line-height:1.5">'
    '<div style="max-width:600px;margin:0 auto;padding:24px 16px">{content}</div></body></html>'
)


@dataclass(frozen=True)
class Image:
    cid: str
    alt: str
    png: bytes


@dataclass(frozen=True)
class Body:
    """`html` is "" for a message in plain text only."""

    text: str
    html: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Attachment:
    format: Format
    name: str
    path: Path
    size: int  # bytes

    def read(self) -> bytes:
        """Raises DeliveryError if the file is gone."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DeliveryError(f"{self.name} cannot be read ({error.strerror}).") from error


def attachments(envelope: Envelope) -> tuple[Attachment, ...]:
    """The files of the envelope under the names people will see. Raises DeliveryError if one is gone."""
    run = envelope.run
    found = []
    for format, path in envelope.files.items():
        try:
            size = path.stat().st_size
        except OSError as error:
            raise DeliveryError(f"The {format} of run {run.id} cannot be read ({error.strerror}).") from error
        found.append(Attachment(format, attachment_name(run.report_name, run.period, format), path, size))
    return tuple(found)


def report_body(envelope: Envelope, files: tuple[Attachment, ...], *, attached: bool) -> Body:
    """The mail artifact, or a short message where there is none or it is too long, with `files` attached or linked."""
    parts = {"links": _files_part(envelope, files, attached=attached), "footer": _footer(envelope)}
    body = _filled(_read_mail(envelope.mail), parts) if envelope.mail else None
    if body is None or len(body.html.encode()) > HTML_LIMIT_BYTES:
        body = _filled(_short_mail(envelope), parts)
    return body


@dataclass(frozen=True)
class Part:
    """The same words twice."""

    text: str
    html: str


def _read_mail(path: Path) -> Body:
    try:
        mail = json.loads(path.read_text(encoding="utf-8"))
        images = tuple(
            Image(image["cid"].strip("<>"), image["alt"], base64.b64decode(image["png_base64"], validate=True))
            for image in mail["images"]
        )
        return Body(mail["text"], mail["html"], images)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise DeliveryError(
            f"The mail of this run cannot be read ({error}); run the report again.", permanent=True
        ) from error


def _short_mail(envelope: Envelope) -> Body:
    name, days = envelope.run.report_name, periods.in_words(envelope.run.period)
    return Body(
        text=f"{name}\n{days}\n\n{{{{links}}}}\n\n-- \n{{{{footer}}}}\n",
        html=page(
            name,
            f'<h1 style="margin:0;font-size:26px;line-height:1.2">{escape(name)}</h1>'
            f'<p style="margin:4px 0 20px;color:{QUIET}">{escape(days)}</p>{{{{links}}}}'
            '<div style="margin-top:28px">{{footer}}</div>',
        ),
    )


def page(title: str, content: str) -> str:
    """A whole HTML document around `content`, which is HTML already."""
    return PAGE.replace("{title}", escape(title)).replace("{content}", content)


def _filled(body: Body, parts: Mapping[str, Part]) -> Body:
    """Both markers replaced in one pass, so that a marker inside a value stays text; the footer is never left out."""
    text, html = body.text, body.html
    if "{{footer}}" not in text:
        text = text.rstrip() + "\n\n-- \n{{footer}}\n"
    if "{{footer}}" not in html:
        before, end, after = html.rpartition("</body>")
        html = before + "{{footer}}" + end + after if end else html + "{{footer}}"
    text = MARKERS.sub(lambda marker: parts[marker[1]].text, text)
    html = MARKERS.sub(lambda marker: parts[marker[1]].html, html)
    return replace(body, text=re.sub(r"\n{3,}", "\n\n", text), html=html)


def _files_part(envelope: Envelope, files: tuple[Attachment, ...], *, attached: bool) -> Part:
    """Which files come along, or where they are; and the page to open, where there is one."""
    texts, htmls = [], []
    if files:
        names = "\n".join(f"  {file.name} ({size_in_words(file.size)})" for file in files)
        where = "" if attached else _where_instead(envelope, files)
        texts.append(f"Attached:\n{names}" if attached else f"{wrapped(where)}\n{names}")
        htmls.append(_files_html(where, files))
    links = {format: url for format, url in envelope.links.items() if format in FORMAT_WORDS}
    if links:
        texts.append("\n".join(f"{FORMAT_WORDS[format]}: {url}" for format, url in links.items()))
        htmls.append(_links_html(envelope, links))
    return Part("\n\n".join(texts), "".join(htmls))


def _where_instead(envelope: Envelope, files: tuple[Attachment, ...]) -> str:
    total = size_in_words(sum(file.size for file in files))
    reason = f"The files are too large for a mail ({total}), so they are not attached."
    if any(file.format in envelope.links for file in files):
        return f"{reason} Open them by the links below."
    run = envelope.run
    return f"{reason} {run.owner}, who owns the report, finds them in Gazette's archive under run {run.id}."


def _files_html(where: str, files: tuple[Attachment, ...]) -> str:
    """One file a line: names are long, and a phone would break several in a row anywhere."""
    names = "".join(
        f'<br><span style="font-size:14px">{escape(file.name)}</span> '
        f'<span class="quiet" style="color:{QUIET};font-size:14px;white-space:nowrap">'
        f"({size_in_words(file.size)})</span>"
        for file in files
    )
    style = "margin:0 0 16px;overflow-wrap:anywhere"
    if not where:
        return f'<p style="{style}"><strong>Attached</strong>{names}</p>'
    return f'<p class="tint" style="{style};padding:10px 14px;background:{TINT}">{escape(where)}{names}</p>'


def _links_html(envelope: Envelope, links: Mapping[Format, str]) -> str:
    """One button, to the page where there is one; plain links for the others."""
    main = Format.HTML if Format.HTML in links else next(iter(links))
    label = "Open the report" if main is Format.HTML else f"Open the report ({FORMAT_WORDS[main]})"
    # The words are white in a span of their own: at night a mail's links are recoloured.
    button = (
        f'<a href="{escape(links[main])}" style="display:inline-block;background:{ACCENT};text-decoration:none;'
        f'padding:10px 18px;border-radius:4px"><span style="color:#fff;font-weight:600">{escape(label)}</span></a>'
    )
    name = escape(envelope.run.report_name)
    others = " or ".join(
        f'<a href="{escape(url)}" title="{name} as {words}" style="color:{ACCENT};white-space:nowrap">{words}</a>'
        for words, url in ((FORMAT_WORDS[format], url) for format, url in links.items() if format is not main)
    )
    return _paragraph(button) + (_paragraph(f"Also as {others}") if others else "")


def _footer(envelope: Envelope) -> Part:
    """Who gets the mail and why, when it comes, and how to stop it."""
    run = envelope.run
    reader = envelope.subscription.subscriber if envelope.subscription else ""
    who = f"{reader} ({envelope.delivery.address})" if reader else envelope.delivery.address
    why = f"You get this mail because {who} is subscribed to the report “{run.report_name}” of {run.owner}."
    schedule = schedule_in_words(envelope.report)
    stop, stop_html = _how_to_stop(envelope)
    small = f"Run {run.id}, made by Gazette."
    about = [why, *([schedule] if schedule else [])]
    text = "\n".join(wrapped(line) for line in [*about, stop, small])
    return Part(text, small_print("<br>".join([*map(escape, about), stop_html, escape(small)])))


def wrapped(line: str) -> str:
    """For readers of plain text; what they may copy, a URL or a command, stays in one line."""
    if "://" in line or "`" in line:
        return line
    return textwrap.fill(line, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)


def schedule_in_words(report: Report | None) -> str:
    """One sentence; "" for a report that has been deleted."""
    if report is None:
        return ""
    if not report.cron:
        return "It is sent when its owner runs it."
    return f"Schedule: {cron.in_words(report.cron)}, {report.zone} time."


def _how_to_stop(envelope: Envelope) -> tuple[str, str]:
    owner = envelope.run.owner
    if envelope.unsubscribe_url:
        url = envelope.unsubscribe_url
        return f"To stop it: {url}", f'To stop it, <a href="{escape(url)}" style="color:{ACCENT}">unsubscribe</a>.'
    if "@" in owner:
        subject = quote(f"Unsubscribe: {envelope.run.report_name}")
        link = f'<a href="mailto:{quote(owner, safe="@")}?subject={subject}" style="color:{ACCENT}">{escape(owner)}</a>'
        return f"To stop it, write to {owner}.", f"To stop it, write to {link}."
    return f"To stop it, ask {owner}, who owns the report.", f"To stop it, ask {escape(owner)}, who owns the report."


def small_print(html: str) -> str:
    return (
        f'<p class="quiet" style="margin:0;padding-top:12px;border-top:1px solid {LINE};color:{QUIET};'
        f'font-size:13px;line-height:1.5">{html}</p>'
    )


def _paragraph(html: str) -> str:
    return f'<p style="margin:0 0 16px">{html}</p>'
