"""The parts of faulty workers that depend on the release of livekit-agents."""

from collections.abc import Awaitable, Callable

from livekit.agents import JobRequest, Worker, cli

from app.agent import options, settings
from app.dispatch import workarounds

# The doctor's cause for each fault in faulty_worker.py.
CAUSES = {
    "exception": "failing-agent",
    "reject": "job-not-taken",  # any other worker may take it
    "no-answer": "job-not-taken",
    "full": "job-not-taken",  # the worker does not report its load
}


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
