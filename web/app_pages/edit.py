"""A new report (`?template=`) or one that is edited (`?id=`): the form, what it means, and whether it can be saved.

`name`, `filters` (JSON), `period_policy`, `cron` and `source` in the query fill the form of a new report; with
`send=me` it is sent to whoever makes it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import streamlit as st

from reports.errors import Forbidden, InvalidInput, NotFound, StaleVersion
from reports.model import Filters, PeriodPolicy, Report
from reports.service import NewReport
from reports.templates import Template
from web.components import drafts, notices, report_form, report_words, tables, template_cards, words
from web.components.drafts import Draft, Previewed
from web.components.fields import Fields
from web.components.reader import Reader, reader
from web.components.tables import Column
from web.wiring import desk

PREFILLED = ("name", "filters", "period_policy", "cron", "source", "send")
TO_ME = "me"  # the value of `send`
ABOUT_LINK = "What this link says about {what} is not understood and left out; choose it below."


def page() -> None:
    report_id, template = st.query_params.get("id", ""), st.query_params.get("template", "")
    if report_id:
        edit(report_id)
        return
    if not desk().is_editor:
        raise Forbidden("Making reports is for editors. An admin can make you one: gazette person add --role editor.")
    if template:
        make(desk().template(template))
    else:
        choose()


def choose() -> None:
    st.title("New report")
    notices.show_done()
    found = desk().templates()
    if not found:
        notices.empty(
            "Templates will be listed here: notebooks that reports are made from.",
            f"There is none yet in {desk().settings.notebooks_dir}. Put one there and look whether it can be used.",
            "gazette template check notebook.ipynb",
        )
        return
    st.text("Choose what it should tell. Each template is a notebook; its report is set up on the next page.")
    template_cards.show(found)


# A new one


def make(template: Template) -> None:
    st.title(notices.plain(f"New report: {template.title}"))
    given = {name: st.query_params[name] for name in PREFILLED if name in st.query_params}
    query = {"template": template.name, **given}
    name = f"new_{template.name}_{hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]}"
    start, trouble = prefilled(template, given)
    draft = drafts.of(name) or drafts.begin(name, start)
    introduce(template, given=bool(given))
    for what in trouble:
        st.warning(ABOUT_LINK.format(what=what))
    show(draft, template, query, reader())


def prefilled(template: Template, given: dict[str, str]) -> tuple[NewReport, list[str]]:
    """What the form begins with, and which parts of the query could not be used."""
    start = NewReport(given.get("name") or template.title, template.name, desk().person.id, cron=given.get("cron", ""))
    if "cron" not in given:
        start = replace(start, cron="0 7 * * *")
    trouble = []
    if "filters" in given:
        try:
            start = replace(start, filters=filters_of(given["filters"]))
        except (ValueError, TypeError, AttributeError):
            trouble.append("teams, users and models")
    if "period_policy" in given:
        try:
            start = replace(start, period_policy=PeriodPolicy(given["period_policy"]))
        except ValueError:
            trouble.append("the days to cover")
    if "source" in given:
        if not any(each.name == given["source"] for each in desk().sources()):
            trouble.append("the source of the data")
        else:
            start = replace(start, sources=sources_of(template, given["source"]))
    return start, trouble


def sources_of(template: Template, source: str) -> dict[str, str]:
    """This source for each dataset of usage; those with a query of their own keep their connection."""
    return {dataset.name: source for dataset in template.datasets if dataset.source is not None}


def filters_of(text: str) -> Filters:
    """Raises ValueError, TypeError or AttributeError for what is no JSON of `Filters`."""
    found = {name: list(values) for name, values in json.loads(text).items()}
    if not all(isinstance(value, str) for values in found.values() for value in values):
        raise TypeError
    return Filters.from_json(found)


def introduce(template: Template, *, given: bool) -> None:
    picture, about = st.columns([1, 6])
    with picture:
        template_cards.show_picture(template, template_cards.SMALL)
    with about:
        st.text(template.description or "This template has no description.")
        if given:
            st.text("The form below is filled with what you were looking at.")
        st.button("Choose another template", key="another", on_click=st.query_params.clear)


# One that is there


def edit(report_id: str) -> None:
    report = desk().report(report_id)
    if not desk().may_change(report):
        raise NotFound("report", report_id)
    st.title(notices.plain(f"Edit {words.isolated(report.name)}"))
    template = desk().template(report.template)
    st.text(f"Its template is {template.title}. For another template, make a new report.")
    stale = st.container()
    draft = current_draft(report)
    mine = show(draft, template, {"id": report.id}, reader())
    if draft.base is not None and draft.base.version != report.version:
        with stale:
            show_stale(draft, draft.base, report, mine)


def current_draft(report: Report) -> Draft:
    """What is being edited; begun anew where nothing was typed yet and somebody saved meanwhile."""
    name = f"edit_{report.id}"
    draft = drafts.of(name)
    if draft is None or draft.base is None:
        return drafts.begin(name, report_form.asked_of(report), report)
    if draft.base.version == report.version:
        return draft
    if not draft.touched:
        drafts.drop(name)
        return drafts.begin(name, report_form.asked_of(report), report)
    if report_words.changed(draft.base, report) in ([], ["paused"]):  # the form says nothing of that
        draft.base = report
    return draft


def show_stale(draft: Draft, base: Report, theirs: Report, mine: Report | None) -> None:
    st.warning(
        "Somebody saved this report while you were editing it. Nothing of yours is lost, and nothing is saved yet."
    )
    others = [theirs] if mine is None else [theirs, mine]
    columns = [Column("Field", wide=True), Column("When you began"), Column("Saved meanwhile"), Column("Yours")]
    rows = [
        (
            report_words.FIELD_NAMES[name],
            *(report_words.shown(each, name) for each in (base, theirs)),
            report_words.shown(mine, name) if mine else "not complete yet",
        )
        for name in report_words.changed(base, *others)
    ]
    tables.show(tables.Table("What differs", columns, rows))
    with st.container(horizontal=True):
        if st.button("Load theirs", key="load_theirs"):
            drafts.drop(draft.name)
            st.rerun()
        if st.button("Keep mine", key="keep_mine"):
            draft.base = theirs
            st.rerun()
    st.caption("“Load theirs” drops what you typed. After “Keep mine” your values replace theirs as soon as you save.")


# The form


def show(draft: Draft, template: Template, query: dict[str, str], now: Reader) -> Report | None:
    """The form with its buttons; answers with the report it describes, None where that cannot be used yet."""
    fields = Fields(draft.form)
    asked = report_form.show(draft.start, template, fields, now)
    if draft.base is None and desk().person.email:
        draft.send_me = report_form.ask_whether_to_send(desk().person.email, fields, first=query.get("send") == TO_ME)
    report = checked(asked, draft, fields, now)
    draft.touched = report is None or draft.base is None or bool(report_words.changed(draft.base, report))
    with st.container(horizontal=True):
        save = st.button(
            "Save the report" if draft.base is None else "Save the changes",
            type="primary",
            key="save",
            on_click=attempt,
            args=[draft],
        )
        preview = st.button("Preview", key="preview", on_click=attempt, args=[draft])
        if draft.base is not None and draft.touched and st.button("Drop the changes", key="drop"):
            drafts.drop(draft.name)
            st.rerun()
    if report is None and draft.attempted:
        sentences = " ".join(f"{fields.sentence(each)}." for each in fields.refused)
        st.error(notices.plain(f"This cannot be used yet. {sentences}"))
    elif report is not None and save:
        saved(draft, asked, report, now)
    elif report is not None and preview:
        previewed(draft, asked if draft.base is None else report, query, now)
    return report


def attempt(draft: Draft) -> None:
    """Before the form is drawn: what is wrong with it is said from now on, also below a field that was left empty."""
    draft.attempted = True


def checked(asked: NewReport, draft: Draft, fields: Fields, now: Reader) -> Report | None:
    """What would be saved; None, and what is wrong said at its field, where that is refused."""
    try:
        report = desk().draft(asked, now.now)
    except InvalidInput as error:
        if draft.attempted:
            fields.refuse(error)
        return None
    if fields.refused:
        return None
    base = draft.base
    if base is None:
        return report
    owner = report.owner if desk().is_admin else base.owner
    kept = replace(report, id=base.id, version=base.version, created_at=base.created_at, owner=owner)
    return replace(kept, paused=base.paused, next_due_at=None if base.paused else report.next_due_at)


def saved(draft: Draft, asked: NewReport, report: Report, now: Reader) -> None:
    try:
        done = drafts.save(draft, asked if draft.base is None else report, now.now)
    except StaleVersion:  # between the look at it and the save; what differs is shown now
        st.rerun()
    notices.done(what_is_next(done, now, new=draft.base is None))
    st.switch_page("app_pages/report.py", query_params={"id": done.id})


def what_is_next(report: Report, now: Reader, *, new: bool) -> str:
    due = f"Next: {now.ago(report.next_due_at)}." if report.next_due_at else "It runs when somebody presses Run now."
    return f"The report is saved. {due}" if new else f"The changes are saved. {due}"


def previewed(draft: Draft, asked: NewReport | Report, query: dict[str, str], now: Reader) -> None:
    run = desk().preview(asked, now.now)
    drafts.remember_preview(run.id, Previewed(draft, asked, query))
    st.switch_page("app_pages/preview.py", query_params={"run": run.id})


page()
