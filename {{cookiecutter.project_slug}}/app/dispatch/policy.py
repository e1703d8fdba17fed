"""The rules: which rooms get our agent, and when to send the next one.

LiveKit sends an agent once, when a room opens. These rules decide about every moment after that;
app/dispatch/rooms.py applies them.
"""

import random
from collections.abc import Iterable, Mapping
from typing import Protocol

from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import ParticipantInfo
from pydantic_core import from_json

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


def dispatches_for(name: str, dispatches: Iterable[AgentDispatch]) -> list[AgentDispatch]:
    """Those of a room's `dispatches` that are for the agent `name`."""
    return [dispatch for dispatch in dispatches if dispatch.agent_name == name]


def is_our_room(name: str, dispatches: Iterable[AgentDispatch]) -> bool:
    """Whether a room with these dispatches should have the agent `name`, whoever opened it.

    LiveKit lists a dispatch without a name, unless whoever opened the room asked for agents by
    name. So an agent without a name belongs in all rooms but those; also where the list was lost.
    """
    asked_for = {dispatch.agent_name for dispatch in dispatches}
    return name in asked_for or not (asked_for or name)


def opts_out(name: str, metadata: str) -> bool:
    """Whether a room's metadata keeps the agent `name` away: it says `"require_agent": false`.

    An agent with a name joins all the same: somebody has asked for it.
    """
    if name:
        return False
    try:
        return str(from_json(metadata or "{}")["require_agent"]).lower() in ("false", "0")
    except (ValueError, LookupError, TypeError):
        return False


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
