"""Who gets an agent: the whole dispatch policy, and nothing else.

LiveKit gives each new room to a worker that registered *without* a name. A worker with a name gets
only the rooms that ask for it by exactly that name, so a name where none belongs is what most often
keeps an agent away: nothing may name the worker behind its owner's back, no client may choose an
agent. app/agent.py registers without one, so every room gets it.  # only automatic
agent. app/agent.py registers under one, and every token asks for it.  # only explicit
"""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from pydantic_core import from_json, to_json

logger = logging.getLogger("app.dispatch")

# Since livekit-agents 1.5.7 the first names a worker that gives no name; since 1.6.0 the second
# beats any name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")


def ignore_names(
    environ: MutableMapping[str, str],
    agent_name: str,  # only explicit
) -> None:
    """Take out of `environ` whatever would name the worker behind its owner's back.

    Call it once the settings are read and before the worker is built: that is when the SDK looks.
    """
    for variable in NAMING_VARIABLES:
        name = environ.get(variable)
        if name == agent_name:  # only explicit
            continue  # only explicit
        if name:
            del environ[variable]
            logger.warning("⚠️  agent_name is set to: %r", name)
            logger.warning("⚠️  This will PREVENT automatic dispatch!")  # only automatic
            logger.warning("Ignored: %s does not name this worker.", variable)


def room_configuration(
    requested: Mapping[str, Any],
    agent_name: str,  # only explicit
) -> dict[str, Any]:
    """What a token says about its room, if it opens it: what the client wants, but not which agent.

    Args:
        requested: what a client asks for, as the JSON of LiveKit's `RoomConfiguration`.

    Returns:
        The same, but for agents and metadata. The metadata says `require_agent`, so that whoever
        looks after rooms can tell which of them are to have an agent.

    Raises:
        ValueError: there is a wrong value; the message begins with its name.
    """
    agents = requested.get("agents") or []
    names = [agent.get("agent_name") or agent.get("agentName") or "" for agent in agents]
    others = [name for name in names if name]
    others = [name for name in others if name != agent_name]  # only explicit
    if others:
        logger.warning("Ignored: a client asked for the agent %.100r.", others[0])
    try:
        metadata = from_json(requested.get("metadata") or "{}", allow_inf_nan=False)
        metadata.pop("agent_name", None)
        metadata = to_json({**metadata, "require_agent": True}).decode()
    except (ValueError, AttributeError, TypeError):
        raise ValueError("metadata: must be a JSON object") from None
    # An entry with a name would replace the automatic dispatch.  # only automatic
    kept: list[dict[str, str]] = []
    # begin only explicit
    agent = {"agentName": agent_name}
    # A client that gives no name means the agent that there is.
    for name, asked in zip(names, agents, strict=True):
        if name in ("", agent_name) and asked.get("metadata") and "metadata" not in agent:
            if not isinstance(asked["metadata"], str):
                raise ValueError("agents: metadata must be a text")
            agent["metadata"] = without_name(asked["metadata"])
    kept = [agent]
    # end only explicit
    return {**requested, "agents": kept, "metadata": metadata}


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
