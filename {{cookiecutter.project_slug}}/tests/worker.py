"""The parts of the tests that depend on the release of livekit-agents."""

from livekit.agents import AgentServer, CloseEvent, CloseReason, JobExecutorType

from app.agent import server

# How a session ends, and whether the agent should leave then.
ENDS = [
    (CloseEvent(reason=CloseReason.ERROR), True),
    (CloseEvent(reason=CloseReason.PARTICIPANT_DISCONNECTED), True),
    (CloseEvent(reason=CloseReason.USER_INITIATED), False),
]


def at(url: str) -> AgentServer:
    """Return this project's worker, with its jobs in threads."""
    server.update_options(ws_url=url, job_executor_type=JobExecutorType.THREAD)
    return server
