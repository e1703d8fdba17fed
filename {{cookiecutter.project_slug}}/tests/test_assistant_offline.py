"""The assistant's behaviour, without a room. (In a room, with a browser: e2e/test_assistant.py.)"""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents import AgentSession
from piper import AudioChunk

from app.assistant import GREETING, Assistant
from app.conversation.local_models import Ears, RuleBasedMind, Voice


async def test_it_greets_and_says_that_it_is_not_a_language_model() -> None:
    async with AgentSession[None](llm=RuleBasedMind()) as session:
        began = await session.start(Assistant(), capture_run=True)
    greeting = began.expect.contains_message(role="assistant").event().item.text_content
    assert greeting == GREETING
    assert "not a language model" in GREETING


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Please tell me a story about the sea.", "heard of the sea and"),
        ("A story, please.", "heard of the sea and"),
        ("What time is it?", r"it is \d\d:\d\d\.$"),
        ("The chat is timeless.", "^You said: The chat is timeless. I am not a language model"),
    ],
)
async def test_it_answers_by_its_rules(question: str, answer: str) -> None:
    async with AgentSession[None](llm=RuleBasedMind()) as session:
        await session.start(Assistant())
        run: Any = await session.run(user_input=question)
    reply = run.expect.next_event().is_message(role="assistant").event().item.text_content
    assert re.search(answer, reply)


async def test_its_first_sentence_does_not_wait_for_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voice, is_heard = Voice(), threading.Event()
    synthesize = voice._voice.synthesize

    def slowly(text: str) -> Iterator[AudioChunk]:
        for sentence in synthesize(text):
            yield sentence
            assert is_heard.wait(10), "the first sentence waits for the second"

    monkeypatch.setattr(voice._voice, "synthesize", slowly)
    async for _ in voice.synthesize(GREETING):
        is_heard.set()


async def test_it_understands_what_it_says_itself() -> None:
    sentence = "Please tell me a story about the mountains. Thank you."
    spoken = await Voice().synthesize(sentence).collect()
    transcript = await Ears().recognize(spoken)
    assert transcript.alternatives[0].text == sentence
