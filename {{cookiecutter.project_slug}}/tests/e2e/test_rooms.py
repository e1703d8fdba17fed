"""Whoever waits in a room gets an agent: a late worker's, or another after a loss."""

from livekit.api import RoomParticipantIdentity

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, livekit_running


async def test_a_late_workers_agent_joins_and_another_if_that_worker_is_killed() -> None:
    with livekit_running() as livekit, livekit.backend() as backend:
        person = await Person.with_token_from(backend)
        with livekit.worker() as first:
            lost = await person.meets_agent()
            with livekit.worker():
                first.kill()
                await person.meets_agent_other_than(lost.identity)
                await person.leave()


async def test_an_agent_that_is_removed_is_replaced(livekit: LiveKit, backend: str) -> None:
    person = await Person.with_token_from(backend, room_name="popular")
    removed = (await person.meets_agent()).identity
    async with livekit.api() as api:
        identity = RoomParticipantIdentity(room="popular", identity=removed)
        await api.room.remove_participant(identity)
    await person.meets_agent_other_than(removed)
    await person.leave()
