"""Check a room in which somebody waits for the agent."""

import time
from collections.abc import Iterable

from livekit.api import LiveKitAPI
from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import ParticipantInfo

from app.dispatch import names, policy
from app.dispatch.server import LiveKitServer
from app.doctor.finding import Finding, describe, found, ok
from app.settings import Settings

SECONDS_TO_JOIN = 10  # for an agent that was dispatched
SECONDS_TO_NOTICE = 10  # after a sweep was due
SENT_BY_LIVEKIT = "agent-AJ_"  # the identity of an agent begins so, by default of the SDK


async def check(settings: Settings, livekit: LiveKitAPI, name: str) -> Finding:
    """Check the room `name`.

    Raises:
        TwirpError, ClientError, TimeoutError: the server has stopped answering.
    """
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
        if not identities[0].startswith(SENT_BY_LIVEKIT):
            return found("room", "foreign-agent", room=name, agent=identities[0])
        return ok("room", f"The agent {identities[0]!r} is in the room {name!r}.")
    dispatches = await server.dispatches(name)
    ours = policy.dispatches_for(own_name, dispatches)
    if not policy.is_our_room(own_name, dispatches):
        others = describe(sorted({dispatch.agent_name for dispatch in dispatches})) or "no agent"
        return found("room", "room-asks-for-others", room=name, others=others)
    if policy.opts_out(own_name, rooms[0].metadata):
        return found("room", "room-wants-no-agent", room=name)
    if not any(map(policy.is_person, participants)):
        return ok("room", f"Nobody is in the room {name!r}, so no agent is sent there.")
    count = sum(bool(dispatch.state.jobs) for dispatch in ours)
    gone = f"{count} agent{' has' if count == 1 else 's have'} come and gone, or never joined"
    if not settings.dispatch_ensure:
        return found("room", "promise-off", room=name, gone=gone if count else "none has come")
    if count:
        seconds = seconds_unattended(settings, participants, ours)
        cause = "room-unattended" if seconds else "agent-gone"
        return found("room", cause, room=name, gone=gone, seconds=round(seconds))
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


def seconds_unattended(
    settings: Settings, participants: list[ParticipantInfo], ours: list[AgentDispatch]
) -> float:
    """Return for how long this project would have sent another agent; 0 if that is not certain."""
    jobs = [job.state for dispatch in ours for job in dispatch.state.jobs]
    if not all(job.ended_at for job in jobs):
        return 0  # after a crash, the server does not say when the agent left
    now, patience = time.time(), 1.5 * settings.dispatch_sweep_seconds + SECONDS_TO_NOTICE
    arrived = min(p.joined_at for p in participants if policy.is_person(p))
    idle = now - max(arrived, *(job.ended_at / 1e9 for job in jobs))
    return idle if idle > patience and not policy.seconds_to_wait(ours, now - patience) else 0
