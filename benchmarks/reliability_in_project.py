"""The part of reliability.py that runs in a baked project."""

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from tests.e2e import faults

CROWDS = 50  # rooms


async def outcome(fault: faults.Fault, patience: float, promise: bool) -> str:
    """What a person meets, in words."""
    with tempfile.TemporaryDirectory() as folder:
        async with faults.world(Path(folder), promise) as world:
            try:
                async with asyncio.timeout(None if promise else 60):
                    await fault(world)
            except TimeoutError:  # it waits for an agent in each room
                return "no agent, for good"
            seconds = await world.seconds_to_recover(patience)
            if seconds is None:
                return "**not exactly one agent**" if promise else "no agent, for good"
            return f"one agent, after {max(seconds, 0.1):.1f} s"


def main() -> None:
    for fault, patience in faults.FAULTS.items():
        plain = asyncio.run(outcome(fault, patience, promise=False))
        again = partial(faults.crowd, rooms=CROWDS) if fault is faults.crowd else fault
        ours = asyncio.run(outcome(again, patience, promise=True))
        if fault is faults.crowd:
            ours += f" (in each of {CROWDS} rooms, one after the other)"
        print(f"| {fault.__doc__} | {plain} | {ours} |", flush=True)


if __name__ == "__main__":
    main()
