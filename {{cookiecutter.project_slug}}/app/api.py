"""The token backend: gives a person a token for a room.

`POST /token` is LiveKit's standard token endpoint, which every client SDK can call
(`TokenSource.endpoint(url)`): https://docs.livekit.io/frontends/authentication/tokens/endpoint/
"""

import logging
import secrets
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, HTTPException
from livekit.api import AccessToken, VideoGrants
from pydantic import BaseModel

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


class TokenResponse(BaseModel):
    """Where to connect, and the token to connect with."""

    server_url: str
    participant_token: str


@app.post("/token", status_code=201)
async def create_token(request: TokenRequest) -> TokenResponse:
    try:
        configuration = dispatch.room_configuration(
            request.room_config or {},
            settings.livekit_agent_name,  # only explicit
        )
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
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
