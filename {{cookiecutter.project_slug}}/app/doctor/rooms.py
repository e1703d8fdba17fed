"""Check a room in which somebody waits for the agent."""

import time
from functools import partial

from livekit.api import ListParticipantsRequest, ListRoomsRequest, LiveKitAPI

from app.dispatch import names, policy
from app.doctor.finding import Finding, describe
from app.settings import Settings

problem = partial(Finding, "room", "problem")
warning = partial(Finding, "room", "warning")
ok = partial(Finding, "room", "ok", "")

SECONDS_TO_JOIN = 10  # for an agent that was dispatched


async def check(settings: Settings, livekit: LiveKitAPI, name: str) -> Finding:
    """Check the room `name`.

    Raises:
        TwirpError, ClientError, TimeoutError: the server has stopped answering.
    """
    own_name = names.our_name(settings)
    rooms = (await livekit.room.list_rooms(ListRoomsRequest(names=[name]))).rooms
    if not rooms:
        return ok(f"No room {name!r} is open. The first person who joins opens it.")
    (room,) = rooms
    request = ListParticipantsRequest(room=name)
    participants = (await livekit.room.list_participants(request)).participants
    agents = [p.identity for p in participants if policy.is_agent(p, own_name)]
    if agents:
        seen = f"The agent {agents[0]!r} is in the room {name!r}."
        agent_names = {p.attributes.get("lk.agent_name", "") for p in participants} - {own_name}
        others = [
            other
            for other in sorted(agent_names)
            if any(policy.is_agent(participant, other) for participant in participants)
        ]
        if others:
            return warning(
                "room-of-several",
                f"{seen} So are others: {describe(others)}.",
                "Whoever opened the room, or a token for it, asked for several. They all answer.",
                "Give each project its own agent name, and let each room ask for one agent.",
            )
        return ok(seen)
    dispatches = await livekit.agent_dispatch.list_dispatch(name)
    ours = policy.dispatches_for(own_name, dispatches)
    if not policy.is_our_room(own_name, dispatches):
        requested = sorted({dispatch.agent_name for dispatch in dispatches})
        return problem(
            "room-asks-for-others",
            f"The room {name!r} asks for {describe(requested) or 'no agent'}, not for "
            f"{describe([own_name])}.",
            "Whoever opened it chose other agents, so LiveKit did not offer it to this worker.",
            "Open a new room with a token from this project's POST /token.",
        )
    if policy.opts_out(own_name, room.metadata):
        return problem(
            "room-wants-no-agent",
            f"The metadata of the room {name!r} says require_agent: false.",
            "No agent is sent there, and one that LiveKit sends leaves at once.",
            "Remove require_agent from the metadata, or open a new room.",
        )
    if not any(map(policy.is_person, participants)):
        return ok(f"Nobody is in the room {name!r}, so no agent is sent there.")
    count = sum(bool(dispatch.state.jobs) for dispatch in ours)
    if count:
        came = "1 agent has" if count == 1 else f"{count} agents have"
        return problem(
            "agent-gone",
            f"In the room {name!r}, {came} come and gone, or never joined.",
            "Either the job ended with an error, or its process was killed.",
            "The worker's log says why: livekit-doctor --log worker.log",
        )
    if not settings.dispatch_ensure:
        return problem(
            "promise-off",
            f"No agent is in the room {name!r}, and DISPATCH_ENSURE is off.",
            "LiveKit offers a room once, when it opens. The worker was not there then, or busy.",
            "Remove DISPATCH_ENSURE=false, or open a new room.",
        )
    age = time.time() - room.creation_time
    if age < SECONDS_TO_JOIN:
        return warning(
            "room-young",
            f"No agent is in the room {name!r} yet, which opened {age:.0f} s ago.",
            "One may be on its way.",
            "Check again in ten seconds.",
        )
    requests = "once" if len(ours) == 1 else f"{len(ours)} times"
    return problem(
        "room-offered-once",
        f"No agent is in the room {name!r}, which asked for one {requests}.",
        "LiveKit offered it to the workers, and none took it. They were not there, reported a load "
        f"of {policy.TARGET_LOAD} or more, or their request handler refused.",
        "Read the worker's log: livekit-doctor --log worker.log",
    )
