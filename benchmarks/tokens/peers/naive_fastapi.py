"""A token backend after LiveKit's documentation, in FastAPI."""

import os
import uuid
from typing import Any

from fastapi import FastAPI
from google.protobuf.json_format import ParseDict
from livekit.api import AccessToken, VideoGrants
from livekit.protocol.room import RoomConfiguration
from pydantic import BaseModel

app = FastAPI()


class TokenRequest(BaseModel):
    room_name: str | None = None
    participant_identity: str | None = None
    participant_name: str | None = None
    participant_metadata: str | None = None
    participant_attributes: dict[str, str] | None = None
    room_config: dict[str, Any] | None = None


@app.post("/token", status_code=201)
async def create_token(request: TokenRequest) -> dict[str, str]:
    token = (
        AccessToken(os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"])
        .with_identity(request.participant_identity or f"person-{uuid.uuid4()}")
        .with_name(request.participant_name or "")
        .with_metadata(request.participant_metadata or "")
        .with_attributes(request.participant_attributes or {})
        .with_grants(VideoGrants(room_join=True, room=request.room_name or f"room-{uuid.uuid4()}"))
    )
    if request.room_config:
        configuration = ParseDict(request.room_config, RoomConfiguration())
        token = token.with_room_config(configuration)
    return {"server_url": os.environ["LIVEKIT_URL"], "participant_token": token.to_jwt()}
