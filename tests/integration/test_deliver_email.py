"""E-mail against real servers on loopback: what is accepted, what is refused, and what is never sent in the clear."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from deliveries import Certificates, MailServer, an_envelope, free_port, mail_server, raw_server

from reports.errors import ConfigError, DeliveryError
from reports.model import Format
from reports.settings import Settings
from runner.deliver.email import EmailChannel, SmtpSettings


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def channel(port: int, **changes: Any) -> EmailChannel:
    settings = SmtpSettings(host="localhost", port=port, sender="Reports <reports@example.org>", security="none")
    return EmailChannel(replace(settings, **changes))


def received(server: MailServer) -> list[EmailMessage]:
    return [message_from_bytes(envelope.content, policy=default) for envelope in server.accepted]  # type: ignore[misc]


def failure(channel: EmailChannel, envelope: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.send(envelope)
    return caught.value


def test_one_message_to_the_one_reader(server: MailServer, tmp_path: Path) -> None:
    receipt = channel(server.port).send(an_envelope(tmp_path))

    (message,) = received(server)
    assert server.accepted[0].rcpt_tos == ["reader@example.org"]
    assert server.accepted[0].mail_from == "reports@example.org"
    assert message["To"] == "reader@example.org"
    assert message["Subject"] == "Weekly usage: 9 to 15 November 2026"
    assert [part.get_filename() for part in message.iter_attachments()] == ["weekly-usage_2026-11-09_2026-11-15.pdf"]
    assert "<delivery-9@example.org>" in receipt.detail


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd knows STARTTLS only
@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_encrypted_and_signed_in(certificates: Certificates, tmp_path: Path, implicit: bool) -> None:
    context = certificates.server_context()
    with mail_server(
        implicit_tls=implicit, context=context, auth_required=True, auth_require_tls=not implicit
    ) as server:
        channel(
            server.port,
            security="tls" if implicit else "starttls",
            ca_file=certificates.ca_file,
            user="apikey",  # not an address: yagmail would have made apikey@gmail.com of it
            password="right",
        ).send(an_envelope(tmp_path))

    assert len(server.accepted) == 1
    assert server.encrypted == [True]
    assert server.users == ["apikey"]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
@pytest.mark.parametrize("fault", ["stranger", "other name"])
def test_a_bad_certificate_fails_and_nothing_is_sent(
    certificates: Certificates, tmp_path: Path, implicit: bool, fault: str
) -> None:
    context = certificates.server_context(
        trusted=fault != "stranger", host="localhost" if fault == "stranger" else "mail.example.org"
    )
    with mail_server(implicit_tls=implicit, context=context) as server:
        error = failure(
            channel(server.port, security="tls" if implicit else "starttls", ca_file=certificates.ca_file),
            an_envelope(tmp_path),
        )

    assert "certificate" in str(error)
    assert not error.permanent  # renewed within hours, and then the same attempt succeeds
    assert not error.unknown
    assert server.accepted == []


def test_a_server_without_starttls_gets_nothing(server: MailServer, tmp_path: Path) -> None:
    error = failure(channel(server.port, security="starttls"), an_envelope(tmp_path))

    assert "STARTTLS" in str(error)
    assert not error.permanent
    assert server.accepted == []


def test_a_server_that_refuses_starttls_gets_nothing(tmp_path: Path) -> None:
    """It offers STARTTLS and then refuses, as somebody in between would do to read along."""
    heard: list[bytes] = []

    def talk(peer: socket.socket) -> None:
        peer.sendall(b"220 ready\r\n")
        with peer.makefile("rb") as lines:
            for line in lines:
                heard.append(line)
                if line.lower().startswith(b"ehlo"):
                    peer.sendall(b"250-here\r\n250 STARTTLS\r\n")
                elif line.lower().startswith(b"starttls"):
                    peer.sendall(b"454 TLS not available\r\n")
                else:
                    peer.sendall(b"250 OK\r\n")

    with raw_server(talk) as port:
        error = failure(channel(port, security="starttls"), an_envelope(tmp_path))

    assert "454 TLS not available" in str(error)
    assert not error.permanent
    assert not any(line.upper().startswith((b"MAIL", b"RCPT", b"DATA", b"AUTH")) for line in heard)


def test_unencrypted_only_on_this_machine() -> None:
    with pytest.raises(ConfigError, match="smtp_security"):
        channel(25, host="mail.example.org")
    for host in ("localhost", "127.0.0.1", "::1"):
        channel(25, host=host)


def test_a_password_needs_a_user_and_ascii() -> None:
    with pytest.raises(ConfigError, match="smtp_password"):
        channel(25, password="alone")
    with pytest.raises(ConfigError, match="smtp_user"):
        channel(25, user="someone", password="pässword")


def test_an_authority_that_is_no_certificate(tmp_path: Path) -> None:
    wrong = tmp_path / "authority.pem"
    wrong.write_text("nothing")
    with pytest.raises(ConfigError, match="smtp_ca_file"):
        channel(25, ca_file=wrong)


def test_settings_become_smtp_settings() -> None:
    settings = Settings(smtp_host="mail.example.org", smtp_user="u", smtp_password="p", mail_max_mb=2.5)  # type: ignore[arg-type]
    smtp = SmtpSettings.from_settings(settings)
    assert (smtp.host, smtp.port, smtp.security, smtp.password) == ("mail.example.org", 587, "starttls", "p")
    assert smtp.max_bytes == 2_500_000
    with pytest.raises(ConfigError, match="smtp_host"):
        SmtpSettings.from_settings(Settings())


def test_one_of_two_readers_is_unknown_to_the_server(server: MailServer, tmp_path: Path) -> None:
    server.rcpt_replies["gone@example.org"] = "550 5.1.1 no such user"
    mails = channel(server.port)

    error = failure(mails, an_envelope(tmp_path, address="gone@example.org"))
    mails.send(an_envelope(tmp_path, address="here@example.org"))

    assert error.permanent
    assert "gone@example.org" in str(error)
    assert "550 5.1.1 no such user" in str(error)
    assert [envelope.rcpt_tos for envelope in server.accepted] == [["here@example.org"]]


@pytest.mark.parametrize("reply", ["421 closing", "450 busy", "451 later", "452 full"])
def test_not_now_is_tried_again_with_the_same_id(server: MailServer, tmp_path: Path, reply: str) -> None:
    server.data_replies = [reply]
    mails, envelope = channel(server.port), an_envelope(tmp_path)

    error = failure(mails, envelope)
    mails.send(envelope)

    assert not error.permanent
    assert not error.unknown
    assert reply in str(error)
    assert [message["Message-ID"] for message in received(server)] == ["<delivery-9@example.org>"]


@pytest.mark.parametrize("reply", ["550 spam", "552 too large", "554 no"])
def test_never_is_permanent(server: MailServer, tmp_path: Path, reply: str) -> None:
    server.data_replies = [reply]
    error = failure(channel(server.port), an_envelope(tmp_path))
    assert error.permanent
    assert not error.unknown


@pytest.mark.parametrize(("reply", "seconds"), [("drop", 20.0), ("hang", 0.5)])
def test_an_answer_lost_after_the_content_is_unknown(
    server: MailServer, tmp_path: Path, reply: str, seconds: float
) -> None:
    server.data_replies = [reply]
    mails, envelope = channel(server.port, answer_seconds=seconds), an_envelope(tmp_path)

    error = failure(mails, envelope)

    assert error.unknown
    assert not error.permanent
    assert len(server.accepted) == 1  # sent once, not three times
    mails.send(envelope)
    first, second = received(server)
    assert first["Message-ID"] == second["Message-ID"]


def drip(peer: socket.socket) -> None:
    """Each byte comes in time; only the whole takes too long."""
    for _ in range(200):
        peer.sendall(b"2")
        time.sleep(0.05)


def garble(peer: socket.socket) -> None:
    peer.sendall(b"what?\r\n")


def accept(peer: socket.socket) -> None:
    peer.sendall(b"250 OK\r\n")


def speaking(
    answers: dict[bytes, bytes], after_content: Callable[[socket.socket], None] = accept
) -> Callable[[socket.socket], None]:
    """A server's side of a conversation: answers by the first word of each command."""

    def talk(peer: socket.socket) -> None:
        peer.sendall(answers.get(b"hello", b"220 ready\r\n"))
        in_content = False
        with peer.makefile("rb") as lines:
            for line in lines:
                word = line.split()[0].lower() if line.split() else b""
                if in_content and line != b".\r\n":
                    continue
                if in_content:
                    in_content = False
                    after_content(peer)
                elif word in answers:
                    peer.sendall(answers[word])
                    if not answers[word]:
                        return
                elif word == b"data":
                    in_content = True
                    peer.sendall(b"354 go on\r\n")
                else:
                    peer.sendall(b"250 OK\r\n")

    return talk


