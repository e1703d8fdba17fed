"""What a token costs: CPU time per request, compared with three plain token backends.

    uv run --group benchmark python -m benchmarks.tokens

Each runs one process with keep-alive connections and no access log; they take turns. Ours is a
project with all defaults, plus sign-in (api-key), rate limit and limits, and checks the rooms of a
real LiveKit server. The peers (benchmarks/token_peers) do none of this. Express and
livekit-server-sdk come from the npm registry, into a folder that is removed afterwards.
"""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.baking import TEMPLATE, bake, clean_environment

ROUNDS = 7
REQUESTS = 8000  # to each server in each round
CONNECTIONS = 32
KEY = "a-key-for-the-benchmark-of-32-letters"
PEERS = TEMPLATE / "benchmarks" / "token_peers"
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

    async def ask(self, requests: int) -> None:
        """Send `requests` requests, each of which must return a token."""
        text = json.dumps(BODY)
        request = (
            f"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        ).encode()

        async def connection() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for _ in range(requests // CONNECTIONS):
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                assert " 201 " in head.partition("\r\n")[0], head
                length = head.partition("content-length: ")[2].partition("\r\n")[0]
                assert b"participant_token" in await reader.readexactly(int(length))
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


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


def main() -> int:
    env = clean_environment(
        LIVEKIT_URL=f"ws://127.0.0.1:{free_port()}",
        LIVEKIT_API_KEY="a-key",
        LIVEKIT_API_SECRET="a-secret-for-the-benchmark-of-32-letters",
        TOKEN_AUTH="api-key",
        TOKEN_API_KEY=KEY,
        TOKEN_RATE_LIMIT="999999999/day",
        PYTHONDONTWRITEBYTECODE="1",
    )
    uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level=warning"]
    gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class=gthread", "--threads=8"]
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
        servers = {
            name: stack.enter_context(serving(command, folder, env))
            for name, command, folder in (
                ("ours", [*uvicorn, "app.api:app", "--port=PORT"], project),
                ("naive FastAPI", [*uvicorn, "naive_fastapi:app", "--port=PORT"], PEERS),
                ("Express", ["node", "naive_express.mjs"], node),
                (
                    "Flask gthread",
                    [*gunicorn, "--bind=127.0.0.1:PORT", "--log-level=warning", "naive_flask:app"],
                    PEERS,
                ),
            )
        }
        used = dict.fromkeys(servers, 0.0)
        for _ in range(ROUNDS):
            for name, server in servers.items():
                before = server.cpu_seconds()
                asyncio.run(server.ask(REQUESTS))
                used[name] += server.cpu_seconds() - before
        memory = servers["ours"].memory_mb()
    print("               CPU per request   requests per CPU second, ours : theirs")
    for name, seconds in used.items():
        cost = seconds / ROUNDS / REQUESTS * 1e6
        print(f"{name:14} {cost:12.0f} µs   {seconds / used['ours']:.2f}")
    print(f"ours uses {memory:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
