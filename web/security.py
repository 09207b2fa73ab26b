"""Headers that every answer carries, and the names under which the server may be asked. Pure ASGI.

The policy lets a page load nothing but its own files: one inline script of Streamlit's start page is let in by its
hash. An answer that brings a stricter policy of its own keeps it. Nothing here signs anybody in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reports.settings import Settings

START_PAGE = Path(streamlit.__file__).parent / "static" / "index.html"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def inline_script_hashes(page: str) -> list[str]:
    """CSP sources for the inline scripts of `page`; a new version of Streamlit may have others."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return [f"'sha256-{digest}'" for digest in digests]


def page_policy() -> str:
    """The Content-Security-Policy of the UI."""
    scripts = " ".join(["'self'", *inline_script_hashes(START_PAGE.read_text(encoding="utf-8"))])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",  # Streamlit styles its elements while it draws them
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self' blob: data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )


class SecurityHeaders:
    """Adds the headers to every HTTP answer; websockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": page_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def allowed_hosts(settings: Settings) -> list[str]:
    """The names under which the server answers.

    On loopback only its own: a web page whose name was pointed at 127.0.0.1 must not read reports through the
    reader's browser. Whoever binds to more has to guard the address anyway, so all names are let in.
    """
    if settings.host not in {"127.0.0.1", "localhost", "::1"}:
        return ["*"]
    public = urlsplit(settings.base_url).hostname if settings.base_url else None
    return [*LOOPBACK, *([public] if public else [])]
