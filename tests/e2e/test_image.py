"""The steps of the Dockerfile in a clean folder, because there is no Docker here.

This cannot show that the base images are what their names say, or that uid 10001 can run it.
As root, these tests run it with a read-only root file system, as in compose.yaml.
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

TIMEOUT_SECONDS = 60  # for a program to start or to end
TMP = "/mnt"  # instead of /tmp, which contains the test's folder
READ_ONLY = (
    *("unshare", "--mount", "sh", "-c"),
    f'mount -t tmpfs tmpfs {TMP} && mount -o remount,bind,ro / && exec "$@"',
    "sh",
)


class Image:
    """The result of the Dockerfile of `project`, with `folder` instead of /srv."""

    def __init__(self, project: BakedProject, folder: Path) -> None:
        self.project, self.folder = project, folder
        self.env: dict[str, str] = {}
        self.command: list[str] = []
        self.healthcheck: list[str] = []
        folder.mkdir()
        lines = re.sub(r"\\\n\s*", "", re.sub("(?m)^#.*\n", "", project.read("Dockerfile")))
        for line in filter(None, lines.splitlines()):
            self.execute(*line.split(maxsplit=1))

    def execute(self, instruction: str, rest: str) -> None:
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
        """Run a program of the image; SIGTERM must be enough to stop it."""
        process = self.start(*command, **env)
        try:
            yield process
            process.terminate()
            # uvicorn ends by the signal itself, after its shutdown.
            assert process.wait(TIMEOUT_SECONDS) in (0, -signal.SIGTERM)
        finally:
            process.kill()
            process.wait()

    def wait_until_healthy(self, healthcheck: list[str], **env: str) -> None:
        """Wait until `healthcheck` succeeds, as Docker does."""
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while self.start(*healthcheck, **env).wait():
            assert time.monotonic() < give_up


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [str(sock.getsockname()[1]) for sock in sockets]


def test_worker_and_token_backend_run_from_the_image_and_an_agent_joins(
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
    alive = [word.replace("8082", worker) for word in image.healthcheck]
    with (
        livekit_running(automatic, env),
        image.running(*image.command, **env),
        image.running(*serve, **env),
    ):
        image.wait_until_healthy(ready)
        image.wait_until_healthy(alive)
        doctor = ("python", "-m", "app.doctor", "--backend", f"http://127.0.0.1:{backend}")
        assert image.start(*doctor, **env).wait(TIMEOUT_SECONDS) == 0


@contextmanager
def livekit_running(project: BakedProject, env: dict[str, str]) -> Iterator[None]:
    """A real LiveKit server, started as the project starts it."""
    command = ("uv", "run", "--quiet", "python", "-m", "dev.livekit_server")
    process = subprocess.Popen(command, cwd=project.path, env=clean_environment(**env))
    try:
        project.run(*command[3:], "--wait", **env)
        yield
    finally:
        process.terminate()
        process.wait()


def test_an_outdated_lock_file_is_rejected(automatic: BakedProject, tmp_path: Path) -> None:
    subprocess.run(["uv", "lock", "--quiet"], cwd=automatic.path, check=True)
    pyproject = automatic.path / "pyproject.toml"
    text = automatic.read("pyproject.toml")
    pyproject.write_text(
        text.replace('\n    "fastapi>=', '\n    "tomli",\n    "fastapi>='), encoding="utf-8"
    )
    with pytest.raises(subprocess.CalledProcessError):  # the lock belongs to another pyproject.toml
        Image(automatic, tmp_path / "stale")
