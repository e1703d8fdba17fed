"""Who gets an agent: the whole dispatch policy, and nothing else.

LiveKit gives each new room to a worker that registered *without* a name. A worker with a name gets
only the rooms that ask for it by exactly that name, so a name where none belongs is what most often
keeps an agent away: nothing may name the worker behind its owner's back, no client may choose an
agent. app/agent.py registers without one, so every room gets it.  # only automatic
agent. app/agent.py registers under one, and every token asks for it.  # only explicit
"""

import json
import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol.room import RoomConfiguration

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
) -> RoomConfiguration:
    """What a token says about its room, if it opens it: what the client wants, but not which agent.

    Args:
        requested: the `room_config` of LiveKit's token request; unknown keys are ignored.

    Raises:
        ValueError: `requested` is no room configuration, or its metadata is no JSON object.
    """
    try:
        configuration = ParseDict(dict(requested), RoomConfiguration(), ignore_unknown_fields=True)
    except ParseError as error:
        raise ValueError(str(error)) from None
    for agent in configuration.agents:
        if agent.agent_name:
            logger.warning("Ignored: a client asked for the agent %r.", agent.agent_name)
    del configuration.agents[:]  # an entry with a name would replace the automatic dispatch
    configuration.agents.add(agent_name=agent_name)  # only explicit
    try:
        metadata = json.loads(without_name(configuration.metadata) or "{}")
        # So that whoever looks after rooms can tell which of them are to have an agent.
        configuration.metadata = json.dumps({**metadata, "require_agent": True}, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise ValueError("metadata must be a JSON object") from None
    return configuration


def without_name(metadata: str) -> str:
    """The same metadata, but a JSON object loses its `agent_name`.

    livekit-server 1.13.5 does not read it there (measured), but other code may wait for that agent.
    """
    try:
        content = json.loads(metadata)
    except (ValueError, RecursionError):
        return metadata
    if not isinstance(content, dict) or "agent_name" not in content:
        return metadata
    del content["agent_name"]
    return json.dumps(content)
