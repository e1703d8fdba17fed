"""Docker and compose for these tests.

python -m tests.containers.engine     find or build docker compose, and print its path

Without a daemon, root can start one: it needs Debian's docker.io, iptables and busybox-static.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMPOSE_VERSION = "2.40.3"
COMPOSE_MODULE = "github.com/docker/compose/v2"
CACHE = Path.home() / ".cache" / "docker-compose" / COMPOSE_VERSION
PLUGINS = (  # where Debian, Docker's own packages and Docker Desktop install compose
    *("/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins"),
    *("/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins"),
)
START_SECONDS = 30
# Images are many small files: on disk, removing them takes half a minute; in memory, two seconds.
DATA_GB = 8
IN_MEMORY = f'mount -t tmpfs -o size={DATA_GB}g docker "$0" && exec dockerd --data-root "$0" "$@"'


class Missing(Exception):
    """These tests cannot run here; the message says what to install."""


def find_compose() -> Path:
    """Return the program docker compose: an installed one, or one built with Go, once.

    Raises:
        Missing: there is none, and no Go.
    """
    for folder in (*PLUGINS, Path.home() / ".docker/cli-plugins", CACHE):
        if (program := Path(folder) / "docker-compose").exists():
            return program
    if not (go := shutil.which("go")):
        raise Missing("docker compose is not installed, and neither is Go, which could build it")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        flags = f"-s -w -X {COMPOSE_MODULE}/internal.Version=v{COMPOSE_VERSION}"
        for command in (
            ["mod", "init", "compose"],  # `go install` rejects the exclude directives of compose
            ["get", f"{COMPOSE_MODULE}/cmd@v{COMPOSE_VERSION}"],
            ["build", "-ldflags", flags, "-o", "docker-compose", f"{COMPOSE_MODULE}/cmd"],
        ):
            environment = os.environ | {"CGO_ENABLED": "0"}
            result = subprocess.run(
                [go, *command], cwd=folder, env=environment, capture_output=True, text=True
            )
            if result.returncode:
                raise Missing(f"docker compose cannot be built: {result.stderr[-500:]}")
        (Path(folder) / "docker-compose").replace(CACHE / "docker-compose")
    return CACHE / "docker-compose"


def docker_answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True).returncode == 0


def daemon(data: Path) -> list[str | Path]:
    """The command for a daemon with its data in `data`; in memory, if there is plenty."""
    data.mkdir()
    if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > 2 * DATA_GB * 2**30:
        # In a mount namespace of its own, so that the memory is free once the daemon has ended.
        return ["unshare", "--mount", "sh", "-c", IN_MEMORY, data]
    return ["dockerd", "--data-root", data]


@contextmanager
def running(folder: Path) -> Iterator[bool]:
    """Provide `docker compose`; yield whether the daemon was started for these tests.

    It uses the daemon that is up, or starts one whose data, socket and settings are in `folder`.

    Raises:
        Missing: there is no Docker.
    """
    if not shutil.which("docker"):
        raise Missing("docker is not installed")
    if docker_answers():
        find_compose()
        yield False
        return
    if not shutil.which("dockerd") or os.geteuid() != 0:
        raise Missing(
            "no Docker daemon answers; root can start one after"
            " apt install docker.io iptables busybox-static"
        )
    plugins = folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(find_compose())
    os.environ["DOCKER_CONFIG"] = str(folder / "config")
    os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    options = ("--exec-root", folder / "exec", "--pidfile", folder / "pid")
    with (folder / "dockerd.log").open("w") as log:
        dockerd = subprocess.Popen(
            [*daemon(folder / "data"), *options, "--host", os.environ["DOCKER_HOST"]],
            stdout=log,
            stderr=log,
        )
    try:
        give_up = time.monotonic() + START_SECONDS
        while not docker_answers():
            if dockerd.poll() is not None or time.monotonic() > give_up:
                raise Missing(f"dockerd does not start: {(folder / 'dockerd.log').read_text()}")
            time.sleep(0.1)
        yield True
    finally:
        dockerd.send_signal(signal.SIGTERM)
        dockerd.wait()
        del os.environ["DOCKER_CONFIG"], os.environ["DOCKER_HOST"]
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(find_compose())
    except Missing as missing:
        sys.exit(str(missing))
