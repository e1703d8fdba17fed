"""Metadata: what is cleaned of agent names, and what opts out of agents."""

import pytest
from fastapi.testclient import TestClient

from app.api import app
from app.dispatch import names, policy


@pytest.mark.parametrize(
    ("metadata", "cleaned"),
    [
        ('{"a": [{"agentName": 1, "b": {"AGENT-NAME": 2}}]}', '{"a":[{"b":{}}]}'),
        ('{"agent\\u005fname": 1, "a": 99999999999999999999}', '{"a":99999999999999999999}'),
        ('{"a": 1e999}', '{"a": 1e999}'),  # a browser can parse it
        ("a text", "a text"),
    ],
)
def test_metadata_is_cleaned_at_any_depth(metadata: str, cleaned: str) -> None:
    assert names.without_name(metadata) == cleaned


@pytest.mark.parametrize(
    "metadata",
    ['{"a": NaN}', '{agent_name: "x"}', '{"agent_name": 1, "a": 1e999}', "[" * 100_000],
)
def test_metadata_that_cannot_be_cleaned_is_refused(metadata: str) -> None:
    answer = TestClient(app).post("/token", json={"participant_metadata": metadata})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("participant_metadata: must not ")


def test_metadata_that_grows_when_the_name_is_dropped_is_limited_again() -> None:
    metadata = '{"agent_name": "other", "a": [' + "9e15," * 50_000 + "0]}"  # 9000000000000000.0
    answer = TestClient(app).post("/token", json={"participant_metadata": metadata})
    assert answer.json() == {"detail": "body: is longer than 524,288 bytes"}


@pytest.mark.parametrize(
    ("metadata", "opts_out"),
    [
        ("", False),
        ("{}", False),
        ("no JSON", False),
        ("[]", False),
        ('"require_agent"', False),
        ('{"require_agent": true}', False),
        ('{"require_agent": "yes"}', False),
        ('{"require_agent": false}', True),
        ('{"require_agent": "false"}', True),
        ('{"require_agent": 0}', True),
    ],
)
def test_which_room_metadata_opts_out(metadata: str, opts_out: bool) -> None:
    assert policy.opts_out("", metadata) is opts_out
