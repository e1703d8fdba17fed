"""The claims of a token. (Agents: tests/dispatch.)"""

import pytest
from livekit.api import TokenVerifier

from app.settings import load_settings
from app.tokens.mint import Mint
from app.tokens.request import Refused, TokenRequest

settings = load_settings()
mint = Mint(settings)


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
