"""Check a room in which somebody waits for the agent."""

import asyncio
import time
from functools import partial

from livekit.api import LiveKitAPI
from livekit.protocol.agent_dispatch import AgentDispatch

from app.dispatch import names, policy
from app.dispatch.server import LiveKitServer
from app.doctor.finding import Finding, describe
from app.doctor.probe import READ_LOG
from app.doctor.worker import by_name
from app.settings import Settings

problem = partial(Finding, "room", "problem")
warning = partial(Finding, "room", "warning")
ok = partial(Finding, "room", "ok", "")

SECONDS_TO_JOIN = 10  # for an agent that was dispatched
SECONDS_TO_NOTICE = 10  # after a sweep was due
SECONDS_TO_SEND = 3  # after an agent has left and its worker or LiveKit's webhook has said so
SENT_BY_LIVEKIT = "agent-AJ_"  # the identity of an agent begins so, by default of the SDK


async def check(settings: Settings, livekit: LiveKitAPI, name: str) -> Finding:
    """Check the room `name`.

    Raises:
        TwirpError, ClientError, TimeoutError: the server has stopped answering.
    """
    own_name = names.our_name(settings)
    server = LiveKitServer(livekit)
    rooms = await server.rooms([name])
    if not rooms:
        return ok(f"No room {name!r} is open. The first person who joins opens it.")
    (room,) = rooms
    participants = await server.participants(name)
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
        if not any(agent.startswith(SENT_BY_LIVEKIT) for agent in agents):
            return problem(
                "foreign-agent",
                f"{seen} LiveKit did not send it there: it came with a token of its own.",
                "It is not this project's agent, but counts as one, so this project sends none.",
                "Let it join as a participant of another kind, or under another agent name.",
            )
        if agents[1:]:
            return warning(
                "room-of-several",
                f"{len(agents)} agents {by_name(own_name)} are in the room {name!r}.",
                "One of this project's would leave again. More than one worker or project sends "
                "agents under this name, and they all answer.",
                "Is another project's worker or token backend using this server? Give it its own "
                "server, LiveKit Cloud project or agent name.",
            )
        return ok(seen)
    dispatches = await server.dispatches(name)
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
    came = "1 agent has" if count == 1 else f"{count} agents have"
    if not settings.dispatch_ensure:
        return problem(
            "promise-off",
            f"No agent is in the room {name!r}, and DISPATCH_ENSURE is off."
            + (f" {came} come and gone, or never joined." if count else ""),
            "LiveKit offers a room once, when it opens, and nothing sends another agent.",
            "Remove DISPATCH_ENSURE=false, or open a new room.",
        )
    if count and await is_unattended(settings, server, name, ours):
        return problem(
            "room-unattended",
            f"In the room {name!r}, {came} come and gone, or never joined, and nobody sends "
            "another one.",
            "Neither the worker nor the token backend of this project looks after the room. (Or "
            "the agent left a moment ago: check again in a minute.)",
            "Start both with these settings, and without DISPATCH_ENSURE=false",
            "uv run honcho start",
        )
    if count:
        return problem(
            "agent-gone",
            f"In the room {name!r}, {came} come and gone, or never joined.",
            "Either the job ended with an error, or its process was killed. If no other one comes "
            "soon, neither the worker nor the token backend looks after the room.",
            "The worker's log says why",
            READ_LOG,
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
        "Read the worker's log",
        READ_LOG,
    )


async def is_unattended(
    settings: Settings, server: Server, room: str, ours: list[AgentDispatch]
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
