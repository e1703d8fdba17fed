"""The assistant's behaviour, without a room or an account. (In a room: e2e.)

uv run pytest -m evals     use the real language model, also as the judge; needs a key
"""

import re
import time
from collections.abc import AsyncIterator

import pytest
from livekit import rtc
from livekit.agents import (
    AgentSession,
    APIConnectionError,
    ChatContext,
    RunResult,
    inference,
    llm,
    stt,
    tts,
)

from app.assistant import GREETING, INSTRUCTIONS, Assistant
from app.conversation import fallback, speech
from app.settings import Settings
from tests.fake_models import FakeLLM, FakeTTS, Reply, call

TIME = "What time is it in Tokyo?"
NO_PLACE = "What time is it in the time zone Middle-earth/Shire? Look it up, please."
BEGINNING = "This is how it begins,"
SCRIPT: dict[str, list[Reply]] = {
    TIME: [call("time_in", zone="Asia/Tokyo")],
    NO_PLACE: [call("time_in", zone="Middle-earth/Shire")],
    "break off": [BEGINNING, APIConnectionError("a cable", retryable=False)],
}


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.evals)])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> llm.LLM[str]:
    """A fake language model; the real one with `-m evals`."""
    if request.param == "scripted":
        return FakeLLM(SCRIPT)
    for variable in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(variable)  # set for the other tests; .env has the real ones
    settings = Settings()
    if settings.missing_key:
        pytest.skip(settings.missing_key)
    key, secret = settings.inference_credentials
    return inference.LLM(settings.assistant_llm, api_key=key, api_secret=secret)


@pytest.fixture
async def session(model: llm.LLM[str]) -> AsyncIterator[AgentSession[None]]:
    async with AgentSession[None](llm=model) as session:
        await session.start(Assistant())
        yield session


async def judge(run: RunResult[None], model: llm.LLM[str], intent: str) -> None:
    """Assert that the next answer fulfils `intent`, unless the model is a fake."""
    message = run.expect.next_event().is_message(role="assistant")
    if not isinstance(model, FakeLLM):
        await message.judge(model, intent=intent)


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


async def test_it_looks_up_the_time_of_a_place(
    session: AgentSession[None], model: llm.LLM[str]
) -> None:
    run: RunResult[None] = await session.run(user_input=TIME)
    run.expect.next_event().is_function_call(name="time_in", arguments={"zone": "Asia/Tokyo"})
    output = run.expect.next_event().is_function_call_output(is_error=False).event().item.output
    assert re.search(r"\d\d:\d\d$", output)
    await judge(run, model, "Tells a time of day.")


async def test_it_admits_that_it_does_not_know_the_place(
    session: AgentSession[None], model: llm.LLM[str]
) -> None:
    run: RunResult[None] = await session.run(user_input=NO_PLACE)
    run.expect.next_event().is_function_call(name="time_in")
    run.expect.next_event().is_function_call_output(is_error=True)
    await judge(run, model, "Says that it could not find the time there, and names no time.")


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
