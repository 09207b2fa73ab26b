"""A report due every minute: run once, archived, delivered to a real mail server and a real web server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from command import Gazette
from deliveries import mail_server, receiver
from standardwebhooks import Webhook

PATIENCE = 150.0  # seconds: up to a minute until it is due, then a cold kernel on a busy machine
ROWS = (
    "started_at,user_id,model,prompt_tokens,completion_tokens,spend_usd\n"
    "2026-11-21T10:00:00Z,ann,m1,100,50,0.25\n"
    "2026-11-21T11:30:00Z,ben,m2,10,5,0.125\n"
)


def wait_for(met: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, log.read_text(encoding="utf-8")
        time.sleep(0.25)


def test_two_subscribers_get_one_message_each_of_one_execution(tmp_path: Path) -> None:
    with mail_server() as mail, receiver() as hook:
        gazette = Gazette(
            tmp_path,
            {
                "smtp_host": "127.0.0.1",
                "smtp_port": str(mail.port),
                "smtp_security": "none",
                "mail_from": "reports@example.org",
                "webhook_allow": "127.0.0.0/8,::1/128",
                "webhook_allow_http": "true",
            },
        )
        report, secret = prepare(gazette, tmp_path, hook.url)
        with gazette.started("runner"):
            wait_for(lambda: bool(mail.accepted and hook.requests), tmp_path / "runner.log")
            gazette.run("report", "pause", report)
        runs = [run for run in gazette.json("runs", "list")["runs"] if run["kind"] == "scheduled"]
        finished = [run for run in runs if run["state"] == "succeeded"]
        assert finished
        assert len({run["due_at"] for run in runs}) == len(runs)  # one run for each due time
        assert all(run["attempt"] == 1 for run in finished)
        assert len(mail.accepted) == len(hook.requests) == len(finished)
        check_mail(mail.accepted[0].content)
        check_webhook(hook.requests[0].headers, hook.requests[0].body, secret)
        states = [delivery["state"] for delivery in gazette.json("runs", "show", finished[0]["id"])["deliveries"]]
        assert states == ["sent", "sent"]


def prepare(gazette: Gazette, folder: Path, hook: str) -> tuple[str, str]:
    file = folder / "rows.csv"
    file.write_text(ROWS, encoding="utf-8")
    gazette.run("usage", "import", file)
    options = ("--cron", "* * * * *", "--owner", "owner@example.org", "--name", "Every minute")
    report = gazette.json("report", "add", "usage_summary", *options)["id"]
    gazette.run("subscribe", report, "--email", "board@example.org", "--formats", "pdf,xlsx")
    subscription = gazette.json("subscribe", report, "--webhook", hook, "--formats", "html")
    return report, subscription["secret"]


def check_mail(content: bytes) -> None:
    message: Any = message_from_bytes(content, policy=policy.default)
    assert message["To"] == "board@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    names = [part.get_filename() for part in message.iter_attachments()]
    assert sorted(name.rpartition(".")[2] for name in names) == ["pdf", "xlsx"]


def check_webhook(headers: dict[str, str], body: bytes, secret: str) -> None:
    event = Webhook(secret).verify(body, headers)
    assert event == json.loads(body)
    assert event["type"] == "report.succeeded"
    assert [artifact["format"] for artifact in event["data"]["artifacts"]] == ["html"]
    assert len(event["data"]["artifacts"][0]["sha256"]) == 64
    assert event["data"]["report"]["name"] == "Every minute"
