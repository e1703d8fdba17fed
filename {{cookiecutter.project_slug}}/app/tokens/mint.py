"""What a token says, and how it is made."""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json

from app.dispatch import names
from app.settings import Settings
from app.tokens.request import Metadata, Refused, TokenRequest

METADATA = TypeAdapter[str](Metadata)  # what is written again may have grown
TOKEN_LIMIT = 1_000_000  # bytes; livekit-server reads 1 MiB of what a client joins with (measured)
AGENT = "agent-AJ_"  # how the SDK begins the identity of an agent


class Grant(NamedTuple):
    """A token, and the metadata for the job of our agent that it asks for."""

    token: str
    job_metadata: str


class Mint:
    """Makes the tokens of one LiveKit project.

    The claims are those of `livekit.api.AccessToken`, which takes several times as long
    (tests/tokens/test_mint.py compares the two).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = settings.livekit_api_secret.get_secret_value().encode()
        self._hmac = hmac.new(secret, digestmod="sha256")
        self._usual_room = self._room({})

    def grant(self, request: TokenRequest, identity: str | None) -> Grant:
        """Make a token that joins one room, and may publish and subscribe there.

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
        room_config = self._usual_room
        if request.room_config:
            room_config = self._room(request.room_config.model_dump(by_alias=True))
        claims = {
            "sub": person,
            "name": request.participant_name,
            "metadata": METADATA.validate_python(
                names.without_name(request.participant_metadata or "")
            ),
            "attributes": request.participant_attributes,
            "video": {
                "roomJoin": True,
                "room": room,
                "canPublish": True,
                "canSubscribe": True,
                "canPublishData": True,
            },
            "roomConfig": room_config,
        }
        token = self.sign(without_nothing(claims))
        if len(token) > TOKEN_LIMIT:
            raise Refused("body: says more than a token can, with which somebody is to join")
        job_metadata = [agent.get("metadata", "") for agent in room_config.get("agents", [])]
        return Grant(token, "".join(job_metadata))

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
            configuration = names.room_configuration(requested, self._settings)
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
