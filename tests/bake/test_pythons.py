"""Other supported Pythons, if this machine has them or uv can install them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import PROMPTS, bake, clean_environment

PYTHONS = ["3.11", "3.13", "3.14"]  # the ends of the range, and 3.13 where there is no 3.14
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"  # used by the other tests


@pytest.fixture(scope="module", params=[version for version in PYTHONS if version != THIS])
def python(request: pytest.FixtureRequest) -> str:
    version = str(request.param)
    env = clean_environment()
    for command in ("find", "install"):
        if subprocess.run(["uv", "python", command, version], env=env, check=False).returncode == 0:
            return version
    # Also in CI: .ci/run cannot install it.
    pytest.skip(f"needs Python {version}, which uv cannot install here")


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
