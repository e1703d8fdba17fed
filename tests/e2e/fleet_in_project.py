"""A fleet on this machine, in a baked project.

Two LiveKit servers over a Redis, two workers, two token backends, and the project's own Caddyfile
in front of them. A table says in how many rooms a person has exactly one agent, which answers: when
the rooms have been opened, when a worker is lost, and when a LiveKit server is.
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
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
from dev import livekit_server
from livekit import rtc

from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, LiveKit, free_ports, lack, program, redis_running
from tests.e2e.world import answers_to

ROOMS = 100
AT_ONCE = 10  # rooms that are opened, and persons who ask, in the same moment
TRY = 5  # seconds
PATIENCE = 90  # seconds until everybody has to have an agent again
NEW = 10  # rooms that are opened after each loss
# Each worker keeps to another server while that one lives.
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
    """Runs it all; gives 0 if everybody had exactly one agent each time."""
    with ExitStack() as stack:
        return asyncio.run(Fleet(stack).live())


class Fleet:
    """What runs, and who is in which room."""

    def __init__(self, stack: ExitStack) -> None:
        self.persons: dict[str, Person] = {}
        self.rejoined = 0
        self.slots = asyncio.Semaphore(AT_ONCE)
        run = stack.enter_context
        ports = iter(free_ports(16))
        pairs = zip(ports, ports, strict=True)
        servers, tcp, udp, sites, backends, self.server_metrics, self.worker_metrics, front = pairs
        livekit, token = front
        addresses = [f"127.0.0.1:{port}" for port in servers]
        self.backend = f"http://127.0.0.1:{token}"
        redis, _ = run(redis_running())
        sides = LiveKit(_ports=[livekit, 0, 0, token])
        self.servers = []
        for n, port in enumerate(servers):
            process = livekit_server.start(
                sides.key,
                sides.secret,
                port,
                tcp[n],
                udp[n],
                redis={"address": redis},
                room={"departure_timeout": 2},
                prometheus={"port": self.server_metrics[n]},
                webhook={"api_key": sides.key, "urls": [f"{self.backend}/livekit/webhook"]},
            )
            run(livekit_server.ending(process))
            assert livekit_server.wait_for(f"ws://127.0.0.1:{port}", process)
            self.servers.append(process)
        run(
            caddy(
                {
                    "LIVEKIT_SITE": sides.url.replace("ws", "http", 1),
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
            env = {**sides.env, "TOKEN_RATE_LIMIT": "10000/minute"}
            run(program(*serve, ready="Uvicorn running on", env=env))
        self.workers = [
            run(
                sides.worker(
                    LIVEKIT_URL=f"ws://127.0.0.1:{port}",
                    WORKER_METRICS_PORT=str(metrics),
                    # Wakes each process of the SDK up a hundred times a second (measured).
                    LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS="0",
                )
            )
            for port, metrics in zip(sites, self.worker_metrics, strict=True)
        ]

    async def live(self) -> int:
        row("", "one agent", "after", "conversations", "rooms")
        row("", "in", "", "by worker", "by server")
        well = await self.tell("rooms open", 0, ROOMS)
        os.killpg(self.workers[0].pid, signal.SIGKILL)
        well &= await self.tell(f"a worker is lost, {NEW} open anew", NEW, NEW)
        self.servers[1].kill()
        well &= await self.tell(f"a server is lost, {NEW} open anew", NEW, NEW)
        print(f"{self.rejoined} persons had to join again.")
        persons = list(self.persons.values())
        self.persons.clear()
        await asyncio.gather(*(person.leave() for person in persons))
        os.killpg(self.workers[1].pid, signal.SIGKILL)  # how a worker drains is shown elsewhere
        return 0 if well else 1

    async def tell(self, moment: str, closed: int, opened: int) -> bool:
        """Closes and opens rooms, waits until everybody has one agent, and prints a line."""
        since = time.perf_counter()
        for room in list(self.persons)[:closed]:
            await self.persons.pop(room).leave()
        rooms = [*self.persons, *(f"{moment} {n}" for n in range(opened))]
        served = await asyncio.gather(*(self.is_served(room, moment) for room in rooms))
        row(
            moment,
            f"{sum(served)} of {len(served)}",
            f"{time.perf_counter() - since:.0f} s",
            counts("lk_agents_active_job_count", self.worker_metrics),
            counts("livekit_room_total", self.server_metrics),
        )
        return all(served)

    async def is_served(self, room: str, moment: str) -> bool:
        """Whether its person has exactly one agent within PATIENCE, and one answer from it."""
        give_up = time.perf_counter() + PATIENCE
        while time.perf_counter() < give_up:
            async with self.slots:
                try:
                    if room not in self.persons:
                        self.persons[room] = await self.person(room)
                    person = self.persons[room]
                    async with asyncio.timeout(TRY):
                        await person.is_with_one_agent()
                        if await answers_to(person, f"{moment} {time.perf_counter():.0f} ") == 1:
                            return True
                except (TimeoutError, aiohttp.ClientError, rtc.ConnectError, rtc.StreamError):
                    continue  # nobody waits for ever, and a page can be loaded again
        return False

    async def person(self, room: str) -> Person:
        """A new person in `room`."""
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            http.post(f"{self.backend}/token", json={"room_name": room}) as answer,
        ):
            grant = await answer.json()
        person = Person()
        # All of them are in this process, which could not decode so many voices at once.
        silent = rtc.RoomOptions(auto_subscribe=False)
        await person.room.connect(grant["server_url"], grant["participant_token"], silent)
        person.room.on("disconnected", lambda *_: self.lose(room))
        return person

    def lose(self, room: str) -> None:
        """A person's client has given up; they join again."""
        if self.persons.pop(room, None):
            self.rejoined += 1


@contextmanager
def caddy(env: dict[str, str], more: str) -> Iterator[None]:
    """Runs Caddy with the project's own Caddyfile and `more`, for this machine only."""
    found = shutil.which("caddy")
    if not found:
        lack("no Caddy: Debian's package caddy or `brew install caddy` brings one")
    ours = (PROJECT / "deploy" / "compose" / "Caddyfile").read_text(encoding="utf-8") + more
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "Caddyfile")
        file.write_text(ours.replace("\treverse_proxy", "\tbind 127.0.0.1\n\treverse_proxy"))
        process = subprocess.Popen(
            [found, "run", "--config", str(file), "--adapter", "caddyfile"],
            env={**os.environ, **env, "HOME": folder},
            stderr=subprocess.PIPE,
        )
        with livekit_server.ending(process):
            assert process.stderr
            assert any(b"serving initial configuration" in line for line in process.stderr)
            yield


def counts(metric: str, ports: tuple[int, ...]) -> str:
    """What each program says of itself, such as 51 + 49; a dash for one that does not answer."""
    said = []
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            said.append("-")
            continue
        found = re.search(rf"^{metric}(?:{{.*}})? (\S+)", text, re.MULTILINE)
        said.append(f"{float(found[1]):.0f}" if found else "0")
    return " + ".join(said)


def row(moment: str, *cells: object) -> None:
    print(f"{moment:32}", *(f"{cell!s:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
