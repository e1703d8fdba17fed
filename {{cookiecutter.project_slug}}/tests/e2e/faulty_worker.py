"""The worker of this project, with faults on demand: a test asks for them by files in FAULTS."""

import os
from importlib import import_module  # only pipeline
from pathlib import Path
from typing import Any

from livekit.agents import AgentSession, JobContext, JobRequest

from app import assistant, jobs
from tests import worker

FAULTS = Path(os.environ["FAULTS"])

join, start = jobs.join, assistant.start


async def join_or_fail(*arguments: Any) -> bool:
    if (FAULTS / "exception").exists():
        (FAULTS / "exception").unlink()
        raise RuntimeError("a fault, on demand")
    return await join(*arguments)


async def start_and_tell(job: JobContext) -> AgentSession[None]:
    (FAULTS / "pid").write_text(str(os.getpid()))
    return await start(job)


async def accept_or_not(request: JobRequest) -> None:
    if (FAULTS / "reject").exists():
        await request.reject()
    elif not (FAULTS / "no-answer").exists():
        await request.accept()


def load() -> float:
    return 1.0 if (FAULTS / "full").exists() else 0.0


# In the process of each job, too, which runs this module.
import_module("tests.e2e.scripted_worker")  # only pipeline
jobs.join = join_or_fail  # type: ignore[assignment]
assistant.start = start_and_tell

if __name__ == "__main__":
    worker.main(load, accept_or_not)
