"""Who looks after the rooms, over a fake of LiveKit's API. (Over the real one: tests/e2e.)"""

import time

import pytest
from livekit.api import ParticipantInfo
from livekit.protocol.models import Room
from livekit.protocol.webhook import WebhookEvent

from app import dispatch, rooms
from app.rooms import Rooms
from app.settings import load_settings
from tests.fake_livekit import REQUIRED, FakeLiveKit, FakeRoom

NAME = ""  # only automatic
NAME = "concierge"  # only explicit
PERSON = ParticipantInfo(identity="ann")


def agent(name: str = NAME, **attributes: str) -> ParticipantInfo:
    return ParticipantInfo(
        identity="agent-AJ_1",
        kind=ParticipantInfo.Kind.AGENT,
        attributes={"lk.agent_name": name} | attributes,
    )


AVATAR = agent(**{"lk.publish_on_behalf": "agent-AJ_1"})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "SPREAD", 0)
    monkeypatch.setattr(rooms, "GATHER", 0.01)


def looked_after(livekit: FakeLiveKit) -> Rooms:
    return Rooms(load_settings().model_copy(update={"livekit_url": livekit.url}))


@pytest.mark.parametrize(
    "participants",
    [[PERSON], [PERSON, agent("another")], [PERSON, AVATAR]],
    ids=["alone", "with another agent", "with an avatar"],
)
async def test_a_person_without_our_agent_gets_one(participants: list[ParticipantInfo]) -> None:
    room = FakeRoom("hall", *participants)
    async with FakeLiveKit(room) as livekit, looked_after(livekit) as looking:
        looking.look_at_all()
        await livekit.called("CreateDispatch")
    assert [each.agent_name for each in room.dispatches] == [NAME]


async def test_nobody_is_sent_where_nobody_is_needed() -> None:
    needs_one = FakeRoom("needs one", PERSON)
    livekit = FakeLiveKit(
        FakeRoom("has one", PERSON, agent()),
        FakeRoom("nobody in it", ParticipantInfo(kind=ParticipantInfo.Kind.EGRESS)),
        FakeRoom("wants none", PERSON, metadata='{"require_agent": false}'),
        FakeRoom("says nothing", PERSON, metadata="{}"),
        needs_one,
    )
    async with livekit, looked_after(livekit) as looking:
        for name in ("has one", "nobody in it"):
            looking.look_at(name, after=0)
        looking.look_at_all()
        await livekit.called("ListParticipants", 5)
        await livekit.called("CreateDispatch")
    assert set(livekit.asked) == {"has one", "nobody in it", "needs one"}
    assert [name for name, room in livekit.rooms.items() if room.dispatches] == ["needs one"]


async def test_an_agent_on_its_way_is_waited_for() -> None:
    room = FakeRoom("hall", PERSON)
    room.dispatch(NAME, at=time.time() - 2)
    async with FakeLiveKit(room) as livekit, looked_after(livekit) as looking:
        looking.look_at("hall", after=0)
        await livekit.called("ListDispatch")
    assert len(room.dispatches) == 1


async def test_a_sweep_costs_the_server_a_bounded_number_of_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    livekit = FakeLiveKit(*(FakeRoom(f"room {n}", PERSON, agent()) for n in range(1000)))
    settings = load_settings().model_copy(update={"dispatch_sweep_seconds": 0.01})
    async with livekit:
        settings.livekit_url = livekit.url
        async with Rooms(settings) as looking:
            looking.sweep()
            await livekit.called("ListRooms", 2)
            await livekit.called("ListParticipants", rooms.SWEEP)
        swept = livekit.calls["ListRooms"]
    assert livekit.calls["ListParticipants"] <= swept * rooms.SWEEP
    assert livekit.calls["UpdateParticipant"] <= swept * rooms.SWEEP
    assert len(livekit.calls) == 3


async def test_many_tokens_cost_one_call_and_new_rooms_no_more() -> None:
    livekit = FakeLiveKit(FakeRoom("open", PERSON, agent()))
    async with livekit, looked_after(livekit) as looking:
        for number in range(1000):
            expect(looking, f"new room {number}")
            expect(looking, "open")
        await livekit.called("UpdateParticipant")
    assert livekit.calls == {"ListRooms": 1, "ListParticipants": 1, "UpdateParticipant": 1}


def expect(looking: Rooms, room: str, job_metadata: str = "") -> None:
    looking.expect(
        room,
        job_metadata,  # only explicit
    )


@pytest.mark.parametrize("metadata", ["", '{"colour":"blue"}', "no JSON"])
async def test_a_room_that_was_opened_elsewhere_gets_an_agent_with_a_token(metadata: str) -> None:
    room = FakeRoom("lobby", metadata=metadata)
    async with FakeLiveKit(room) as livekit, looked_after(livekit) as looking:
        expect(looking, "lobby")
        await livekit.called("CreateDispatch")
    if metadata == "no JSON":
        assert room.room.metadata == metadata
    else:
        assert dispatch.requirement(room.room.metadata)
        assert metadata.strip("{}") in room.room.metadata


async def test_a_room_that_is_to_have_no_agent_gets_none_with_a_token() -> None:
    livekit = FakeLiveKit(FakeRoom("quiet", metadata='{"require_agent": false}'), FakeRoom("hall"))
    async with livekit, looked_after(livekit) as looking:
        expect(looking, "quiet")
        expect(looking, "hall")
        await livekit.called("CreateDispatch")
    assert livekit.asked == ["hall"]


