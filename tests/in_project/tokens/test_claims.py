"""The claims of a token are those of the SDK's own."""

from datetime import timedelta
from typing import Any

import jwt
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from livekit.api import AccessToken, TokenVerifier, VideoGrants
from livekit.protocol.room import RoomConfiguration

from app.settings import load_settings
from app.tokens.mint import AGENT_PREFIX, Mint
from app.tokens.request import TokenRequest

settings = load_settings()
mint = Mint(settings)

names = st.text(min_size=1, max_size=60)
room_configs = st.fixed_dictionaries(
    {},
    optional={
        "empty_timeout": st.integers(0, 3600),
        "max_participants": st.integers(0, 2**32 - 1),
        "sync_streams": st.booleans(),
        "metadata": st.sampled_from(["", "{}", '{"topic": "weather ☂"}']),
    },
)


@hypothesis_settings(deadline=None)  # a busy machine may take its time
@given(
    identity=names.filter(lambda name: not name.startswith(AGENT_PREFIX)),
    room=names.filter(lambda name: "\n" not in name),
    name=st.none() | names,
    metadata=st.none() | names.filter(lambda text: text[0] not in "{["),  # not JSON
    attributes=st.none() | st.dictionaries(names, st.text(max_size=60), max_size=5),
    room_config=room_configs,
)
def test_the_claims_are_those_of_the_sdks_own_token(
    identity: str,
    room: str,
    name: str | None,
    metadata: str | None,
    attributes: dict[str, str] | None,
    room_config: dict[str, Any],
) -> None:
    request = TokenRequest(
        room_name=room,
        participant_identity=identity,
        participant_name=name,
        participant_metadata=metadata,
        participant_attributes=attributes,
        room_config=room_config,
    )
    ours = mint.grant(request, None).token
    claims = jwt.decode(ours, options={"verify_signature": False})
    theirs = (
        AccessToken().with_identity(identity).with_name(name or "").with_metadata(metadata or "")
    )
    theirs.with_grants(VideoGrants(room_join=True, room=room))
    theirs.with_ttl(timedelta(seconds=settings.token_ttl_seconds))
    theirs.with_room_config(ParseDict(claims["roomConfig"], RoomConfiguration()))
    if attributes:
        theirs.with_attributes(attributes)
    token = theirs.to_jwt()
    assert TokenVerifier().verify(ours) == TokenVerifier().verify(token)
    expected = jwt.decode(token, options={"verify_signature": False})
    seconds = claims.pop("exp") - claims.pop("nbf")
    # The SDK looks at the clock for each of the two.
    assert expected.pop("exp") - expected.pop("nbf") in (seconds, seconds + 1)
    assert claims == expected
