"""Baked projects pass their own tests, in their own environment."""

import re
from pathlib import Path

import pytest

from tests.baking import add_tests, bake

# What depends on the SDK release: how a worker takes jobs, reports its health, ends and starts.
OF_RELEASE = (
    "test_dispatch_explicit or later_agents_leave or late_agent or healthy or stopping_worker"
    " or two_people or killed_worker or stopped_worker or exception or phone_caller or proxy"
    " or deleted or leaves_an_empty_room or restarted_server or faulty_worker"
    " or suspended_worker or console or test_phone"
)
DOCTOR = ("tests/e2e/test_doctor.py", "tests/e2e/doctor", "tests/e2e/test_proxy.py")
CONSOLE = "tests/e2e/test_console.py"
FALLBACK, TRANSCRIPTS = "tests/e2e/test_fallback.py", "tests/e2e/test_transcripts.py"
FRONTENDS = "tests/e2e/test_frontends.py"
CLIENTS = (CONSOLE, FRONTENDS, "tests/e2e/test_lk.py")
PHONE = "tests/e2e/test_phone.py::test_a_call_by_the_rule_of_the_page"
VOICE = ("tests/e2e/test_assistant.py", "tests/e2e/test_missing_key.py", CONSOLE)
# Only these of that project's tests measure time, or need most of the machine (test_scale_out.py
# opens more rooms than `burst`).
TIMED = ("tests/e2e/test_reliability.py", "tests/e2e/test_phone.py", "-k", "not burst")
OTHERS = [f"--ignore={tests}" for tests in (*DOCTOR, *CLIENTS, *TIMED[:2])]
# dispatch, assistant, livekit_agents, and what pytest runs there (tests/bake runs the fast tests).
# These mostly wait, so several can run at once: the longest first, the shortest last.
TOGETHER = [
    ("explicit", "keyless", "1.0.23", ("tests/e2e", "-k", OF_RELEASE)),
    ("automatic", "keyless", "1.8", CLIENTS),
    ("automatic", "keyless", "1.8", DOCTOR),
    ("automatic", "keyless", "1.8", ("tests/e2e", *OTHERS)),
    ("automatic", "keyless", "1.0.23", ("tests/e2e/test_dispatch_automatic.py", TRANSCRIPTS)),
]
# Of the others, dispatch and their assistant.
ALONE = [
    ("automatic", "keyless", "1.8", TIMED),
    (
        "automatic",
        "pipeline",
        "1.8",
        ("tests/e2e/test_dispatch_automatic.py", FALLBACK, PHONE, *VOICE),
    ),
    ("explicit", "realtime", "1.8", ("tests/e2e/test_dispatch_explicit.py", *VOICE)),
    ("explicit", "offline", "1.8", ("tests/e2e/test_assistant.py", CONSOLE)),
    ("explicit", "offline", "1.8", (FRONTENDS, "-k", "transcript and 2.9.20")),
]
PROJECTS = [*TOGETHER, *(pytest.param(*values, marks=pytest.mark.alone) for values in ALONE)]
SPOKEN = re.compile("(?m)^(?:(?:spoken|heard|answered|heard back): |Call\\().*")


@pytest.mark.parametrize(("dispatch", "assistant", "livekit_agents", "tests"), PROJECTS)
def test_a_project_passes_its_tests(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    dispatch: str,
    assistant: str,
    livekit_agents: str,
    tests: tuple[str, ...],
) -> None:
    project = bake(
        tmp_path,
        dispatch=dispatch,
        assistant=assistant,
        livekit_agents=livekit_agents,
        agent_name="concierge",
        deploy="kubernetes",  # has the most files
    )
    printed = add_tests(project).run("pytest", *tests)
    if spoken := SPOKEN.findall(printed):
        with capsys.disabled():
            print("", *spoken, sep="\n")
