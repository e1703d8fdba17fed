"""Whatever a client sends to POST /token, it gets a token that says the same, or a sentence."""

import json
import logging
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from pydantic.alias_generators import to_camel
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import Message

from app import api
from app.dispatch.names import our_name
from app.tokens import request as token_request

client = TestClient(api.app, raise_server_exceptions=False)
DEEP = 10_000


@pytest.fixture(autouse=True)
def no_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def count(address: str) -> None:
        pass

    monkeypatch.setattr(api.rate_limit, "count", count)


def claims(body: Any) -> dict[str, Any]:
    answer = client.post("/token", json=body)
    assert answer.status_code == 201, answer.text
    token = answer.json()["participant_token"]
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def refusal(body: Any) -> str:
    is_json = not isinstance(body, (str, bytes))
    answer = client.post("/token", json=body) if is_json else client.post("/token", content=body)
    assert answer.status_code == 422, answer.text
    return str(answer.json()["detail"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no JSON", "body: Invalid JSON"),
        ("room_name=blue", "body: Invalid JSON"),
        (b"\xff\xfe", "body: Invalid JSON"),
        ('{"room_name": "blue"}'.encode("utf-16"), "body: Invalid JSON"),
        ("NaN", "body: "),
        ("[]", "body: "),
        ('"blue"', "body: "),
        ("7", "body: "),
        ("[" * 100_000, "body: Invalid JSON"),
        ('{"a":' * 100_000, "body: Invalid JSON"),
        ('{"room_name": "\\ud800"}', "body: Invalid JSON"),
        ('{"room_name": 7}', "room_name: "),
        ('{"room_name": ["blue"]}', "room_name: "),
        ('{"roomName": {"a": 1}}', "roomName: "),
        ('{"participant_attributes": ["a"]}', "participant_attributes: "),
        ('{"participant_attributes": {"seat": 4}}', "participant_attributes.seat: "),
        ('{"room_config": "blue"}', "room_config: "),
        ('{"room_config": [{}]}', "room_config: "),
        ('{"room_config": {"empty_timeout": "soon"}}', "room_config.empty_timeout: "),
        ('{"room_config": {"empty_timeout": -1}}', "room_config.empty_timeout: "),
        ('{"room_config": {"empty_timeout": 1e300}}', "room_config.empty_timeout: "),
        ('{"room_config": {"empty_timeout": 1e999}}', "room_config.empty_timeout: "),
        ('{"room_config": {"departureTimeout": 3601}}', "room_config.departureTimeout: "),
        ('{"room_config": {"max_participants": 4294967296}}', "room_config.max_participants: "),
        ('{"room_config": {"sync_streams": "perhaps"}}', "room_config.sync_streams: "),
        ('{"room_config": {"agents": {}}}', "room_config.agents: "),
        ('{"room_config": {"agents": [7]}}', "room_config.agents.0: "),
        ('{"room_config": {"agents": [[]]}}', "room_config.agents.0: "),
        (json.dumps({"room_name": "ä" * 129}), "room_name: is longer than 256 bytes"),
        (json.dumps({"participant_identity": "a" * 257}), "participant_identity: is longer"),
        (json.dumps({"participant_name": "a" * 257}), "participant_name: is longer"),
        (json.dumps({"participant_metadata": "a" * 524_289}), "participant_metadata: is longer"),
        (json.dumps({"participant_attributes": {"a": "b" * 65_536}}), "participant_attributes: is"),
    ],
)
def test_a_value_that_is_not_accepted_is_refused_by_name(body: str | bytes, reason: str) -> None:
    assert refusal(body).startswith(reason)


