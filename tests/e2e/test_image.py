"""The steps of the Dockerfile in a clean folder, since there is no Docker here.

What this cannot show: that the base images are what their names say, and that uid 10001 may run it.
Whoever is root here sees it run with a read-only root file system, as in compose.yaml.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.baking import BakedProject, clean_environment

TIMEOUT = 60  # seconds for a program to come up or to end
TMP = "/mnt"  # in the place of /tmp, where the folder of the test is
READ_ONLY = (
    *("unshare", "--mount", "sh", "-c"),
    f'mount -t tmpfs tmpfs {TMP} && mount -o remount,bind,ro / && exec "$@"',
    "sh",
)


class Image:
    """What the Dockerfile of `project` makes, with `folder` in the place of /srv."""

    def __init__(self, project: BakedProject, folder: Path) -> None:
        self.project, self.folder = project, folder
        self.env: dict[str, str] = {}
        self.command: list[str] = []
        self.healthcheck: list[str] = []
        folder.mkdir()
        lines = re.sub(r"\\\n\s*", "", re.sub("(?m)^#.*\n", "", project.read("Dockerfile")))
        for line in filter(None, lines.splitlines()):
            self.take(*line.split(maxsplit=1))

    def take(self, instruction: str, rest: str) -> None:
        if instruction == "FROM":
            self.env = {}
        elif instruction == "ENV":
            for name, value in re.findall(r'(\w+)="?([^"\s]+)"?', rest):
                value = TMP if value == "/tmp" else value.replace("/srv", str(self.folder))
                self.env[name] = value.replace("$PATH", os.environ["PATH"])
        elif instruction == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                for path in self.project.path.glob(source):
                    copy = shutil.copytree if path.is_dir() else shutil.copy
                    copy(path, self.folder / path.name)
        elif instruction == "RUN" and "uv sync" in rest:
            step = re.sub(r"--mount=\S+\s+", "", rest)
            subprocess.run(["sh", "-c", step], cwd=self.folder, env=self.environment(), check=True)
        elif instruction == "HEALTHCHECK":
            self.healthcheck = json.loads(rest[rest.index("[") :])
        elif instruction == "CMD":
            self.command = json.loads(rest)

    def environment(self, **more: str) -> dict[str, str]:
        return clean_environment(TMPDIR=TMP, **self.env | more)

    def start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        command = (*READ_ONLY, *command) if os.geteuid() == 0 else command
        return subprocess.Popen(command, cwd=self.folder, env=self.environment(**env))

    @contextmanager
    def running(self, *command: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """Runs a program of the image; in the end SIGTERM has to be enough."""
        process = self.start(*command, **env)
        try:
            yield process
            process.terminate()
            # uvicorn ends by the signal itself, once it has done its work.
            assert process.wait(TIMEOUT) in (0, -signal.SIGTERM)
        finally:
            process.kill()
            process.wait()

    def comes_up(self, healthcheck: list[str], **env: str) -> None:
        """Asks by `healthcheck`, as Docker does, until it is content."""
        give_up = time.monotonic() + TIMEOUT
        while self.start(*healthcheck, **env).wait():
            assert time.monotonic() < give_up


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in sockets]


def test_worker_and_token_backend_run_from_it_and_an_agent_joins(
    automatic: BakedProject, tmp_path: Path
) -> None:
    image = Image(automatic, tmp_path / "srv")
    assert {path.name for path in image.folder.iterdir()} == {
        ".venv",
        "app",
        "pyproject.toml",
        "uv.lock",
    }
    service = yaml.safe_load(automatic.read("compose.yaml"))["services"]["backend"]
    livekit, worker, backend, *metrics = free_ports(5)
    env = {
        "LIVEKIT_URL": f"ws://127.0.0.1:{livekit}",
        "LIVEKIT_API_KEY": "test-key",
        "LIVEKIT_API_SECRET": "test-secret-of-32-characters-----",
        "WORKER_HOST": "127.0.0.1",
        "WORKER_PORT": worker,
        "WORKER_METRICS_PORT": metrics[0],
        "TOKEN_METRICS_HOST": "127.0.0.1",
        "TOKEN_METRICS_PORT": metrics[1],
    }
    serve = [
        word.replace("0.0.0.0", "127.0.0.1").replace("8000", backend) for word in service["command"]
    ]
    ready = [word.replace("8000", backend) for word in service["healthcheck"]["test"][1:]]
    lives = [word.replace("8082", worker) for word in image.healthcheck]
    with (
        livekit_running(automatic, env),
        image.running(*image.command, **env),
        image.running(*serve, **env),
    ):
        image.comes_up(ready)
        image.comes_up(lives)
        doctor = ("python", "-m", "app.doctor", "--backend", f"http://127.0.0.1:{backend}")
        assert image.start(*doctor, **env).wait(TIMEOUT) == 0


@contextmanager
def livekit_running(project: BakedProject, env: dict[str, str]) -> Iterator[None]:
    """A real LiveKit server, as the project starts one for this machine."""
    command = ("uv", "run", "--quiet", "python", "-m", "dev.livekit_server")
    process = subprocess.Popen(command, cwd=project.path, env=clean_environment(**env))
    try:
        project.run(*command[3:], "--wait", **env)
        yield
    finally:
        process.terminate()
        process.wait()


def test_a_lock_is_followed_to_the_letter(automatic: BakedProject, tmp_path: Path) -> None:
    subprocess.run(["uv", "lock", "--quiet"], cwd=automatic.path, check=True)
    pyproject = automatic.path / "pyproject.toml"
    text = automatic.read("pyproject.toml")
    pyproject.write_text(
        text.replace('\n    "fastapi>=', '\n    "tomli",\n    "fastapi>='), encoding="utf-8"
    )
    with pytest.raises(subprocess.CalledProcessError):  # the lock is of another pyproject.toml
        Image(automatic, tmp_path / "stale")
