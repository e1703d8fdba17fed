"""The agent name: a worker registers under it, and rooms ask for it.

LiveKit offers each new room to a worker registered *without* a name. A named worker gets only the
rooms that ask for exactly that name. An unwanted name is the most common reason for no agent.
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

# Since livekit-agents 1.5.7, the first names a worker that has no name in code. Since 1.6.0, the
# second overrides the name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")
NAME_OF_WORKER = "_agent_name"  # there is no public attribute for it  # only 1.8


def our_name(settings: Settings) -> str:
    """Return the name of our agent; empty under automatic dispatch."""
    return settings.livekit_agent_name  # only explicit
    return ""  # only automatic


def is_simulation() -> bool:
    """Whether `lk agent simulate` runs this worker. It needs the name that it gives the worker."""
    return "--simulation" in sys.argv


def ignore_names(environ: MutableMapping[str, str], settings: Settings) -> None:
    """Remove the environment variables that would give the worker another name.

    Call this after reading the settings and before creating the worker, which reads the variables.
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
    """Make `worker` register only under our name.

    After 1.8.9, livekit-agents uses `[agent] name` of livekit.toml when a worker starts in
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
            os._exit(1)  # no jobs yet; SystemExit would end in tracebacks of the SDK's tasks

    if not is_simulation():
        worker.on("worker_started", ignore_name)
        worker.on("worker_registered", require_name)


# end only 1.8
def room_configuration(requested: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the room configuration for a token.

    It is what the client `requested` (the JSON of LiveKit's `RoomConfiguration`), but with our
    agents only, and with `require_agent` in its metadata.

    Raises:
        ValueError: a value is wrong; the message begins with its field.
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
    if metadata_for_job := job_metadata(agents, settings):
        agent["metadata"] = metadata_for_job
    kept = [agent]
    # end only explicit
    return {**requested, "agents": kept, "metadata": metadata}


def name_of(agent: Mapping[str, Any]) -> str:
    """Return the requested name, spelled as in LiveKit's SDKs or as in protobuf JSON."""
    return agent.get("agent_name") or agent.get("agentName") or ""


# begin only explicit
def job_metadata(agents: list[Any], settings: Settings) -> str:
    """Return the metadata for our agent's job from the `agents` in a client's request."""
    for agent in agents:
        # A client that gives no name means our agent.
        if name_of(agent) in ("", our_name(settings)) and agent.get("metadata"):
            if not isinstance(agent["metadata"], str):
                raise ValueError("agents: metadata must be a string")
            return without_name(agent["metadata"])
    return ""


# end only explicit
def without_name(metadata: str) -> str:
    """Return the metadata without `agent_name`, if it is a JSON object.

    livekit-server 1.13.5 ignores that key (measured), but other code may wait for that agent.
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
    """Return the agent name that `job` is for."""
    return job.agent_name
