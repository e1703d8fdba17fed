"""The worker of this project, with faults on demand: a test asks for them by files in FAULTS."""

import os
from pathlib import Path

from livekit.agents import AgentSession, JobContext, cli

from app import assistant
from app.agent import server

FAULTS = Path(os.environ["FAULTS"])

start = assistant.start


async def start_or_fail(job: JobContext) -> AgentSession[None]:
    if (FAULTS / "exception").exists():
        (FAULTS / "exception").unlink()
        raise RuntimeError("a fault, on demand")
    (FAULTS / "pid").write_text(str(os.getpid()))
    return await start(job)


def load() -> float:
    return 1.0 if (FAULTS / "full").exists() else 0.0


assistant.start = start_or_fail  # in the process of each job, which runs this module, too
server.load_fnc = load

if __name__ == "__main__":
    cli.run_app(server)
