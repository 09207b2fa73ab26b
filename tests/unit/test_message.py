"""The message: its headers, its parts, what it says, and what it refuses to carry."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from deliveries import AT, PNG, a_mail, a_report, a_run, an_envelope

from reports.errors import ConfigError, DeliveryError
from reports.messages.envelope import Envelope
from reports.messages.mail import build_message, encoded_size
from reports.messages.mail_body import HTML_LIMIT_BYTES
from reports.messages.payload import payload
from reports.messages.undelivered_notice import LISTED
from reports.model import ChannelKind, Delivery, DeliveryKind, DeliveryState, Format, RunError, RunState, Subscription

SENDER = "Reports <reports@example.org>"
LIMIT = 10_000_000


def built(envelope: Envelope, max_bytes: int = LIMIT, sender: str = SENDER) -> EmailMessage:
    """The message as its reader's program sees it."""
    raw = build_message(envelope, sender, max_bytes).as_bytes()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()
    return message_from_bytes(raw, policy=default)  # type: ignore[return-value]


def text_of(message: EmailMessage) -> str:
    return message.get_body(("plain",)).get_content()  # type: ignore[union-attr,no-any-return]


def html_of(message: EmailMessage) -> str:
    return message.get_body(("html",)).get_content()  # type: ignore[union-attr,no-any-return]


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_headers(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path))
    assert message["From"] == SENDER
    assert message["To"] == "reader@example.org"
    assert message["Reply-To"] == "owner@example.org"
    assert message["Subject"] == "Weekly usage: 9 to 15 November 2026"
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == "<delivery-9@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message["X-Gazette-Run"], message["X-Gazette-Report"]) == ("run-7", "report-3")
    assert "List-Unsubscribe" not in message
    assert "Cc" not in message
    assert "Bcc" not in message


def test_the_id_is_the_deliverys_alone(tmp_path: Path) -> None:
    envelope = an_envelope(tmp_path)
    again = replace(
        envelope,
        at=datetime(2026, 11, 18, tzinfo=UTC),
        delivery=replace(envelope.delivery, attempt=4),
        run=a_run(attempt=3, report_name="Renamed"),
    )
    other = replace(envelope, delivery=replace(envelope.delivery, id="delivery-10"))
    assert built(envelope)["Message-ID"] == built(again)["Message-ID"] != built(other)["Message-ID"]


def test_parts(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path))
    assert message.get_content_type() == "multipart/mixed"
    alternative, pdf = message.iter_parts()
    plain, related = alternative.iter_parts()  # type: ignore[attr-defined]
    html, image = related.iter_parts()
    assert [part.get_content_type() for part in (alternative, plain, related, html, image, pdf)] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert image["Content-ID"] == "<requests>"
    assert image.get_content_disposition() == "inline"
    assert image.get_content() == PNG
    assert pdf.get_filename() == "weekly-usage_2026-11-09_2026-11-15.pdf"
    assert pdf.get_content() == b"%PDF-1.7 a report"  # type: ignore[attr-defined]


def test_markers_are_replaced_in_both_texts(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path))
    for said in (text_of(message), html_of(message)):
        assert "{{" not in said
        assert "weekly-usage_2026-11-09_2026-11-15.pdf" in said
        assert "17 bytes" in said
        assert "reader@example.org is subscribed to the report “Weekly usage”" in one_line(said)
        assert "Every Monday at 09:00, Europe/Berlin time" in one_line(said)
        assert "To stop it, write to" in said
        assert "run-7" in said
    assert "mailto:owner@example.org?subject=Unsubscribe%3A%20Weekly%20usage" in html_of(message)


def test_a_footer_is_added_where_the_mail_has_no_place_for_it(tmp_path: Path) -> None:
    mail = a_mail(tmp_path, text="Nothing else", html="<html><body><p>Nothing else</p></body></html>")
    message = built(an_envelope(tmp_path, mail=mail))
    assert "To stop it" in text_of(message)
    assert re.search(r"To stop it.*</body></html>\s*$", html_of(message), re.DOTALL)


