"""Each Python that a project says it runs on, as far as this machine has it or uv can bring it."""

import subprocess
from pathlib import Path

import pytest

from tests.baking import PROMPTS, bake, clean_environment

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]  # as in pyproject.toml


@pytest.fixture(scope="module", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    version = str(request.param)
    env = clean_environment()
    for command in ("find", "install"):
        if subprocess.run(["uv", "python", command, version], env=env, check=False).returncode == 0:
            return version
    # Also under CI: nothing that .ci/run could install has it.
    pytest.skip(f"there is no Python {version} here, and uv cannot bring it")


@pytest.mark.parametrize("livekit_agents", PROMPTS["livekit_agents"])
def test_a_worker_takes_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, livekit_agents: str
) -> None:
    project = bake(tmp_path, livekit_agents=livekit_agents)
    assert project.pyproject["project"]["requires-python"] == ">=3.11,<3.15"
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(tmp_path / "venv"))
    tests = ("tests/test_worker.py", "tests/test_dispatch_automatic.py", "tests/test_assistant.py")
    project.run("--python", python, "--no-dev", "--with", "pytest-asyncio", "pytest", "-q", *tests)
