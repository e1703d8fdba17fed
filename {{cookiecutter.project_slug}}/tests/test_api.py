"""LiveKit's standard token endpoint, as a client meets it. (Agents: test_dispatch_….py.)"""

import json
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from livekit.api import TokenVerifier

from app.api import TokenRequest, app, settings

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
    ("request_body", "field"),
    [
        ("no JSON", "body"),
        (b"\xff\xfe", "body"),
        ("NaN", "body"),
        ("[]", "body"),
        ('{"room_name": 7}', "body.room_name"),
        ('{"room_name": "\\ud800"}', "body"),
        ('{"room_config": {"name": NaN}}', "body"),
        ('{"participant_attributes": {"seat": 4}}', "body.participant_attributes.seat"),
        ('{"room_config": "blue"}', "body.room_config"),
        ('{"room_config": {"empty_timeout": "soon"}}', "body.room_config"),
        ('{"room_config": {"agents": [{"restart_policy": 1e300}]}}', "body.room_config"),
        ('{"room_config": {"metadata": "no JSON"}}', "body.room_config: metadata"),
        ('{"room_config": {"metadata": "[1]"}}', "body.room_config: metadata"),
        ('{"room_config": {"metadata": "{\\"a\\": NaN}"}}', "body.room_config: metadata"),
        (json.dumps({"room_config": {"metadata": "[" * 100_000}}), "body.room_config: metadata"),
    ],
)
def test_what_cannot_be_granted_is_refused_with_a_sentence(
    request_body: str | bytes, field: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/token", content=request_body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(field)


def test_what_is_nested_too_deeply_to_be_passed_on_is_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(10_000):
        nested = {"a": nested}
    with pytest.raises(ValueError, match="nested too deeply"):
        TokenRequest(room_config=nested)


def test_it_says_that_it_is_healthy() -> None:
    assert client.get("/health").json() == {"status": "ok"}
