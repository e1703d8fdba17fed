"""Fault scenarios. Each docstring is a row in the template's docs/reliability.md."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import aiohttp
from livekit.api import CreateRoomRequest

from app.dispatch import names
from tests.e2e.programs import free_ports
from tests.e2e.world import (
    AGENTS,  # only explicit
    POLL_SECONDS,
    World,
    busy_cores,
    jobs_of,
)

BURST = 50  # rooms that open at once # only keyless
BURST = 15  # rooms that open at once: such agents need CPU # only pipeline or realtime or offline
# Seconds until the server knows the load: the SDK averages it over 2.5 and reports it every 2.5.
REPORTED = 6
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")

Fault = Callable[[World], Awaitable[None]]


async def late_worker(world: World) -> None:
    """A person joins before a worker runs."""
    await world.join(await world.backend())
    await world.worker()
    world.since = time.perf_counter()


async def foreign_token(world: World) -> None:
    """Another backend's token opens a room; a worker starts later; then its agent is removed."""
    await world.backend()
    await world.join_with(world.foreign_token())
    await late_worker_and_removed_agent(world)


async def created_room(world: World) -> None:
    """The same in a room from `CreateRoom`, with plain text as metadata."""
    await world.backend()
    await world.api.room.create_room(
        CreateRoomRequest(
            name="room",
            metadata="Opened by another program.",
            agents=AGENTS,  # only explicit
        )
    )
    await world.join_with(world.foreign_token())
    await late_worker_and_removed_agent(world)


async def phone_caller(world: World) -> None:
    """The same in a room that a phone caller (SIP) opens."""
    await world.backend()
    caller = world.foreign_token().with_kind("sip").with_identity("sip_+15550100")
    caller.with_attributes({"sip.phoneNumber": "+15550100", "sip.callStatus": "active"})
    await world.join_with(caller)
    await late_worker_and_removed_agent(world)


async def late_worker_and_removed_agent(world: World) -> None:
    await world.worker()
    await world.remove(await world.lose_agent())
    world.since = time.perf_counter()


async def saturated_machine(world: World) -> None:
    """Every core is busy when eight people each open a room; one worker runs."""
    (world.folder / "real-load").touch()
    backend, _ = await asyncio.gather(world.backend(), world.worker())
    world.stack.enter_context(busy_cores())
    await asyncio.sleep(REPORTED)
    world.since = time.perf_counter()
    await asyncio.gather(*(world.join(backend, f"room {n}") for n in range(8)))


async def saturated_worker(world: World) -> None:
    """Twenty people each open a room; one of two workers has a load of 1.0, the other none."""
    (saturated := world.folder / "saturated").mkdir()
    (saturated / "full").touch()
    backend, *_ = await asyncio.gather(
        world.backend(), world.worker(), world.worker(FAULTS=str(saturated))
    )
    await asyncio.sleep(REPORTED)
    world.since = time.perf_counter()
    world.note = lambda: f"{len(jobs_of(world.folder))} of 20 from the idle worker"
    await asyncio.gather(*(world.join(backend, f"room {n}") for n in range(20)))


async def first_person(world: World, ready: str = "registered worker", **variables: str) -> None:
    """Start a worker with these variables, then let a person join."""
    backend, _ = await asyncio.gather(world.backend(), world.worker(ready, **variables))
    world.since = time.perf_counter()
    await world.join(backend)


async def foreign_name(world: World) -> None:
    """A variable in the worker's environment gives it the name of another agent."""
    variables = dict.fromkeys(names.NAMING_VARIABLES, "another-agent")
    del variables[names.NAMING_VARIABLES[0]]  # the agent's own name is set here # only explicit
    await first_person(world, **variables)


# begin only 1.8
async def toml_name(world: World) -> None:
    """`livekit.toml` names the worker, as it can after livekit-agents 1.8.9 (imitated)."""
    (world.folder / "livekit.toml").touch()
    await first_person(world)


# end only 1.8
async def dead_proxy(world: World) -> None:
    """The worker's environment names an HTTP proxy that does not answer; LiveKit is local."""
    proxies = dict.fromkeys(PROXIES, f"http://127.0.0.1:{free_ports(1)[0]}")
    ready = "registered worker" if world.promise else "starting worker"
    await first_person(world, ready, **proxies)


async def exception(world: World) -> None:
    """The entrypoint of the first job raises an exception, before it has joined."""
    (world.folder / "exception").touch()
    await first_person(world)


async def killed_job(world: World) -> None:
    """The process of a job is killed, as if memory had run out."""
    backend, _ = await asyncio.gather(world.backend(), world.worker())
    await world.join(backend)
    agent = await world.lose_agent()
    os.kill(jobs_of(world.folder)[agent], signal.SIGKILL)
    world.since = time.perf_counter()


