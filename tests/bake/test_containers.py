"""Containers, as far as they can be tested without Docker."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bake.test_kubernetes import default
from tests.baking import BakedProject, bake

COMPOSE = ("compose.yaml", "compose.override.yaml", "deploy/compose/production.yaml")
SCHEMAS = dict.fromkeys(COMPOSE, "compose-spec") | {
    ".github/workflows/test.yml": "github-workflows",
    ".github/dependabot.yml": "dependabot",
}
# Variables of compose.yaml itself, and those of uvicorn, LiveKit or Caddy.
OWN = {"NODE_IP", "LIVEKIT_DOMAIN", "TOKEN_DOMAIN"}
OTHERS = {
    *("FORWARDED_ALLOW_IPS", "LIVEKIT_KEYS", "LIVEKIT_CONFIG", "NODE_IP"),
    *("LIVEKIT_SITE", "LIVEKIT_SERVERS", "TOKEN_SITE", "TOKEN_BACKENDS"),
}


def tool(name: str, *arguments: str, folder: Path) -> None:
    """Run a tool of this environment, which must succeed."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("livekit_agents", ["1.8", "1.0.23"])
def test_hadolint_accepts_the_dockerfile(tmp_path: Path, livekit_agents: str) -> None:
    tool("hadolint", "Dockerfile", folder=bake(tmp_path, livekit_agents=livekit_agents).path)


@pytest.mark.parametrize("file", SCHEMAS)
def test_a_file_follows_its_schema(automatic: BakedProject, file: str) -> None:
    schema = f"vendor.{SCHEMAS[file]}"
    tool("check-jsonschema", "--builtin-schema", schema, file, folder=automatic.path)


@pytest.mark.parametrize("file", [file for file in SCHEMAS if file not in COMPOSE])
def test_a_file_follows_its_schema_without_an_image(tmp_path: Path, file: str) -> None:
    project = bake(tmp_path, deploy="none")
    tool(
        "check-jsonschema", "--builtin-schema", f"vendor.{SCHEMAS[file]}", file, folder=project.path
    )


def services(project: BakedProject, *files: str) -> dict[str, Any]:
    """Merge the services of these files, as far as these tests need it."""
    merged: dict[str, Any] = {}
    for file in files:
        for name, service in yaml.safe_load(project.read(file))["services"].items():
            before = merged.setdefault(name, {})
            environment = before.get("environment", {}) | service.get("environment", {})
            ports = before.get("ports", []) + service.get("ports", [])
            before.update(service, environment=environment, ports=ports)
    return merged


@pytest.mark.parametrize(
    "files", [COMPOSE[:2], (COMPOSE[0], COMPOSE[2])], ids=["plain", "production"]
)
def test_compose_refers_only_to_what_exists(
    automatic: BakedProject, files: tuple[str, ...]
) -> None:
    known = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", automatic.read(".env.example"), re.M))
    for file in files:
        for name, rest in re.findall(r"\$\{(\w+)([^}]*)\}", automatic.read(file)):
            assert name in known | OWN
            # A missing value stops `compose up`, instead of a container later on.
            assert rest.startswith((":-", ":?", ":+")) or f"${{{name}:?" in "".join(
                automatic.read(other) for other in files
            )
    merged = services(automatic, *files)
    for service in merged.values():
        assert set(service["environment"]) <= known | OTHERS
        assert set(service.get("depends_on", {})) <= set(merged)
    hosts = re.findall(r"(?:ws|http|redis)://([a-z][\w-]*):\d+", json.dumps(merged))
    assert set(hosts) <= set(merged)
    # --scale starts several workers, and only one could publish a port of this machine.
    assert not merged["worker"]["ports"]
    assert "caddy" not in merged or not merged["backend"]["ports"]
    published = [port for service in merged.values() for port in service["ports"]]
    assert len(set(published)) == len(published)


def test_containers_are_locked_down_and_have_time_to_drain(automatic: BakedProject) -> None:
    merged = services(automatic, COMPOSE[0])
    for service in (merged["worker"], merged["backend"]):
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    needed = default(automatic, "drain_timeout") + default(automatic, "shutdown_timeout")
    assert float(merged["worker"]["stop_grace_period"].removesuffix("s")) > needed


def test_livekit_cloud_finds_what_it_needs_to_build(automatic: BakedProject) -> None:
    # https://docs.livekit.io/deploy/agents/: a file named Dockerfile, the SDK among the packages.
    # An ignored uv.lock would not be uploaded. `lk agent create` writes livekit.toml itself.
    assert 'CMD ["python", "-m", "app.agent", "start"]' in automatic.read("Dockerfile")
    assert any("livekit-agents" in name for name in automatic.pyproject["project"]["dependencies"])
    assert "uv" in automatic.pyproject["tool"]
    assert "livekit.toml" not in automatic.files
    for file in (".gitignore", ".dockerignore"):
        assert not {"uv.lock", "pyproject.toml", "app", "*.lock"} & set(
            automatic.read(file).split()
        )


def test_no_secret_is_committed_or_copied_into_an_image(automatic: BakedProject) -> None:
    secret = re.findall(r"^LIVEKIT_API_SECRET=(.+)", automatic.read(".env"), re.M)[0]
    for name in automatic.files - {".env"}:
        assert secret.encode() not in (automatic.path / name).read_bytes(), name
    for file in (".gitignore", ".dockerignore"):
        assert {".env", ".env.*"} <= set(automatic.read(file).split())
