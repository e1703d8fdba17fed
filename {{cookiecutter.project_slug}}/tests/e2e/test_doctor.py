"""`python -m app.doctor`: why does no agent join?"""

import subprocess
from dataclasses import replace

from livekit.api import CreateRoomRequest, RoomAgentDispatch

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, free_ports, livekit_running, run


def doctor(livekit: LiveKit, port: int, room: str) -> subprocess.CompletedProcess[str]:
    env = {**livekit.env, "WORKER_PORT": str(port)}
    return run("app.doctor", "--room", room, env=env)


async def test_it_tells_one_cause_after_the_other() -> None:
    (port,) = free_ports(1)
    alone = {"DISPATCH_ENSURE": "false"}
    with livekit_running() as livekit, livekit.backend(**alone) as backend:
        other = replace(livekit, secret="of-another-project-with-32-letters")
        found = doctor(other, port, "early")
        assert found.returncode == 1
        assert "refuses the key (HTTP 401)" in found.stdout

        early = await Person.with_token_from(backend, room_name="early")
        found = doctor(livekit, port, "early")
        assert found.returncode == 1
        assert f"No worker answers at http://127.0.0.1:{port}" in found.stdout

        with livekit.worker(WORKER_PORT=str(port), **alone):
            found = doctor(livekit, port, "early")
            assert found.returncode == 1
            assert "LiveKit offered it once" in found.stdout
            await early.leave()

            async with livekit.api() as api:
                asks = [RoomAgentDispatch(agent_name="another")]
                await api.room.create_room(CreateRoomRequest(name="theirs", agents=asks))
            found = doctor(livekit, port, "theirs")
            assert found.returncode == 1
            assert "asks for 'another'" in found.stdout

            person = await Person.with_token_from(backend, room_name="now")
            await person.meets_agent()
            found = doctor(livekit, port, "now")
            assert "there is the agent" in found.stdout
            # On a busy machine, the worker's load is worth a warning.
            assert found.returncode == int("warning" in found.stdout)
            await person.leave()
    found = doctor(livekit, port, "now")
    assert found.returncode == 1
    assert f"No LiveKit server answers at {livekit.url}" in found.stdout
