"""Phone calls, as LiveKit's SIP service brings them into rooms: docs/phone.md does what it says."""

import ast
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from google.protobuf.json_format import ParseDict
from livekit import rtc
from livekit.agents.utils import wait_for_participant
from livekit.api import (
    AccessToken,
    CreateSIPDispatchRuleRequest,
    CreateSIPInboundTrunkRequest,
    CreateSIPOutboundTrunkRequest,
    DeleteSIPDispatchRuleRequest,
    DeleteSIPTrunkRequest,
    ListParticipantsRequest,
    ListRoomsRequest,
    ListSIPDispatchRuleRequest,
    ListSIPInboundTrunkRequest,
    LiveKitAPI,
    RoomAgentDispatch,
    RoomConfiguration,
    SIPDispatchRuleInfo,
    SIPOutboundTrunkInfo,
    TwirpError,
    VideoGrants,
)

from app.dispatch import names, policy
from app.doctor import phone, rooms
from app.doctor.worker import worker_at
from app.settings import load_settings
from tests.e2e.person import TIMEOUT, Person
from tests.e2e.programs import PROJECT, LiveKit, free_ports
from tests.e2e.redis import redis_running
from tests.e2e.world import POLL_SECONDS, answers_to

PAGE = (PROJECT / "docs" / "phone.md").read_text(encoding="utf-8")
TRUNK, RULE = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
READ_CALLER, CALL = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CALLER, CALLED = "+15550100", "+15550199"
CALLS = 5
SECONDS_TO_ANSWER = 1
SECONDS_TO_END = 5
LOUD = 1_000  # of 32,767; codec noise stays below


@pytest.fixture(scope="module")
def worker() -> str:
    """The URL of the worker."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(scope="module")
def livekit(worker: str) -> Iterator[LiveKit]:
    """A real LiveKit server with Redis, which its SIP API needs, and one worker."""
    livekit = LiveKit()
    with (
        redis_running() as (address, _),
        livekit.running(redis={"address": address}),
        livekit.worker(WORKER_PORT=worker.rpartition(":")[2]),
    ):
        yield livekit


@asynccontextmanager
async def joined(
    livekit: LiveKit, room: str, config: RoomConfiguration | None = None
) -> AsyncIterator[Person]:
    """Join `room` as a phone caller, if there is a `config`, or as a person."""
    token = AccessToken(livekit.key, livekit.secret).with_identity("ann")
    token.with_grants(VideoGrants(room_join=True, room=room))
    if config is not None:
        token.with_identity(f"sip_{CALLER}").with_kind("sip").with_room_config(config)
        token.with_attributes({"sip.phoneNumber": CALLER, "sip.trunkPhoneNumber": CALLED})
    person = await Person.with_token(livekit.url, token.to_jwt())
    try:
        if config is not None:
            await person.room.local_participant.publish_track(
                rtc.LocalAudioTrack.create_audio_track("phone", rtc.AudioSource(48_000, 1)),
                rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
            )
        yield person
    finally:
        await person.leave()


async def hears_sound(caller: Person) -> tuple[float, float]:
    """Wait for sound; return when the phone was answered, and when the sound came."""
    stream = rtc.AudioStream(await caller.hears_track(), sample_rate=48_000, num_channels=1)
    answered = time.time()
    async with asyncio.timeout(TIMEOUT):
        async for event in stream:
            if np.abs(np.frombuffer(event.frame.data, np.int16)).max() > LOUD:
                break
    return answered, time.time()


def our_name() -> str:
    return names.our_name(load_settings())


def config_of(rule: SIPDispatchRuleInfo) -> RoomConfiguration:
    """Return what a call by `rule` asks for, with our name for the page's."""
    config = RoomConfiguration()
    config.CopyFrom(rule.room_config)
    for agent in config.agents:
        assert agent.agent_name == "YOUR-AGENT-NAME"
        agent.agent_name = our_name()
    return config


