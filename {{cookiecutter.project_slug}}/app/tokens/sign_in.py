"""The sign-in: who may get a token (TOKEN_AUTH)."""

import hmac
import logging
import os
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

import jwt
from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, TypeAdapter, ValidationError

from app.settings import Settings, is_on_this_machine
from app.tokens.request import Name

logger = logging.getLogger("app.tokens.sign_in")

# Takes the bearer token of a request. Returns the person's identity, or None if the client may
# choose one; raises HTTPException.
SignIn = Callable[[str], Awaitable[str | None]]

# No algorithm with a shared secret: the keys are public.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
JWKS_TIMEOUT_SECONDS = 5
CLOCK_SKEW_SECONDS = 60  # between this machine and the identity provider
# IP addresses, and names that no stranger can have: any other could be a web page's own name that
# leads to this machine (DNS rebinding).
LOCAL_HOST = re.compile(
    r"(\[[\da-f:.%]+\]|[\d.]+|[^.:]+|.+\.local|.+\.localhost)\.?(:\d+)?", re.IGNORECASE
)
IDENTITY = TypeAdapter[str](Annotated[Name, Field(min_length=1)])


def choose_sign_in(settings: Settings) -> SignIn:
    """Return the sign-in for TOKEN_AUTH, or exit if a variable is missing."""
    needed = {
        "api-key": ("token_api_key",),
        "jwt": ("token_jwks_url", "token_jwt_issuer", "token_jwt_audience"),
    }.get(settings.token_auth or "", ())
    if missing := [name.upper() for name in needed if not getattr(settings, name)]:
        raise SystemExit(f"{', '.join(missing)} missing: TOKEN_AUTH={settings.token_auth} needs it")
    urls = filter(None, (settings.livekit_url, settings.token_server_url))
    match settings.token_auth:
        case "api-key":
            return api_key(settings.token_api_key.get_secret_value())
        case "jwt":
            return identity_provider(settings)
        case None if not all(map(is_on_this_machine, urls)):
            raise SystemExit(
                "TOKEN_AUTH is missing: LIVEKIT_URL or TOKEN_SERVER_URL is not on this machine, so "
                "choose who gets tokens: api-key, jwt or none (whoever can reach POST /token)"
            )
    logger.warning("POST /token gives everybody who can reach it a token: TOKEN_AUTH restricts it.")
    return everybody


def check_host(host: str) -> None:
    """Raise HTTPException for a request to another host than this machine."""
    if not LOCAL_HOST.fullmatch(host):
        raise HTTPException(
            403,
            "Host: is not localhost, a .local name or an IP address. If a proxy leads here, set "
            "TOKEN_AUTH to choose who gets tokens (none: whoever can reach POST /token)",
        )


async def everybody(bearer: str) -> None:
    return None


def refusal(reason: str) -> HTTPException:
    return HTTPException(401, f"Authorization: {reason}", {"WWW-Authenticate": "Bearer"})


def api_key(key: str) -> SignIn:
    expected = os.fsencode(key)

    async def sign_in(bearer: str) -> None:
        # Starlette decodes headers as Latin-1.
        if not hmac.compare_digest(bearer.encode("latin-1"), expected):
            raise refusal("must be 'Bearer ' followed by this backend's key")

    return sign_in


def identity_provider(settings: Settings) -> SignIn:
    client = jwt.PyJWKClient(settings.token_jwks_url, timeout=JWKS_TIMEOUT_SECONDS)

    async def key_of(bearer: str) -> jwt.PyJWK:
        key_id = jwt.get_unverified_header(bearer).get("kid", "")
        # The client blocks all callers while it fetches, and an unknown key id makes it fetch. So a
        # cached key must not go through it.
        cached = client.jwk_set_cache.get() if client.jwk_set_cache else None
        for key in cached.keys if cached else []:
            if key.key_id == key_id:
                return key
        try:
            return await run_in_threadpool(client.get_signing_key, key_id)
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, ValueError, RecursionError):
            logger.error("TOKEN_JWKS_URL does not return keys")
            raise HTTPException(503, "The identity provider does not answer") from None

    async def sign_in(bearer: str) -> str:
        try:
            claims = jwt.decode(
                bearer,
                await key_of(bearer),
                ALGORITHMS,
                issuer=settings.token_jwt_issuer,
                audience=settings.token_jwt_audience,
                leeway=CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "sub"]},
            )
            return IDENTITY.validate_python(claims["sub"])
        except (jwt.PyJWTError, ValidationError) as error:
            raise refusal(f"is not accepted ({type(error).__name__})") from None

    return sign_in
