"""`python -m app.doctor` names what keeps an agent away."""

import json
import time
from collections.abc import Iterator

import jwt
import pytest

from tests.e2e.programs import free_ports, livekit_running, run


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    """The variables of a project that runs, with the URL of its token backend in BACKEND."""
    (port,) = free_ports(1)
    worker = {"WORKER_PORT": str(port)}
    with (
        livekit_running() as livekit,
        livekit.worker(**worker),
        livekit.backend(**worker) as backend,
    ):
        yield {**livekit.env, **worker, "BACKEND": backend}


def first_cause(env: dict[str, str], *arguments: str) -> str:
    """Return the cause that the doctor names first, or nothing if all is well."""
    result = run("app.doctor", "--json", "--backend", env["BACKEND"], *arguments, env=env)
    assert env["LIVEKIT_API_SECRET"] not in result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert result.returncode == (0 if report["healthy"] else 1)
    return report["diagnosis"][0]["cause"] if report["diagnosis"] else ""


@pytest.mark.parametrize(
    ("cause", "changes"),
    [
        ("", {}),
        ("settings-placeholder", {"LIVEKIT_API_SECRET": "<your API secret of 32 letters or more>"}),
        ("no-server", {"LIVEKIT_URL": "ws://127.0.0.1:1"}),
        ("unknown-key", {"LIVEKIT_API_KEY": "of-another-project"}),
        ("wrong-secret", {"LIVEKIT_API_SECRET": "of-another-project-with-32-letters"}),
        ("no-worker", {"WORKER_PORT": "1"}),
        ("no-backend", {"BACKEND": "http://127.0.0.1:1"}),
    ],
)
def test_a_wrong_setting(env: dict[str, str], cause: str, changes: dict[str, str]) -> None:
    assert first_cause(env | changes) == cause


@pytest.mark.parametrize(
    ("cause", "secret", "seconds"),
    [("token-signature", "of-another-project-with-32-letters", 900), ("token-expired", None, -100)],
)
def test_a_wrong_token(env: dict[str, str], cause: str, secret: str | None, seconds: int) -> None:
    claims = {
        "iss": env["LIVEKIT_API_KEY"],
        "sub": "ann",
        "exp": int(time.time()) + seconds,
        "video": {"roomJoin": True, "room": "new"},
    }
    token = jwt.encode(claims, secret or env["LIVEKIT_API_SECRET"], "HS256")
    assert first_cause(env, "--room", "new", "--token", token) == cause


def test_what_a_person_reads(env: dict[str, str]) -> None:
    found = run("app.doctor", "--backend", env["BACKEND"], env={**env, "WORKER_PORT": "1"})
    assert (found.returncode, found.stderr) == (1, "")
    assert "problem  No worker answers at http://127.0.0.1:1." in found.stdout
    assert "-> Start it: uv run python -m app.agent dev" in found.stdout
