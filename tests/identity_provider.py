"""A real identity provider (canaille) in a process of its own: a few people, two groups, and Gazette as its client.

Run as a program it serves; `identity_provider(folder)` starts it and waits until it answers.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

CLIENT, SECRET = "gazette", "what gazette and the provider share"
PASSWORD = "provided, certainly"
ADMINS, EDITORS = "gazette-admins", "gazette-editors"
GROUPS = {ADMINS: ["alice"], EDITORS: ["erin"]}
PEOPLE = ("alice", "erin", "victor")  # user names; each has the address NAME@example.org
STARTUP = 120.0  # seconds; importing it alone takes some


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def identity_provider(folder: Path, callbacks: list[str]) -> Iterator[str]:
    """Its issuer; it sends people back to one of `callbacks` only."""
    issuer = f"http://127.0.0.1:{free_port()}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GAZETTE_")}
    with (folder / "provider.log").open("wb") as log:
        command = [sys.executable, __file__, issuer, str(folder / "provider.db"), *callbacks]
        child = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
    try:
        _wait(child, issuer, folder / "provider.log")
        yield issuer
    finally:
        child.kill()
        child.wait()


def _wait(child: subprocess.Popen[bytes], issuer: str, log: Path) -> None:
    end = time.monotonic() + STARTUP
    while time.monotonic() < end and child.poll() is None:
        try:
            if requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.3)
    raise AssertionError(f"the identity provider did not come up:\n{log.read_text(encoding='utf-8')}")


def serve(issuer: str, database: str, callbacks: list[str]) -> None:
    from canaille import create_app  # noqa: PLC0415  only in the process of its own
    from joserfc.jwk import RSAKey  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    key = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
    host = issuer.removeprefix("http://")
    app = create_app(
        config={
            "SECRET_KEY": "only of this process",
            "SERVER_NAME": host,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "sql", "ENABLE_REGISTRATION": False, "SMTP": None},
            "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{database}"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        },
        init_backend=True,
    )
    _fill(app, callbacks)
    make_server("127.0.0.1", int(host.rpartition(":")[2]), app, threaded=True).serve_forever()


def _fill(app: object, callbacks: list[str]) -> None:
    from canaille.app import models  # noqa: PLC0415
    from canaille.backends import Backend  # noqa: PLC0415

    with app.app_context(), Backend.instance.session():  # type: ignore[attr-defined]
        Backend.instance.install(app)
        people = {}
        for name in PEOPLE:
            people[name] = models.User(
                user_name=name,
                formatted_name=name.title(),
                family_name=name.title(),
                emails=[f"{name}@example.org"],
                password=PASSWORD,
            )
            Backend.instance.save(people[name])
        for name, members in GROUPS.items():
            group = models.Group(display_name=name, members=[people[member] for member in members])
            Backend.instance.save(group)
        client = models.Client(
            client_id=CLIENT,
            client_secret=SECRET,
            client_name="Gazette",
            client_uri="http://127.0.0.1",  # a domain it trusts: nobody is asked for consent
            redirect_uris=callbacks,
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "profile", "email", "groups"],
            token_endpoint_auth_method="client_secret_basic",
        )
        client.audience = [client]
        Backend.instance.save(client)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3:])
