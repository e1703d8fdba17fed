"""The claims of a token. (Agents: tests/dispatch.)"""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from livekit.api import AccessToken, TokenVerifier, VideoGrants
from livekit.protocol.room import RoomConfiguration

from app.settings import load_settings
from app.tokens.mint import Mint
from app.tokens.request import Refused, TokenRequest

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


@given(
    identity=names,
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
    assert claims.pop("exp") - claims.pop("nbf") == expected.pop("exp") - expected.pop("nbf")
    assert claims == expected


def test_the_identity_of_the_sign_in_goes_into_the_token() -> None:
    claims = TokenVerifier().verify(mint.grant(TokenRequest(), "ann").token)
    assert claims.identity == "ann"


@pytest.mark.parametrize(
    ("room", "is_allowed"),
    [("lesson-7", True), ("lesson-7b", False), ("kitchen", False), ("", False)],
)
def test_a_room_that_does_not_match_the_pattern_is_refused(
    monkeypatch: pytest.MonkeyPatch, room: str, is_allowed: bool
) -> None:
    monkeypatch.setenv("TOKEN_ROOM_PATTERN", r"lesson-\d+")
    lessons = Mint(load_settings())
    if is_allowed:
        lessons.grant(TokenRequest(room_name=room), None)
    else:
        with pytest.raises(Refused, match="room_name: does not match TOKEN_ROOM_PATTERN"):
            lessons.grant(TokenRequest(room_name=room), None)


def test_the_secret_does_not_show() -> None:
    secret = settings.livekit_api_secret.get_secret_value()
    assert secret not in repr(vars(mint))
