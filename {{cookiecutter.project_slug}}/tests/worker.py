"""What the tests need of the worker, and what depends on the release of livekit-agents."""

from collections.abc import Awaitable, Callable

from livekit.agents import AgentServer, CloseEvent, CloseReason, JobExecutorType, JobRequest, cli

from app.agent import server

# How a session ends, and whether the agent then has to leave.
ENDS = [
    (CloseEvent(reason=CloseReason.ERROR), True),
    (CloseEvent(reason=CloseReason.PARTICIPANT_DISCONNECTED), True),
    (CloseEvent(reason=CloseReason.USER_INITIATED), False),
]
# What the doctor finds, by the fault in faulty_worker.py.
CAUSES = {
    "exception": "failing-agent",
    "reject": "rejecting-handler",
    "no-answer": "job-not-taken",
    "full": "full-worker",
}


def at(url: str) -> AgentServer:
    """The worker of this project, which runs its jobs in threads."""
    server.update_options(ws_url=url, job_executor_type=JobExecutorType.THREAD)
    return server


def main(
    handle: Callable[[JobRequest], Awaitable[None]],
    load: Callable[[AgentServer], float] | None = None,
) -> None:
    """Run it from the command line with a request handler, and with another load if given."""
    if load:
        server.load_fnc = load
    server._request_fnc = handle
    cli.run_app(server)
