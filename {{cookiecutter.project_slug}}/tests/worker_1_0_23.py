"""The parts of the tests that depend on the release of livekit-agents."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from livekit.agents import CloseEvent, JobExecutorType, JobRequest, Worker, cli
from livekit.agents.llm import LLMError

from app.agent import options, settings
from app.dispatch import workarounds

FAILED = LLMError(timestamp=0, label="", error=RuntimeError(), recoverable=False)
# How a session ends, and whether the agent should leave then.
ENDS = [
    (CloseEvent.model_construct(error=FAILED), True),
    (CloseEvent.model_construct(error=None), False),
]
# The doctor's cause for each fault in faulty_worker.py.
CAUSES = {
    "exception": "failing-agent",
    "reject": "job-not-taken",  # any other worker may take it
    "no-answer": "job-not-taken",
    "full": "job-not-taken",  # the worker does not report its load
}


def at(url: str) -> Worker:
    """Return this project's worker, with its jobs in threads."""
    executor = JobExecutorType.THREAD
    return Worker(replace(options, ws_url=url, job_executor_type=executor), devmode=False)


def main(
    handle: Callable[[JobRequest], Awaitable[None]],
    load: Callable[[Worker], float] | None = None,
) -> None:
    """Run the worker's command line with a request handler and optionally another load."""

    class OtherLoad(workarounds.Load):
        def __call__(self, worker: Worker) -> float:
            reported = super().__call__(worker)
            return load(worker) if load else reported

    options.load_fnc = OtherLoad(settings)
    options.request_fnc = handle
    cli.run_app(options)