@pytest.mark.parametrize("body", [b"", b" \r\n", b"null", b" null ", b"{}"])
@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_a_body_is_optional(body: bytes, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert client.post("/token", content=body, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        *((key, "room_name") for key in ("room", "Room", "roomId", "room_id", "ROOM_NAME")),
        *((key, "room_name") for key in ("room-name", "roomname", "RoomName")),
        *((key, "participant_identity") for key in ("identity", "participantId", "user", "userId")),
        *((key, "participant_identity") for key in ("participant", "uid", "user_id")),
        *((key, "participant_name") for key in ("name", "userName", "displayName", "username")),
        ("metadata", "participant_metadata"),
        ("attributes", "participant_attributes"),
        *((key, "room_config") for key in ("config", "roomConfiguration", "room_configuration")),
        *((key, "room_config.agents") for key in ("agent", "agents", "agentMetadata")),
        *((f"agent{rest}", "room_config.agents") for rest in ("Name", "_name", "Deployment")),
        *((f"agent{rest}", "room_config.agents") for rest in ("_id", "Dispatch", "_attributes")),
        *((key, "room_config.agents") for key in ("dispatch", "deployment", "restartPolicy")),
        *((key, "room_name") for key in ("Room Name", "room.name", "room[]", "channelName")),
        *((key, "participant_identity") for key in ("id", "user_identity", "UserIdentity")),
        ("userMetadata", "participant_metadata"),
        *((key, f"room_config.{key}") for key in ("empty_timeout", "max_participants")),
        ("syncStreams", "room_config.sync_streams"),
        *((key, "room_config.metadata") for key in ("roomMetadata", "room_metadata")),
    ],
)
def test_a_key_that_is_not_the_standards_is_refused_with_the_right_one(key: str, hint: str) -> None:
    assert refusal({key: "x"}) == f"{key}: use {hint}"
    assert claims({key: None})  # some SDKs send empty fields
    for value in (0, False):  # which are not empty
        assert refusal({key: value}) == f"{key}: use {hint}"


@pytest.mark.parametrize("key", ["ttl", "grants", "video", "permissions"])
def test_what_a_token_allows_is_not_for_clients_to_choose(key: str) -> None:
    assert refusal({key: {"roomAdmin": True}}).startswith(f"{key}: ")


def test_a_byte_order_mark_is_skipped() -> None:
    body = '{"room_name": "blue"}'.encode("utf-8-sig")
    assert client.post("/token", content=body).status_code == 201


@pytest.mark.parametrize(
    "key",
    [
        *("room_name", "roomName", "room", "participant_identity", "identity"),
        *("ROOM_NAME", "room-name", "room[]", "agentName", "max_participants", "ttl"),
    ],
)
def test_a_field_in_the_query_is_refused(key: str) -> None:
    answer = client.post("/token", params={key: "blue"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == f"{key}: send it in the JSON body, not in the URL"


def test_a_query_of_somebody_else_is_ignored() -> None:
    assert client.post("/token?version=2").status_code == 201


def test_a_refusal_names_a_long_key_in_short() -> None:
    assert len(refusal({"participant_attributes": {"a" * 60_000: 1}})) < 300


async def test_each_piece_of_a_body_is_counted_once() -> None:
    """Counting all pieces again for each new one took 7 s for 30,000 of them (measured)."""
    counted = 0

    class Piece(bytes):
        def __len__(self) -> int:
            nonlocal counted
            counted += 1
            return super().__len__()

    pieces = [Piece(b"a") for _ in range(1000)]

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    request = Request({"type": "http", "headers": []}, receive)
    assert await api.read_body(request, 1000) == b"a" * 1000
    assert counted == 1000


@pytest.mark.parametrize("field", sorted(token_request.TokenRequest.model_fields))
def test_a_field_in_both_spellings_is_refused(field: str) -> None:
    camel = to_camel(field)
    value: Any = {"a": "b"} if field in ("participant_attributes", "room_config") else "x"
    assert refusal({field: value, camel: value}) == f"{camel}: use {field}"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"egress": {"room": {}}}, "egress: clients cannot have a room recorded"),
        ({"tags": {"a": "b"}}, "tags: clients cannot tag a room"),
        ({"name": "blue"}, "name: use room_name"),
        ({"EmptyTimeout": 3}, "EmptyTimeout: use empty_timeout"),
        ({"emptyTimeout": 3, "empty_timeout": 4}, "emptyTimeout: use empty_timeout"),
        ({"agents": [{"agentName": "a", "agent_name": "b"}]}, "agents.0.agentName: use agent_"),
        ({"agents": [{"name": "a"}]}, "agents.0.name: use agent_"),
        ({"agents": [{"Metadata": "a"}]}, "agents.0.Metadata: use metadata"),
        ({"agents": [{"agentMetadata": "a"}]}, "agents.0.agentMetadata: use metadata"),
        ({"agents": [{"room": "a"}]}, "agents.0.room: use room_name"),
        ({"agents": [{"identity": "a"}]}, "agents.0.identity: use participant_identity"),
        ({"agents": [{"maxParticipants": 2}]}, "agents.0.maxParticipants: use room_config.max_"),
        ({"agent": {"agent_name": "a"}}, "agent: use room_config.agents"),
        ({"agentName": "a"}, "agentName: use room_config.agents"),
        ({"roomName": "a"}, "roomName: use room_name"),
        ({"participant_identity": "a"}, "participant_identity: use participant_identity"),
    ],
)
def test_what_a_room_cannot_have_is_refused(config: dict[str, Any], reason: str) -> None:
    assert refusal({"room_config": config}).startswith(f"room_config.{reason}")


