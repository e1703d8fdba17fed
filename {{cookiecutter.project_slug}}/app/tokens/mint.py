"""The claims of a token, and its signature."""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json

from app.dispatch import names
from app.settings import Settings
from app.tokens.request import Metadata, Refused, RoomConfig, TokenRequest

METADATA = TypeAdapter[str](Metadata)  # JSON that is encoded again may be longer
ROOM_FIELDS = set(RoomConfig.model_fields)
TOKEN_LIMIT_BYTES = 1_000_000  # livekit-server reads at most 1 MiB of a join request (measured)
AGENT_PREFIX = "agent-AJ_"  # of the identities that the SDK gives to agents


class Grant(NamedTuple):
    """A token, and the options of the agent's job that it requests."""

    token: str
    options: names.JobOptions


class Mint:
    """Issues the tokens of one LiveKit project.

    The claims are those of `livekit.api.AccessToken` (tests/tokens/test_mint.py compares them),
    which takes 65 µs for a token. `jwt.encode` takes 20 to 26 µs, `sign` 4 to 6 (measured).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = settings.livekit_api_secret.get_secret_value().encode()
        self._hmac = hmac.new(secret, digestmod="sha256")
        self._usual_room = self._room({})

    def grant(self, request: TokenRequest, identity: str | None) -> Grant:
        """Issue a token to join one room, or raise Refused or ValidationError.

        Without an `identity` from the sign-in, the client's choice counts, or a new one.
        """
        room = request.room_name or f"room-{secrets.token_hex(6)}"
        if not self._settings.token_room_pattern.fullmatch(room):
            raise Refused("room_name: does not match TOKEN_ROOM_PATTERN")
        participant = identity or request.participant_identity or f"person-{secrets.token_hex(6)}"
        if participant.startswith(AGENT_PREFIX):
            raise Refused("participant_identity: must not begin with agent-AJ_, as agents' do")
        request.check()
        room_config, options = self._usual_room, {}
        if request.room_config:
            known = request.room_config.model_dump(include=ROOM_FIELDS, by_alias=True)
            room_config = self._room(known)
            for agent in room_config.get("agents", ()):
                options = {name: agent[name] for name in names.JOB_OPTIONS if name in agent}
        try:
            metadata = names.without_name(request.participant_metadata or "")
        except ValueError as error:
            raise Refused(f"participant_metadata: {error}") from None
        claims = {
            "sub": participant,
            "name": request.participant_name,
            "metadata": METADATA.validate_python(metadata),
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
        token = self.sign(without_empty(claims))
        if len(token) > TOKEN_LIMIT_BYTES:
            raise Refused("body: too large to fit into a token")
        return Grant(token, options)

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a JSON Web Token (RFC 7519, HMAC-SHA256) with `claims`, valid from now on."""
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
        return without_empty(configuration)


def without_empty(claims: dict[str, Any]) -> dict[str, Any]:
    """Drop empty claims, as AccessToken does: the token is part of a URL."""
    return {name: value for name, value in claims.items() if value}


def base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


JWT_HEADER = base64url(b'{"alg":"HS256","typ":"JWT"}')
