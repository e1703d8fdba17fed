"""After any fault, each room ends up with exactly one agent, which answers."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.faults import FAULTS, Fault
from tests.e2e.world import world


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_person_gets_exactly_one_agent_in_the_end(tmp_path: Path, fault: Fault) -> None:
    async with world(tmp_path) as scenario:
        async with asyncio.timeout(60):
            await fault(scenario)
        outcome = await scenario.outcome(FAULTS[fault])
    print(f"{fault.__name__}: {outcome}")
    assert outcome.is_good