def test_an_unknown_key_is_counted_and_logged_once_without_its_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = REGISTRY.get_sample_value("app_unknown_keys_total") or 0
    for _ in range(2):
        client.post("/token", json={"hat_size": "a-secret"})
    assert REGISTRY.get_sample_value("app_unknown_keys_total") == before + 2
    assert caplog.messages == ["Ignored: the unknown key 'hat_size' in a request"]


def test_unknown_keys_are_logged_a_hundred_times_at_most(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_request, "logged_keys", set())
    caplog.set_level(logging.WARNING)
    for number in range(150):
        claims({f"new_{number}\n{'x' * 500}": "a secret", "room_config": {"new": 1}})
    assert len(caplog.messages) == 100
    assert all("\n" not in line and len(line) < 200 for line in caplog.messages)
    assert "a secret" not in caplog.text


METADATA: list[tuple[str, Any]] = [
    ('{"a": 1}', {"a": 1}),
    ('{"a": 1e308, "b": -0.0, "c": 123456789012345678901234567890}', None),
    ('{"%s": 1, "a": 1}', {"a": 1}),
    ('[{"%s": 1}, {"a": [{"%s": {"b": 1}}]}]', [{}, {"a": [{}]}]),
    ('{"a": 1, "a": {"%s": 1}}', {"a": {}}),
    ('{"a": "\\ud800", "%s": 1}', {"a": "\ud800"}),
    ('{"a": ' + "9" * 200 + ', "%s": 1}', {"a": int("9" * 200)}),
    ("[" * 100 + '{"%s": 1}' + "]" * 100, None),
]
SPELLINGS = [
    "agent_name",
    "agentName",
    "AGENT_NAME",
    "agent-name",
    "Agent Name",
    "agent\\u005fname",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("metadata", "content"), METADATA)
@pytest.mark.parametrize("place", ["participant", "room", "agent"])
def test_metadata_is_json_without_an_agents_name(
    metadata: str, content: Any, spelling: str, place: str
) -> None:
    metadata = metadata.replace("%s", spelling)
    if place == "room":
        if metadata[0] == "[":
            return
        metadata = claims({"room_config": {"metadata": metadata}})["roomConfig"]["metadata"]
    elif place == "agent":
        agents = [{"metadata": metadata}]
        (agent,) = claims({"room_config": {"agents": agents}})["roomConfig"]["agents"]
        metadata = agent["metadata"]
    else:
        metadata = claims({"participant_metadata": metadata})["metadata"]
    found = json.loads(metadata, parse_constant=pytest.fail)
    if place == "room":
        assert found.pop("require_agent") is True
    if content is not None:
        assert found == content
    keys = "".join(filter(str.isalpha, json.dumps(found))).lower()
    assert "agentname" not in keys


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"agent_name": 1, "a": 1e999}',
        '{"agent_name": 1, "a": ' + "9" * 5000 + "}",
        "{agent_name: 'x'}",
        '\ufeff{"agentName": "x"}',
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP + '{"agent_name": 1}' + "}" * DEEP,
    ],
)
@pytest.mark.parametrize("place", ["participant_metadata", "metadata", "agents"])
def test_metadata_that_cannot_be_cleaned_is_refused(metadata: str, place: str) -> None:
    body: dict[str, Any] = {place: metadata}
    if place == "metadata":
        body = {"room_config": body}
    if place == "agents":
        body = {"room_config": {"agents": [{"metadata": metadata}]}}
    assert "metadata: must " in refusal(body)