def test_a_marker_inside_a_value_stays_text(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path, run=a_run(report_name="{{footer}} {{links}}")))
    assert "“{{footer}} {{links}}”" in one_line(text_of(message))


def test_links_and_unsubscribe(tmp_path: Path) -> None:
    url = "https://reports.example.org/unsubscribe/" + "a1" * 90
    page = "https://reports.example.org/files/7?format=html&signature=abc"
    message = built(an_envelope(tmp_path, unsubscribe_url=url, links={Format.HTML: page}))
    assert message["List-Unsubscribe"] == f"<{url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"To stop it: {url}" in text_of(message)
    assert f'<a href="{url}"' in html_of(message)
    assert f"Web page: {page}" in text_of(message)
    assert page.replace("&", "&amp;") in html_of(message)


def test_the_button_opens_the_page_and_the_others_are_links(tmp_path: Path) -> None:
    links = {Format.PDF: "https://r.example.org/pdf", Format.HTML: "https://r.example.org/html"}
    html = html_of(built(an_envelope(tmp_path, links=links)))
    assert re.search(r'<a href="https://r.example.org/html"[^>]*><span[^>]*>Open the report</span>', html)
    assert re.search(r'Also as <a href="https://r.example.org/pdf" title="Weekly usage as PDF"[^>]*>PDF</a>', html)
    only_pdf = html_of(built(an_envelope(tmp_path, links={Format.PDF: "https://r.example.org/pdf"})))
    assert "Open the report (PDF)" in only_pdf
    assert "Also as" not in only_pdf


def test_long_headers_are_not_turned_into_encoded_words(tmp_path: Path) -> None:
    url = "https://reports.example.org/unsubscribe/" + "a1" * 90
    raw = build_message(an_envelope(tmp_path, unsubscribe_url=url), "r@" + "d" * 60 + ".example.org", LIMIT).as_bytes()
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"Message-ID: <delivery-9@" + b"d" * 60 + b".example.org>\r\n" in raw


def test_without_an_owners_address_the_owner_is_named(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path, run=a_run(owner="ana")))
    assert "To stop it, ask ana, who owns the report." in one_line(text_of(message))
    assert "Reply-To" not in message


def test_an_owners_odd_address_does_not_keep_the_report(tmp_path: Path) -> None:
    assert "Reply-To" not in built(an_envelope(tmp_path, run=a_run(owner="ana@team@here")))


def test_a_deleted_report_and_a_report_without_schedule(tmp_path: Path) -> None:
    assert "Schedule" not in text_of(built(an_envelope(tmp_path, report=None)))
    by_hand = built(an_envelope(tmp_path, report=a_report(cron="")))
    assert "It is sent when its owner runs it." in text_of(by_hand)


def test_other_scripts(tmp_path: Path) -> None:
    subscription = Subscription("s", "r", ChannelKind.EMAIL, "reader@example.org", subscriber="Zoë “Z” Ångström, 京")
    run = a_run(report_name="Übersicht 使用量 — Köln " * 4)
    message = built(an_envelope(tmp_path, run=run, subscription=subscription))
    assert message["Subject"].startswith("Übersicht 使用量 — Köln Übersicht")
    assert message["Subject"].endswith(": 9 to 15 November 2026")
    assert message["To"].addresses[0].display_name == "Zoë “Z” Ångström, 京"
    assert message["To"].addresses[0].addr_spec == "reader@example.org"
    assert "Zoë “Z” Ångström, 京 (reader@example.org) is subscribed" in one_line(text_of(message))
    assert next(message.iter_attachments()).get_filename().startswith("übersicht-使用量-köln")  # type: ignore[union-attr]


def test_an_international_domain_travels_in_ascii(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path, address="reader@bücher.example"))
    assert message["To"] == "reader@xn--bcher-kva.example"


BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("sign", [*BREAKS, "\0"])
def test_a_line_break_in_a_name_is_refused(tmp_path: Path, sign: str) -> None:
    for where in (f"Usage{sign}Bcc: spy@example.org", f"Usage{sign}"):
        with pytest.raises(DeliveryError, match="name holds a line break") as caught:
            built(an_envelope(tmp_path, run=a_run(report_name=where)))
        assert caught.value.permanent
        subscription = Subscription("s", "r", ChannelKind.EMAIL, "reader@example.org", subscriber=where)
        with pytest.raises(DeliveryError, match="subscriber's name"):
            built(an_envelope(tmp_path, subscription=subscription))


def test_other_control_signs_are_cleaned_away(tmp_path: Path) -> None:
    run = a_run(report_name="Us\tage\x07 \u202ereversed\ud800 " + "x" * 300)
    subject = built(an_envelope(tmp_path, run=run))["Subject"]
    assert subject.startswith("Us age reversed xxx")
    assert len(subject) < 240


@pytest.mark.parametrize(
    "address",
    [
        "reader@example.org\nBcc: spy@example.org",
        "a b@example.org",
        "a,b@example.org",
        "nobody",
        "@x",
        "x@",
        "<a@b>",
        "",
    ],
)
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    with pytest.raises(DeliveryError, match="not an e-mail address") as caught:
        built(an_envelope(tmp_path, address=address))
    assert caught.value.permanent


def test_a_reader_of_the_outbox_needs_no_address(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path, channel=ChannelKind.OUTBOX, address="The Board"))
    assert message["To"] == "The Board <the-board@outbox.invalid>"
    assert (
        built(an_envelope(tmp_path, channel=ChannelKind.OUTBOX, address="京"))["To"].addresses[0].username == "reader"
    )


@pytest.mark.parametrize("sender", ["", "nobody", "a@b\r\nX: y"])
def test_an_unusable_sender_names_the_setting(tmp_path: Path, sender: str) -> None:
    with pytest.raises(ConfigError, match="mail_from"):
        built(an_envelope(tmp_path), sender=sender)


def test_a_plain_sender_is_called_gazette(tmp_path: Path) -> None:
    assert built(an_envelope(tmp_path), sender="gazette@localhost")["From"] == "Gazette <gazette@localhost>"


def test_the_size_limit_counts_encoded_bytes(tmp_path: Path) -> None:
    envelope = an_envelope(tmp_path, content=b"x" * 30_000)
    whole = encoded_size(build_message(envelope, SENDER, LIMIT))
    assert list(built(envelope, whole + 200).iter_attachments())  # boundaries are random, of similar length
    assert not list(built(envelope, whole - 200).iter_attachments())


def test_too_large_and_no_link_says_where_to_find_it(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path, content=b"x" * 30_000), 20_000)
    for said in (text_of(message), html_of(message)):
        assert "too large for a mail (30 kB), so they are not attached" in one_line(said)
        assert "weekly-usage_2026-11-09_2026-11-15.pdf" in said
        assert "(30 kB)" in said
        assert "owner@example.org, who owns the report, finds them in Gazette" in one_line(said)
        assert "archive under run run-7" in one_line(said)


def test_pictures_too_large_leave_the_text(tmp_path: Path) -> None:
    image = {"cid": "big", "alt": "Big", "png_base64": base64.b64encode(b"p" * 60_000).decode()}
    message = built(an_envelope(tmp_path, mail=a_mail(tmp_path, images=[image])), 30_000)
    assert message.get_content_type() == "text/plain"
    assert "Requests  10.42 M" in message.get_content()


def test_html_that_mail_programs_would_cut_is_shortened(tmp_path: Path) -> None:
    long = "<html><body>" + "<p>row</p>" * 12_000 + "{{links}}{{footer}}</body></html>"
    message = built(an_envelope(tmp_path, mail=a_mail(tmp_path, html=long)))
    assert len(html_of(message).encode()) < HTML_LIMIT_BYTES
    assert "Weekly usage" in html_of(message)
    assert "9 to 15 November 2026" in html_of(message)
    assert list(message.iter_attachments())


def test_a_run_without_a_mail_still_says_what_it_is(tmp_path: Path) -> None:
    message = built(an_envelope(tmp_path, mail=None, run=a_run(report_name="<script>alert(1)</script>")))
    assert "<script>" not in html_of(message)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html_of(message)
    assert "9 to 15 November 2026" in text_of(message)
    assert "To stop it" in text_of(message)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"text": "", "html": "", "images": [{"cid": 1}]}'])
