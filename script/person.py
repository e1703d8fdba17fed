"""The demo's person, who joins rooms and meets the agent. Runs in a baked project."""

import argparse
import asyncio
import statistics
import sys
import time

from tests.e2e.person import Person

JOINS = 5
WORDS = "Is anybody there?"


async def meet_agent(backend: str) -> None:
    waits = []
    for number in range(1, JOINS + 1):
        person = await Person.with_token_from(backend, room_name=f"demo-{number}")
        agent = await person.meets_agent()
        waits.append(time.perf_counter() - person.came_at)
        print(f"   {agent.identity} joined room demo-{number}, seen after {waits[-1]:.2f} s")
        if number < JOINS:
            await person.leave()
    print(
        f"   median of {JOINS}: {statistics.median(waits):.2f} s from joining to seeing the agent"
    )
    await person.says(WORDS)
    sent_at = time.perf_counter()
    await person.hears(f"You wrote: {WORDS}")
    print(
        f"   wrote {WORDS!r}, read {person.heard[-1]!r} after {time.perf_counter() - sent_at:.2f} s"
    )
    await person.leave()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", help="the URL of the token backend")
    try:
        asyncio.run(meet_agent(parser.parse_args().backend))
    except TimeoutError:
        sys.exit("   No agent joined, or it did not answer. See the log.")
