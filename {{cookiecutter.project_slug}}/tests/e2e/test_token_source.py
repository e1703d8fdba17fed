"""LiveKit's own client gets tokens (`TokenSource.endpoint`), as frontends do."""

import time
from typing import Any

import pytest
from playwright.async_api import Error, Page

from tests.e2e.programs import LiveKit

JOIN = """async (options) => {
    const { Room, RoomEvent, TokenSource } = LivekitClient;
    const { serverUrl, participantToken } = await TokenSource.endpoint('/token').fetch(options);
    const room = new Room();
    await room.connect(serverUrl, participantToken);
    const agents = () => [...room.remoteParticipants.values()].filter((p) => p.isAgent);
    while (!agents().length) {
        await new Promise((come) => room.once(RoomEvent.ParticipantConnected, come));
    }
    const { identity, name, metadata, attributes } = room.localParticipant;
    const met = { agents: agents().length, room: room.name, identity, name, metadata, attributes };
    await room.disconnect();
    return met;
}"""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"agentMetadata": "m"},
        {
            "roomName": "blue",
            "participantIdentity": "ann",
            "participantName": "Ann",
            "participantMetadata": "a text",
            "participantAttributes": {"seat": "4"},
        },
    ],
    ids=["plain", "with metadata for the agent", "with everything about the person"],
)
async def test_it_joins_and_meets_the_agent(
    backend: str, page: Page, options: dict[str, Any]
) -> None:
    await page.goto(backend)
    met = await page.evaluate(JOIN, options)
    assert met["agents"] == 1
    for option, field in {
        "roomName": "room",
        "participantIdentity": "identity",
        "participantName": "name",
        "participantMetadata": "metadata",
        "participantAttributes": "attributes",
    }.items():
        assert met[field] == options.get(option, met[field])


async def test_a_token_that_is_about_to_expire_is_replaced(livekit: LiveKit, page: Page) -> None:
    fetch = "async () => (await source.fetch({ roomName: 'later' })).participantToken"
    with livekit.backend(TOKEN_TTL_SECONDS="300") as backend:
        await page.goto(backend)
        await page.evaluate("window.source = LivekitClient.TokenSource.endpoint('/token')")
        first = await page.evaluate(fetch)
        assert await page.evaluate(fetch) == first
        await page.clock.set_fixed_time(time.time() + 241)
        assert await page.evaluate(fetch) != first


async def test_a_client_that_sends_the_key_gets_a_token(livekit: LiveKit, page: Page) -> None:
    fetch = "({ headers }) => LivekitClient.TokenSource.endpoint('/token', { headers }).fetch({})"
    with livekit.backend(TOKEN_AUTH="api-key", TOKEN_API_KEY="open-sesame") as backend:
        await page.goto(backend)
        answer = await page.evaluate(fetch, {"headers": {"Authorization": "Bearer open-sesame"}})
        assert answer["serverUrl"] == livekit.url


async def test_a_listed_web_site_may_ask(livekit: LiveKit, backend: str, page: Page) -> None:
    """`backend` stands in for the web site, because it has a page to send the request from."""
    fetch = """(url) => {
        const headers = { Authorization: 'Bearer anything' };
        return LivekitClient.TokenSource.endpoint(url, { headers }).fetch({});
    }"""
    await page.goto(backend)
    other = livekit.backend(TOKEN_CORS_ORIGINS="https://example.com")
    with livekit.backend(TOKEN_CORS_ORIGINS=backend) as listing, other as another:
        assert await page.evaluate(fetch, f"{listing}/token")
        with pytest.raises(Error, match="Failed to fetch"):
            await page.evaluate(fetch, f"{another}/token")
