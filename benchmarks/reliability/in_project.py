"""The part that runs in a baked project.

Prints JSON lines: the releases, then a row for each fault that is named on the command line.
"""

import asyncio
import dataclasses
import json
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dev import livekit_server
from tests.e2e.faults import FAULTS, Fault, crowd
from tests.e2e.world import Outcome, world

CROWDS = 50  # rooms
FAULT_SECONDS = 60  # some faults first wait for an agent, which plain LiveKit does not send


async def outcome(fault: Fault, patience: float, is_ours: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), is_ours) as its_world:
            try:
                async with asyncio.timeout(None if is_ours else FAULT_SECONDS):
                    await fault(its_world)
            except TimeoutError:
                return Outcome(rooms=max(1, len(its_world.people)))
            return await its_world.outcome(patience)


def row(fault: Fault) -> dict[str, Any]:
    patience = FAULTS[fault]
    plain = asyncio.run(outcome(fault, patience, is_ours=False))
    again = partial(crowd, rooms=CROWDS) if fault is crowd else fault
    ours = asyncio.run(outcome(again, patience, is_ours=True))
    return {
        "fault": fault.__name__,
        "plain": dataclasses.asdict(plain),
        "ours": dataclasses.asdict(ours),
    }


def main() -> None:
    releases = {"agents": version("livekit-agents"), "server": livekit_server.VERSION}
    print(json.dumps(releases), flush=True)
    for fault in FAULTS:
        if fault.__name__ in sys.argv[1:]:
            print(json.dumps(row(fault)), flush=True)


if __name__ == "__main__":
    main()
