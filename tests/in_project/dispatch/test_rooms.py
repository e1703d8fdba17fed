"""Which rooms get an agent, with a fake of LiveKit's API. (With the real one: tests/e2e.)"""

import time

import pytest
from livekit.api import ParticipantInfo
from livekit.protocol.models import Room
from livekit.protocol.webhook import WebhookEvent

from app.dispatch import policy, rooms
from tests.fake_livekit import AVATAR, CALLER, NAME, PERSON, FakeLiveKit, FakeRoom, agent, rooms_of


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "SPREAD_SECONDS", 0)
    monkeypatch.setattr(rooms, "GATHER_SECONDS", 0.01)


@pytest.mark.parametrize(
    "participants",
    [[PERSON], [CALLER], [PERSON, agent("another")], [PERSON, AVATAR]],
    ids=["alone", "on the phone", "with another agent", "with an avatar"],
)
async def test_a_person_without_our_agent_gets_one(participants: list[ParticipantInfo]) -> None:
    room = FakeRoom("hall", *participants)
    async with FakeLiveKit(room) as livekit, rooms_of(livekit) as ours:
        ours.check_all()
        await livekit.called("CreateDispatch")
    assert room.sent == [NAME]


async def test_no_agent_is_sent_where_none_is_needed() -> None:
    livekit = FakeLiveKit(
        FakeRoom("has one", PERSON, agent()),
        FakeRoom("nobody in it", ParticipantInfo(kind=ParticipantInfo.Kind.EGRESS)),
        FakeRoom("of others", PERSON, asked_for=["another"]),
        FakeRoom("needs one", PERSON),
    )
    async with livekit, rooms_of(livekit) as ours:
        for name in ("has one", "nobody in it"):
            ours.schedule(name, after=0)
        ours.check_all()
        await livekit.called("ListDispatch", 2)
        await livekit.called("ListParticipants", 5)
        await livekit.called("CreateDispatch")
    assert [name for name, room in livekit.rooms.items() if room.sent] == ["needs one"]


async def test_a_pending_dispatch_is_given_time() -> None:
    room = FakeRoom("hall", PERSON)
    room.dispatch(NAME, at=time.time() - 2)
    async with FakeLiveKit(room) as livekit, rooms_of(livekit) as ours:
        ours.schedule("hall", after=0)
        await livekit.called("ListDispatch")
    assert len(room.sent) == 1


@pytest.mark.parametrize("metadata", ["", '{"colour":"blue"}', "no JSON"])
async def test_a_token_brings_an_agent_to_a_room_that_was_opened_elsewhere(metadata: str) -> None:
    room = FakeRoom("lobby", metadata=metadata)
    async with FakeLiveKit(room) as livekit, rooms_of(livekit) as ours:
        ours.expect("lobby")
        await livekit.called("CreateDispatch")
    assert room.sent == [NAME]
    assert room.room.metadata == metadata


# begin only explicit
async def test_a_token_brings_our_agent_to_a_room_of_others() -> None:
    room = FakeRoom("lobby", asked_for=["another"])
    async with FakeLiveKit(room) as livekit, rooms_of(livekit) as ours:
        ours.expect("lobby")
        await livekit.called("CreateDispatch")
    assert room.sent == [NAME]


async def test_the_job_gets_the_metadata_of_the_token_or_of_the_previous_job() -> None:
    new, lost = FakeRoom("new"), FakeRoom("lost", PERSON, asked_for=[])
    lost.dispatch(NAME, at=0, metadata="of the previous job")
    async with FakeLiveKit(new, lost) as livekit, rooms_of(livekit) as ours:
        ours.expect("new", {"metadata": "of the token", "deployment": "beta"})
        ours.schedule("lost", after=0)
        await livekit.called("CreateDispatch", 2)
    assert new.dispatches[-1].metadata == "of the token"
    assert new.dispatches[-1].deployment == "beta"
    assert lost.dispatches[-1].metadata == "of the previous job"


# end only explicit
def event(kind: str, participant: ParticipantInfo, age: float) -> WebhookEvent:
    """A webhook event about the room "hall", `age` seconds after it opened."""
    room = Room(name="hall", creation_time=1_000)
    return WebhookEvent(event=kind, room=room, participant=participant, created_at=int(1_000 + age))


async def test_a_new_room_whose_agent_joins_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "SECONDS_TO_TAKE", 0.1)
    livekit = FakeLiveKit(FakeRoom("hall", PERSON), FakeRoom("other", PERSON))
    async with livekit, rooms_of(livekit) as ours:
        ours.handle(event("participant_joined", PERSON, age=0))
        ours.handle(event("participant_joined", agent(), age=0))
        ours.schedule("other", after=0.2)
        await livekit.called("CreateDispatch")
    assert livekit.listed == ["other"]


@pytest.mark.parametrize(
    "reported",
    [
        event("participant_joined", PERSON, age=0),
        event("participant_joined", PERSON, age=60),
        event("participant_joined", CALLER, age=60),
        event("participant_left", agent(), age=60),
        event("participant_connection_aborted", agent(), age=60),
    ],
    ids=[
        "no agent joined",
        "a person joins later",
        "a caller joins later",
        "the agent left",
        "the agent could not join",
    ],
)
async def test_an_agent_is_sent_after(
    reported: WebhookEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "SECONDS_TO_TAKE", 0.1)
    async with FakeLiveKit(FakeRoom("hall", PERSON)) as livekit, rooms_of(livekit) as ours:
        ours.handle(reported)
        await livekit.called("CreateDispatch")


async def test_an_agent_that_is_only_listed_does_not_count() -> None:
    livekit = FakeLiveKit(FakeRoom("hall", PERSON, agent()))
    livekit.gone.add(agent().identity)
    async with livekit, rooms_of(livekit) as ours:
        ours.schedule("hall", after=0)
        await livekit.called("CreateDispatch")


async def test_a_room_that_opts_out_gets_only_an_agent_with_a_name() -> None:
    quiet = '{"require_agent": false}'
    livekit = FakeLiveKit(FakeRoom("quiet", PERSON, metadata=quiet), FakeRoom("hall", PERSON))
    async with livekit, rooms_of(livekit) as ours:
        ours.schedule("quiet", after=0)
        ours.schedule("hall", after=0)
        await livekit.called("ListRooms", 2)
        await livekit.called("CreateDispatch", 2 if NAME else 1)
    assert bool(livekit.rooms["quiet"].sent) is bool(NAME)
