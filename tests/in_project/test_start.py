"""How the worker starts, and how it does not."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.dispatch import watch
from app.settings import load_settings

PROJECT = Path(__file__).parents[1]


def start(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", [["-m", "app.agent", "start"], ["app/agent.py", "start"]])
def test_a_taken_port_ends_the_worker_with_one_line(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start(*command, WORKER_HOST="127.0.0.1", WORKER_PORT=str(port))
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"WORKER_PORT {port} of WORKER_HOST 127.0.0.1 cannot be used: [Errno ")


# begin only 1.8
def test_the_same_port_for_metrics_ends_the_worker_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    ports = {"WORKER_PORT": port, "WORKER_METRICS_PORT": port}
    ended = start("-m", "app.agent", "start", WORKER_HOST="127.0.0.1", **ports)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"WORKER_METRICS_PORT {port} of WORKER_HOST 127.0.0.1 cannot be used: ")


def test_a_console_without_portaudio_says_how_to_get_it(tmp_path: Path) -> None:
    code = 'raise OSError("PortAudio library not found")'
    (tmp_path / "sounddevice.py").write_text(code, encoding="utf-8")
    ended = start("-m", "app.agent", "console", "--text", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["console needs PortAudio: apt install libportaudio2"]


# end only 1.8
@pytest.mark.parametrize("host", ["localhost:8080", "http://0.0.0.0", "é..b", "[::]", "a" * 80])
def test_a_host_that_does_not_exist_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    wrong = {"worker_host": host, "worker_port": 0}
    watch.exit_if_taken(load_settings().model_copy(update=wrong))
    assert codes == [1]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"WORKER_PORT 0 of WORKER_HOST {host} cannot be used: ")


def test_a_worker_starts_as_a_file_too() -> None:
    ended = start("app/agent.py", "--help")
    assert ended.returncode == 0, ended.stderr


def test_the_development_server_starts_without_a_home() -> None:
    code = (
        "import os; os.path.expanduser = str; from dev import livekit_server as s; print(s.CACHE)"
    )
    assert start("-c", code).stdout.startswith(str(PROJECT / ".cache"))
