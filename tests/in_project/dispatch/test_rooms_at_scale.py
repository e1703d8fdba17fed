"""Rooms of others, many rooms, many tokens, and a LiveKit server that fails or hangs."""

import pytest
from livekit.api import ParticipantInfo
from livekit.protocol.models import Room
from livekit.protocol.webhook import WebhookEvent

from app.dispatch import rooms, server
from tests.fake_livekit import NAME, PERSON, FakeLiveKit, FakeRoom, agent, rooms_of


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "SPREAD_SECONDS", 0)
    monkeypatch.setattr(rooms, "GATHER_SECONDS", 0.01)


def event(kind: str, participant: ParticipantInfo, age: float) -> WebhookEvent:
    """A webhook event about the room "hall", `age` seconds after it opened."""
    room = Room(name="hall", creation_time=1_000)
    return WebhookEvent(event=kind, room=room, participant=participant, created_at=int(1_000 + age))


@pytest.mark.parametrize("metadata", ["", "no JSON", '{"require_agent": true}'])
async def test_metadata_does_not_bring_our_agent_to_a_room_of_others(metadata: str) -> None:
    theirs = FakeRoom("theirs", PERSON, metadata=metadata, asked_for=["another"])
    ours = FakeRoom("ours", PERSON, metadata=metadata)
    async with FakeLiveKit(theirs, ours) as livekit, rooms_of(livekit) as checked:
        checked.check_all()
        await livekit.called("ListDispatch", 2)
        await livekit.called("CreateDispatch")
    assert (theirs.sent, ours.sent) == ([], [NAME])


async def test_a_sweep_makes_a_bounded_number_of_calls() -> None:
    livekit = FakeLiveKit(*(FakeRoom(f"room {n}", PERSON, agent()) for n in range(1000)))
    async with livekit, rooms_of(livekit, dispatch_sweep_seconds=0.01) as ours:
        ours.sweep()
        await livekit.called("ListRooms", 2)
        await livekit.called("ListParticipants", rooms.SWEEP)
        sweeps = livekit.calls["ListRooms"]
    assert livekit.calls["ListParticipants"] <= sweeps * rooms.SWEEP
    assert livekit.calls["UpdateParticipant"] <= sweeps * rooms.SWEEP
    assert len(livekit.calls) == 3


async def test_a_sweep_finds_our_room_among_a_thousand_others() -> None:
    theirs = [FakeRoom(f"room {n}", PERSON, asked_for=["another"]) for n in range(1000)]
    livekit = FakeLiveKit(*theirs)
    async with livekit, rooms_of(livekit, dispatch_sweep_seconds=0.01) as ours:
        ours.check_all()
        await livekit.called("ListDispatch", 1000)
        new = FakeRoom("new", PERSON)
        livekit.rooms["new"] = new
        livekit.listed.clear()
        ours.sweep()
        await livekit.called("CreateDispatch")
    assert new.sent == [NAME]
    assert "new" in livekit.listed[: rooms.CONCURRENCY]  # among the first


async def test_many_tokens_cost_one_call_and_new_rooms_no_others() -> None:
    livekit = FakeLiveKit(FakeRoom("open", PERSON, agent()))
    async with livekit, rooms_of(livekit) as ours:
        for number in range(1000):
            ours.expect(f"new room {number}")
            ours.expect("open")
        await livekit.called("UpdateParticipant")
    assert livekit.calls == {"ListRooms": 1, "ListParticipants": 1, "UpdateParticipant": 1}


async def test_joins_of_other_agents_start_no_check() -> None:
    livekit = FakeLiveKit(FakeRoom("hall", PERSON), FakeRoom("other", PERSON))
    async with livekit, rooms_of(livekit) as ours:
        ours.handle(event("participant_joined", agent("another"), age=60))
        ours.handle(event("participant_left", agent("another"), age=60))
        ours.schedule("other", after=0.1)
        await livekit.called("CreateDispatch")
    assert livekit.listed == ["other"]


async def test_livekit_may_fail_or_hang(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(rooms, "CONCURRENCY", 2)
    async with FakeLiveKit(FakeRoom("hall", PERSON)) as livekit, rooms_of(livekit) as ours:
        ours.schedule("no such room", after=0)
        await livekit.called("ListParticipants")
        livekit.hanging.add("ListParticipants")
        for _ in range(2 * rooms.CONCURRENCY):  # each takes a slot and releases it
            ours.schedule("hall", after=0)
            await livekit.called("ListParticipants", livekit.calls["ListParticipants"] + 1)
        livekit.hanging.clear()
        ours.schedule("hall", after=0)
        await livekit.called("CreateDispatch")
    assert caplog.text.count("Could not check the rooms") == 1


async def test_it_does_nothing_outside_its_context() -> None:
    async with FakeLiveKit(FakeRoom("hall", PERSON)) as livekit:
        ours = rooms_of(livekit)
        ours.expect("hall")
        ours.schedule("hall", after=0)
        async with ours:
            ours.schedule("hall", after=0)
            await livekit.called("CreateDispatch")
    assert livekit.calls["ListParticipants"] == 1