def test_a_broken_mail_is_refused(tmp_path: Path, content: str) -> None:
    mail = tmp_path / "broken.json"
    mail.write_text(content)
    with pytest.raises(DeliveryError, match="cannot be read") as caught:
        built(an_envelope(tmp_path, mail=mail))
    assert caught.value.permanent


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="pdf of run run-7 cannot be read") as caught:
        built(an_envelope(tmp_path, files={Format.PDF: tmp_path / "gone.pdf"}))
    assert not caught.value.permanent


# The notice to the owner

ERROR = RunError(
    stage="execute",
    kind="ExecutionError",
    message="KeyError: 'spend <usd>'",
    cell=4,
    source="usage = kit.dataset('usage')\ndaily = usage.daily\ntotal = daily['spend <usd>'].sum()\ntotal",
    line="total = daily['spend <usd>'].sum()",
)


def a_notice(folder: Path, **changes: Any) -> EmailMessage:
    run = a_run(**{"state": RunState.FAILED, "error": ERROR, "attempt": 3} | changes)
    return built(an_envelope(folder, kind=DeliveryKind.FAILURE, address="owner@example.org", run=run))


def test_a_notice_of_what_was_missed(tmp_path: Path) -> None:
    reason = "missed while no runner was there; older than the report's grace of 24 hours"
    run = a_run(state=RunState.MISSED, reason=reason)
    earlier = (datetime(2026, 11, 2, 8, 0, tzinfo=UTC), datetime(2026, 11, 9, 8, 0, tzinfo=UTC))
    envelope = an_envelope(tmp_path, kind=DeliveryKind.FAILURE, address="owner@example.org", run=run, missed=earlier)
    message = built(envelope)
    assert message["Subject"] == "Missed: Weekly usage for 9 to 15 November 2026"
    text = one_line(text_of(message))
    assert "Due: 2026-11-16 09:00 Europe/Berlin time" in text
    assert "Why: Missed while no runner was there; older than the report's grace of 24 hours." in text
    assert "Also missed: 2 due times since 2026-11-02 09:00 Europe/Berlin time" in text
    assert "Attempt" not in text
    assert "Run again for the same days" in text
    fact = payload(envelope)
    assert (fact["type"], fact["data"]["reason"]) == ("report.missed", reason)


def not_reached(channel: ChannelKind, address: str, state: DeliveryState, error: str) -> Delivery:
    return Delivery("d", "run-7", "s", DeliveryKind.REPORT, channel, address, state, error=error)


def undelivered(folder: Path, *missing: Delivery) -> Envelope:
    address, page = "owner@example.org", "https://reports.example.org/run?id=run-7"
    return an_envelope(folder, kind=DeliveryKind.UNDELIVERED, address=address, undelivered=missing, page=page)


def test_a_notice_of_whom_a_report_did_not_reach(tmp_path: Path) -> None:
    envelope = undelivered(
        tmp_path,
        not_reached(ChannelKind.EMAIL, "gone@example.org", DeliveryState.FAILED, "550 no such <mailbox>"),
        not_reached(ChannelKind.WEBHOOK, "https://hooks.example.org/secret", DeliveryState.UNKNOWN, "no answer"),
    )
    message = built(envelope)
    assert message["Subject"] == "Not delivered: Weekly usage for 9 to 15 November 2026"
    text = one_line(text_of(message))
    assert "The report was made, but it did not reach these subscribers:" in text
    assert "gone@example.org: 550 no such <mailbox>" in text
    assert "https://hooks.example.org/…: It is not known whether the message arrived: no answer" in text
    assert "ask the subscriber first" in text
    assert "https://reports.example.org/run?id=run-7" in text
    assert "550 no such &lt;mailbox&gt;" in html_of(message)
    assert 'href="https://reports.example.org/run?id=run-7"' in html_of(message)
    assert "secret" not in message.as_string()
    fact = payload(envelope)
    assert fact["type"] == "report.undelivered"
    assert [each["state"] for each in fact["data"]["undelivered"]] == ["failed", "unknown"]


