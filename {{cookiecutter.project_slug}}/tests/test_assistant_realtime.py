"""The assistant's behaviour, without a room or an account. (In a room: e2e.)

uv run pytest -m evals     use the real model, and another one as the judge; needs a key
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from livekit.agents import AgentSession, RunResult, llm
from livekit.plugins import openai

from app.assistant import Assistant
from app.settings import Settings
from tests import fake_openai
from tests.e2e.programs import free_ports
from tests.fake_openai import NO_PLACE, TIME

JUDGE = "gpt-4.1-mini"


@dataclass
class Models:
    """The model, and the judge of its answers; a fake model has none."""

    model: llm.RealtimeModel
    judge: llm.LLM[str] | None


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
    request: pytest.FixtureRequest, fake: llm.RealtimeModel, http: aiohttp.ClientSession
) -> Models:
    """A fake model; the real one with `-m evals`."""
    if request.param == "scripted":
        return Models(fake, None)
    settings = Settings()
    if settings.missing_key:
        pytest.skip(settings.missing_key)
    key = settings.openai_api_key.get_secret_value()
    model = openai.realtime.RealtimeModel(
        model=settings.assistant_model, api_key=key, modalities=["text"], http_session=http
    )
    return Models(model, openai.LLM(model=JUDGE, api_key=key))


async def judge(run: RunResult[None], models: Models, intent: str) -> None:
    """Assert that the next answer fulfils `intent`, if there is a judge."""
    message = run.expect.next_event().is_message(role="assistant")
    if models.judge:
        await message.judge(models.judge, intent=intent)


async def test_it_greets(models: Models) -> None:
    async with AgentSession[None](llm=models.model) as session:
        began = await session.start(Assistant(), capture_run=True)
        began.expect.skip_next_event_if(type="agent_handoff")
        await judge(began, models, "Says hello and offers help, in one or two sentences.")
        if not models.judge:
            greeting = began.expect.contains_message(role="assistant").event().item
            assert greeting.text_content == fake_openai.GREETING


async def test_it_looks_up_the_time_of_a_place(models: Models) -> None:
    async with AgentSession[None](llm=models.model) as session:
        await session.start(Assistant())
        run: RunResult[None] = await session.run(user_input=TIME)
        run.expect.next_event().is_function_call(name="time_in", arguments={"zone": "Asia/Tokyo"})
        output = run.expect.next_event().is_function_call_output(is_error=False)
        assert re.search(r"\d\d:\d\d$", output.event().item.output)
        await judge(run, models, "Tells a time of day.")


async def test_it_admits_that_it_does_not_know_the_place(models: Models) -> None:
    async with AgentSession[None](llm=models.model) as session:
        await session.start(Assistant())
        run: RunResult[None] = await session.run(user_input=NO_PLACE)
        run.expect.next_event().is_function_call(name="time_in")
        run.expect.next_event().is_function_call_output(is_error=True)
        await judge(run, models, "Says that it could not find the time there, and names no time.")
