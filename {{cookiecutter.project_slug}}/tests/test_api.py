"""LiveKit's standard token endpoint, as a client meets it. (Agents: test_dispatch_….py.)"""

import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from livekit.api import TokenVerifier

from app.api import app, settings

client = TestClient(app)


def test_everything_is_optional() -> None:
    first, second = client.post("/token", json={}), client.post("/token", json={})
    assert first.status_code == 201
    assert first.json()["server_url"] == settings.livekit_url
    claims = [TokenVerifier().verify(a.json()["participant_token"]) for a in (first, second)]
    assert claims[0].identity
    assert claims[0].identity != claims[1].identity
    assert claims[0].video is not None
    assert claims[0].video.room


def test_the_client_gets_what_it_asks_for() -> None:
    answer = client.post(
        "/token",
        json={
            "room_name": "blue",
            "participant_identity": "ann",
            "participant_name": "Ann",
            "participant_metadata": "a text",
            "participant_attributes": {"seat": "4"},
            "room_config": {"empty_timeout": 60, "a_key_of_tomorrow": 1},
            "another_key_of_tomorrow": 1,
        },
    )
    claims = TokenVerifier().verify(answer.json()["participant_token"])
    assert (claims.identity, claims.name, claims.metadata) == ("ann", "Ann", "a text")
    assert claims.attributes == {"seat": "4"}
    assert claims.video is not None
    assert claims.video.room == "blue"
    assert claims.video.room_join
    assert not claims.video.room_admin
    assert claims.room_config is not None
    assert claims.room_config.empty_timeout == 60


def test_a_token_opens_its_room_for_the_time_that_is_set() -> None:
    import jwt

    token = client.post("/token", json={}).json()["participant_token"]
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert expires - time.time() == pytest.approx(settings.token_ttl_seconds, abs=5)


@pytest.mark.parametrize(
    "request_body",
    [
        {"room_name": 7},
        {"participant_attributes": {"seat": 4}},
        {"room_config": "blue"},
        {"room_config": {"empty_timeout": "soon"}},
        {"room_config": {"metadata": "no JSON"}},
        {"room_config": {"metadata": "[1]"}},
        {"room_config": {"metadata": "[" * 100_000}},
    ],
)
def test_what_cannot_be_granted_is_refused_with_a_reason(request_body: dict[str, Any]) -> None:
    answer = client.post("/token", json=request_body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_it_says_that_it_is_healthy() -> None:
    assert client.get("/health").json() == {"status": "ok"}
