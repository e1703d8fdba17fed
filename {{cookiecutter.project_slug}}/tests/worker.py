"""The parts of the tests that depend on the release of livekit-agents."""

from collections.abc import Awaitable, Callable

from livekit.agents import AgentServer, CloseEvent, CloseReason, JobExecutorType, JobRequest, cli

from app.agent import server

# How a session ends, and whether the agent should leave then.
ENDS = [
    (CloseEvent(reason=CloseReason.ERROR), True),
    (CloseEvent(reason=CloseReason.PARTICIPANT_DISCONNECTED), True),
    (CloseEvent(reason=CloseReason.USER_INITIATED), False),
]
# The doctor's cause for each fault in faulty_worker.py.
CAUSES = {
    "exception": "failing-agent",
    "reject": "rejecting-handler",
    "no-answer": "job-not-taken",
    "full": "full-worker",
}


def at(url: str) -> AgentServer:
    """Return this project's worker, with its jobs in threads."""
    server.update_options(ws_url=url, job_executor_type=JobExecutorType.THREAD)
    return server


def main(
    handle: Callable[[JobRequest], Awaitable[None]],
    load: Callable[[AgentServer], float] | None = None,
) -> None:
    """Run the worker's command line with a request handler and optionally another load."""
    if load:
        server.load_fnc = load
    server._request_fnc = handle
    cli.run_app(server)
