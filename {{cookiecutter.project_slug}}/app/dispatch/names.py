"""The agent name: the worker registers it, and rooms ask for it.

LiveKit offers each new room to a worker registered *without* a name. A named worker gets only the
rooms that ask for exactly that name, so an unwanted name is what most often keeps an agent away.
app/agent.py registers no name, so LiveKit offers it every room.  # only automatic
app/agent.py registers one name, and every token asks for it.  # only explicit
"""

import logging
import os  # only 1.8
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

from livekit.protocol.agent import Job
from pydantic_core import from_json, to_json

from app.observability.metrics import STRIPPED
from app.settings import Settings

logger = logging.getLogger("app.dispatch.names")

# Since livekit-agents 1.5.7 the first names a worker that gives no name; since 1.6.0 the second
# beats any name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")
NAME_OF_WORKER = "_agent_name"  # livekit-agents has no public attribute for it  # only 1.8


def our_name(settings: Settings) -> str:
    """The name of our agent, which rooms ask for; empty under automatic dispatch."""
    return settings.livekit_agent_name  # only explicit
    return ""  # only automatic


def is_simulation() -> bool:
    """Whether `lk agent simulate` runs this worker, which names it for its own rooms."""
    return "--simulation" in sys.argv


def ignore_names(environ: MutableMapping[str, str], settings: Settings) -> None:
    """Remove the environment variables that would give the worker another name.

    Call it once the settings are read and before the worker is built: that is when the SDK looks.
    """
    if is_simulation():
        return
    for variable in NAMING_VARIABLES:
        name = environ.get(variable)
        if name and name != our_name(settings):
            del environ[variable]
            logger.warning("⚠️  agent_name is set to: %r", name)
            logger.warning("⚠️  This will PREVENT automatic dispatch!")  # only automatic
            logger.warning("Ignored: %s does not name this worker.", variable)


# begin only 1.8
def keep_name(worker: Any, settings: Settings) -> None:
    """Let `worker` register under our name only, whatever else would name it.

    After 1.8.9, livekit-agents takes `[agent] name` of livekit.toml when a worker starts in
    production (livekit/agents #7295, read).
    """

    def ignore_name() -> None:
        if (name := getattr(worker, NAME_OF_WORKER)) != our_name(settings):
            setattr(worker, NAME_OF_WORKER, our_name(settings))
            logger.warning("Ignored: livekit.toml or livekit-agents names this worker %r.", name)

    def require_name() -> None:
        if (name := getattr(worker, NAME_OF_WORKER)) != our_name(settings):
            logger.error(
                "Stopping: this worker is registered as %r, not as %r, and would miss its rooms",
                name,
                our_name(settings),
            )
            os._exit(1)  # it has no jobs yet; SystemExit ends in tracebacks of the SDK's tasks

    if not is_simulation():
        worker.on("worker_started", ignore_name)
        worker.on("worker_registered", require_name)


# end only 1.8
def room_configuration(requested: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The room configuration for a token: what the client asks for, but not which agent.

    Args:
        requested: what a client asks for, as the JSON of LiveKit's `RoomConfiguration`.

    Returns:
        The same, but with our agents, and metadata that says `require_agent`.

    Raises:
        ValueError: a value is wrong; the message begins with its name.
    """
    agents = requested.get("agents") or []
    others = {name_of(agent) for agent in agents} - {"", our_name(settings)}
    if others:
        logger.warning("Ignored: a client asked for the agent %.100r.", min(others))
        STRIPPED.inc()
    try:
        metadata = from_json(requested.get("metadata") or "{}", allow_inf_nan=False)
        metadata.pop("agent_name", None)
        metadata = to_json({**metadata, "require_agent": True}).decode()
    except (ValueError, AttributeError, TypeError):
        raise ValueError("metadata: must be a JSON object") from None
    # An entry with a name would replace the automatic dispatch.  # only automatic
    kept: list[dict[str, str]] = []
    # begin only explicit
    agent = {"agentName": our_name(settings)}
    if asked := job_metadata(agents, settings):
        agent["metadata"] = asked
    kept = [agent]
    # end only explicit
    return {**requested, "agents": kept, "metadata": metadata}


def name_of(agent: Mapping[str, Any]) -> str:
    """Which agent a client asks for, as LiveKit's clients write it or as protobuf does."""
    return agent.get("agent_name") or agent.get("agentName") or ""


# begin only explicit
def job_metadata(agents: list[Any], settings: Settings) -> str:
    """The metadata for the job of our agent, from the `agents` that a client asks for.

    Raises:
        ValueError: it is not a string.
    """
    for agent in agents:
        # A client that gives no name means the agent that there is.
        if name_of(agent) in ("", our_name(settings)) and agent.get("metadata"):
            if not isinstance(agent["metadata"], str):
                raise ValueError("agents: metadata must be a string")
            return without_name(agent["metadata"])
    return ""


# end only explicit
def without_name(metadata: str) -> str:
    """The same metadata, but a JSON object loses its `agent_name`.

    livekit-server 1.13.5 does not read it there (measured), but other code may wait for that agent.
    """
    if not metadata:
        return metadata
    try:
        content = from_json(metadata)
    except ValueError:
        return metadata
    if not isinstance(content, dict) or "agent_name" not in content:
        return metadata
    del content["agent_name"]
    return to_json(content).decode()


def name_for(job: Job) -> str:
    """The agent name that `job` is for."""
    return job.agent_name