async def forget_trunks_and_rules(api: LiveKitAPI) -> None:
    for trunk in (await api.sip.list_inbound_trunk(ListSIPInboundTrunkRequest())).items:
        await api.sip.delete_trunk(DeleteSIPTrunkRequest(sip_trunk_id=trunk.sip_trunk_id))
    await forget_rules(api)


async def forget_rules(api: LiveKitAPI) -> None:
    for rule in (await api.sip.list_dispatch_rule(ListSIPDispatchRuleRequest())).items:
        request = DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=rule.sip_dispatch_rule_id)
        await api.sip.delete_dispatch_rule(request)


async def create_rule(api: LiveKitAPI, rule: dict[str, Any]) -> SIPDispatchRuleInfo:
    """Create the rule in a JSON file, as `lk` does."""
    request = ParseDict(rule, CreateSIPDispatchRuleRequest())
    return await api.sip.create_dispatch_rule(request)


async def test_a_call_by_the_rule_of_the_page(
    livekit: LiveKit, worker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with livekit.api() as api:
        await forget_trunks_and_rules(api)
        await api.sip.create_inbound_trunk(ParseDict(TRUNK, CreateSIPInboundTrunkRequest()))
        created = await create_rule(api, RULE)
        (trunk,) = (await api.sip.list_inbound_trunk(ListSIPInboundTrunkRequest())).items
        (rule,) = (await api.sip.list_dispatch_rule(ListSIPDispatchRuleRequest())).items
        assert list(trunk.numbers) == [CALLED]
        assert rule.sip_dispatch_rule_id == created.sip_dispatch_rule_id
        printed = ParseDict(RULE, CreateSIPDispatchRuleRequest()).dispatch_rule
        assert (rule.name, rule.rule) == (printed.name, printed.rule)
        assert rule.room_config == printed.room_config

        config = config_of(rule)
        config.departure_timeout = 3600  # so that the room does not end the job
        for n in range(CALLS):  # other programs may slow some of them down
            measured = await call(livekit, worker, f"call {n}", config)
            if measured.answered < SECONDS_TO_ANSWER and measured.ended < SECONDS_TO_END:
                break
        # begin only automatic
        (room,) = (await api.room.list_rooms(ListRoomsRequest(names=["call 0"]))).rooms
        metadata = room.metadata
        # end only automatic
        # begin only explicit
        (dispatch,) = await api.agent_dispatch.list_dispatch("call 0")
        metadata = dispatch.metadata
        # end only explicit
    with capsys.disabled():
        print(f"\n{measured}")
    assert measured.answered < SECONDS_TO_ANSWER
    assert measured.ended < SECONDS_TO_END
    assert json.loads(metadata) == {"language": "en"}


class Call(NamedTuple):
    """Seconds: after the agent's arrival, and for the job to end after the caller hung up."""

    answered: float
    heard: float
    ended: float


async def call(livekit: LiveKit, worker: str, room: str, config: RoomConfiguration) -> Call:
    """Call, hear the agent, and hang up."""
    async with joined(livekit, room, config) as caller, livekit.api() as api:
        answered, heard = await hears_sound(caller)
        listed = await api.room.list_participants(ListParticipantsRequest(room=room))
        (agent,) = (p for p in listed.participants if policy.is_agent(p, our_name()))
    hung_up = time.time()
    async with asyncio.timeout(TIMEOUT):
        while await jobs_of(worker):
            await asyncio.sleep(POLL_SECONDS)
    arrived = agent.joined_at_ms / 1000
    return Call(answered - arrived, heard - arrived, time.time() - hung_up)


async def jobs_of(worker: str) -> int:
    health = await worker_at(worker)
    assert health
    return health.jobs


async def test_a_person_beside_the_caller_keeps_the_agent(livekit: LiveKit) -> None:
    config = RoomConfiguration(agents=[RoomAgentDispatch(agent_name=our_name())])
    async with joined(livekit, "shared", config) as caller:
        agent = await caller.meets_agent()
        async with joined(livekit, "shared") as person:
            assert await answers_to(person) == 1
            await caller.leave()
            assert await answers_to(person, "after the call: ") == 1
        async with joined(livekit, "shared") as person:  # who has reloaded the page
            assert (await person.meets_agent()).identity == agent.identity
            assert await answers_to(person, "again: ") == 1


async def test_reading_the_caller_as_on_the_page(
    livekit: LiveKit, capsys: pytest.CaptureFixture[str]
) -> None:
    code = compile(READ_CALLER, "docs/phone.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with joined(livekit, "read", RoomConfiguration()), joined(livekit, "read") as person:
        wait_for_caller = partial(wait_for_participant, person.room, identity=f"sip_{CALLER}")
        await eval(code, {"job": SimpleNamespace(wait_for_participant=wait_for_caller)})
    assert capsys.readouterr().out == f"{CALLER} {CALLED}\n"


async def test_an_outgoing_call_as_on_the_page(
    livekit: LiveKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in livekit.env.items():
        monkeypatch.setenv(variable, value)
    made: dict[str, Any] = {}
    exec(CALL.replace("YOUR-AGENT-NAME", our_name()), made)
    async with livekit.api() as api:
        trunk = SIPOutboundTrunkInfo(address="127.0.0.1", numbers=[CALLED])
        request = CreateSIPOutboundTrunkRequest(trunk=trunk)
        trunk = await api.sip.create_outbound_trunk(request)
        with pytest.raises(TwirpError, match="no response"):  # no livekit-sip runs here
            await made["call"](CALLER, trunk.sip_trunk_id, {"name": "Ann"})
        opened = (await api.room.list_rooms(ListRoomsRequest())).rooms
        (room,) = (room.name for room in opened if room.name.startswith("call-"))
        (dispatch,) = await api.agent_dispatch.list_dispatch(room)
        assert json.loads(dispatch.metadata) == {"name": "Ann"}
        async with joined(livekit, room, RoomConfiguration()) as callee:
            await hears_sound(callee)


async def test_what_the_doctor_says_about_trunks_and_rules(livekit: LiveKit) -> None:
    async with livekit.api() as api:
        await forget_trunks_and_rules(api)
        assert await causes(api) == []
        await api.sip.create_inbound_trunk(ParseDict(TRUNK, CreateSIPInboundTrunkRequest()))
        assert await causes(api) == ["trunk-without-rule"]
        assert await causes(api, ["theirs"]) == ["rule-asks-for-others"]
        assert await causes(api, ["theirs"], [our_name()]) == [""]
        assert await causes(api, []) == [""]  # only automatic
        assert await causes(api, []) == ["rule-asks-for-others"]  # only explicit
        assert await causes(api, [], [our_name()]) == ["rule-asks-for-others"]  # only explicit


async def causes(api: LiveKitAPI, *rules: list[str]) -> list[str]:
    """Return what the doctor finds if there are `rules` for agents with these names."""
    await forget_rules(api)
    for n, agents in enumerate(rules):
        config = {"agents": [{"agentName": name} for name in agents]}
        rule = {"dispatchRuleDirect": {"roomName": f"{n}", "pin": f"{n}"}}
        await create_rule(api, {"dispatch_rule": {"rule": rule, "roomConfig": config}})
    return [finding.cause for finding in await phone.check(load_settings(), api)]


async def test_what_the_doctor_says_about_the_room_of_a_call(livekit: LiveKit) -> None:
    theirs = RoomAgentDispatch(agent_name="theirs")  # only automatic
    config = RoomConfiguration(agents=[theirs])  # only automatic
    config = RoomConfiguration()  # only explicit
    async with joined(livekit, "alone", config), livekit.api() as api:
        finding = await rooms.check(load_settings(), api, "alone")
    assert finding.cause == "call-asks-for-others"
