"""A token backend after LiveKit's documentation, in Flask."""

import os
import uuid

from flask import Flask, Response, jsonify, request
from google.protobuf.json_format import ParseDict
from livekit.api import AccessToken, VideoGrants
from livekit.protocol.room import RoomConfiguration

app = Flask(__name__)


@app.post("/token")
def create_token() -> tuple[Response, int]:
    body = request.get_json()
    room = body.get("room_name") or f"room-{uuid.uuid4()}"
    token = (
        AccessToken(os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"])
        .with_identity(body.get("participant_identity") or f"person-{uuid.uuid4()}")
        .with_name(body.get("participant_name") or "")
        .with_metadata(body.get("participant_metadata") or "")
        .with_attributes(body.get("participant_attributes") or {})
        .with_grants(VideoGrants(room_join=True, room=room))
    )
    if body.get("room_config"):
        token = token.with_room_config(ParseDict(body["room_config"], RoomConfiguration()))
    answer = {"server_url": os.environ["LIVEKIT_URL"], "participant_token": token.to_jwt()}
    return jsonify(answer), 201
