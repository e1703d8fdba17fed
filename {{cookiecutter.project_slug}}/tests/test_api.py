"""LiveKit's standard token endpoint, from a client's side. (Agents: tests/dispatch.)"""

import asyncio
import json
import re
import time
from collections.abc import Iterator

import jwt
import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient
from livekit.api import TokenVerifier
from pydantic.alias_generators import to_camel
from starlette.types import Message

from app import api
from app.api import settings
from app.tokens.request import RoomConfig, TokenRequest

client = TestClient(api.app)


@pytest.fixture(autouse=True)
def no_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def count(address: str) -> None:
        pass

    monkeypatch.setattr(api.rate_limit, "count", count)


def test_everything_is_optional() -> None:
    first, second = client.post("/token", json={}), client.post("/token", json={})
    assert first.status_code == 201
    assert first.json()["server_url"] == settings.livekit_url
    claims = [TokenVerifier().verify(a.json()["participant_token"]) for a in (first, second)]
    assert claims[0].identity
    assert claims[0].identity != claims[1].identity
    assert claims[0].video is not None
    assert claims[0].video.room


def in_camel_case(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {to_camel(key): in_camel_case(part) for key, part in value.items()}


@pytest.mark.parametrize("is_snake_case", [True, False], ids=["snake_case", "camelCase"])
def test_the_token_contains_what_the_client_asks_for(is_snake_case: bool) -> None:
    body = {
        "room_name": "blue",
        "participant_identity": "ann",
        "participant_name": "Ann",
        "participant_metadata": "a text",
        "participant_attributes": {"seat": "4"},
        "room_config": {"empty_timeout": 60, "a_future_key": 1},
        "another_future_key": 1,
    }
    answer = client.post("/token", json=body if is_snake_case else in_camel_case(body))
    claims = TokenVerifier().verify(answer.json()["participant_token"])
    assert (claims.identity, claims.name, claims.metadata) == ("ann", "Ann", "a text")
    assert claims.attributes == {"seat": "4"}
    assert claims.video is not None
    assert claims.video.room == "blue"
    assert claims.video.room_join
    assert not claims.video.room_admin
    assert claims.room_config is not None
    assert claims.room_config.empty_timeout == 60
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["participantToken"] == answer.json()["participant_token"]


def test_a_token_expires_after_the_configured_lifetime() -> None:
    token = client.post("/token", json={}).json()["participant_token"]
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert expires - time.time() == pytest.approx(settings.token_ttl_seconds, abs=5)


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        ("no JSON", "body: Invalid JSON"),
        ('{"room_name": 7}', "room_name: "),
        ('{"room": "blue"}', "room: use room_name"),
        ('{"room_name": "blue", "roomName": "red"}', "roomName: use room_name"),
        (json.dumps({"room_name": "ä" * 129}), "room_name: is longer than 256 bytes"),
        ('{"participant_identity": "agent-AJ_1"}', "participant_identity: must not begin"),
        ('{"room_config": {"departure_timeout": 3601}}', "room_config.departure_timeout: "),
        ('{"room_config": {"agents": [7]}}', "room_config.agents.0: "),
        ('{"room_config": {"metadata": "[1]"}}', "room_config.metadata: must be a JSON object"),
        ('{"room_config": {"egress": {"room": {}}}}', "room_config.egress: clients cannot"),
    ],
)
def test_an_invalid_request_is_refused_with_a_sentence(request_body: str, reason: str) -> None:
    answer = client.post("/token", content=request_body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(reason)


@pytest.mark.parametrize(
    "request_body",
    [
        "",
        "null",
        json.dumps(dict.fromkeys(TokenRequest.model_fields)),
        '{"room_name": "", "participant_identity": "", "room_config": {"metadata": ""}}',
        json.dumps({"room_config": {**dict.fromkeys(RoomConfig.model_fields), "egress": None}}),
    ],
)
def test_empty_values_of_other_sdks_are_accepted(request_body: str) -> None:
    assert client.post("/token", content=request_body).status_code == 201


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "in chunks"])
def test_a_body_that_is_too_long_is_not_read_completely(is_declared: bool) -> None:
    chunks_read = 0

    def chunks() -> Iterator[bytes]:
        nonlocal chunks_read
        for _ in range(100):
            chunks_read += 1
            yield b" " * 100_000

    headers = {"Content-Length": "10000000"} if is_declared else {}
    answer = client.post("/token", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "body: is longer than 716,800 bytes"


async def test_a_body_that_does_not_arrive_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing() -> Message:
        return await asyncio.Future()

    monkeypatch.setattr(api, "BODY_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(HTTPException, match="too slowly"):
        await api.read_body(Request({"type": "http", "headers": []}, nothing), 10)


def test_a_token_grants_nothing_beyond_taking_part_in_its_room() -> None:
    token = client.post("/token", json={"room_name": "blue"}).json()["participant_token"]
    assert jwt.decode(token, options={"verify_signature": False})["video"] == {
        "room": "blue",
        "roomJoin": True,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
    }


def test_only_listed_web_sites_may_ask() -> None:
    headers = {"Origin": "https://example.com"}
    assert "Access-Control-Allow-Origin" not in client.post("/token", headers=headers).headers


def test_the_request_and_every_refusal_are_documented() -> None:
    described = client.get("/openapi.json").json()["paths"]["/token"]["post"]
    assert set(described["responses"]) == {
        *("201", "400", "401", "403", "408", "413", "422", "429", "503")
    }
    content = described["requestBody"]["content"]["application/json"]
    assert content["schema"]["anyOf"][0] == {"$ref": "#/components/schemas/TokenRequest"}


def test_the_page_loads_only_listed_scripts_and_cannot_be_framed() -> None:
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    script = re.search(r'src="(https://\S+/)dist/', page.text)
    assert script
    assert f"script-src 'self' {script[1]};" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_the_health_check_answers() -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_it_is_not_ready_while_livekit_does_not_answer() -> None:
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("LiveKit does not answer at LIVEKIT_URL: nothing ")