def test_an_answer_nobody_can_read_is_unknown(tmp_path: Path) -> None:
    with raw_server(speaking({}, after_content=garble)) as port:
        assert failure(channel(port), an_envelope(tmp_path)).unknown


@pytest.mark.parametrize("command", [b"ehlo", b"mail", b"rcpt", b"data"])
def test_a_line_lost_before_the_content_is_tried_again(tmp_path: Path, command: bytes) -> None:
    with raw_server(speaking({command: b"", b"helo": b""})) as port:
        error = failure(channel(port), an_envelope(tmp_path))
    assert not error.unknown
    assert not error.permanent
    assert "before the message was handed over" in str(error)


def test_a_success_stays_one_when_the_farewell_fails(tmp_path: Path) -> None:
    with raw_server(speaking({b"quit": b""})) as port:
        assert channel(port).send(an_envelope(tmp_path)).detail


@pytest.mark.parametrize(
    ("answers", "words", "permanent"),
    [
        ({b"hello": b"554 not today\r\n"}, "is not ready (554 not today)", False),
        ({b"hello": b"421 overloaded\r\n"}, "is not ready (421 overloaded)", False),
        ({b"mail": b"550 who are you\r\n"}, "refused the sender Reports <reports@example.org> (550 who are you)", True),
        ({b"mail": b"530 authentication required\r\n"}, "set smtp_user", False),
        ({b"mail": b"552 too large\r\n"}, "refused the message (552 too large)", True),
        ({b"mail": b"452 full\r\n"}, "tried again", False),
        ({b"rcpt": b"451 greylisted\r\n"}, "refused reader@example.org (451 greylisted)", False),
        ({b"data": b"554 no valid recipients\r\n"}, "refused the message", True),
    ],
)
def test_answers_become_errors(tmp_path: Path, answers: dict[bytes, bytes], words: str, permanent: bool) -> None:
    with raw_server(speaking(answers)) as port:
        error = failure(channel(port), an_envelope(tmp_path))
    assert words in str(error)
    assert error.permanent is permanent
    assert not error.unknown


