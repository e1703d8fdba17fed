"""Tokens: what a client may ask for, and what its token then says.

The request is the one of LiveKit's standard token endpoint:
https://docs.livekit.io/frontends/authentication/tokens/endpoint/
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, to_json

from app import dispatch
from app.settings import Settings

# Bytes: livekit-server 1.13.5 lets nobody in whose token says more (measured), except for a longer
# display name, which it takes here but nowhere else.
NAME_LIMIT = 256
METADATA_LIMIT = 512 * 1024
ATTRIBUTES_LIMIT = 64 * 1024
# Seconds that a room may stay open with nobody in it, at a client's wish: its agent waits there.
ROOM_TIMEOUT_LIMIT = 3600
UINT32 = 2**32 - 1
TOKEN_LIMIT = 1_000_000  # bytes; livekit-server reads 1 MiB of what a client joins with (measured)
AGENT = "agent-AJ_"  # how the SDK begins the identity of an agent


class Refused(ValueError):
    """No token can be given; the message names the field of the request and says why."""


def within(limit: int) -> AfterValidator:
    """Refuses a text, or keys and values of more than `limit` bytes together."""

    def check(value: str | dict[str, str]) -> str | dict[str, str]:
        text = value if isinstance(value, str) else "".join((*value, *value.values()))
        if len(text.encode()) > limit:
            raise PydanticCustomError("too_long", f"is longer than {limit:,} bytes")
        return value

    return AfterValidator(check)


Name = Annotated[str, within(NAME_LIMIT)]
Metadata = Annotated[str, within(METADATA_LIMIT)]
METADATA = TypeAdapter[str](Metadata)  # what is written anew may have grown


class RoomConfig(BaseModel):
    """What a client may choose about a room that it opens. Other keys of LiveKit's are ignored."""

    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))

    empty_timeout: int | None = Field(None, ge=0, le=ROOM_TIMEOUT_LIMIT)
    departure_timeout: int | None = Field(None, ge=0, le=ROOM_TIMEOUT_LIMIT)
    max_participants: int | None = Field(None, ge=0, le=UINT32)
    min_playout_delay: int | None = Field(None, ge=0, le=UINT32)
    max_playout_delay: int | None = Field(None, ge=0, le=UINT32)
    sync_streams: bool | None = None
    metadata: Metadata | None = Field(None, description="a JSON object")
    agents: list[dict[str, Any]] | None = Field(
        None, description="no client chooses which agent comes: app/dispatch.py says what is kept"
    )


class TokenRequest(BaseModel):
    """What a client may ask for. Every field is optional, unknown ones are ignored."""

    room_name: Name | None = None
    participant_identity: Name | None = None
    participant_name: Name | None = None
    participant_metadata: Metadata | None = None
    participant_attributes: Annotated[dict[str, str], within(ATTRIBUTES_LIMIT)] | None = None
    room_config: Annotated[
        RoomConfig | None,
        # In full, because a reference to it would lead nowhere where api.py publishes this schema.
        WithJsonSchema(RoomConfig.model_json_schema()),
    ] = None


class Mint:
    """Makes the tokens of one LiveKit project.

    The claims are those of `livekit.api.AccessToken`, which takes several times as long
    (tests/test_tokens.py compares the two).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = settings.livekit_api_secret.get_secret_value().encode()
        self._hmac = hmac.new(secret, digestmod="sha256")
        self._usual_room = self._room({})

    def token(self, request: TokenRequest, identity: str | None) -> str:
        """A token that joins one room, and may publish and subscribe there.

        Args:
            identity: who asks, if the sign-in knows; else it is the client's choice, or a new one.

        Raises:
            Refused, ValidationError: the client may not have what it asks for.
        """
        room = request.room_name or f"room-{secrets.token_hex(6)}"
        if not self._settings.token_room_pattern.fullmatch(room):
            raise Refused("room_name: is none that TOKEN_ROOM_PATTERN allows")
        person = identity or request.participant_identity or f"person-{secrets.token_hex(6)}"
        if person.startswith(AGENT):
            raise Refused("participant_identity: is an agent's, which it would put out of the room")
        claims = {
            "sub": person,
            "name": request.participant_name,
            "metadata": METADATA.validate_python(
                dispatch.without_name(request.participant_metadata or "")
            ),
            "attributes": request.participant_attributes,
            "video": {
                "roomJoin": True,
                "room": room,
                "canPublish": True,
                "canSubscribe": True,
                "canPublishData": True,
            },
            "roomConfig": (
                self._room(request.room_config.model_dump(by_alias=True))
                if request.room_config
                else self._usual_room
            ),
        }
        token = self.sign(without_nothing(claims))
        if len(token) > TOKEN_LIMIT:
            raise Refused("body: says more than a token can, with which somebody is to join")
        return token

    def sign(self, claims: dict[str, Any]) -> str:
        """A JSON Web Token (RFC 7519, HMAC-SHA256) that says `claims` from now on, for a while."""
        now = int(time.time())
        issued = {
            "iss": self._settings.livekit_api_key,
            "nbf": now,
            "exp": now + self._settings.token_ttl_seconds,
        }
        unsigned = JWT_HEADER + b"." + base64url(to_json({**claims, **issued}))
        signature = self._hmac.copy()
        signature.update(unsigned)
        return (unsigned + b"." + base64url(signature.digest())).decode()

    def _room(self, requested: dict[str, Any]) -> dict[str, Any]:
        try:
            configuration = dispatch.room_configuration(requested, self._settings)
        except ValueError as error:
            raise Refused(f"room_config.{error}") from None
        METADATA.validate_python(configuration["metadata"])
        return without_nothing(configuration)


def without_nothing(claims: dict[str, Any]) -> dict[str, Any]:
    """Leaves out what is empty, as AccessToken does: the token is part of a URL."""
    return {name: value for name, value in claims.items() if value}


def base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


JWT_HEADER = base64url(b'{"alg":"HS256","typ":"JWT"}')
