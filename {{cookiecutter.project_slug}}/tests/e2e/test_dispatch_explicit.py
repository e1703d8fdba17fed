"""In a real room, the agent joins only if the room asks for it by name."""

import pytest
from livekit.api import AccessToken, VideoGrants
from playwright.async_api import Page

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, livekit_running
from tests.e2e.test_token_source import JOIN


async def test_a_token_from_the_backend_brings_the_agent(backend: str) -> None:
    person = await Person.with_token_from(backend)
    agent = await person.meets_agent()
    assert agent.attributes["lk.agent_name"] == "concierge"
    await person.says("first")  # once this is answered, no more agents will come
    await person.hears("first")
    await person.is_with_one_agent()
    assert len(person.lines_with("first")) == 1
    await person.leave()


@pytest.mark.parametrize("name", ["concierge", "other", ""])
async def test_the_agent_joins_whatever_name_livekits_client_asks_for(
    backend: str, page: Page, name: str
) -> None:
    await page.goto(backend)
    met = await page.evaluate(JOIN, {"agentName": name, "agentMetadata": "m"})
    assert met["agents"] == 1


async def test_a_room_that_asks_for_no_agent_gets_none(livekit: LiveKit, backend: str) -> None:
    token = AccessToken(livekit.key, livekit.secret).with_identity("ann")
    token.with_grants(VideoGrants(room_join=True, room="quiet"))
    alone = await Person.with_token(livekit.url, token.to_jwt())
    served = await Person.with_token_from(backend)
    await served.meets_agent()  # by now an agent would also be in the first room
    assert not alone.agents
    await served.leave()
    await alone.leave()


async def test_another_name_in_the_workers_environment_is_ignored() -> None:
    name = {"LIVEKIT_AGENT_NAME_OVERRIDE": "other"}
    with livekit_running() as livekit, livekit.backend() as backend, livekit.worker(**name):
        person = await Person.with_token_from(backend)
        agent = await person.meets_agent()
        assert agent.attributes["lk.agent_name"] == "concierge"
        await person.leave()
