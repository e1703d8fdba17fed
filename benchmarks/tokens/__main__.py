"""What a token costs: CPU time per request, compared with three plain token backends.

    uv run --group benchmark python -m benchmarks.tokens            three runs, in a few minutes
    uv run --group benchmark python -m benchmarks.tokens --render   only the page

Each runs one process with keep-alive connections and no access log; they take turns. Ours is a
project with all defaults, plus metrics, and checks the rooms of a real LiveKit server: once with
sign-in (api-key), once without (it then checks the Host header), and once with sign-in and many
known addresses. The peers do none of this. Express and livekit-server-sdk come from the npm
registry, into a folder that is removed afterwards. Writes docs/token-backend.json, and from it
docs/token-backend.md.
"""

import argparse
import asyncio
import datetime
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.tokens.page import OURS, PAGE, STORED, render, stored_run
from benchmarks.tokens.page import PEERS as PEER_NAMES
from tests.baking import bake, clean_environment, free_port

RUNS = 3
ROUNDS = 5  # of each run
REQUESTS = 4000  # to each server in each round
ADDRESSES = 100_000
CONNECTIONS = 32
KEY = "a-key-for-the-benchmark-of-32-letters"
PEERS = Path(__file__).with_name("peers")
BODY = {
    "room_name": "blue",
    "participant_identity": "ann",
    "participant_name": "Ann",
    "participant_attributes": {"language": "en"},
}


@dataclass(frozen=True)
class Server:
    """A token backend that runs on `port`."""

    process: psutil.Process
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU time that it and its workers have used so far."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def memory_mb(self) -> float:
        """Return its resident memory, in MB."""
        return float(self.process.memory_info().rss / 1e6)

    async def ask(self, requests: int, addresses: Iterator[str] | None = None) -> None:
        """Send `requests` requests, each of which must return a token.

        Args:
            addresses: those that a proxy would say the requests are from.
        """
        text = json.dumps(BODY)
        request = (
            f"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        )

        async def connection() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for _ in range(requests // CONNECTIONS):
                address = f"X-Forwarded-For: {next(addresses)}\r\n" if addresses else ""
                writer.write(f"{request}{address}\r\n{text}".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                assert " 201 " in head.partition("\r\n")[0], head
                length = head.partition("content-length: ")[2].partition("\r\n")[0]
                assert b"participant_token" in await reader.readexactly(int(length))
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


@contextmanager
def serving(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[Server]:
    """Run a server in `folder`; PORT in `command` becomes its port. Yields once it answers."""
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in command]
    process = subprocess.Popen(command, cwd=folder, env={**env, "PORT": str(port)})
    try:
        server = Server(psutil.Process(process.pid), port)
        while process.poll() is None:
            with suppress(ConnectionRefusedError):
                asyncio.run(server.ask(CONNECTIONS))
                break
            time.sleep(0.1)
        else:
            sys.exit(f"{command[0]} has exited: see above")
        yield server
    finally:
        process.terminate()
        process.wait()


def measure() -> dict[str, Any]:
    """Measure every server in RUNS runs."""
    env = clean_environment(
        LIVEKIT_URL=f"ws://127.0.0.1:{free_port()}",
        LIVEKIT_API_KEY="a-key",
        LIVEKIT_API_SECRET="a-secret-for-the-benchmark-of-32-letters",
        TOKEN_RATE_LIMIT="999999999/day",
        PYTHONDONTWRITEBYTECODE="1",
    )
    key = {"TOKEN_AUTH": "api-key", "TOKEN_API_KEY": KEY}
    uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level=warning"]
    ours = [*uvicorn, "app.api:app", "--port=PORT"]
    gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class=gthread", "--threads=8"]
    gunicorn += ["--log-level=warning"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        project, node = bake(folder).path, folder / "node"
        node.mkdir()
        shutil.copy(PEERS / "naive_express.mjs", node)
        livekit = [sys.executable, "-m", "dev.livekit_server"]
        process = stack.enter_context(subprocess.Popen(livekit, cwd=project, env=env))
        stack.callback(process.terminate)
        subprocess.run([*livekit, "--wait"], cwd=project, env=env, check=True)
        npm = ["npm", "install", "--silent", "--no-audit", "express@5", "livekit-server-sdk@2"]
        subprocess.run(npm, cwd=node, check=True)

        def start(command: list[str], cwd: Path, **more: str) -> Server:
            more["TOKEN_METRICS_PORT"] = str(free_port())
            return stack.enter_context(serving(command, cwd, env | more))

        commands = dict(
            zip(
                PEER_NAMES,
                (
                    ([*uvicorn, "naive_fastapi:app", "--port=PORT"], PEERS),
                    (["node", "naive_express.mjs"], node),
                    ([*gunicorn, "naive_flask:app", "--bind=127.0.0.1:PORT"], PEERS),
                ),
                strict=True,
            )
        )
        signed_in, open_to_all, known = (start(ours, project, **auth) for auth in (key, {}, key))
        servers = dict(zip(OURS, (signed_in, open_to_all, known), strict=True))
        servers |= {name: start(*command) for name, command in commands.items()}
        addresses = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(ADDRESSES))
        asyncio.run(known.ask(ADDRESSES // CONNECTIONS * CONNECTIONS, addresses))
        runs = []
        for _ in range(RUNS):
            runs.append(run(servers))
            print({name: round(cost) for name, cost in runs[-1].items()}, flush=True)
        return {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "python": sys.version.split()[0],
            "versions": {
                name: version(name) for name in ("fastapi", "uvicorn", "flask", "gunicorn")
            },
            "runs": runs,
            "memory_mb": round(signed_in.memory_mb()),
        }


def run(servers: Mapping[str, Server]) -> dict[str, float]:
    """Return the CPU time for a request to each server, in microseconds."""
    used = dict.fromkeys(servers, 0.0)
    for _ in range(ROUNDS):
        for name, server in servers.items():
            before = server.cpu_seconds()
            asyncio.run(server.ask(REQUESTS))
            used[name] += server.cpu_seconds() - before
    return {name: round(cpu / ROUNDS / REQUESTS * 1e6, 1) for name, cpu in used.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokens")
    parser.add_argument("--render", action="store_true", help="only write the page")
    if not parser.parse_args().render:
        STORED.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(stored_run()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
