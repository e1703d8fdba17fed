"""Who gets an agent: the whole dispatch policy, and nothing else.

LiveKit offers each new room to a worker registered *without* a name. A named worker gets only the
rooms that ask for exactly that name, so an unwanted name is what most often keeps an agent away.
app/agent.py registers no name, so LiveKit offers it every room.  # only automatic
app/agent.py registers one name, and every token asks for it.  # only explicit

LiveKit does so once, when the room opens. Which rooms get an agent later, and when, is decided by
the rules in the second half of this file. app/rooms.py applies them.
"""

import logging
import os  # only 1.8
import random
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Protocol

from livekit.protocol.agent import Job
from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import ParticipantInfo
from pydantic_core import from_json, to_json

from app.metrics import STRIPPED
from app.settings import Settings

logger = logging.getLogger("app.dispatch")

# Since livekit-agents 1.5.7 the first names a worker that gives no name; since 1.6.0 the second
# beats any name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")
NAME_OF_WORKER = "_agent_name"  # livekit-agents has no public attribute for it  # only 1.8

# livekit-server 1.13.5 passes over a worker that reports this load, 0.7, or more: its default
# `agents.target_load`. A worker at 1.0 gets nothing whatever the target is (both measured).
TARGET_LOAD = 0.7
LOAD_LIMIT = 0.69

# How long an agent may be on its way. livekit-server 1.13.5 lists up to five seconds late that a
# worker has taken the job (measured). Then a process may have to start.
SECONDS_TO_TAKE = 6
SECONDS_TO_JOIN = 20

# An agent that does not come or does not stay: retry this often at once, then back off.
TRIES_AT_ONCE = 3
FIRST_DELAY_SECONDS = 2  # then 4, 8, …
LAST_DELAY_SECONDS = 300
MEMORY_SECONDS = 1800  # how long a dispatch counts as a try


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
def job_metadata(agents: Iterable[Mapping[str, Any]], settings: Settings) -> str:
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


class Participant(Protocol):
    """What LiveKit's API and its client have in common."""

    @property
    def kind(self) -> int: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


def is_agent(participant: Participant, name: str) -> bool:
    """Whether this is an agent with this name, and not the avatar of one.

    (livekit-server tells the name of an agent since 1.9.2.)
    """
    return (
        participant.kind == ParticipantInfo.Kind.AGENT
        and participant.attributes.get("lk.agent_name", "") == name
        and "lk.publish_on_behalf" not in participant.attributes
    )


def is_person(participant: Participant) -> bool:
    """Whether this participant is a person whom an agent should join. A phone caller is one."""
    return participant.kind in (
        ParticipantInfo.Kind.STANDARD,
        ParticipantInfo.Kind.SIP,
        ParticipantInfo.Kind.CONNECTOR,
    )


def name_for(job: Job) -> str:
    """The agent name that `job` is for."""
    return job.agent_name


def dispatches_for(name: str, dispatches: Iterable[AgentDispatch]) -> list[AgentDispatch]:
    """Those of a room's `dispatches` that are for the agent `name`."""
    return [dispatch for dispatch in dispatches if dispatch.agent_name == name]


def is_our_room(dispatches: Iterable[AgentDispatch], settings: Settings) -> bool:
    """Whether a room with these dispatches should have our agent, whoever opened it.

    LiveKit lists one without a name unless whoever opened the room asked for agents by name.
    """
    names = {dispatch.agent_name for dispatch in dispatches}
    return our_name(settings) in names  # only explicit
    return not names or "" in names  # only automatic


# begin only automatic
def opts_out(metadata: str) -> bool:
    """Whether the metadata of a room says `"require_agent": false`: no agent should join it."""
    try:
        return str(from_json(metadata or "{}")["require_agent"]).lower() in ("false", "0")
    except (ValueError, LookupError, TypeError):
        return False


# end only automatic
def seconds_to_wait(
    dispatches: Iterable[AgentDispatch],
    now: float,
    ignore_before: float = 0,
    forget_before: float = 0,
) -> float:
    """How long to wait before sending an agent into a room that has none. 0: send it now.

    All replicas and workers come to about the same answer, because they read it from the server.

    Args:
        dispatches: those for our agent in this room, as the server lists them.
        now: the time in seconds since the epoch, like the other two.
        ignore_before: dispatches older than this no longer count as pending. That agent has come
            and gone, or no worker could take the job.
        forget_before: dispatches older than this do not count as tries.
    """
    wait_until, tries, last = 0.0, 0, 0.0
    for dispatch in dispatches:
        made, is_taken = dispatch.state.created_at / 1e9, bool(dispatch.state.jobs)
        if made > ignore_before:
            wait_until = max(wait_until, made + (SECONDS_TO_JOIN if is_taken else SECONDS_TO_TAKE))
        # A job that no worker took says nothing about the agent. The server lists late which were.
        may_be_taken = is_taken or made > min(ignore_before, now - SECONDS_TO_TAKE)
        if made > max(forget_before, now - MEMORY_SECONDS) and may_be_taken:
            tries, last = tries + 1, max(last, made)
    if tries >= TRIES_AT_ONCE:
        delay: float = min(FIRST_DELAY_SECONDS * 2 ** (tries - TRIES_AT_ONCE), LAST_DELAY_SECONDS)
        wait_until = max(wait_until, last + delay * random.uniform(1, 1.5))  # noqa: S311
    return max(0.0, wait_until - now)
