"""What happens in the cases of cases.py. Each scenario returns the outcome."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from benchmarks.dispatch.options import GONE, PATIENCE, Worker

if TYPE_CHECKING:
    from benchmarks.dispatch.world import Person, World

# Outcomes
JOINS, NOBODY, NEVER = "joins", "no agent", "never joined"
STAYS, LEAVES = "the agent stays", "the agent leaves"
ALL, NOT_ALL = "an agent in every room", "not in every room"


Scenario = Callable[["World", Worker], Awaitable[str]]


def asks_for(agent_name: str) -> dict[str, Any]:
    return {"agents": [{"agent_name": agent_name}]}


def _met(joined: bool) -> str:
    return JOINS if joined else NOBODY


def joined_with(**token: Any) -> Scenario:
    """A worker runs, and a person joins a new room with this token."""

    async def scenario(world: "World", worker: Worker) -> str:
        await world.start(worker)
        return _met(await world.meets(await world.person(**token)))

    return scenario


a_person_joins = joined_with()


def made_with(**room: Any) -> Scenario:
    """A worker runs, a backend creates this room, and a person joins it."""

    async def scenario(world: "World", worker: Worker) -> str:
        await world.start(worker)
        await world.create_room(**room)
        return _met(await world.meets(await world.person()))

    return scenario


def logs(words: str, scenario: Scenario = a_person_joins) -> Scenario:
    """Add to the outcome of `scenario` whether these words were logged."""

    async def logging_scenario(world: "World", worker: Worker) -> str:
        outcome = await scenario(world, worker)
        return f"{outcome}, {'logs' if world.logged(words) else 'does not log'} `{words}`"

    return logging_scenario


def python(code: str) -> Scenario:
    """Run a line of Python in the SDK's environment."""

    async def scenario(world: "World", worker: Worker) -> str:
        return await world.outcome_of(code)

    return scenario


def rooms_at_once(rooms: int, bursts: int) -> Scenario:
    """Create several rooms at once, in several bursts: it is luck whether requests collide."""

    async def scenario(world: "World", worker: Worker) -> str:
        async def is_served(room: str) -> bool:
            person = await world.person(room=room)
            served = await world.meets(person)
            await person.leave()
            await world.end_room(room)  # so that the worker is idle when the next ones open
            return served

        await world.start(worker)
        served: list[bool] = []
        for burst in range(bursts):
            await asyncio.sleep(4)  # for its idle processes to start
            names = [f"{burst}-{room}" for room in range(rooms)]
            await asyncio.gather(*(world.create_room(name=name) for name in names))
            served += await asyncio.gather(*map(is_served, names))
        world.detail = f"{sum(served)} of {len(served)}"
        return ALL if all(served) else NOT_ALL

    return scenario


async def two_are_asked(world: "World", worker: Worker) -> str:
    await world.start(worker)
    await world.start(worker)
    met = _met(await world.meets(await world.person()))
    return f"{met}, {world.logged('received job request')} of 2 workers asked"


async def late_worker(world: "World", worker: Worker) -> str:
    person = await world.person()
    await world.start(worker)
    return _met(await world.meets(person))


async def second_person(world: "World", worker: Worker) -> str:
    await world.person()
    await world.start(worker)
    return _met(await world.meets(await world.person()))


async def busy_for_a_while(world: "World", worker: Worker) -> str:
    world.load(0.7)
    await world.start(worker)
    await asyncio.sleep(4)  # it reports its load every 2.5 seconds
    person = await world.person()
    await asyncio.sleep(1)
    world.load(0)
    await asyncio.sleep(4)
    return _met(await world.meets(person))


async def is_replaced(world: "World", person: "Person") -> str:
    """This person's agent is lost: does another one come?"""
    started = time.monotonic()
    if not await person.sees(0, 0, GONE):
        return STAYS
    world.detail = f"gone after {time.monotonic() - started:.0f} s"
    return _met(await world.meets(person))


async def agent_is_lost(world: "World", worker: Worker) -> str:
    await world.start(worker)
    person = await world.person()
    if not await world.meets(person):
        return NEVER
    return await is_replaced(world, person)


async def job_killed(world: "World", worker: Worker) -> str:
    met = await agent_is_lost(world, worker)
    (dispatch,) = await world.dispatches()
    running = [job.state.status for job in dispatch.state.jobs] == [1]  # JS_RUNNING
    return f"{met}; the API says {'running' if running else 'not running'}"


async def worker_killed(world: "World", worker: Worker) -> str:
    """Another worker is registered from the time the agent has joined."""
    first = await world.start(worker)
    person = await world.person()
    if not await world.meets(person):
        return NEVER
    await world.start(worker)
    world.kill(first)
    return await is_replaced(world, person)


def dispatched(times: int, agent_name: str = "") -> Scenario:
    """Dispatch into a room without an agent, whose worker was late or has another name."""

    async def scenario(world: "World", worker: Worker) -> str:
        person = await world.person()
        await world.start(worker)
        if await world.meets(person):
            return "joins unasked"
        for _ in range(times):
            await world.dispatch(agent_name)
        if not await world.meets(person, agents=times):
            return f"{person.agents} agents" if person.agents else NOBODY
        return JOINS if times == 1 else f"{times} agents"

    return scenario


async def dispatched_too_early(world: "World", worker: Worker) -> str:
    person = await world.person()
    await world.dispatch()
    await world.start(worker)
    return _met(await world.meets(person))


async def dispatched_into_a_new_room(world: "World", worker: Worker) -> str:
    await world.start(worker)
    await world.dispatch()
    person = await world.person()
    await world.meets(person, agents=2)
    return {0: NOBODY, 1: "1 agent"}.get(person.agents, f"{person.agents} agents")


async def dispatch_deleted(world: "World", worker: Worker) -> str:
    await world.start(worker)
    person = await world.person()
    if not await world.meets(person):
        return NEVER
    (dispatch,) = await world.dispatches()
    await world.delete(dispatch)
    return LEAVES if await person.sees(0, 0, PATIENCE) else STAYS


async def token_for_an_open_room(world: "World", worker: Worker) -> str:
    await world.person()
    await world.start(worker)
    return _met(await world.meets(await world.person(room_config=asks_for("greeter"))))


async def room_made_again(world: "World", worker: Worker) -> str:
    person = await world.person()
    await world.start(worker)
    await world.create_room(**asks_for("greeter"))
    return _met(await world.meets(person))
