"""Who may have a token, as TOKEN_AUTH says."""

import hmac
import logging
from collections.abc import Awaitable, Callable

import jwt
from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool

from app.settings import Settings

logger = logging.getLogger("app.auth")

# Takes the bearer token of a request. Gives the identity of who asks, or None if the client may
# choose one; raises HTTPException.
SignIn = Callable[[str], Awaitable[str | None]]

# What identity providers sign with. Nothing with a shared secret: the keys here are public.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
JWKS_TIMEOUT = 5  # seconds
LEEWAY = 60  # seconds by which the clock of the identity provider may differ


def choose_sign_in(settings: Settings) -> SignIn:
    """The sign-in that the settings ask for.

    Raises:
        SystemExit: TOKEN_AUTH has to be chosen, or something that it needs is missing.
    """
    needed = {
        "api-key": ("token_api_key",),
        "jwt": ("token_jwks_url", "token_jwt_issuer", "token_jwt_audience"),
    }.get(settings.token_auth or "", ())
    if missing := [name.upper() for name in needed if not getattr(settings, name)]:
        raise SystemExit(f"{', '.join(missing)} missing: TOKEN_AUTH={settings.token_auth} needs it")
    match settings.token_auth:
        case "api-key":
            return api_key(settings.token_api_key.get_secret_value())
        case "jwt":
            return identity_provider(
                settings.token_jwks_url, settings.token_jwt_issuer, settings.token_jwt_audience
            )
        case None if not settings.is_local:
            raise SystemExit(
                "TOKEN_AUTH is missing: LIVEKIT_URL is not on this machine, so say who may have a "
                "token: api-key, jwt, or none (everybody who can reach POST /token)"
            )
    logger.warning("POST /token gives a token to everybody who can reach it. TOKEN_AUTH closes it.")
    return everybody


async def everybody(bearer: str) -> None:
    return None


def refusal(reason: str) -> HTTPException:
    return HTTPException(401, f"Authorization: {reason}", {"WWW-Authenticate": "Bearer"})


def api_key(key: str) -> SignIn:
    async def sign_in(bearer: str) -> None:
        # Starlette reads the bytes of a header as Latin-1.
        if not hmac.compare_digest(bearer.encode("latin-1"), key.encode()):
            raise refusal("must be 'Bearer ' and the key of this backend")

    return sign_in


def identity_provider(jwks_url: str, issuer: str, audience: str) -> SignIn:
    keys = jwt.PyJWKClient(jwks_url, timeout=JWKS_TIMEOUT)

    async def sign_in(bearer: str) -> str:
        try:
            key = await run_in_threadpool(keys.get_signing_key_from_jwt, bearer)
            claims = jwt.decode(
                bearer,
                key,
                ALGORITHMS,
                issuer=issuer,
                audience=audience,
                leeway=LEEWAY,
                options={"require": ["exp", "sub"]},
            )
        except jwt.PyJWKClientConnectionError:
            logger.error("TOKEN_JWKS_URL does not answer")
            raise HTTPException(503, "The identity provider does not answer") from None
        except jwt.PyJWTError as error:
            raise refusal(f"is not accepted: {error}") from None
        if not claims["sub"]:
            raise refusal("names nobody in its `sub`")
        return str(claims["sub"])

    return sign_in
