"""What a client may ask for.

The request is the one of LiveKit's standard token endpoint:
https://docs.livekit.io/frontends/authentication/tokens/endpoint/
"""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

# Bytes: livekit-server 1.13.5 lets nobody in whose token says more (measured), except for a longer
# display name, which it takes here but nowhere else.
NAME_LIMIT = 256
METADATA_LIMIT = 512 * 1024
ATTRIBUTES_LIMIT = 64 * 1024
# Seconds that a room may stay open with nobody in it, at a client's wish: its agent waits there.
ROOM_TIMEOUT_LIMIT = 3600
UINT32 = 2**32 - 1


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
        None,
        description="no client chooses which agent comes: app/dispatch says what is kept",
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
