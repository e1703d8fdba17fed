"""Check a room in which somebody waits for the agent."""

import asyncio
import time
from collections.abc import Iterable

from livekit.api import AgentDispatch, LiveKitAPI, ParticipantInfo

from app.dispatch import names, policy
from app.dispatch.server import LiveKitServer
from app.doctor.finding import Finding, describe, found, ok
from app.settings import Settings
from app.tokens.mint import AGENT_PREFIX

SECONDS_TO_JOIN = 10  # for an agent that was dispatched
SECONDS_TO_NOTICE = 10  # after a sweep was due
SECONDS_TO_SEND = 3  # after an agent has left and its worker or LiveKit's webhook has said so


async def check(settings: Settings, livekit: LiveKitAPI, name: str) -> Finding:
    own_name, server = names.our_name(settings), LiveKitServer(livekit)
    rooms = await server.rooms([name])
    if not rooms:
        return ok("room", f"No room {name!r} is open. The first person who joins opens it.")
    participants = await server.participants(name)
    identities = [p.identity for p in participants if policy.is_agent(p, own_name)]
    if identities:
        agents = agents_in(participants)
        if agents[1:]:
            return several("room", f"the room {name!r}", agents)
        if not identities[0].startswith(AGENT_PREFIX):  # LiveKit has not sent it
            return found("room", "foreign-agent", room=name, agent=identities[0])
        return ok("room", f"The agent {identities[0]!r} is in the room {name!r}.")
    dispatches = await server.dispatches(name)
    ours = policy.dispatches_for(own_name, dispatches)
    if not policy.is_our_room(own_name, dispatches):
        others = describe(sorted({dispatch.agent_name for dispatch in dispatches})) or "no agent"
        is_call = any(p.kind == ParticipantInfo.Kind.SIP for p in participants)
        cause = "call-asks-for-others" if is_call else "room-asks-for-others"
        return found("room", cause, room=name, others=others)
    if policy.opts_out(own_name, rooms[0].metadata):
        return found("room", "room-wants-no-agent", room=name)
    if not any(map(policy.is_person, participants)):
        return ok("room", f"Nobody is in the room {name!r}, so no agent is sent there.")
    count = sum(bool(dispatch.state.jobs) for dispatch in ours)
    gone = f"{count} agent{' has' if count == 1 else 's have'} come and gone, or never joined"
    if not settings.dispatch_ensure:
        return found("room", "promise-off", room=name, gone=gone if count else "none has come")
    if count:
        is_unattended = await nobody_sends(settings, server, name, ours)
        cause = "room-unattended" if is_unattended else "agent-gone"
        return found("room", cause, room=name, gone=gone)
    age = time.time() - rooms[0].creation_time
    cause = "room-young" if age < SECONDS_TO_JOIN else "room-offered-once"
    return found("room", cause, room=name, age=round(age), load=policy.TARGET_LOAD)


def agents_in(participants: Iterable[policy.Participant]) -> list[str]:
    """Return the names of the agents among `participants`, avatars aside."""
    named = [(p, p.attributes.get("lk.agent_name", "")) for p in participants]
    return sorted(name for participant, name in named if policy.is_agent(participant, name))


def several(check: str, where: str, agents: list[str]) -> Finding:
    values = {"where": where, "count": len(agents), "agents": describe(agents)}
    return found(check, "room-of-several", **values)


async def nobody_sends(
    settings: Settings, server: LiveKitServer, room: str, ours: list[AgentDispatch]
) -> bool:
    """Whether this project should have sent another agent, and does not do so now either.

    The server does not list when an agent left: its job stays JS_RUNNING (1.13.5, measured).
    """
    patience = 1.5 * settings.dispatch_sweep_seconds + SECONDS_TO_NOTICE
    if policy.seconds_to_wait(ours, time.time() - patience):
        return False
    await asyncio.sleep(SECONDS_TO_SEND)
    dispatches = await server.dispatches(room)
    return len(policy.dispatches_for(names.our_name(settings), dispatches)) <= len(ours)