@pytest.mark.parametrize("metadata", ["a text", "[VIP] Ann", "{", '{"a": 1e999}', "1e999", '"x"'])
def test_metadata_that_no_browser_would_misread_is_kept(metadata: str) -> None:
    assert claims({"participant_metadata": metadata})["metadata"] == metadata


@pytest.mark.parametrize(
    "metadata", ["no JSON", "[1]", "7", '{"a": NaN}', "[" * 100_000, '{"a": 1e999}']
)
def test_the_metadata_of_a_room_must_be_an_object(metadata: str) -> None:
    assert refusal({"room_config": {"metadata": metadata}}).startswith("room_config.metadata: must")


def growing(count: int) -> str:
    """Metadata that becomes four times as long when it is encoded again."""
    return '{"a": [' + "9e15," * count + "0]}"


def test_what_does_not_fit_into_a_token_is_refused() -> None:
    assert refusal({"room_config": {"metadata": growing(50_000)}}).startswith("body: is longer")
    both = {"participant_metadata": "a" * 300_000, "room_config": {"metadata": growing(25_000)}}
    assert refusal(both) == "body: too large to fit into a token"


@pytest.mark.parametrize("name", [["x"], {"a": 1}, 7, True, ["x", 1]])
def test_a_name_of_another_type_is_refused(name: Any) -> None:
    for key in ("agent_name", "agentName"):
        agents = [{}, {key: name}, {key: "other"}]
        reason = f"room_config.agents.1.{key}: Input should be a valid string"
        assert refusal({"room_config": {"agents": agents}}) == reason


@pytest.mark.parametrize("restart_policy", [None, 0, "JRP_ON_FAILURE"])
def test_the_options_of_a_job_are_kept(restart_policy: Any) -> None:
    agent = {"metadata": '{"lang":"de"}', "attributes": {"tier": "gold"}}
    agents = [agent | {"restartPolicy": restart_policy}]
    (found,) = claims({"room_config": {"agents": agents}})["roomConfig"]["agents"]
    assert {key: found[key] for key in agent} == agent


def test_a_deployment_is_kept_or_refused() -> None:
    body = {"room_config": {"agents": [{"deployment": "staging"}]}}
    if our_name(api.settings):
        assert claims(body)["roomConfig"]["agents"][0]["deployment"] == "staging"
    else:
        assert refusal(body) == "room_config.agents.deployment: needs explicit dispatch"


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        *((name, True) for name in ("localhost", "LOCALHOST:8000", "localhost.", "app.localhost")),
        *((name, True) for name in ("127.0.0.1:8000", "192.168.1.20", "[::1]:8000", "[fe80::1]")),
        *((name, True) for name in ("my-laptop", "my-laptop.local:8000", "backend:8000")),
        *((name, False) for name in ("evil.example", "localhost.evil.example:8000", "127.0.0.1.x")),
        *((name, False) for name in ("evil.example:8000", "local.evil", "1.2.3.4.nip.io", "a.b.c")),
    ],
)
@pytest.mark.parametrize("auth", [None, "none"])
def test_a_page_that_names_itself_after_this_machine_gets_no_token(
    monkeypatch: pytest.MonkeyPatch, auth: str | None, host: str, is_local: bool
) -> None:
    monkeypatch.setattr(api, "settings", api.settings.model_copy(update={"token_auth": auth}))
    answer = client.post("/token", headers={"Host": host})
    if is_local or auth:
        assert answer.status_code == 201
    else:
        assert answer.status_code == 403
        assert "TOKEN_AUTH" in answer.json()["detail"]


@pytest.fixture
def web() -> TestClient:
    origins = ["https://app.example.net", "capacitor://localhost"]
    options = dict(api.CORS, allow_origins=origins)
    return TestClient(CORSMiddleware(api.app, **options))


@pytest.mark.parametrize("origin", ["https://app.example.net", "capacitor://localhost"])
@pytest.mark.parametrize(
    "headers", ["content-type", "content-type,x-user-id", "traceparent,baggage", "x-sandbox-id"]
)
def test_a_listed_page_may_send_headers_of_its_own(
    web: TestClient, origin: str, headers: str
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = web.options("/token", headers=asked | {"Access-Control-Request-Headers": headers})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().replace(" ", "").split(",")
    assert set(headers.split(",")) <= set(allowed)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_told_the_right_one(method: str) -> None:
    answer = client.request(method, "/token?room=team-7&identity=ann")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
