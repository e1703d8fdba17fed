"""Other Pythons that a project says it runs on, if this machine has them or uv can bring them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import PROMPTS, bake, clean_environment

PYTHONS = ["3.11", "3.13", "3.14"]  # the ends of what pyproject.toml says, and the newest in reach
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"  # the other tests run with it


@pytest.fixture(scope="module", params=[each for each in PYTHONS if each != THIS])
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
    tests = (
        "tests/test_worker.py",
        "tests/dispatch/test_names_automatic.py",
        "tests/test_assistant.py",
    )
    project.run("--python", python, "pytest", "-q", *tests)
