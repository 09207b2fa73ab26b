"""Signing in at an identity provider: OpenID Connect with the authorization code, PKCE and a nonce.

What the provider says is believed only after its signature, issuer, audience, expiry and nonce were checked. Its groups
decide the role, anew at each sign-in. Nothing of its tokens is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError  # which Authlib takes before httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reports.accounts import Identity
from reports.errors import Forbidden, InvalidInput, SignInRefused
from reports.model import Role
from reports.settings import Settings
from web import plain, wiring
from web.sign_in_pages import is_secure, let_in, local

COOKIE = "gazette_provider"
JOURNEY = "journey to the provider"  # purpose of the cookie's seal
JOURNEY_LASTS = timedelta(minutes=10)
SCOPES = ("openid", "profile", "email", "groups")
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)  # no shared keys
PATIENCE = 10.0  # seconds for each answer of the provider
CLOCKS_APART = 60  # seconds that the provider's clock may differ
REFUSED = "The identity provider did not confirm who you are. Please try again."

log = structlog.get_logger("gazette.provider")


@dataclass(frozen=True)
class Journey:
    """What must come back unaltered from the provider, and where the person wanted to go."""

    state: str
    nonce: str
    verifier: str  # of PKCE
    here: str


class NotConfirmed(Exception):
    """What came back does not prove who it is; the message is for the log."""


async def leave(request: Request) -> Response:
    """Send the person to the provider."""
    settings = wiring.service().settings
    if settings.oidc_issuer is None:
        return plain.message("Not found", "No identity provider is configured.", status=404)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    journey = Journey(state, nonce, verifier, local(request.query_params.get("next", "")))
    try:
        async with _client(settings, request) as client:
            told = await _metadata(client, settings)
            url, _ = client.create_authorization_url(
                told["authorization_endpoint"],
                state=journey.state,
                code_verifier=journey.verifier,
                nonce=journey.nonce,
            )
    except (HTTPError, NotConfirmed) as error:
        return _refused(error, status=502)
    answer = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
    sealed = wiring.seals().seal(JOURNEY, vars(journey), wiring.utc_now() + JOURNEY_LASTS)
    lasts = int(JOURNEY_LASTS.total_seconds())
    answer.set_cookie(COOKIE, sealed, lasts, path="/sign-in", httponly=True, samesite="lax", secure=is_secure(request))
    return answer


async def arrive(request: Request) -> Response:
    """The person comes back from the provider with a code."""
    settings = wiring.service().settings
    try:
        journey = _journey(request)
        async with _client(settings, request) as client:
            claims = await _claims(client, settings, request, journey)
        _, session = await run_in_threadpool(
            wiring.accounts().sign_in_as, identity_of(claims, settings), wiring.utc_now()
        )
    except (HTTPError, AuthlibBaseError, JoseError, NotConfirmed, Forbidden, InvalidInput) as error:
        return _refused(error)
    except SignInRefused as error:
        return plain.message("Not signed in", str(error), status=403)
    answer = let_in(request, session, journey.here)
    answer.delete_cookie(COOKIE, path="/sign-in")
    return answer


def identity_of(claims: Mapping[str, Any], settings: Settings) -> Identity:
    """Raises NotConfirmed if there is no name to call the person by.

    An address that the provider has not verified is nobody's: reports are sent there and owned by it.
    """
    email = str(claims.get("email") or "").lower() if claims.get("email_verified", True) is True else ""
    name = email or str(claims.get("preferred_username") or "")
    if not name:
        raise NotConfirmed("there is neither a verified email nor a preferred_username among the claims")
    return Identity(
        subject=f"{settings.oidc_issuer} {claims['sub']}",
        id=name,
        name=str(claims.get("name") or ""),
        email=email,
        role=role_of(claims.get("groups"), settings),
    )


def role_of(groups: object, settings: Settings) -> Role:
    """By the groups; whoever is in none of those that the settings name is a viewer."""
    held = {groups} if isinstance(groups, str) else set(groups) if isinstance(groups, list | tuple) else set()
    if settings.oidc_admin_group is not None and settings.oidc_admin_group in held:
        return Role.ADMIN
    if settings.oidc_editor_group is not None and settings.oidc_editor_group in held:
        return Role.EDITOR
    return Role.VIEWER


def _journey(request: Request) -> Journey:
    """Raises Forbidden or NotConfirmed unless this browser set out, lately, and comes back with its state."""
    journey = Journey(**wiring.seals().unseal(JOURNEY, request.cookies.get(COOKIE, ""), wiring.utc_now()))
    if not secrets.compare_digest(request.query_params.get("state", "").encode(), journey.state.encode()):
        raise NotConfirmed("the state is another")
    if "error" in request.query_params:
        raise NotConfirmed(f"the provider answered {request.query_params['error'][:100]}")
    return journey


async def _claims(
    client: AsyncOAuth2Client, settings: Settings, request: Request, journey: Journey
) -> Mapping[str, Any]:
    """What the provider says of the person, checked."""
    told = await _metadata(client, settings)
    tokens = await client.fetch_token(
        told["token_endpoint"], code=request.query_params.get("code", ""), code_verifier=journey.verifier
    )
    keys = await _fetched(client, told["jwks_uri"])
    claims = checked_claims(str(tokens.get("id_token", "")), keys, settings, journey.nonce)
    if "userinfo_endpoint" not in told:
        return claims
    more = await _fetched(client, told["userinfo_endpoint"], as_the_person=True)
    if more.get("sub") != claims["sub"]:
        raise NotConfirmed("userinfo is of somebody else")
    return {**more, **claims}


def checked_claims(id_token: str, keys: Any, settings: Settings, nonce: str) -> dict[str, Any]:
    """The claims of a token that the provider signed for us and for this journey. Raises JoseError, NotConfirmed."""
    try:
        claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=list(ALGORITHMS)).claims
    except (ValueError, TypeError, KeyError) as error:
        raise NotConfirmed("the ID token cannot be read") from error
    jwt.JWTClaimsRegistry(
        leeway=CLOCKS_APART,
        iss={"essential": True, "value": settings.oidc_issuer or ""},
        aud={"essential": True, "value": settings.oidc_client_id or ""},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    ).validate(claims)
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != settings.oidc_client_id:
        raise NotConfirmed("the ID token is for several, and not for us first")
    return claims


async def _metadata(client: AsyncOAuth2Client, settings: Settings) -> Mapping[str, Any]:
    address = f"{(settings.oidc_issuer or '').rstrip('/')}/.well-known/openid-configuration"
    told = await _fetched(client, address)
    if told.get("issuer") != settings.oidc_issuer:
        raise NotConfirmed(f"the provider calls itself {told.get('issuer')!r}; set oidc_issuer to that if it is right")
    return told


async def _fetched(client: AsyncOAuth2Client, address: str, *, as_the_person: bool = False) -> dict[str, Any]:
    """Raises HTTPError, or NotConfirmed if the answer is no JSON object."""
    answer = (await client.request("GET", address, withhold_token=not as_the_person)).raise_for_status()
    try:
        found = answer.json()
    except ValueError as error:
        raise NotConfirmed(f"{address} answered something else than JSON") from error
    if not isinstance(found, dict):
        raise NotConfirmed(f"{address} answered something else than an object")
    return found


def _client(settings: Settings, request: Request) -> AsyncOAuth2Client:
    secret = settings.oidc_client_secret
    base = settings.base_url or str(request.base_url).rstrip("/")
    return AsyncOAuth2Client(
        settings.oidc_client_id,
        None if secret is None else secret.get_secret_value(),
        scope=" ".join(SCOPES),
        redirect_uri=f"{base}/sign-in/callback",
        code_challenge_method="S256",
        timeout=PATIENCE,
    )


def _refused(error: Exception, status: int = 403) -> Response:
    log.warning("Sign-in at the provider failed", action="provider.refused", error=f"{type(error).__name__}: {error}")
    return plain.message("Not signed in", REFUSED, status=status, link=("/sign-in", "Sign in"))
