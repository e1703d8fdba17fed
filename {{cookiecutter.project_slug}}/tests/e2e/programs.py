"""The real programs. Each context manager starts one and ends it."""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import pytest
from livekit.api import LiveKitAPI

from dev import livekit_server

# The worker module that tests run by default.
WORKER = "tests.e2e.scripted_worker"  # only pipeline
WORKER = "app.agent"  # only keyless or realtime or offline
PROJECT = Path(__file__).parents[2]
TIMEOUT = 60  # seconds for a program to come up on a busy machine


def free_ports(count: int) -> list[int]:
    """Return free ports, lower than those that systems give to clients, WebRTC's among them."""
    free = (port for port in random.sample(range(10_000, 32_768), 1_000) if not is_taken(port))
    return list(islice(free, count))


def is_taken(port: int) -> bool:
    address = ("127.0.0.1", port)
    try:
        socket.create_server(address).close()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(address)
    except OSError:
        return True
    return False


def lack(reason: str) -> NoReturn:
    """Skip a test that needs a missing program (in CI: fail it)."""
    end = pytest.fail if os.environ.get("CI") else pytest.skip
    end(reason)


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in the project until it ends."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@contextmanager
def program(
    *arguments: str, ready: str, env: dict[str, str], folder: Path = PROJECT
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m …` in a project; enter the block once it has printed `ready`.

    It leads a process group, so that a test can end all of its processes at once.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    is_ready = threading.Event()
    printed: list[str] = []

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            printed.append(line.decode(errors="replace"))
            if ready in printed[-1]:
                is_ready.set()
        is_ready.set()  # it has ended

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with livekit_server.ending(process, TIMEOUT):
            is_ready.wait(TIMEOUT)
            if not any(ready in line for line in printed):
                pytest.fail(f"{' '.join(arguments)} did not print {ready!r}:\n{''.join(printed)}")
            yield process
    finally:
        if os.name == "posix":  # a killed program's other processes would keep its output open
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        reader.join()
        print("".join(printed))  # pytest shows this if the test fails


@dataclass(frozen=True)
class LiveKit:
    """A LiveKit server for the tests, on free ports.

    Attributes:
        backends: how many token backends receive its webhooks.
        folder: the project whose programs use this server.
    """

    backends: int = 1
    folder: Path = PROJECT
    target_load: float = 0.7  # LiveKit's own default: it passes over a worker that reports more
    key: str = "test-key"
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    _ports: list[int] = field(default_factory=lambda: free_ports(5))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._ports[0]}"

    @property
    def env(self) -> dict[str, str]:
        """The variables that a program needs to use this server."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.key,
            "LIVEKIT_API_SECRET": self.secret,
            "TOKEN_SERVER_URL": self.url,
            "DISPATCH_ENSURE": "true",
            # begin only pipeline
            "LIVEKIT_INFERENCE_API_KEY": "test-key",
            "LIVEKIT_INFERENCE_API_SECRET": "test-secret",
            # end only pipeline
            "OPENAI_API_KEY": "test-key",  # only realtime
        }

    @property
    def _hooks(self) -> list[int]:
        return self._ports[3 : 3 + self.backends]

    def api(self) -> LiveKitAPI:
        return LiveKitAPI(self.url, self.key, self.secret)

    @contextmanager
    def running(self, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run the server, with `more` configuration. Without it, skip the test (in CI: fail it)."""
        port, tcp, udp, *_ = self._ports
        try:
            process = livekit_server.start(
                self.key,
                self.secret,
                port,
                tcp,
                udp,
                agents={"target_load": self.target_load},
                room={"departure_timeout": 2},  # seconds; a stopping worker waits for its rooms
                webhook={
                    "api_key": self.key,
                    "urls": [f"http://127.0.0.1:{hook}/livekit/webhook" for hook in self._hooks],
                },
                **more,
            )
        except livekit_server.ServerNotFound:
            lack("no LiveKit server: `python -m dev.livekit_server --get` says how to get one")
        with livekit_server.ending(process):
            assert livekit_server.wait_for(self.url, process), "livekit-server has ended"
            yield process

    @contextmanager
    def worker(
        self, module: str = WORKER, ready: str = "registered worker", **env: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run the worker as in production; enter the block once it has printed `ready`."""
        env = {
            **self.env,
            "WORKER_HOST": "127.0.0.1",
            "WORKER_PORT": "0",
            "WORKER_NUM_IDLE_PROCESSES": "4",
            **env,
        }
        # begin only realtime
        (port,) = free_ports(1)
        env["OPENAI_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
        # end only realtime
        with (
            program("tests.fake_openai", str(port), ready="listening", env={}),  # only realtime
            program(module, "start", ready=ready, env=env, folder=self.folder) as process,
        ):
            yield process

    @contextmanager
    def backend(self, **env: str) -> Iterator[str]:
        """Run the token backend; yield its URL. The first `backends` of them receive webhooks."""
        free = (port for port in self._hooks if not is_taken(port))
        port = next(free, None) or free_ports(1)[0]
        env = {**self.env, "TOKEN_RATE_LIMIT": "1000/minute", **env}
        serve = ("uvicorn", "app.api:app", "--host", "127.0.0.1", "--port", str(port))
        with program(*serve, ready="Uvicorn running on", env=env, folder=self.folder):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def livekit_running() -> Iterator[LiveKit]:
    """Run a LiveKit server."""
    livekit = LiveKit()
    with livekit.running():
        yield livekit
