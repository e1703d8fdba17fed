"""Who gets an agent: the whole dispatch policy, and nothing else.

LiveKit gives each new room to a worker that registered *without* a name. A worker with a name gets
only the rooms that ask for it by exactly that name, so a name where none belongs is what most often
keeps an agent away: nothing may name the worker behind its owner's back, no client may choose an
agent. app/agent.py registers without one, so every room gets it.  # only automatic
agent. app/agent.py registers under one, and every token asks for it.  # only explicit

LiveKit does so once, as the room opens. For what comes later, a room whose metadata says
`require_agent` is looked after (app/rooms.py), by the rules in the second half of this file.
"""

import logging
import random
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Protocol

from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import ParticipantInfo
from pydantic_core import from_json, to_json

from app.metrics import STRIPPED

logger = logging.getLogger("app.dispatch")

# Since livekit-agents 1.5.7 the first names a worker that gives no name; since 1.6.0 the second
# beats any name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")

# The load from which on livekit-server 1.13.5 passes over a worker, whatever threshold the worker
# itself has (measured).
FULL = 0.7

# How long an agent may be on its way, in seconds. That a worker has taken the job, livekit-server
# 1.13.5 says up to five seconds late (measured). Then a process may have to be started for it.
OFFERED = 6
TAKEN = 20

# Agents that do not come, or do not stay: so many are sent at once, then ever more slowly.
TRIES = 3
FIRST_DELAY = 2  # seconds, then 4, 8, …
LAST_DELAY = 300
REMEMBERED = 1800  # seconds for which a dispatch counts as a try


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
    names = {name_of(agent) for agent in agents}
    others = names - {""}
    others -= {agent_name}  # only explicit
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
    agent = {"agentName": agent_name}
    if asked := job_metadata(agents, agent_name):
        agent["metadata"] = asked
    kept = [agent]
    # end only explicit
    return {**requested, "agents": kept, "metadata": metadata}


def name_of(agent: Mapping[str, Any]) -> str:
    """Which agent a client asks for, as LiveKit's clients write it or as protobuf does."""
    return agent.get("agent_name") or agent.get("agentName") or ""


# begin only explicit
def job_metadata(agents: Iterable[Mapping[str, Any]], agent_name: str) -> str:
    """What the job of our agent is to get, of the `agents` that a client asks for.

    Raises:
        ValueError: it is no text.
    """
    for agent in agents:
        # A client that gives no name means the agent that there is.
        if name_of(agent) in ("", agent_name) and agent.get("metadata"):
            if not isinstance(agent["metadata"], str):
                raise ValueError("agents: metadata must be a text")
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


class Participant(Protocol):
    """What LiveKit's API and its client have in common."""

    @property
    def kind(self) -> int: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


def is_ours(
    participant: Participant,
    agent_name: str,  # only explicit
) -> bool:
    """Whether this is our agent: not one with another name, and not the avatar of an agent.

    (livekit-server says which name an agent has since 1.9.2.)
    """
    name = ""  # only automatic
    name = agent_name  # only explicit
    return (
        participant.kind == ParticipantInfo.Kind.AGENT
        and participant.attributes.get("lk.agent_name", "") == name
        and "lk.publish_on_behalf" not in participant.attributes
    )


def ours(
    dispatches: Iterable[AgentDispatch],
    agent_name: str,  # only explicit
) -> list[AgentDispatch]:
    """Those of `dispatches` that are for our agent."""
    name = ""  # only automatic
    name = agent_name  # only explicit
    return [each for each in dispatches if each.agent_name == name]


# begin only automatic
def are_for_others(dispatches: list[AgentDispatch]) -> bool:
    """Whether whoever opened the room of these dispatches asked for other agents."""
    return bool(dispatches) and all(each.agent_name for each in dispatches)


# end only automatic
def is_person(participant: Participant) -> bool:
    """Whether an agent is to come for this one."""
    return participant.kind in (
        ParticipantInfo.Kind.STANDARD,
        ParticipantInfo.Kind.SIP,
        ParticipantInfo.Kind.CONNECTOR,
    )


def requirement(metadata: str) -> bool | None:
    """Whether the metadata of a room says that it is to have an agent; None if it says nothing."""
    try:
        content = from_json(metadata or "{}")
        return content["require_agent"] is True if "require_agent" in content else None
    except (ValueError, TypeError):
        return None


def with_requirement(metadata: str) -> str | None:
    """The metadata of a room, which says from now on that it is to have an agent.

    None if it is no JSON object, in which there is no place to say so.
    """
    try:
        content = from_json(metadata or "{}", allow_inf_nan=False)
        return to_json({**content, "require_agent": True}).decode()
    except (ValueError, TypeError):
        return None


def seconds_to_wait(
    dispatches: Iterable[AgentDispatch], now: float, spent: float = 0, anew: float = 0
) -> float:
    """How long to wait before an agent is sent into a room that has none. 0: send it now.

    All replicas and workers come to about the same answer: they read it from the server.

    Args:
        dispatches: those of our agent in this room, as the server lists them.
        now: the time, like the others in seconds since the epoch.
        spent: what was dispatched before this time brings nobody any more: that agent has come and
            gone, or no worker could take the job.
        anew: tries before this time do not count.
    """
    wait_until, tries, last = 0.0, 0, 0.0
    for each in dispatches:
        made, taken = each.state.created_at / 1e9, bool(each.state.jobs)
        if made > spent:
            wait_until = max(wait_until, made + (TAKEN if taken else OFFERED))
        # A job that nobody took, before another one was, says nothing about the agent.
        if made > max(anew, now - REMEMBERED) and (taken or made > spent):
            tries, last = tries + 1, max(last, made)
    if tries > TRIES:
        delay: float = min(FIRST_DELAY * 2 ** (tries - TRIES - 1), LAST_DELAY)
        wait_until = max(wait_until, last + delay * random.uniform(1, 1.5))  # noqa: S311
    return max(0.0, wait_until - now)
