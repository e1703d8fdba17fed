"""The parts of faulty workers that depend on the release of livekit-agents."""

from collections.abc import Awaitable, Callable

from livekit.agents import AgentServer, JobRequest, cli

from app.agent import server

# The doctor's cause for each fault in faulty_worker.py.
CAUSES = {
    "exception": "failing-agent",
    "reject": "rejecting-handler",
    "no-answer": "job-not-taken",
    "full": "full-worker",
}


def main(
    handle: Callable[[JobRequest], Awaitable[None]],
    load: Callable[[AgentServer], float] | None = None,
) -> None:
    """Run the worker's command line with a request handler and optionally another load."""
    if load:
        server.load_fnc = load
    server._request_fnc = handle
    cli.run_app(server)
