"""The assistant's behaviour, without a room or an account. (In a room: e2e.)

uv run pytest -m evals     play the scenarios with the real model, also as the judge
"""

import re
import time
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import (
    AgentSession,
    APIConnectionError,
    ChatContext,
    RunResult,
    ToolError,
    inference,
    llm,
    stt,
    tts,
)

from app.assistant import GREETING, INSTRUCTIONS, Assistant
from app.conversation import fallback, speech
from tests import evals
from tests.fake_models import FakeJudge, FakeLLM, FakeTTS, Reply, call

BEGINNING = "This is how it begins,"
SCRIPT: dict[str, list[Reply]] = {
    "break off": [BEGINNING, APIConnectionError("a cable", retryable=False)],
}


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.evals)])
def models(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[llm.LLM[Any], llm.LLM[Any]]:
    """The model and its judge: fakes, or with `-m evals` the real one, if there is a key."""
    if request.param == "real" and (settings := evals.real_settings(monkeypatch)):
        key, secret = settings.inference_credentials
        name = settings.assistant_llm.partition(",")[0]
        real = inference.LLM(name, api_key=key, api_secret=secret)
        return real, real
    script = {says: [call(c.name, **c.arguments)] for says, c in evals.CALLS.items()}
    return FakeLLM(script), FakeJudge()


@evals.each
async def test_scenario(
    scenario: evals.Scenario, models: tuple[llm.LLM[Any], llm.LLM[Any]]
) -> None:
    await evals.play(scenario, *models)


async def test_it_greets() -> None:
    async with AgentSession[None](llm=FakeLLM(SCRIPT)) as session:
        began = await session.start(Assistant(), capture_run=True)
        greeting = began.expect.contains_message(role="assistant")
    assert greeting.event().item.text_content == GREETING


async def test_the_model_is_told_how_to_speak() -> None:
    contexts: list[ChatContext] = []

    class Listening(FakeLLM):
        def chat(self, *, chat_ctx: ChatContext, **options: object) -> llm.LLMStream:
            contexts.append(chat_ctx)
            return super().chat(chat_ctx=chat_ctx)

    async with AgentSession[None](llm=Listening(SCRIPT)) as session:
        await session.start(Assistant())
        await session.run(user_input="Hello")
    assert contexts[0].messages()[0].text_content == INSTRUCTIONS


async def test_it_knows_the_time_of_a_place() -> None:
    tool: Any = Assistant().time_in
    assert re.search(r"\d\d:\d\d$", await tool("Asia/Tokyo"))
    with pytest.raises(ToolError, match="Unknown time zone"):
        await tool("Middle-earth/Shire")


async def test_when_the_model_fails_it_says_so_and_continues() -> None:
    async with AgentSession[None](llm=FakeLLM(SCRIPT)) as session:
        session.on("error", lambda event: speech.report_failure(rtc.Room(), session, event))
        await session.start(Assistant())
        broken: RunResult[None] = await session.run(user_input="break off")
        for words in (BEGINNING, speech.SORRY):
            reply = broken.expect.next_event().is_message(role="assistant")
            assert reply.event().item.text_content == words
        again: RunResult[None] = await session.run(user_input="and now?")
        reply = again.expect.next_event().is_message(role="assistant")
        assert reply.event().item.text_content == "You wrote: and now?"


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fakes by name: `broken` fails in mid-sentence, the others answer."""
    llms = {"broken": FakeLLM(SCRIPT), "spare": FakeLLM({})}
    monkeypatch.setattr(inference.LLM, "from_model_string", llms.__getitem__)
    monkeypatch.setattr(inference.TTS, "from_model_string", lambda _: FakeTTS())


async def test_when_the_first_model_fails_in_mid_sentence_the_next_one_answers(
    fake_models: None, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = []
    for models in ("spare", "broken, spare"):
        async with AgentSession[None](llm=fallback.llm_of(models)) as session:
            await session.start(Assistant())
            await session.run(user_input="the first question takes longer")
            asked = time.perf_counter()
            run: RunResult[None] = await session.run(user_input="break off")
            seconds.append(time.perf_counter() - asked)
            answer = run.expect.next_event().is_message(role="assistant").event().item.text_content
            assert answer == ("" if models == "spare" else BEGINNING) + "You wrote: break off"
            after: RunResult[None] = await session.run(user_input="and now?")
            reply = after.expect.next_event().is_message(role="assistant").event().item
            assert reply.text_content == "You wrote: and now?"
    with capsys.disabled():
        print(f"\nadded by the fallback: {(seconds[1] - seconds[0]) * 1000:.0f} ms")


def test_one_model_is_left_to_the_session_and_several_stand_in_for_each_other(
    fake_models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_INFERENCE_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_INFERENCE_API_SECRET", "secret")
    assert fallback.stt_of("deepgram/nova-3") == "deepgram/nova-3"
    assert isinstance(fallback.stt_of("deepgram/nova-3:en,cartesia/ink-2"), stt.FallbackAdapter)
    assert isinstance(fallback.tts_of("one,another"), tts.FallbackAdapter)