def test_a_notice_lists_so_many_and_counts_the_rest(tmp_path: Path) -> None:
    missing = [
        not_reached(ChannelKind.EMAIL, f"reader{n}@example.org", DeliveryState.FAILED, "550") for n in range(LISTED + 3)
    ]
    text = text_of(built(undelivered(tmp_path, *missing)))
    assert f"reader{LISTED - 1}@example.org" in text
    assert f"reader{LISTED}@example.org" not in text
    assert "3 more" in text
    assert "ask the subscriber" not in text


def test_a_notice_says_where_all_were_reached_after_all(tmp_path: Path) -> None:
    assert "Nothing; everybody has been reached after all." in text_of(built(undelivered(tmp_path)))


def test_a_notice_names_cell_line_and_error(tmp_path: Path) -> None:
    message = a_notice(tmp_path, parameters={"team": "Research", "top": 5})
    assert message["Subject"] == "Failed: Weekly usage for 9 to 15 November 2026"
    assert message["To"] == "owner@example.org"
    assert "List-Unsubscribe" not in message
    assert list(message.iter_attachments()) == []
    text = text_of(message)
    assert "code cell 4 of usage_summary" in text
    assert "KeyError: 'spend <usd>'" in text
    assert "> total = daily['spend <usd>'].sum()" in text
    assert "  daily = usage.daily" in text
    assert "team = 'Research', top = 5" in text
    assert "3 of 3" in text
    assert "2026-11-16 09:00 Europe/Berlin time" in text
    assert "gazette report run 'Weekly usage'" in one_line(text)
    assert "KeyError: &#x27;spend &lt;usd&gt;&#x27;" in html_of(message)
    assert "<usd>" not in html_of(message)
    assert ">gazette report run &#x27;Weekly usage&#x27;</code>" in html_of(message)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": RunState.FAILED}, "It will not be tried again by itself."),
        ({"state": RunState.QUEUED}, "It will be tried again shortly."),
        (
            {"state": RunState.QUEUED, "not_before": datetime(2026, 11, 16, 8, 1, tzinfo=UTC)},
            "It will be tried again at 09:01:00 Europe/Berlin time.",
        ),
        ({"state": RunState.RUNNING}, "It is being tried again now."),
        ({"state": RunState.SUCCEEDED}, "A later attempt has succeeded; nothing needs to be done."),
    ],
)
def test_a_notice_says_whether_it_is_tried_again(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    message = a_notice(tmp_path, **changes)
    assert words in text_of(message)
    assert words in html_of(message)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ExecutionError", "in JupyterLab"),
        ("ExecutionTimeout", "run_cell_seconds"),
        ("ExtractError", "gazette source check"),
        ("RenderError", "executed notebook"),
        ("ArchiveError", "archive has room"),
        ("SomethingNew", "gazette runs show run-7"),
    ],
)
def test_a_notice_says_what_to_do_next(tmp_path: Path, kind: str, words: str) -> None:
    error = replace(ERROR, kind=kind, cell=None, source="", line="")
    text = one_line(text_of(a_notice(tmp_path, error=error)))
    assert words in text
    assert "the execute stage" in text


def test_a_notice_with_little_known_and_with_too_much(tmp_path: Path) -> None:
    assert "runner died" in text_of(a_notice(tmp_path, error=None, reason="The runner died."))
    long = replace(
        ERROR, message="\ud800" + "m" * 50_000, source="\n".join(f"line {n}" for n in range(5000)), line="line 3000"
    )
    text = text_of(a_notice(tmp_path, error=long))
    assert len(text) < 5_000
    assert "> line 3000" in text
    assert "line 2995" in text
    assert "line 2994" not in text


def test_a_name_that_would_break_the_command_is_replaced_by_the_id(tmp_path: Path) -> None:
    text = one_line(text_of(a_notice(tmp_path, report_name="`rm -rf`; $(x)")))
    assert "gazette report run report-3" in text
