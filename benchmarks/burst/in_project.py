"""The part that runs in a baked project; WHO makes it the worker of that name."""

import asyncio
import os
from typing import Any

from livekit.agents import AgentServer, cli

from app import agent
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, program

ROOMS, BURSTS = 10, 5
WORKERS: dict[str, dict[str, Any]] = {
    "the SDK's defaults": {},
    "the SDK's defaults, one idle process": {"num_idle_processes": 1},
}


async def is_served(backend: str) -> bool:
    person = await Person.with_token_from(backend)
    try:
        await asyncio.wait_for(person.meets_agent(), 10)
    except TimeoutError:
        return False
    finally:
        await person.leave()
    return True


async def served(backend: str) -> list[int]:
    return [
        sum(await asyncio.gather(*(is_served(backend) for _ in range(ROOMS))))
        for _ in range(BURSTS)
    ]


def report(who: str, counts: list[int]) -> None:
    print(f"{who:40} {sum(counts):3} of {ROOMS * BURSTS} rooms got an agent, by burst: {counts}")


def main() -> None:
    # Without retries: a room that gets no agent stays without one.
    alone = {"DISPATCH_ENSURE": "false"}
    livekit = LiveKit(target_load=100)
    with livekit.running(), livekit.backend(**alone) as backend:
        with livekit.worker(**alone):
            report("this project", asyncio.run(served(backend)))
        for who in WORKERS:
            ready = "registered worker"
            with program("in_project", "start", ready=ready, env={**livekit.env, "WHO": who}):
                report(who, asyncio.run(served(backend)))


if __name__ == "__main__":
    if who := os.environ.get("WHO"):
        server = AgentServer(host="127.0.0.1", port=0, **WORKERS[who])
        server.rtc_session(agent.entrypoint)
        cli.run_app(server)
    else:
        main()
