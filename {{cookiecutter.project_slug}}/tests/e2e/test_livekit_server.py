"""`python -m dev.livekit_server`, as honcho runs it."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from dev.livekit_server import ending, status, wait_for
from tests.e2e.programs import PROJECT, TIMEOUT, LiveKit, program, run


def test_a_server_that_runs_already_is_used(livekit: LiveKit) -> None:
    ready = f"Using the LiveKit server at {livekit.url}"
    with program("dev.livekit_server", ready=ready, env=livekit.env):
        pass


def test_a_server_with_another_key_is_named_as_what_is_in_the_way(livekit: LiveKit) -> None:
    other = replace(livekit, secret="of-another-project-with-32-letters")
    result = run("dev.livekit_server", env=other.env)
    assert result.returncode == 1
    assert f"What runs at {livekit.url} does not take the key and the secret" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program without asking it")
@pytest.mark.usefixtures("livekit")  # there is a server to run
def test_its_server_ends_with_it() -> None:
    livekit = LiveKit()
    command = [sys.executable, "-m", "dev.livekit_server"]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **livekit.env})
    with ending(process, TIMEOUT):
        assert wait_for(livekit.url, process)
    assert status(livekit.url) is None
