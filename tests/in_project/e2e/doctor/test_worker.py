"""Causes in the worker."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.doctor.project import (
    NAME,
    Doctor,
    HealthyProject,
    listening,
)
from tests.e2e.programs import free_ports, run
from tests.e2e.release import CAUSES


@pytest.mark.parametrize(("fault", "cause"), CAUSES.items())
async def test_a_faulty_worker(
    project: HealthyProject, doctor: Doctor, fault: str, cause: str
) -> None:
    file = project.faults / fault
    file.touch()
    await project.wait_for_load(float(fault == "full"))
    async with asyncio.timeout(30):
        while not (found := await doctor()):
            continue  # the server does not know the load yet
        assert found == cause
        file.unlink(missing_ok=True)
        while await doctor():
            continue


async def test_a_suspended_worker(project: HealthyProject, doctor: Doctor) -> None:
    os.kill(project.worker.pid, signal.SIGSTOP)
    try:
        assert await doctor() == "worker-silent"
    finally:
        os.kill(project.worker.pid, signal.SIGCONT)


THEIRS = """
import os
from livekit.agents import JobContext, WorkerOptions, cli

async def entrypoint(job: JobContext) -> None:
    await job.connect()

if __name__ == "__main__":
    port = int(os.environ["WORKER_PORT"])
    cli.run_app(WorkerOptions(entrypoint, agent_name="theirs", host="127.0.0.1", port=port))
"""


async def test_a_program_that_is_not_this_projects_worker(
    project: HealthyProject, doctor: Doctor, tmp_path: Path
) -> None:
    with listening(b"") as address:
        port = address.partition(":")[2]
        assert await doctor({"WORKER_PORT": port}) == "no-livekit-worker"
    fake = json.dumps(
        {"agent_name": NAME, "worker_type": "JT_ROOM", "sdk_version": "1.8.9"}
    ).encode()
    with listening(fake) as address:
        port = address.partition(":")[2]
        assert await doctor({"WORKER_PORT": port}) == ""
        assert "Another worker sent it" in doctor.seen
    port = str(free_ports(1)[0])
    (tmp_path / "theirs.py").write_text(THEIRS, encoding="utf-8")
    with project.livekit.worker("theirs", WORKER_PORT=port, PYTHONPATH=str(tmp_path)):
        assert await doctor({"WORKER_PORT": port}) == "named-worker"


async def test_what_a_person_reads(project: HealthyProject) -> None:
    env = {**project.env, "WORKER_PORT": "1"}
    token = project.token(secret="of-another-project-with-32-letters")
    found = await asyncio.to_thread(run, "app.doctor", "--token", token, env=env)
    assert found.returncode == 1
    assert found.stderr == ""
    assert project.livekit.secret not in found.stdout
    assert "eyJ" not in found.stdout
    assert "problem  No worker answers at http://127.0.0.1:1." in found.stdout
    assert "1. No worker answers at http://127.0.0.1:1." in found.stdout
    assert "-> Start it: uv run python -m app.agent dev" in found.stdout
