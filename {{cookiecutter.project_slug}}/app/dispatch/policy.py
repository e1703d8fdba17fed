"""The rules: which rooms get our agent, and when to send the next one.

LiveKit sends an agent once, when a room opens. These rules cover everything after that.
app/dispatch/rooms.py applies them.
"""

import random
from collections.abc import Iterable, Mapping
from typing import Protocol

from livekit.api import AgentDispatch, ParticipantInfo
from pydantic_core import from_json

Kind = ParticipantInfo.Kind

# livekit-server 1.13.5 skips a worker that reports a load of 0.7 or more: its default
# `agents.target_load`. A worker at 1.0 gets nothing, whatever the target (both measured).
TARGET_LOAD = 0.7
LOAD_LIMIT = 0.69

# How long a dispatch may be pending. livekit-server 1.13.5 lists up to five seconds late that a
# worker has taken the job (measured). Then a process may have to start.
SECONDS_TO_TAKE = 6
SECONDS_TO_JOIN = 20

# When an agent does not join or does not stay: retry this often immediately, then back off.
TRIES_AT_ONCE = 3
FIRST_DELAY_SECONDS = 2  # then 4, 8, …
LAST_DELAY_SECONDS = 300
MEMORY_SECONDS = 1800  # how long a dispatch counts as a try


class Participant(Protocol):
    """A participant, as both LiveKit's API and its client describe it."""

    @property
    def kind(self) -> int: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


def is_agent(participant: Participant, name: str) -> bool:
    """Whether this is an agent with this name (livekit-server 1.9.2 and later), not an avatar."""
    return (
        participant.kind == Kind.AGENT
        and participant.attributes.get("lk.agent_name", "") == name
        and "lk.publish_on_behalf" not in participant.attributes
    )


def is_person(participant: Participant) -> bool:
    """Whether this participant is a person whom an agent should join. A phone caller is one."""
    return participant.kind in (Kind.STANDARD, Kind.SIP, Kind.CONNECTOR)


def dispatches_for(name: str, dispatches: Iterable[AgentDispatch]) -> list[AgentDispatch]:
    return [dispatch for dispatch in dispatches if dispatch.agent_name == name]


def is_our_room(name: str, dispatches: Iterable[AgentDispatch]) -> bool:
    """Whether a room with these dispatches should have the agent `name`, whoever opened it.

    LiveKit lists a dispatch with an empty name, unless the creator of the room asked for agents by
    name. An empty list means that a restarted server has lost it: such a room gets unnamed agents.
    """
    asked_for = {dispatch.agent_name for dispatch in dispatches}
    return name in asked_for or not (asked_for or name)


def opts_out(name: str, metadata: str) -> bool:
    """Whether `"require_agent": false` keeps this agent away. One asked for by name still joins."""
    if name:
        return False
    try:
        return str(from_json(metadata or "{}")["require_agent"]).lower() in ("false", "0")
    except (ValueError, LookupError, TypeError):
        return False


def seconds_to_wait(
    dispatches: list[AgentDispatch], now: float, settled_before: float = 0, forget_before: float = 0
) -> float:
    """Return how long to wait before dispatching to a room without an agent; 0 means now.

    All replicas and workers get about the same result, because they read it from the server.

    Args:
        dispatches: those for our agent in this room, as the server lists them.
        now: the time in seconds since the epoch, like the other two.
        settled_before: dispatches older than this are no longer pending: that agent has left
            again, or no worker could take the job.
        forget_before: dispatches older than this do not count as tries.
    """
    wait_until, tries, last = 0.0, 0, 0.0
    for dispatch in dispatches:
        created_at, is_taken = dispatch.state.created_at / 1e9, bool(dispatch.state.jobs)
        if created_at > settled_before:
            patience = SECONDS_TO_JOIN if is_taken else SECONDS_TO_TAKE
            wait_until = max(wait_until, created_at + patience)
        # A dispatch that no worker took is not a failed try. The server lists late which were.
        may_be_taken = is_taken or created_at > min(settled_before, now - SECONDS_TO_TAKE)
        if created_at > max(forget_before, now - MEMORY_SECONDS) and may_be_taken:
            tries, last = tries + 1, max(last, created_at)
    if tries >= TRIES_AT_ONCE:
        delay: float = min(FIRST_DELAY_SECONDS * 2 ** (tries - TRIES_AT_ONCE), LAST_DELAY_SECONDS)
        wait_until = max(wait_until, last + delay * random.uniform(1, 1.5))  # noqa: S311
    return max(0.0, wait_until - now)
