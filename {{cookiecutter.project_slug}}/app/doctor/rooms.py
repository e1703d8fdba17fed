"""A room in which somebody waits for the agent."""

import time
from functools import partial

from livekit.api import ListParticipantsRequest, ListRoomsRequest, LiveKitAPI

from app.dispatch import names, policy
from app.doctor.finding import Finding
from app.settings import Settings

problem = partial(Finding, "room", "problem")

SOON = 10  # seconds after which an agent that was asked for would be there


async def look(settings: Settings, livekit: LiveKitAPI, name: str) -> Finding:
    """
    Raises:
        TwirpError, ClientError, TimeoutError: the server does not answer any more.
    """
    own = names.our_name(settings)
    rooms = (await livekit.room.list_rooms(ListRoomsRequest(names=[name]))).rooms
    if not rooms:
        return Finding("room", "ok", "", f"No room {name!r} is open: whoever joins it opens it.")
    (room,) = rooms
    here = (await livekit.room.list_participants(ListParticipantsRequest(room=name))).participants
    agents = [each.identity for each in here if policy.is_agent(each, own)]
    if agents:
        seen = f"The agent {agents[0]!r} is in the room {name!r}."
        present = {each.attributes.get("lk.agent_name", "") for each in here}
        others = [
            other
            for other in sorted(present - {own})
            if any(policy.is_agent(each, other) for each in here)
        ]
        if others:
            return Finding(
                "room",
                "warning",
                "room-of-several",
                f"{seen} So are agents of others: {', '.join(map(repr, others))}.",
                "Whoever opened the room, or a token for it, asked for several. They all answer.",
                "Give each project an agent name of its own, and let each room ask for one.",
            )
        return Finding("room", "ok", "", seen)
    dispatches = await livekit.agent_dispatch.list_dispatch(name)
    ours = policy.dispatches_for(own, dispatches)
    if not policy.is_our_room(own, dispatches):
        asked_for = sorted({each.agent_name for each in dispatches})
        return problem(
            "room-asks-for-others",
            f"The room {name!r} asks for {', '.join(map(repr, asked_for)) or 'no agent'}, not for "
            f"{own!r}.",
            "Whoever opened it chose other agents, so LiveKit did not offer it to this worker.",
            "Open a new room with a token of this project's POST /token.",
        )
    if policy.opts_out(own, room.metadata):
        return problem(
            "room-wants-no-agent",
            f"The metadata of the room {name!r} says require_agent: false.",
            "No agent is sent there, and one that LiveKit sends leaves at once.",
            "Remove require_agent from the metadata, or open a new room.",
        )
    if not any(map(policy.is_person, here)):
        seen = f"Nobody is in the room {name!r}, so no agent is sent there."
        return Finding("room", "ok", "", seen)
    tried = [each for each in ours if each.state.jobs]
    if tried:
        return problem(
            "agent-gone",
            f"In the room {name!r}, {len(tried)} agents have come and gone, or never joined.",
            "Their jobs end with an error, or their process was killed.",
            "The worker's log says why: livekit-doctor --log worker.log",
        )
    if not settings.dispatch_ensure:
        return problem(
            "promise-off",
            f"No agent is in the room {name!r}, and DISPATCH_ENSURE is off.",
            "LiveKit offers a room once, when it opens. The worker was not there then, or busy.",
            "Take DISPATCH_ENSURE=false away, or open a new room.",
        )
    age = time.time() - room.creation_time
    if age < SOON:
        return Finding(
            "room",
            "warning",
            "room-young",
            f"No agent is in the room {name!r} yet, which opened {age:.0f} s ago.",
            "One may be on its way.",
            "Ask again in ten seconds.",
        )
    return problem(
        "room-offered-once",
        f"No agent is in the room {name!r}, though it was asked for {len(ours)} times.",
        "LiveKit offered it to the workers; none took it. They were not there, or they reported a "
        f"load of {policy.TARGET_LOAD} or more, or their request handler refused.",
        "Read the worker's log: livekit-doctor --log worker.log",
    )
