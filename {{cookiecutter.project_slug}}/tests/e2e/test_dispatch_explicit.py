"""In a real room: the agent comes where it is asked for by its name, and nowhere else."""

import pytest
from livekit.api import AccessToken, VideoGrants
from playwright.async_api import Page

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, livekit_running
from tests.e2e.test_token_source import JOIN


async def test_a_token_of_the_backend_brings_the_agent(backend: str) -> None:
    person = await Person.with_token_from(backend)
    agent = await person.meets_agent()
    assert agent.attributes["lk.agent_name"] == "concierge"
    await person.says("first")  # an answer more than the greeting: all who would come have come
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


async def test_a_room_that_asks_for_nobody_stays_without_an_agent(
    livekit: LiveKit, backend: str
) -> None:
    token = AccessToken(livekit.key, livekit.secret).with_identity("ann")
    token.with_grants(VideoGrants(room_join=True, room="quiet"))
    alone = await Person.with_token(livekit.url, token.to_jwt())
    served = await Person.with_token_from(backend)
    await served.meets_agent()  # whoever was to come to the first room has had the time
    assert not alone.agents
    await served.leave()
    await alone.leave()


async def test_another_name_in_the_environment_of_the_worker_does_not_count() -> None:
    name = {"LIVEKIT_AGENT_NAME_OVERRIDE": "other"}
    with livekit_running() as livekit, livekit.backend() as backend, livekit.worker(**name):
        person = await Person.with_token_from(backend)
        agent = await person.meets_agent()
        assert agent.attributes["lk.agent_name"] == "concierge"
        await person.leave()
