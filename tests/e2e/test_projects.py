"""Baked projects as their owners run them: their own environment, server, worker and tests."""

import re
from pathlib import Path

import pytest

from tests.baking import bake

# What depends on the release of the SDK: how a worker takes jobs, says how it is, ends and starts.
OF_RELEASE = (
    "test_dispatch_explicit or later_leave or too_late or healthy or test_a_worker or two_persons"
    " or killed_worker or stopped_worker or exception"
)
VOICE = ("tests/e2e/test_assistant.py", "tests/e2e/test_missing_key.py")
# dispatch, assistant, livekit_agents: what pytest runs. (tests/bake runs the fast tests of all of
# them.) One project runs all the rest, another one what depends on names and on the release; the
# others, what no agent comes without, and what their assistant says.
PROJECTS = {
    # test_scale_out.py opens more rooms than `burst`.
    ("automatic", "keyless", "1.8"): ("tests/e2e", "-k", "not burst"),
    ("explicit", "keyless", "1.0.23"): ("tests/e2e", "-k", OF_RELEASE),
    ("automatic", "keyless", "1.0.23"): ("tests/e2e/test_dispatch_automatic.py",),
    ("automatic", "pipeline", "1.8"): ("tests/e2e/test_dispatch_automatic.py", *VOICE),
    ("explicit", "realtime", "1.8"): ("tests/e2e/test_dispatch_explicit.py", *VOICE),
    ("explicit", "offline", "1.8"): ("tests/e2e/test_assistant.py",),
}
SPOKEN = re.compile("(?m)^(?:spoken|heard|answered|heard back): .*")


@pytest.mark.parametrize(("dispatch", "assistant", "livekit_agents"), PROJECTS)
def test_a_project_passes_its_tests(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    dispatch: str,
    assistant: str,
    livekit_agents: str,
) -> None:
    project = bake(
        tmp_path,
        dispatch=dispatch,
        assistant=assistant,
        livekit_agents=livekit_agents,
        agent_name="concierge",
    )
    printed = project.run("pytest", *PROJECTS[dispatch, assistant, livekit_agents])
    if spoken := SPOKEN.findall(printed):
        with capsys.disabled():
            print("", *spoken, sep="\n")
