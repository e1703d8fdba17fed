"""The source of the LiveKit server for development and tests."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dev import livekit_server


class FakeMachine:
    """A machine with only `programs` installed, and with scripted Docker and Go."""

    def __init__(self) -> None:
        self.programs: set[str] = set()
        self.go_builds = self.docker_answers = True
        self.started: list[tuple[list[str], dict[str, str]]] = []

    def which(self, name: str, path: Path | None = None) -> str | None:
        known = f"{path}/{name}" if path else name
        return known if known in self.programs else None

    def build(self, go: str) -> bool:
        if self.go_builds:
            self.programs.add(f"{livekit_server.CACHE}/server")
        return self.go_builds

    def popen(self, command: list[str], env: dict[str, str]) -> None:
        self.started.append((command, env))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    machine = FakeMachine()
    monkeypatch.delenv("LIVEKIT_SERVER_BIN", raising=False)
    monkeypatch.setattr(shutil, "which", machine.which)
    monkeypatch.setattr(livekit_server, "build", machine.build)
    monkeypatch.setattr(livekit_server, "docker_answers", lambda: machine.docker_answers)
    monkeypatch.setattr(subprocess, "Popen", machine.popen)
    return machine


def start() -> Any:
    return livekit_server.start("key", "the-secret", 7880, rtc_tcp_port=7881, rtc_udp_port=7882)


def test_each_source_is_tried_in_turn(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert livekit_server.find()[0] == "docker"
    machine.programs.add("go")
    built = f"{livekit_server.CACHE}/server"
    assert livekit_server.find() == [built]
    machine.go_builds = False
    assert livekit_server.find() == [built]  # once is enough
    machine.programs.add("livekit-server")
    assert livekit_server.find() == ["livekit-server"]
    machine.programs.add("/opt/mine")
    monkeypatch.setenv("LIVEKIT_SERVER_BIN", "/opt/mine")
    assert livekit_server.find() == ["/opt/mine"]


def test_without_any_source_it_says_how_to_get_one(machine: FakeMachine) -> None:
    machine.docker_answers = False
    with pytest.raises(livekit_server.ServerNotFound, match="brew install livekit"):
        livekit_server.find()


def test_a_missing_program_is_named(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_SERVER_BIN", "/opt/gone")
    with pytest.raises(livekit_server.ServerNotFound, match="'/opt/gone'"):
        livekit_server.find()


@pytest.mark.parametrize("programs", [{"livekit-server"}, set()], ids=["program", "Docker"])
def test_it_is_only_reachable_locally_and_its_secret_is_not_on_the_command_line(
    machine: FakeMachine, programs: set[str]
) -> None:
    machine.programs |= programs
    start()
    ((command, env),) = machine.started
    configuration = json.loads(env["LIVEKIT_CONFIG"])
    assert configuration["keys"] == {"key": "the-secret"}
    assert "the-secret" not in " ".join(command)
    if programs:
        assert configuration["bind_addresses"] == ["127.0.0.1"]
    else:
        published = [after for flag, after in pairwise(command) if flag == "--publish"]
        assert published == [
            "127.0.0.1:7880:7880",
            "127.0.0.1:7881:7881",
            "127.0.0.1:7882:7882/udp",
        ]
