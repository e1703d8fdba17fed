"""`python -m dev.livekit_server`, as honcho runs it."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from dev.livekit_server import ending, status, wait_for
from tests.e2e.programs import PROJECT, TIMEOUT, LiveKit, free_ports, program, run


def test_a_running_server_is_used(livekit: LiveKit) -> None:
    ready = f"Using the LiveKit server at {livekit.url}"
    with program("dev.livekit_server", ready=ready, env=livekit.env):
        pass


def test_a_running_server_with_another_key_is_reported(livekit: LiveKit) -> None:
    other = replace(livekit, secret="of-another-project-with-32-letters")
    result = run("dev.livekit_server", env=other.env)
    assert result.returncode == 1
    assert f"The server at {livekit.url} does not accept this project's key" in result.stderr


def test_it_says_what_it_waits_for() -> None:
    (port,) = free_ports(1)
    url = f"ws://127.0.0.1:{port}"
    ready = f"Waiting for the LiveKit server at {url}: nothing answers"
    with program("dev.livekit_server", "--wait", ready=ready, env={"LIVEKIT_URL": url}):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.usefixtures("livekit")  # skip if there is no server to run
def test_the_server_ends_with_the_program() -> None:
    livekit = LiveKit()
    command = [sys.executable, "-m", "dev.livekit_server"]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **livekit.env})
    with ending(process, TIMEOUT):
        assert wait_for(livekit.url, process)
    assert status(livekit.url) is None
