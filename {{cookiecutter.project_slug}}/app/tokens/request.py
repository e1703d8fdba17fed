"""The request for a token: https://docs.livekit.io/frontends/build/authentication/endpoint/

A value is accepted, or refused by name. Only keys that nobody knows are ignored, as LiveKit asks
for the sake of newer clients; they are counted, and logged once.
"""

import logging
from collections.abc import Iterable, Mapping
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
    # What to say about a key that is not a field, in lower case and without separators.
    hints: ClassVar[Mapping[str, str]] = {}

    def check_keys(self, path: str = "") -> None:
        """Refuse keys with a hint, and fields that are misspelt or given in both spellings."""
        if not self.model_extra:
            return
        fields = {field.replace("_", ""): f"use {field}" for field in type(self).model_fields}
        hints = {**fields, **self.hints}
        for key, value in self.model_extra.items():
            plain = key.replace("_", "").replace("-", "").lower()
            if hint := hints.get(plain):
                if value:  # some SDKs send empty fields, too
                    raise Refused(f"{path}{key:.100}: {hint}")
                continue
            UNKNOWN_KEYS.inc()
            if key not in logged_keys and len(logged_keys) < LOGGED_KEYS_LIMIT:
                logged_keys.add(key)
                logger.warning("Ignored: the unknown key %.100r in a request", path + key)


class Agent(Fields):
    """An agent that a client asks for. Only our own can come: see app/dispatch/names.py."""

    hints = dict.fromkeys(("name", *names.OPTIONS), f"use {names.NAME_KEYS[0]}")

    name: str | None = Field(None, validation_alias=NAMES, serialization_alias=names.NAME_KEYS[0])
    metadata: Metadata | None = Field(None, description="for the agent's job")
    deployment: Name | None = None
    attributes: Attributes | None = Field(None, description="of the job")
    restart_policy: Literal["JRP_ON_FAILURE", 0, None] = None  # what this project does anyway


class RoomConfig(Fields):
    """What a client may configure in a room that it opens."""

    hints = {
        "name": "use room_name",
        "egress": "clients cannot have a room recorded",
        "tags": "clients cannot tag a room",
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

    hints = {
        **dict.fromkeys(("room", "roomid"), "use room_name"),
        **dict.fromkeys(
            ("identity", "participant", "participantid", "user", "userid", "uid"),
            "use participant_identity",
        ),
        **dict.fromkeys(("name", "username", "displayname"), "use participant_name"),
        "metadata": "use participant_metadata",
        "attributes": "use participant_attributes",
        **dict.fromkeys(("config", "roomconfiguration"), "use room_config"),
        **dict.fromkeys(names.OPTIONS, "use room_config.agents"),
    }

    room_name: Name | None = None
    participant_identity: Name | None = None
    participant_name: Name | None = None
    participant_metadata: Metadata | None = None
    participant_attributes: Attributes | None = None
    room_config: RoomConfig | None = None

    @classmethod
    def check_query(cls, keys: Iterable[str]) -> None:
        """Refuse a field in the URL's query, where nobody reads it."""
        fields = {*cls.model_fields, *map(to_camel, cls.model_fields), *cls.hints}
        for key in fields.intersection(keys):
            raise Refused(f"{key}: send it in the JSON body, not in the URL")

    def check(self) -> None:
        """Refuse what cannot be granted because of its key."""
        self.check_keys()
        if config := self.room_config:
            config.check_keys("room_config.")
            for number, agent in enumerate(config.agents or ()):
                agent.check_keys(f"room_config.agents.{number}.")
