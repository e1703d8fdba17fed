"""The assistant's behaviour, without a room or an account. (In a room: e2e.)

uv run pytest -m evals     play the scenarios with the real model, and a judge
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from livekit.agents import ToolError, llm
from livekit.plugins import openai

from app.assistant import Assistant
from tests import evals, fake_openai
from tests.e2e.programs import free_ports
from tests.fake_models import FakeJudge

JUDGE = "gpt-4.1-mini"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
async def fake(http: aiohttp.ClientSession) -> AsyncIterator[llm.RealtimeModel]:
    """The model, connected to a fake server."""
    (port,) = free_ports(1)
    server = await fake_openai.start(port)
    yield openai.realtime.RealtimeModel(
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key="fake",
        modalities=["text"],
        http_session=http,
    )
    await server.cleanup()


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.evals)])
def models(
    request: pytest.FixtureRequest,
    fake: llm.RealtimeModel,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[llm.RealtimeModel, llm.LLM[Any]]:
    """The model and its judge: fakes, or with `-m evals` the real ones, if there is a key."""
    if request.param == "real" and (settings := evals.real_settings(monkeypatch)):
        key = settings.openai_api_key.get_secret_value()
        model = openai.realtime.RealtimeModel(
            model=settings.assistant_model, api_key=key, modalities=["text"], http_session=http
        )
        return model, openai.LLM(model=JUDGE, api_key=key)
    calls = {says: (call.name, call.arguments) for says, call in evals.CALLS.items()}
    monkeypatch.setattr(fake_openai, "SCRIPT", calls)
    return fake, FakeJudge()


@evals.each
async def test_scenario(
    scenario: evals.Scenario, models: tuple[llm.RealtimeModel, llm.LLM[Any]]
) -> None:
    await evals.play(scenario, *models)


async def test_it_knows_the_time_of_a_place() -> None:
    tool: Any = Assistant().time_in
    assert re.search(r"\d\d:\d\d$", await tool("Asia/Tokyo"))
    with pytest.raises(ToolError, match="Unknown time zone"):
        await tool("Middle-earth/Shire")
