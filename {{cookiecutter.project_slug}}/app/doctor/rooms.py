"""A room in which somebody waits for the agent."""

import time
from functools import partial

from livekit.api import ListParticipantsRequest, ListRoomsRequest, LiveKitAPI

from app import dispatch
from app.doctor.finding import Finding
from app.settings import Settings

problem = partial(Finding, "room", "problem")

SOON = 10  # seconds after which an agent that was asked for would be there


async def look(settings: Settings, livekit: LiveKitAPI, name: str) -> Finding:
    """
    Raises:
        TwirpError, ClientError, TimeoutError: the server does not answer any more.
    """
    own = ""  # only automatic
    own = settings.livekit_agent_name  # only explicit
    rooms = (await livekit.room.list_rooms(ListRoomsRequest(names=[name]))).rooms
    if not rooms:
        return Finding("room", "ok", "", f"No room {name!r} is open: who joins it opens it anew.")
    (room,) = rooms
    here = (await livekit.room.list_participants(ListParticipantsRequest(room=name))).participants
    agents = [
        each
        for each in here
        if dispatch.is_ours(
            each,
            own,  # only explicit
        )
    ]
    if agents:
        seen = f"The agent {agents[0].identity!r} is in the room {name!r}."
        return Finding("room", "ok", "", seen)
    dispatches = await livekit.agent_dispatch.list_dispatch(name)
    names = {each.agent_name for each in dispatches}
    ours = dispatch.ours(
        dispatches,
        own,  # only explicit
    )
    required = dispatch.requirement(room.metadata)
    if names and own not in names:
        return problem(
            "room-asks-for-others",
            f"The room {name!r} asks for {', '.join(map(repr, sorted(names)))}, not for {own!r}.",
            "Who opened it chose other agents, so LiveKit did not offer it to this worker.",
            "Open a new room with a token of this project's POST /token.",
        )
    if required is False:
        return problem(
            "room-wants-no-agent",
            f"The metadata of the room {name!r} says that it is to have no agent.",
            "Nobody sends one that is lost.",
            "Set require_agent in it to true, or open a new room.",
        )
    if not any(map(dispatch.is_person, here)):
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
    if required is None:
        return problem(
            "room-unmarked",
            f"The metadata of the room {name!r} does not say that it is to have an agent.",
            "It was open before this project's token: LiveKit reads what a token says about a room "
            "only as it opens. So nobody looks after it.",
            "Join with a token of this project's POST /token, which marks the room.",
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
        "LiveKit offered it to the workers; none took it. They were not there, or full (a load of "
        f"{dispatch.FULL} or more), or their request handler refused.",
        "Read the worker's log: livekit-doctor --log worker.log",
    )
