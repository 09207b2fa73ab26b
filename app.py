"""The door: one ASGI app that serves the pages, the files of the archive, health and metrics on one port.

`streamlit run app.py`, `python app.py` and `uvicorn app:app` all start it; `gazette serve` is the usual way.
Whoever is not signed in gets no further than the sign-in; it listens on loopback unless told otherwise.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route

from reports.settings import load_settings
from web import provider, sign_in_pages, unsubscribe
from web.api.app import api
from web.files import artifact_file
from web.health import healthz, metrics
from web.samples import sample_page
from web.security import SecurityHeaders, allowed_hosts
from web.sign_in import SignIn
from web.starting import lifespan
from web.subscribing import subscribe_me

HERE = Path(__file__).resolve().parent

# `streamlit run` finds the app by this assignment: it must stay as it is, with no function around it.
app = st.App(
    HERE / "web" / "main.py",
    routes=[
        Route("/healthz", healthz),
        Route("/metrics", metrics),
        Route("/files/{artifact_id}", artifact_file),
        Route("/samples/{token}", sample_page),
        Route("/subscribe-me", subscribe_me, methods=["POST"]),
        Mount("/api/v1", api),
        Route("/sign-in", sign_in_pages.show_sign_in),
        Route("/sign-in", sign_in_pages.sign_in, methods=["POST"]),
        Route("/sign-in/provider", provider.leave),
        Route("/sign-in/callback", provider.arrive),
        Route("/sign-out", sign_in_pages.sign_out, methods=["POST"]),
        Route("/account", sign_in_pages.show_account),
        Route("/account", sign_in_pages.change_password, methods=["POST"]),
        Route("/unsubscribe/{token}", unsubscribe.show),
        Route("/unsubscribe/{token}", unsubscribe.unsubscribe, methods=["POST"]),
    ],
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(load_settings()), www_redirect=False),
        Middleware(SignIn),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    app.run()