# begin only automatic
async def test_a_room_that_was_opened_for_other_agents_is_left_alone() -> None:
    theirs, ours = FakeRoom("theirs", metadata=""), FakeRoom("ours")
    theirs.dispatch("another", at=0)
    async with FakeLiveKit(theirs, ours) as livekit, looked_after(livekit) as looking:
        expect(looking, "theirs")
        expect(looking, "ours")
        await livekit.called("CreateDispatch")
    assert livekit.asked == ["ours"]
    assert not theirs.room.metadata


# end only automatic
# begin only explicit
async def test_the_job_gets_the_metadata_of_the_token_or_of_the_job_before() -> None:
    asked, lost = FakeRoom("asked"), FakeRoom("lost", PERSON)
    lost.dispatch(NAME, at=0, metadata="of the job before")
    async with FakeLiveKit(asked, lost) as livekit, looked_after(livekit) as looking:
        expect(looking, "asked", "of the token")
        looking.look_at("lost", after=0)
        await livekit.called("CreateDispatch", 2)
    assert asked.dispatches[0].metadata == "of the token"
    assert lost.dispatches[1].metadata == "of the job before"


# end only explicit
def event(kind: str, participant: ParticipantInfo, age: float) -> WebhookEvent:
    """What LiveKit reports of the room "hall", `age` seconds after it was opened."""
    room = Room(name="hall", metadata=REQUIRED, creation_time=1_000)
    return WebhookEvent(event=kind, room=room, participant=participant, created_at=int(1_000 + age))


async def test_nothing_is_asked_about_a_new_room_whose_agent_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "OFFERED", 0.1)
    livekit = FakeLiveKit(FakeRoom("hall", PERSON), FakeRoom("other", PERSON))
    async with livekit, looked_after(livekit) as looking:
        looking.hear(event("room_started", ParticipantInfo(), age=0))
        looking.hear(event("participant_joined", PERSON, age=0))
        looking.hear(event("participant_joined", agent(), age=0))
        looking.look_at("other", after=0.2)
        await livekit.called("CreateDispatch")
    assert livekit.asked == ["other"]


@pytest.mark.parametrize(
    "heard",
    [
        event("room_started", ParticipantInfo(), age=0),
        event("participant_joined", PERSON, age=0),
        event("participant_joined", PERSON, age=60),
        event("participant_left", agent(), age=60),
    ],
    ids=["nobody took it", "nobody came", "a person joins later", "the agent left"],
)
async def test_an_agent_is_sent_after(heard: WebhookEvent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "OFFERED", 0.1)
    async with FakeLiveKit(FakeRoom("hall", PERSON)) as livekit, looked_after(livekit) as looking:
        looking.hear(heard)
        await livekit.called("CreateDispatch")


async def test_an_agent_that_is_only_listed_does_not_count() -> None:
    livekit = FakeLiveKit(FakeRoom("hall", PERSON, agent()))
    livekit.gone.add(agent().identity)
    async with livekit, looked_after(livekit) as looking:
        looking.look_at("hall", after=0)
        await livekit.called("CreateDispatch")


async def test_a_room_that_is_to_have_no_agent_any_more_gets_none() -> None:
    livekit = FakeLiveKit(
        FakeRoom("quiet", PERSON, metadata='{"require_agent": false}'), FakeRoom("hall", PERSON)
    )
    async with livekit, looked_after(livekit) as looking:
        looking.look_at("quiet", after=0)
        looking.look_at("hall", after=0)
        await livekit.called("ListRooms", 2)
        await livekit.called("CreateDispatch")
    assert not livekit.rooms["quiet"].dispatches


async def test_one_room_that_cannot_be_marked_keeps_no_other_from_its_agent() -> None:
    livekit = FakeLiveKit(*(FakeRoom(name, metadata="") for name in ("one", "two", "three")))
    livekit.rooms["one"].room.metadata = "x"  # no JSON
    livekit.hanging.add("UpdateRoomMetadata")
    async with livekit, looked_after(livekit) as looking:
        for name in livekit.rooms:
            expect(looking, name)
        await livekit.called("CreateDispatch", 3)


async def test_livekit_may_be_away_answer_nonsense_or_hang(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "TIMEOUT", 0.3)
    monkeypatch.setattr(rooms, "AT_ONCE", 2)
    async with FakeLiveKit(FakeRoom("hall", PERSON)) as livekit, looked_after(livekit) as looking:
        looking.look_at("no such room", after=0)
        await livekit.called("ListParticipants")
        livekit.hanging.add("ListParticipants")
        for _ in range(2 * rooms.AT_ONCE):  # each takes its turn, and gives it back
            looking.look_at("hall", after=0)
            await livekit.called("ListParticipants", livekit.calls["ListParticipants"] + 1)
        livekit.hanging.clear()
        looking.look_at("hall", after=0)
        await livekit.called("CreateDispatch")
    assert caplog.text.count("Could not look after the rooms") == 1


async def test_outside_its_time_it_does_nothing() -> None:
    async with FakeLiveKit(FakeRoom("hall", PERSON)) as livekit:
        looking = looked_after(livekit)
        expect(looking, "hall")
        looking.look_at("hall", after=0)
        async with looking:
            looking.look_at("hall", after=0)
            await livekit.called("CreateDispatch")
    assert livekit.calls["ListParticipants"] == 1
