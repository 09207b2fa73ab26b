"""What will arrive, as it will arrive: the mail in a frame that runs nothing, its text, size, headers and files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import streamlit as st

from reports import periods
from reports.filenames import slug
from reports.model import ChannelKind, Run
from reports.samples import Sample
from web.components import tables, words
from web.components.reader import Reader
from web.components.tables import Cell
from web.mail_text import Mail, read_mail

FRAME_HEIGHT = 640  # CSS pixels


def show(sample: Sample, frame: str, reader: Reader) -> None:
    """`frame` is the address of the mail's page."""
    st.text(f"Made from {about(sample.run, reader)}. Yours differs only in its date and figures.")
    if sample.missing:
        names = " and ".join(words.FORMAT_NAMES[format] for format in sample.missing)
        st.info(f"That run made no {names}. Yours will come with the next run.")
    if sample.channel is ChannelKind.WEBHOOK:
        show_webhook(sample)
    else:
        show_mail(sample, read_mail(sample.content), frame)


def about(run: Run, reader: Reader) -> str:
    kind = " (a preview)" if run.kind.value == "preview" else ""
    return f"the run for {periods.in_words(run.period)}{kind}, due {reader.at(run.due_at)}"


def show_mail(sample: Sample, mail: Mail, frame: str) -> None:
    tables.show_facts(facts(sample, mail))
    if mail.html:
        st.iframe(frame, height=FRAME_HEIGHT, alt=f"The mail “{mail.header('Subject')}”")
    with st.expander("As plain text"):
        st.code(mail.text, language=None, wrap_lines=True)
    with st.expander("All headers"):
        st.code("\n".join(f"{name}: {value}" for name, value in mail.headers), language=None, wrap_lines=True)
    st.download_button(
        "Download the mail (.eml)",
        sample.content,
        file_name=f"{slug(sample.run.report_name)}.eml",
        mime="message/rfc822",
        on_click="ignore",
        key="download_mail",
    )


def facts(sample: Sample, mail: Mail) -> Iterator[tuple[str, Cell]]:
    yield "From", tables.name_of(mail.header("From"))
    yield "To", tables.name_of(mail.header("To"))
    yield "Subject", tables.name_of(mail.header("Subject"))
    yield "Size", words.size(len(sample.content))
    files = ", ".join(f"{each.name} ({words.size(each.size)})" for each in mail.attachments)
    yield "Attached", files or "nothing; the files are named or linked in the mail"


def show_webhook(sample: Sample) -> None:
    tables.show_facts([("Request", "POST, application/json"), ("Size", words.size(len(sample.content)))])
    st.code(json.dumps(json.loads(sample.content), indent=2, ensure_ascii=False), language=None, wrap_lines=True)
    st.text("Signed as Standard Webhooks describes: webhook-id, webhook-timestamp and webhook-signature.")
    st.download_button(
        "Download the message (.json)",
        sample.content,
        file_name=f"{slug(sample.run.report_name)}.json",
        mime="application/json",
        on_click="ignore",
        key="download_mail",
    )
