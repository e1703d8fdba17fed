"""The request for a token: https://docs.livekit.io/frontends/authentication/tokens/endpoint/"""

from typing import Annotated, Any

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

# livekit-server 1.13.5 rejects tokens that exceed these limits (measured), except for a longer
# display name, which it rejects elsewhere.
NAME_LIMIT_BYTES = 256
METADATA_LIMIT_BYTES = 512 * 1024
ATTRIBUTES_LIMIT_BYTES = 64 * 1024
# An agent waits in a room that a client keeps open without people.
ROOM_TIMEOUT_LIMIT_SECONDS = 3600
UINT32 = 2**32 - 1


class Refused(ValueError):
    """No token is issued; the message names the field of the request and the problem."""


def within(limit: int) -> AfterValidator:
    """Limit a text, or all keys and values of a dictionary together, to `limit` bytes."""

    def check(value: str | dict[str, str]) -> str | dict[str, str]:
        text = value if isinstance(value, str) else "".join((*value, *value.values()))
        if len(text.encode()) > limit:
            raise PydanticCustomError("too_long", f"is longer than {limit:,} bytes")
        return value

    return AfterValidator(check)


Name = Annotated[str, within(NAME_LIMIT_BYTES)]
Metadata = Annotated[str, within(METADATA_LIMIT_BYTES)]


class RoomConfig(BaseModel):
    """What a client may configure in a room that it opens. LiveKit's other keys are ignored."""

    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))

    empty_timeout: int | None = Field(None, ge=0, le=ROOM_TIMEOUT_LIMIT_SECONDS)
    departure_timeout: int | None = Field(None, ge=0, le=ROOM_TIMEOUT_LIMIT_SECONDS)
    max_participants: int | None = Field(None, ge=0, le=UINT32)
    min_playout_delay: int | None = Field(None, ge=0, le=UINT32)
    max_playout_delay: int | None = Field(None, ge=0, le=UINT32)
    sync_streams: bool | None = None
    metadata: Metadata | None = Field(None, description="a JSON object")
    agents: list[dict[str, Any]] | None = Field(
        None, description="a client cannot choose the agent: app/dispatch says what is kept"
    )


class TokenRequest(BaseModel):
    """A request for a token. Every field is optional; unknown fields are ignored."""

    room_name: Name | None = None
    participant_identity: Name | None = None
    participant_name: Name | None = None
    participant_metadata: Metadata | None = None
    participant_attributes: Annotated[dict[str, str], within(ATTRIBUTES_LIMIT_BYTES)] | None = None
    room_config: Annotated[
        RoomConfig | None,
        # Inlined: a reference would be broken in the schema that api.py publishes.
        WithJsonSchema(RoomConfig.model_json_schema()),
    ] = None
