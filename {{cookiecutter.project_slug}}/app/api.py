"""The token backend: gives a person a token for a room.

`POST /token` is LiveKit's standard token endpoint, which every client SDK can call
(`TokenSource.endpoint(url)`): https://docs.livekit.io/frontends/authentication/tokens/endpoint/
"""

import json
import logging
import secrets
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from livekit.api import AccessToken, VideoGrants
from pydantic import BaseModel, model_validator

from app import dispatch
from app.settings import load_settings

logger = logging.getLogger("app.api")
settings = load_settings()
app = FastAPI(title="LiveKit token backend")

if not settings.is_local:
    logger.warning(
        "POST /token gives a token to everybody who can reach it: put your sign-in before it"
    )


class TokenRequest(BaseModel):
    """What a client may ask for; every field is optional."""

    room_name: str | None = None
    participant_identity: str | None = None
    participant_name: str | None = None
    participant_metadata: str | None = None
    participant_attributes: dict[str, str] | None = None
    room_config: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def can_be_passed_on(cls, body: Any) -> Any:
        """Half a character (a lone surrogate), NaN and infinity are in no token."""
        try:
            json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return body


class TokenResponse(BaseModel):
    """Where to connect, and the token to connect with."""

    server_url: str
    participant_token: str


class Refusal(BaseModel):
    """Why there is no token, in a sentence."""

    detail: str


@app.exception_handler(RequestValidationError)
async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
    # FastAPI's own answer repeats the input, which may be nothing that JSON can carry.
    reasons = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return JSONResponse({"detail": "; ".join(reasons)}, status_code=422)


@app.post("/token", status_code=201, responses={422: {"model": Refusal}})
async def create_token(request: TokenRequest) -> TokenResponse:
    try:
        configuration = dispatch.room_configuration(
            request.room_config or {},
            settings.livekit_agent_name,  # only explicit
        )
    except ValueError as error:
        wrong = {"loc": ("body", "room_config"), "msg": str(error)}
        raise RequestValidationError([wrong]) from None
    token = (
        AccessToken(settings.livekit_api_key, settings.livekit_api_secret.get_secret_value())
        .with_identity(request.participant_identity or f"person-{secrets.token_hex(6)}")
        .with_name(request.participant_name or "")
        .with_metadata(dispatch.without_name(request.participant_metadata or ""))
        .with_attributes(request.participant_attributes or {})
        .with_grants(
            VideoGrants(room_join=True, room=request.room_name or f"room-{secrets.token_hex(6)}")
        )
        .with_room_config(configuration)
        .with_ttl(timedelta(seconds=settings.token_ttl_seconds))
    )
    return TokenResponse(server_url=settings.livekit_url, participant_token=token.to_jwt())


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
