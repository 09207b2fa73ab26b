"""A mail as it is read: its headers, its page with the pictures in it, its plain text and what is attached.

From the whole message as it would be handed to a mail server; nothing here knows what a report is.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

CID = re.compile(r"""(["'(])cid:([^"')\s]+)""")


@dataclass(frozen=True)
class Enclosed:
    name: str
    size: int  # bytes, before it is encoded


@dataclass(frozen=True)
class Mail:
    """`html` is "" for a message in plain text only."""

    headers: tuple[tuple[str, str], ...]
    html: str
    text: str
    attachments: tuple[Enclosed, ...]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def read_mail(content: bytes) -> Mail:
    message = message_from_bytes(content, policy=default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    return Mail(
        headers=tuple((name, str(value)) for name, value in message.items()),
        html=_with_pictures(message, str(html.get_content())) if html else "",
        text=str(text.get_content()) if text else "",
        attachments=tuple(
            Enclosed(part.get_filename() or "file", len(part.get_payload(decode=True) or b""))
            for part in message.iter_attachments()
        ),
    )


def _with_pictures(message: EmailMessage, html: str) -> str:
    """The page with the message's own pictures in place of the references to them."""
    pictures = {
        str(part["Content-ID"]).strip("<>"): part
        for part in message.walk()
        if part["Content-ID"] and part.get_content_maintype() == "image"
    }

    def shown(found: re.Match[str]) -> str:
        part = pictures.get(found[2])
        if part is None:
            return found[0]
        data = base64.b64encode(cast(bytes, part.get_payload(decode=True))).decode("ascii")
        return f"{found[1]}data:{part.get_content_type()};base64,{data}"

    return CID.sub(shown, html)