def test_a_wrong_password_can_be_corrected(certificates: Certificates, tmp_path: Path) -> None:
    with mail_server(context=certificates.server_context(), auth_required=True) as server:
        error = failure(
            channel(server.port, security="starttls", ca_file=certificates.ca_file, user="reports", password="wrong"),
            an_envelope(tmp_path),
        )
    assert "smtp_password" in str(error)
    assert "wrong" not in str(error)
    assert not error.permanent
    assert server.accepted == []


def test_nobody_listens(tmp_path: Path) -> None:
    error = failure(channel(free_port()), an_envelope(tmp_path))
    assert "cannot be reached" in str(error)
    assert not error.permanent


def test_a_server_that_never_speaks(tmp_path: Path) -> None:
    def silent(peer: socket.socket) -> None:
        peer.recv(1)

    with raw_server(silent) as port:
        error = failure(channel(port, answer_seconds=0.3), an_envelope(tmp_path))
    assert "did not answer in time" in str(error)
    assert not error.unknown


def test_a_dripping_greeting_is_cut(tmp_path: Path) -> None:
    with raw_server(drip) as port:
        began = time.monotonic()
        error = failure(channel(port, total_seconds=0.5), an_envelope(tmp_path))
    assert time.monotonic() - began < 30, "it was not cut"
    assert "did not answer in time" in str(error)
    assert not error.unknown


def test_a_dripping_answer_to_the_content_is_cut_and_unknown(tmp_path: Path) -> None:
    with raw_server(speaking({}, after_content=drip)) as port:
        began = time.monotonic()
        error = failure(channel(port, total_seconds=0.7), an_envelope(tmp_path))
    assert time.monotonic() - began < 30, "it was not cut"
    assert error.unknown


def test_over_our_limit_the_files_are_linked(server: MailServer, tmp_path: Path) -> None:
    envelope = an_envelope(
        tmp_path, content=b"x" * 80_000, links={Format.PDF: "https://reports.example.org/files/7/pdf?signature=abc"}
    )
    channel(server.port, max_bytes=100_000).send(envelope)  # 80 kB fit, their 107 kB in base64 do not

    (message,) = received(server)
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert list(message.iter_attachments()) == []
    assert "too large for a mail" in text
    assert "https://reports.example.org/files/7/pdf?signature=abc" in text


def test_over_the_servers_limit_the_files_are_named(tmp_path: Path) -> None:
    with mail_server(data_size_limit=50_000) as server:
        channel(server.port).send(an_envelope(tmp_path, content=b"x" * 80_000))

    (message,) = received(server)
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert list(message.iter_attachments()) == []
    assert "archive under run run-7" in " ".join(text.split())


@pytest.mark.parametrize("address", ["reader@example.org\r\nBcc: spy@example.org", "no address", "a@b, spy@c.de"])
def test_an_address_that_is_none_never_reaches_the_server(server: MailServer, tmp_path: Path, address: str) -> None:
    error = failure(channel(server.port), an_envelope(tmp_path, address=address))
    assert error.permanent
    assert server.accepted == []


def test_many_threads_share_a_channel(server: MailServer, tmp_path: Path) -> None:
    mails = channel(server.port)
    envelopes = [an_envelope(tmp_path, address=f"reader{number}@example.org") for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(mails.send, envelopes))

    assert sorted(envelope.rcpt_tos[0] for envelope in server.accepted) == sorted(
        f"reader{number}@example.org" for number in range(12)
    )
    assert all(len(envelope.rcpt_tos) == 1 for envelope in server.accepted)
