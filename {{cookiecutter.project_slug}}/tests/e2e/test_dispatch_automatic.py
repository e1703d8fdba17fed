"""In a real room, every person meets exactly one agent, whatever names an agent."""

import asyncio
import json

import pytest
from livekit.api import AccessToken, CreateRoomRequest, VideoGrants
from playwright.async_api import Page

from app.dispatch.names import NAMING_VARIABLES
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, livekit_running
from tests.e2e.test_token_source import JOIN


async def meets_one_agent(person: Person) -> None:
    agent = await person.meets_agent()
    assert agent.attributes["lk.agent_name"] == ""
    await person.says("first")  # once this is answered, no more agents will come
    await person.hears("first")
    await person.is_with_one_agent()
    assert len(person.lines_with("first")) == 1
    await person.leave()


@pytest.mark.parametrize("name", ["other", ""])
async def test_an_agent_joins_even_if_livekits_client_asks_for_another(
    backend: str, page: Page, name: str
) -> None:
    await page.goto(backend)
    met = await page.evaluate(JOIN, {"agentName": name, "agentMetadata": "m"})
    assert met["agents"] == 1


@pytest.mark.parametrize(
    "room_config",
    [{}, {"agents": [{"agent_name": "other"}]}, {"metadata": json.dumps({"agent_name": "other"})}],
    ids=["nothing special", "the client asks for an agent", "a name in the room's metadata"],
)
async def test_an_agent_joins(backend: str, room_config: dict[str, object]) -> None:
    await meets_one_agent(await Person.with_token_from(backend, room_config=room_config))


async def test_an_agent_joins_a_foreign_room_with_a_name_in_its_metadata(livekit: LiveKit) -> None:
    metadata = json.dumps({"require_agent": True, "agent_name": "other"})
    async with livekit.api() as api:
        await api.room.create_room(CreateRoomRequest(name="elsewhere", metadata=metadata))
    token = AccessToken(livekit.key, livekit.secret).with_identity("ann")
    token.with_grants(VideoGrants(room_join=True, room="elsewhere"))
    await meets_one_agent(await Person.with_token(livekit.url, token.to_jwt()))


async def test_ten_rooms_at_once_get_ten_agents(backend: str) -> None:
    people = await asyncio.gather(*(Person.with_token_from(backend) for _ in range(10)))
    await asyncio.gather(*(meets_one_agent(person) for person in people))


async def test_an_agent_joins_even_if_the_environment_names_the_worker() -> None:
    names = dict.fromkeys(NAMING_VARIABLES, "other")
    with livekit_running() as livekit, livekit.backend() as backend, livekit.worker(**names):
        await meets_one_agent(await Person.with_token_from(backend))