async def served_by_the_first_of_two(world: World, **env: str) -> subprocess.Popen[bytes]:
    backend, first = await asyncio.gather(world.backend(), world.worker(**env))
    await world.join(backend)
    await world.lose_agent()
    await world.worker()
    return first


async def killed_worker(world: World) -> None:
    """The worker is killed while a person talks; another one runs."""
    (await served_by_the_first_of_two(world)).kill()
    world.since = time.perf_counter()


async def lost_machine(world: World) -> None:
    """The machine of the worker and its jobs is lost; another worker runs."""
    first = await served_by_the_first_of_two(world)
    os.killpg(first.pid, signal.SIGKILL)
    await world.agent_has_gone()
    world.since = time.perf_counter()


async def stopped_worker(world: World) -> None:
    """The worker is told to stop, and a conversation outlasts its drain timeout."""
    first = await served_by_the_first_of_two(world, WORKER_DRAIN_TIMEOUT="1")
    first.terminate()
    await world.agent_has_gone()
    world.since = time.perf_counter()


async def rolling_replacement(world: World) -> None:
    """Two workers are replaced, one after the other, while ten rooms are open."""
    drain = {"WORKER_DRAIN_TIMEOUT": "1"}
    backend, *workers = await asyncio.gather(
        world.backend(), world.worker(**drain), world.worker(**drain)
    )
    await asyncio.gather(*(world.join(backend, f"room {n}") for n in range(10)))
    await asyncio.gather(*map(world.one_agent, world.people))
    for worker in workers:
        worker.terminate()
        await asyncio.gather(world.worker(), asyncio.to_thread(worker.wait))
    world.since = time.perf_counter()


async def restarted_server(world: World) -> None:
    """The LiveKit server is killed and restarted; in one of two rooms the agent is back first."""
    backend, _ = await asyncio.gather(world.backend(), world.worker())
    await asyncio.gather(world.join(backend), world.join(backend, "left"))
    await asyncio.gather(*map(world.one_agent, world.people))
    noticed = asyncio.Event()
    world.people["room"].room.on("reconnecting", noticed.set)
    world.server.kill()
    world.server.wait()
    await noticed.wait()
    await world.people.pop("left").leave()
    world.stack.enter_context(world.livekit.running())
    world.since = time.perf_counter()
    while not any(room.metadata for room in await world.rooms("left")):  # the agent restores it
        await asyncio.sleep(POLL_SECONDS)
    await world.join(backend, "left")


async def unheard_webhooks(world: World) -> None:
    """The worker is killed while no token backend hears of it; another worker runs."""
    with ExitStack() as stack:
        backend, first = await asyncio.gather(world.backend(stack), world.worker())
        await world.join(backend)
        await world.lose_agent()
        await world.worker()
    first.kill()
    await world.agent_has_gone()
    await world.backend(DISPATCH_SWEEP_SECONDS="1")
    world.since = time.perf_counter()


async def crowd(world: World, rooms: int = 3) -> None:
    """Twenty people at once ask two token backends for an open room without an agent."""
    names = [f"room {n}" for n in range(rooms)]
    world.note = lambda: "one room after the other"
    for name in names:
        await world.api.room.create_room(CreateRoomRequest(name=name))
    first, _ = await asyncio.gather(world.backend(), world.worker())
    second = await world.backend()
    async with aiohttp.ClientSession() as http:
        for name in names:
            world.since = time.perf_counter()
            requests = [
                http.post(f"{backend}/token", json={"room_name": name})
                for backend in (first, second) * 10
            ]
            for answer in await asyncio.gather(*requests):
                answer.raise_for_status()
            await world.join(first, name)
            await world.one_agent(name)


async def burst(world: World) -> None:
    """Many people each open a room at the same moment; two workers run."""
    backend, *_ = await asyncio.gather(world.backend(), world.worker(), world.worker())
    world.since = time.perf_counter()
    await asyncio.gather(*(world.join(backend, f"room {n}") for n in range(BURST)))


# Seconds to wait for an agent: several times as long as it takes.
FAULTS: dict[Fault, float] = {
    late_worker: 15,
    foreign_token: 15,
    created_room: 15,
    phone_caller: 15,
    saturated_machine: 15,
    saturated_worker: 15,
    foreign_name: 15,
    toml_name: 15,  # only 1.8
    dead_proxy: 15,
    exception: 15,
    killed_job: 15,
    killed_worker: 15,
    lost_machine: 15,
    stopped_worker: 15,
    rolling_replacement: 30,
    restarted_server: 30,
    unheard_webhooks: 15,
    crowd: 15,
    burst: 60,
}
