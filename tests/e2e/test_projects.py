"""Baked projects as their owners run them: their own environment, server, worker and tests."""

from pathlib import Path

import pytest

from tests.baking import bake

# Slow, and the same with every release of the SDK and every kind of dispatch.
SAME = (
    "without_a_worker or test_token_source or lost_machine or unheard_webhooks or crowd"
    " or different_servers or not_this_projects or says_nothing"
    " or test_a_setting or test_a_token or what_is_no_token or token_backend_that_is_none"
)
# dispatch, livekit_agents: what pytest runs. (tests/bake runs the fast tests of all of them.) One
# project runs everything, another one what depends on names and on the release; the last two, what
# no agent comes without.
PROJECTS = {
    ("automatic", "1.8"): [],
    ("explicit", "1.0.23"): ["tests/e2e", "-k", f"test_dispatch_explicit or not ({SAME})"],
    ("automatic", "1.0.23"): ["tests/e2e/test_dispatch_automatic.py"],
    ("explicit", "1.8"): ["tests/e2e/test_dispatch_explicit.py"],
}


@pytest.mark.parametrize(("dispatch", "livekit_agents"), PROJECTS)
def test_a_project_passes_its_tests(tmp_path: Path, dispatch: str, livekit_agents: str) -> None:
    project = bake(
        tmp_path, dispatch=dispatch, livekit_agents=livekit_agents, agent_name="concierge"
    )
    project.run("pytest", *PROJECTS[dispatch, livekit_agents])
