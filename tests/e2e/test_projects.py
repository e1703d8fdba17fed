"""Baked projects as their owners run them: their own environment, server, worker and tests."""

from pathlib import Path

import pytest

from tests.baking import bake

# What depends on the release of the SDK: how a worker takes jobs, says how it is, ends and starts.
OF_RELEASE = (
    "test_dispatch_explicit or later_leave or too_late or healthy or test_a_worker or two_persons"
    " or killed_worker or stopped_worker or exception or burst"
)
# dispatch, livekit_agents: what pytest runs. (tests/bake runs the fast tests of all of them.) One
# project runs everything, another one what depends on names and on the release; the last two, what
# no agent comes without.
PROJECTS = {
    ("automatic", "1.8"): [],
    ("explicit", "1.0.23"): ["tests/e2e", "-k", OF_RELEASE],
    ("automatic", "1.0.23"): ["tests/e2e/test_dispatch_automatic.py"],
    ("explicit", "1.8"): ["tests/e2e/test_dispatch_explicit.py"],
}


@pytest.mark.parametrize(("dispatch", "livekit_agents"), PROJECTS)
def test_a_project_passes_its_tests(tmp_path: Path, dispatch: str, livekit_agents: str) -> None:
    project = bake(
        tmp_path, dispatch=dispatch, livekit_agents=livekit_agents, agent_name="concierge"
    )
    project.run("pytest", *PROJECTS[dispatch, livekit_agents])
