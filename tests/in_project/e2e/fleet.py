"""Run a fleet on this machine, in a baked project.

Two LiveKit servers over a Redis, two workers, two token backends, and the project's own Caddyfile
in front of them. A table shows in how many rooms a person has exactly one agent, which answers:
after the rooms open, after the loss of a worker, and after the loss of a LiveKit server.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import aiohttp
from livekit import rtc

from dev import livekit_server
from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, LiveKit, free_ports, lack, program
from tests.e2e.redis import redis_running
from tests.e2e.world import answers_to

ROOMS = 100
AT_ONCE = 10  # rooms that open, and people who ask, at the same moment
TRY_SECONDS = 10
PATIENCE_SECONDS = 360  # until everybody must have an agent again; 50 on two idle cores
# A client may hang as it reconnects to a busy server: it reports no end, but the agents in its room
# see nobody (2 of 100 after the loss of a server, livekit 1.1.21, measured).
TRIES_BEFORE_RELOAD = 5
NEW = 10  # rooms that open after each loss
# Each worker uses a different server as long as that one is up.
WORKER_SITE = """
http://127.0.0.1:{port} {{
	reverse_proxy {servers} {{
		lb_policy first
		lb_try_duration 5s
		health_uri /
		health_interval 1s
		fail_duration 5s
	}}
}}
"""


def main() -> int:
    """Run the fleet; return 0 if everybody had exactly one agent each time."""
    with ExitStack() as stack:
        return asyncio.run(Fleet(stack).run())


class Fleet:
    """The programs, and the people in the rooms."""

    def __init__(self, stack: ExitStack) -> None:
        self.people: dict[str, Person] = {}
        self.rejoined = 0
        self.slots = asyncio.Semaphore(AT_ONCE)
        start = stack.enter_context
        ports = iter(free_ports(16))
        pairs = zip(ports, ports, strict=True)
        servers, tcp, udp, sites, backends, self.server_metrics, self.worker_metrics, front = pairs
        livekit_port, token_port = front
        addresses = [f"127.0.0.1:{port}" for port in servers]
        self.backend = f"http://127.0.0.1:{token_port}"
        redis, _ = start(redis_running())
        livekit = LiveKit(_ports=[livekit_port, 0, 0, token_port])
        self.servers = []
        for n, port in enumerate(servers):
            process = livekit_server.start(
                livekit.key,
                livekit.secret,
                port,
                tcp[n],
                udp[n],
                redis={"address": redis},
                room={"departure_timeout": 2},
                prometheus={"port": self.server_metrics[n]},
                webhook={"api_key": livekit.key, "urls": [f"{self.backend}/livekit/webhook"]},
            )
            start(livekit_server.ending(process))
            assert livekit_server.wait_for(f"ws://127.0.0.1:{port}", process)
            self.servers.append(process)
        start(
            caddy(
                {
                    "LIVEKIT_SITE": livekit.url.replace("ws", "http", 1),
                    "LIVEKIT_SERVERS": " ".join(addresses),
                    "TOKEN_SITE": self.backend,
                    "TOKEN_BACKENDS": " ".join(f"127.0.0.1:{port}" for port in backends),
                },
                WORKER_SITE.format(port=sites[0], servers=" ".join(addresses))
                + WORKER_SITE.format(port=sites[1], servers=" ".join(reversed(addresses))),
            )
        )
        for port in backends:
            serve = ("uvicorn", "app.api:app", "--host", "127.0.0.1", "--port", str(port))
            env = {**livekit.env, "TOKEN_RATE_LIMIT": "10000/minute"}
            start(program(*serve, ready="Uvicorn running on", env=env))
        self.workers = [
            start(
                livekit.worker(
                    LIVEKIT_URL=f"ws://127.0.0.1:{port}",
                    WORKER_METRICS_PORT=str(metrics),
                    # The SDK's check wakes every process a hundred times a second (measured).
                    LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS="0",
                )
            )
            for port, metrics in zip(sites, self.worker_metrics, strict=True)
        ]

    async def run(self) -> int:
        row("", "one agent", "after", "conversations", "rooms")
        row("", "in", "", "by worker", "by server")
        is_good = await self.report("rooms open", 0, ROOMS)
        os.killpg(self.workers[0].pid, signal.SIGKILL)
        is_good &= await self.report(f"a worker is lost, {NEW} new rooms", NEW, NEW)
        self.servers[1].kill()
        is_good &= await self.report(f"a server is lost, {NEW} new rooms", NEW, NEW)
        print(f"{self.rejoined} people had to join again.")
        people = list(self.people.values())
        self.people.clear()
        await asyncio.gather(*(person.leave() for person in people))
        os.killpg(self.workers[1].pid, signal.SIGKILL)  # test_drain.py tests the drain
        return 0 if is_good else 1

    async def report(self, moment: str, closed: int, opened: int) -> bool:
        """Close and open rooms, wait until everybody has one agent, and print a row."""
        started = time.perf_counter()
        for room in list(self.people)[:closed]:
            await self.people.pop(room).leave()
        rooms = [*self.people, *(f"{moment} {n}" for n in range(opened))]
        served = await asyncio.gather(*(self.is_served(room, moment) for room in rooms))
        row(
            moment,
            f"{sum(served)} of {len(served)}",
            f"{time.perf_counter() - started:.0f} s",
            counts("lk_agents_active_job_count", self.worker_metrics),
            counts("livekit_room_total", self.server_metrics),
        )
        return all(served)

    async def is_served(self, room: str, moment: str) -> bool:
        """Whether the person in `room` gets exactly one agent in time, and one answer from it."""
        give_up = time.perf_counter() + PATIENCE_SECONDS
        tries = 0
        while time.perf_counter() < give_up:
            async with self.slots:
                try:
                    if room not in self.people:
                        self.people[room] = await self.join(room)
                    person = self.people[room]
                    async with asyncio.timeout(TRY_SECONDS):
                        await person.is_with_one_agent()
                        if await answers_to(person, f"{moment} {time.perf_counter():.0f} ") == 1:
                            return True
                except (TimeoutError, ConnectionError, aiohttp.ClientError, rtc.ConnectError):
                    tries += 1  # again, as a person would, who reloads the page in the end
                    if tries % TRIES_BEFORE_RELOAD == 0 and room in self.people:
                        await self.reload(room)
        return False

    async def join(self, room: str) -> Person:
        """Join `room` as a new person."""
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            http.post(f"{self.backend}/token", json={"room_name": room}) as answer,
        ):
            grant = await answer.json()
        person = Person()
        # All people are in this process, which could not decode so many voices at once.
        silent = rtc.RoomOptions(auto_subscribe=False)
        await person.room.connect(grant["server_url"], grant["participant_token"], silent)
        person.room.on("disconnected", lambda *_: self.lose(room, person))
        return person

    async def reload(self, room: str) -> None:
        """Let the person in `room` leave, so that they join again."""
        person = self.people[room]
        self.lose(room, person)
        with suppress(TimeoutError):
            async with asyncio.timeout(TRY_SECONDS):
                await person.leave()

    def lose(self, room: str, person: Person) -> None:
        """Forget a person whose client has given up, so that they join again."""
        if self.people.get(room) is person:
            del self.people[room]
            self.rejoined += 1


@contextmanager
def caddy(env: dict[str, str], more: str) -> Iterator[None]:
    """Run Caddy with the project's own Caddyfile and `more`, for this machine only."""
    program_path = shutil.which("caddy")
    if not program_path:
        lack("no Caddy: install Debian's package caddy, or run `brew install caddy`")
    ours = (PROJECT / "deploy" / "compose" / "Caddyfile").read_text(encoding="utf-8") + more
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "Caddyfile")
        file.write_text(ours.replace("\treverse_proxy", "\tbind 127.0.0.1\n\treverse_proxy"))
        process = subprocess.Popen(
            [program_path, "run", "--config", str(file), "--adapter", "caddyfile"],
            env={**os.environ, **env, "HOME": folder},
            stderr=subprocess.PIPE,
        )
        with livekit_server.ending(process):
            assert process.stderr
            assert any(b"serving initial configuration" in line for line in process.stderr)
            yield


def counts(metric: str, ports: tuple[int, ...]) -> str:
    """Return the value of `metric` at each port, such as 51 + 49; a dash if one does not answer."""
    values = []
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            values.append("-")
            continue
        match = re.search(rf"^{metric}(?:{{.*}})? (\S+)", text, re.MULTILINE)
        values.append(f"{float(match[1]):.0f}" if match else "0")
    return " + ".join(values)


def row(moment: str, *cells: object) -> None:
    print(f"{moment:32}", *(f"{cell!s:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
