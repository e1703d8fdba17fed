"""The parts of the tests that depend on the release of livekit-agents."""

from dataclasses import replace

from livekit.agents import CloseEvent, JobExecutorType, Worker
from livekit.agents.llm import LLMError

from app.agent import options

FAILED = LLMError(timestamp=0, label="", error=RuntimeError(), recoverable=False)
# How a session ends, and whether the agent should leave then.
ENDS = [
    (CloseEvent.model_construct(error=FAILED), True),
    (CloseEvent.model_construct(error=None), False),
]


def at(url: str) -> Worker:
    """Return this project's worker, with its jobs in threads."""
    executor = JobExecutorType.THREAD
    return Worker(replace(options, ws_url=url, job_executor_type=executor), devmode=False)
