"""Causes in a token, and in the backend that makes it."""

from typing import Any

import pytest

from tests.e2e.doctor.project import Doctor, HealthyProject, listening
from tests.e2e.programs import LiveKit

TOKENS: dict[str, dict[str, Any]] = {
    "token-of-another-key": {"iss": "another"},
    "token-signature": {"secret": "of-another-project-with-32-letters"},
    "token-expired": {"nbf": -1000, "exp": -100},
    "token-not-yet": {"nbf": 600},
    "token-cannot-join": {"video": {"room": "new"}},
    "token-for-another-room": {"room": "another"},
    "token-asks-for-others": {"roomConfig": {"agents": [{"agentName": "another"}]}},
    "token-opts-out": {"roomConfig": {"metadata": '{"require_agent": false}'}},  # only automatic
    "token-lives-long": {"exp": 21_600},
}


@pytest.mark.parametrize("cause", TOKENS)
async def test_a_wrong_token(project: HealthyProject, doctor: Doctor, cause: str) -> None:
    token = project.token(**TOKENS[cause])
    assert await doctor({}, "--room", "new", "--token", token) == cause


async def test_text_that_is_not_a_token(doctor: Doctor) -> None:
    assert await doctor({}, "--token", "eyJhbGciOiJIUzI1NiJ9.e30") == "token-malformed"


async def test_no_token_backend_and_another_program(
    project: HealthyProject, doctor: Doctor
) -> None:
    assert await doctor({}, "--backend", "http://127.0.0.1:1") == "no-backend"
    with listening(b"") as address:
        assert await doctor({}, "--backend", f"http://{address}") == "no-token-backend"


async def test_worker_and_token_backend_use_different_servers(
    project: HealthyProject, doctor: Doctor
) -> None:
    other = LiveKit(secret=project.livekit.secret)
    with other.running(), other.backend(DISPATCH_ENSURE="false") as backend:
        assert await doctor({}, "--backend", backend) == "backend-elsewhere"
        assert await doctor({"LIVEKIT_URL": other.url}, "--backend", backend) == "worker-elsewhere"
