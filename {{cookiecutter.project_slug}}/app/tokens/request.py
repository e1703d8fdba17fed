"""The request for a token: https://docs.livekit.io/frontends/build/authentication/endpoint/

A value is accepted, or refused by name. Only keys that nobody knows are ignored, as LiveKit asks
for the sake of newer clients; they are counted, and logged once.
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.dispatch import names
from app.observability.metrics import UNKNOWN_KEYS

logger = logging.getLogger("app.tokens.request")

# livekit-server 1.13.5 rejects tokens that exceed these limits (measured), except for a longer
# display name, which it rejects elsewhere.
NAME_LIMIT_BYTES = 256
METADATA_LIMIT_BYTES = 512 * 1024
ATTRIBUTES_LIMIT_BYTES = 64 * 1024
# An agent waits in a room that a client keeps open without people.
ROOM_TIMEOUT_LIMIT_SECONDS = 3600
UINT32 = 2**32 - 1
LOGGED_KEYS_LIMIT = 100  # different unknown keys

logged_keys: set[str] = set()


class Refused(ValueError):
    """No token is issued; the message names the field of the request and the problem."""


def within(limit: int) -> AfterValidator:
    """Limit a text, or all keys and values of a dictionary together, to `limit` bytes."""

    def check(value: str | dict[str, str]) -> str | dict[str, str]:
        text = value if isinstance(value, str) else "".join((*value, *value.values()))
        if len(text.encode()) > limit:  # also refuses half a surrogate pair
            raise PydanticCustomError("too_long", f"is longer than {limit:,} bytes")
        return value

    return AfterValidator(check)


NAMES = AliasChoices(*names.NAME_KEYS)
Name = Annotated[str, within(NAME_LIMIT_BYTES)]
Metadata = Annotated[str, within(METADATA_LIMIT_BYTES)]
Attributes = Annotated[dict[str, str], within(ATTRIBUTES_LIMIT_BYTES)]


class Fields(BaseModel):
    """Fields in both spellings: `room_name` and, as protobuf's JSON has it, `roomName`."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(
            validation_alias=lambda name: AliasChoices(name, to_camel(name)),
            serialization_alias=to_camel,
        ),
        extra="allow",
    )
    # What to say about keys that are not fields, in lower case and without separators.
    hints: ClassVar[Mapping[str, str]] = {}

    @classmethod
    @cache
    def known_keys(cls) -> dict[str, str]:
        tables = HINTS, {f"use {f}": f.replace("_", "") for f in cls.model_fields}, cls.hints
        return {key: hint for table in tables for hint in table for key in table[hint].split()}

    @classmethod
    def hint(cls, key: str) -> str | None:
        return cls.known_keys().get("".join(filter(str.isalnum, key)).lower())

    def check_keys(self, path: str = "") -> None:
        """Refuse known keys that are not fields here: misspelt, misplaced, or in both spellings."""
        for key, value in (self.model_extra or {}).items():
            if hint := self.hint(key):
                if value not in (None, "", [], {}):  # some SDKs send empty fields, too
                    raise Refused(f"{path}{key:.100}: {hint}")
                continue
            UNKNOWN_KEYS.inc()
            if key not in logged_keys and len(logged_keys) < LOGGED_KEYS_LIMIT:
                logged_keys.add(key)
                logger.warning("Ignored: the unknown key %.100r in a request", path + key)


class Agent(Fields):
    """An agent that a client asks for. Only our own can come: see app/dispatch/names.py."""

    hints = {
        f"use {names.NAME_KEYS[0]}": f"name id {names.OPTIONS}",
        **{f"use {option}": f"agent{option}" for option in names.JOB_OPTIONS},
    }

    name: str | None = Field(None, validation_alias=NAMES, serialization_alias=names.NAME_KEYS[0])
    metadata: Metadata | None = Field(None, description="for the agent's job")
    deployment: Name | None = None
    attributes: Attributes | None = Field(None, description="of the job")
    restart_policy: Literal["JRP_ON_FAILURE", 0, None] = None  # what this project does anyway


class RoomConfig(Fields):
    """What a client may configure in a room that it opens."""

    hints = {
        "use room_name": "name id",
        "clients cannot have a room recorded": "egress",
        "clients cannot tag a room": "tags",
    }

    empty_timeout: int | None = Field(None, ge=0, le=ROOM_TIMEOUT_LIMIT_SECONDS)
    departure_timeout: int | None = Field(None, ge=0, le=ROOM_TIMEOUT_LIMIT_SECONDS)
    max_participants: int | None = Field(None, ge=0, le=UINT32)
    min_playout_delay: int | None = Field(None, ge=0, le=UINT32)
    max_playout_delay: int | None = Field(None, ge=0, le=UINT32)
    sync_streams: bool | None = None
    metadata: Metadata | None = Field(None, description="a JSON object")
    agents: list[Agent] | None = None


class TokenRequest(Fields):
    """A request for a token. Every field is optional; so is the body."""

    room_name: Name | None = None
    participant_identity: Name | None = None
    participant_name: Name | None = None
    participant_metadata: Metadata | None = None
    participant_attributes: Attributes | None = None
    room_config: RoomConfig | None = None

    def check(self) -> None:
        """Refuse what cannot be granted because of its key."""
        self.check_keys()
        if config := self.room_config:
            config.check_keys("room_config.")
            for number, agent in enumerate(config.agents or ()):
                agent.check_keys(f"room_config.agents.{number}.")


# In any object, because clients also send a field in the wrong one. The last hint counts.
HINTS = {
    **{f"use room_config.{f}": f.replace("_", "") for f in RoomConfig.model_fields},
    "use room_config.metadata": "roommetadata",
    "use room_config.agents": names.OPTIONS,
    "use room_config": "config options roomconfig roomconfiguration roomoptions",
    "use room_name": "room roomid roomname channel channelid channelname",
    "use participant_identity": "participant participantid participantidentity identity "
    "user userid useridentity uid id",
    "use participant_name": "participantname name username displayname",
    "use participant_metadata": "participantmetadata metadata usermetadata",
    "use participant_attributes": "participantattributes attributes userattributes",
    "TOKEN_TTL_SECONDS sets it, for everybody": "ttl",
    "clients cannot choose what a token allows": "grant grants video permission permissions",
}
